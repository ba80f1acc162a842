package main

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"pixledger/report"
)

// A real bash completes command lines by what `completion bash` writes. The one
// function of the package bash-completion that it calls stands in the test.
func TestBashCompletes(t *testing.T) {
	p := program{t: t, dir: t.TempDir()}
	linkProgram(t, filepath.Join(p.dir, "bin"))
	write(t, filepath.Join(p.dir, "catalog.yaml"), edgeCatalog)
	write(t, filepath.Join(p.dir, "pixledger.yaml"), fmt.Sprintf(marksConfig, "127.0.0.1:0"))
	if err := os.Mkdir(filepath.Join(p.dir, "reports"), 0o755); err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(p.dir, "reports", "our_own.sql"), "SELECT 1")
	inBash := func(line string) []string {
		t.Helper()
		c := exec.Command("bash", "--norc", "-c", `
_get_comp_words_by_ref() { cur=${COMP_WORDS[COMP_CWORD]} prev=${COMP_WORDS[COMP_CWORD-1]} words=("${COMP_WORDS[@]}") cword=$COMP_CWORD; }
compopt() { :; }
source <(pixledger completion bash)
COMP_LINE=$1 COMP_POINT=${#1} COMP_TYPE=9
read -ra COMP_WORDS <<< "$1"
[[ $1 == *' ' ]] && COMP_WORDS+=("")
COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
__start_pixledger
printf '%s\n' "${COMPREPLY[@]}"
`, "bash", line)
		c.Dir = p.dir
		c.Env = append(os.Environ(), "PATH="+filepath.Join(p.dir, "bin")+":"+os.Getenv("PATH"))
		out, err := c.CombinedOutput()
		if err != nil {
			t.Fatalf("%q: %v\n%s", line, err, out)
		}
		return strings.Fields(string(out))
	}
	for line, want := range map[string][]string{
		"pixledger veri":       {"verify"},
		"pixledger report our": {"our_own"},
	} {
		if got := inBash(line); len(got) == 0 || got[0] != want[0] {
			t.Errorf("%q is completed by %q, want %q", line, got, want)
		}
	}

	// What the script asks the program for.
	complete := func(words ...string) (list []string) {
		t.Helper()
		var out, errOut bytes.Buffer
		args := append([]string{"__completeNoDesc", "--config", filepath.Join(p.dir, "pixledger.yaml")}, words...)
		if code := run(t.Context(), args, &out, &errOut); code != 0 {
			t.Errorf("%q: %d %s", words, code, errOut.String())
		}
		for l := range strings.Lines(out.String()) {
			l = strings.TrimSpace(l)
			// The script takes those that fit; what begins with : is for itself.
			if strings.HasPrefix(l, words[len(words)-1]) && !strings.HasPrefix(l, ":") {
				list = append(list, l)
			}
		}
		return list
	}
	for _, c := range []struct{ words, want []string }{
		{[]string{"report", "una"}, []string{"unattributed"}},
		{[]string{"report", ""}, append(report.BuiltIn().Names(), "our_own")},
		{[]string{"report", "revenue", "--range", "last_14"}, []string{"last_14_days"}},
		{[]string{"status", "--format", "n"}, []string{"ndjson"}},
		{[]string{"completion", "z"}, []string{"zsh"}},
		{[]string{"void", "--pixel", ""}, []string{"9012"}},
		{[]string{"pixel", "show", "9"}, []string{"9012"}},
		{[]string{"pixel", "li"}, []string{"list"}},
		{[]string{"credit", "--line-item", "3"}, []string{"382"}},
		{[]string{"ingest", "--source", "edge-"}, []string{"edge-1", "edge-2"}},
		{[]string{"ingest", "--format", "c"}, []string{"combined", "cloudfront", "cloudflare", "caddy"}},
		{[]string{"help", "cl"}, []string{"close"}},
		{[]string{"close", ""}, nil},
	} {
		if got := complete(c.words...); !slices.Equal(got, c.want) {
			t.Errorf("%q is completed by %q, want %q", c.words, got, c.want)
		}
	}
	for _, shell := range shells {
		var out bytes.Buffer
		if code := run(t.Context(), []string{"completion", shell}, &out, &out); code != 0 || out.Len() < 1000 {
			t.Errorf("%s: %d %s", shell, code, out.String())
		}
	}
}
