package yamlfile_test

import (
	"strings"
	"testing"

	"pixledger/schemas/yamlfile"
)

const anything = `{"$schema": "https://json-schema.org/draft/2020-12/schema"}`

func compile(t testing.TB, text string) *yamlfile.Schema {
	t.Helper()
	s, err := yamlfile.Compile([]byte(text))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// Whatever the YAML library says of a place, the message names the line that
// a person has to look at.
func TestSyntaxErrorsNameTheLine(t *testing.T) {
	schema := compile(t, anything)
	for content, want := range map[string]string{
		"a: b: c\nd: 1\n":               "f:1:1: ",
		"a: 1\nb: 2\n c: 3\nd: 4\n":     "f:3:2: ",
		"a:\n  - b\n c: 1\nd: 1\n":      "f:3:2: ",
		"- a\nb: 1\nc: 2\n":             "f:2:1: ",
		"a: 1\n]\nb: 1\n":               "f:2:1: ",
		"a: 1\n\tb: 2\n":                "f:2:1: ",
		"a: 1\nb: *x\nc: 2\n":           "f:2:1: ",
		"a: 1\nb: \x01\nc: 2\n":         "f:2:1: ",
		"a: 1\nb: 'x' y\nc: 2\n":        "f:2:1: ",
		"a: 1\nb: @x\n":                 "f:2:1: ",
		"a: 1\nb: \"\\q\"\n":            "f:2:1: ",
		"a: 1\n---\nb: [\n":             "f:3:1: ",
		"a: 1\nb: {c: ${X}}\nd: 1\n":    "f:2:1: ",
		"a: \xff\n":                     "f:1:4: the text is not UTF-8",
		"\xff\xfea\x00:\x00 \x001\x00":  "f:1:1: the text is not UTF-8",
		"a: 1\n---\nb: 1\n":             "f:2:1: a second document begins here",
		strings.Repeat("[", 200):        "f:1:",
		strings.Repeat("- ", 100) + "a": "f:1:131: lists and mappings are nested too deep",
		"? {a: b}\n: c\n":               "f:1:3: a key that is no text",
		"a: 1\na: 2\na: 3\n":            "f:2:1: a is given twice, first on line 1",
	} {
		err := yamlfile.Parse("f", []byte(content), schema, yamlfile.Options{}).Err()
		if err == nil {
			t.Errorf("%q accepted", content)
			continue
		}
		if first, _, _ := strings.Cut(err.Error(), "\n"); !strings.HasPrefix(first, want) {
			t.Errorf("%q: %s, want %s…", content, first, want)
		}
	}
}

// Every message says what may stand there instead, those on a file that can't
// be read at all included.
func TestEveryMistakeSaysWhatIsAllowed(t *testing.T) {
	const asYAML = "; allowed: YAML, with text that has special characters in quotes"
	catalog := compile(t, `{"type": "object", "required": ["version", "list"], "additionalProperties": false,
		"properties": {"version": {"const": 1}, "list": {"type": "array"}, "any": {}, "none": {"type": "object", "maxProperties": 1, "additionalProperties": {"minLength": 1}}, "empty": {"additionalProperties": false}}}`)
	for content, want := range map[string]string{
		"":                      "f:1:1: the file is empty; allowed: a mapping with version, list",
		"# nothing\n":           "f:1:1: the file is empty; allowed: a mapping with version, list",
		"version: 1\nlist: ]\n": "f:2:1: this is no readable YAML: did not find expected node content" + asYAML,
		"list: [\n":             "f:1:1: this is no readable YAML: did not find expected node content" + asYAML,
		"version: 1\n\tlist: 1": "f:2:1: this is no readable YAML: a tab indents this line; allowed: spaces",
		"version: 1\nlist: []\nnone: {a: b, c: d}\n": "f:3:7: none has 2 keys; allowed: a mapping",
		"version: 1\nlist: []\nnone: {a: \"\"}\n":    "f:3:11: a is empty; allowed: what the JSON Schema of the file describes",
		"version: 1\nlist: []\nempty: {a: 1}\n":      "f:3:9: the key a is unknown; allowed: no key at all",
	} {
		err := yamlfile.Parse("f", []byte(content), catalog, yamlfile.Options{}).Err()
		if err == nil || err.Error() != want {
			t.Errorf("%q: %v, want %s", content, err, want)
		}
	}
	if err := yamlfile.Parse("f", nil, compile(t, anything), yamlfile.Options{}).Err(); err == nil || !strings.Contains(err.Error(), "; allowed: ") {
		t.Errorf("empty, by a schema that takes anything: %v", err)
	}
}

func TestValuesFromTheEnvironment(t *testing.T) {
	schema := compile(t, `{"properties": {
		"n": {"type": "integer", "maximum": 10}, "b": {"type": "boolean"}, "s": {"type": "string", "pattern": "^[a-zN0-9$ {}]*$"}}}`)
	env := func(name string) (string, bool) {
		v, ok := map[string]string{"N": "8", "BIG": "11", "TRUE": "true", "SECRET": "HUNTER2", "SPELL": "${N}"}[name]
		return v, ok
	}
	for content, want := range map[string]string{
		`n: ${N}`:                  "8",
		`b: "${TRUE}"`:             "true",
		`s: ${N}`:                  "8",
		`s: a${N}b ${N}`:           "a8b 8",
		`s: $${N}`:                 "${N}",
		`s: $msec`:                 "$msec",
		`s: ${SPELL}`:              "${N}", // what a variable holds is not read again
		`n: ${BIG}`:                `f:1:4: n is "${BIG}"; allowed: a whole number`,
		`s: ${SECRET}`:             `f:1:4: s is "${SECRET}"; allowed: text (a number in quotes)`,
		`s: ${NO}`:                 `f:1:4: the environment variable NO is not set; allowed: a variable that is set, or $${ for a plain ${`,
		"s: ${N\nn: \"${N\"":       `f:1:4: "${N" names no environment variable; allowed: ${NAME}, or $${ for a plain ${`,
		"# ${NO} in a comment\ns:": `f:2:3: s is null; allowed: text (a number in quotes)`,
	} {
		f := yamlfile.Parse("f", []byte(content), schema, yamlfile.Options{Env: env})
		if err := f.Err(); err != nil {
			if first, _, _ := strings.Cut(err.Error(), "\n"); first != want {
				t.Errorf("%s: %s, want %s", content, first, want)
			}
			continue
		}
		_, values := f.Root().Entries()
		if s, ok := values[0].Text(); ok && s == want {
			continue
		}
		if n, ok := values[0].Int(); ok && n == 8 && want == "8" {
			continue
		}
		if b, ok := values[0].Bool(); ok && b && want == "true" {
			continue
		}
		t.Errorf("%s: %s, want %s", content, values[0].Written(), want)
	}
}

// Columns count characters, not bytes, as editors do.
func TestColumnsCountCharacters(t *testing.T) {
	schema := compile(t, `{"additionalProperties": {"properties": {"b": {"type": "integer"}}}}`)
	err := yamlfile.Parse("f", []byte("größe: {ä: ü, b: x}\n"), schema, yamlfile.Options{}).Err()
	if want := `f:1:18: b is "x"; allowed: a whole number`; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestLongAndUglyTextsStayOneShortLine(t *testing.T) {
	schema := compile(t, `{"properties": {"a": {"enum": ["x"]}}, "additionalProperties": false}`)
	content := "a: \"line\\nbreak\\e[31m" + strings.Repeat("x", 10000) + "\"\n\"k\\ney" + strings.Repeat("y", 900) + "\": 1\n"
	err := yamlfile.Parse("f", []byte(content), schema, yamlfile.Options{}).Err()
	if err == nil {
		t.Fatal("accepted")
	}
	lines := strings.Split(err.Error(), "\n")
	if len(lines) != 2 || len(lines[0]) > 200 || len(lines[1]) > 200 || strings.ContainsRune(err.Error(), '\x1b') {
		t.Errorf("messages are not two short lines of plain text: %q", lines)
	}
}

func TestSchemaThatIsNone(t *testing.T) {
	for _, text := range []string{``, `{`, `{"type": "whatever"}`, `{"$ref": "other.json"}`} {
		if _, err := yamlfile.Compile([]byte(text)); err == nil {
			t.Errorf("%q compiled", text)
		}
	}
}
