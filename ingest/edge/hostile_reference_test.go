package edge_test

import (
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// What a request means and where a URL leads, read naively: by the words of the
// grammar and of browsers, and by none of the code under test.

// browserHost is the host of a URL as browsers read it, which is more liberal
// than any library: blanks around it and tabs and line ends within it do not
// count, a backslash is a slash, slashes before the host may be any number, and
// what stands before the last @ is a user's name.
func browserHost(u string) string {
	u = strings.Trim(u, "\x00\x01\x02\x03\x04\x05\x06\x07\x08\t\n\x0b\x0c\r\x0e\x0f\x10\x11\x12\x13\x14\x15\x16\x17\x18\x19\x1a\x1b\x1c\x1d\x1e\x1f ")
	u = strings.NewReplacer("\t", "", "\n", "", "\r", "", `\`, "/").Replace(u)
	scheme, rest, ok := strings.Cut(u, ":")
	if !ok || !regexp.MustCompile(`(?i)^https?$`).MatchString(scheme) {
		return "no http URL: " + u
	}
	rest = strings.TrimLeft(rest, "/")
	if i := strings.IndexAny(rest, "/?#"); i >= 0 {
		rest = rest[:i]
	}
	rest = rest[strings.LastIndexByte(rest, '@')+1:]
	host := regexp.MustCompile(`:[0-9]*$`).ReplaceAllString(rest, "")
	return strings.ToLower(naiveDecode(strings.ReplaceAll(host, "+", "%2B")))
}

func hostAllowed(host string, allowed []string) bool {
	return slices.ContainsFunc(allowed, func(a string) bool {
		if x, ok := strings.CutPrefix(a, "*"); ok {
			return strings.HasSuffix(host, x) && len(host) > len(x)
		}
		return host == a
	})
}

// naiveDecode decodes percent escapes and '+' once.
func naiveDecode(s string) string {
	var b []byte
	for i := 0; i < len(s); i++ {
		if s[i] == '+' {
			b = append(b, ' ')
			continue
		}
		if s[i] == '%' && i+2 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil && !strings.ContainsAny(s[i+1:i+3], "+-_") {
				b = append(b, byte(n))
				i += 2
				continue
			}
		}
		b = append(b, s[i])
	}
	var text strings.Builder
	for _, r := range string(b) { // a byte that is no UTF-8 comes as U+FFFD
		text.WriteRune(r)
	}
	return text.String()
}

// naive is what a request is, by the words of the grammar.
type naive struct {
	segment            string // "" is no path of the grammar
	params             map[string]string
	id                 int64
	denied, edgeDenied bool
}

var macroForm = regexp.MustCompile(`^(?s:\[[^\]]+\]|\$\{[^}]+\}|\{\{[^}]+\}\}|%%[^%]+%%)$`)

func naiveRead(target, gpc, cookie string) naive {
	var n naive
	target, _, _ = strings.Cut(target, "#")
	path, query, _ := strings.Cut(target, "?")
	if m := regexp.MustCompile(`^[A-Za-z][A-Za-z0-9+.-]*://[^/]*`).FindString(path); m != "" {
		path = path[len(m):]
	}
	slash := strings.LastIndexByte(path, '/')
	if slash < 0 || !slices.Contains(strings.Fields("px sspx imptr clktr clktrb seg pixie"), path[slash+1:]) {
		return n
	}
	n.segment = path[slash+1:]
	toEnd := map[string]string{"sspx": "sspdata", "imptr": "redir", "clktr": "redir", "clktrb": "redir"}[n.segment]
	n.params = map[string]string{}
	seen := map[string]bool{}
	rawPrivacy := ""
	for query != "" {
		pair, rest, _ := strings.Cut(query, "&")
		name, value, given := strings.Cut(pair, "=")
		if name = naiveDecode(name); given && toEnd != "" && name == toEnd {
			_, value, _ = strings.Cut(query, "=")
			rest = ""
		}
		query = rest
		if pair == "" || seen[name] {
			continue
		}
		seen[name] = true
		if name == "us_privacy" {
			rawPrivacy = value
		}
		if v := naiveDecode(value); !macroForm.MatchString(v) {
			n.params[name] = v
		}
	}
	if regexp.MustCompile(`^[0-9]+$`).MatchString(n.params["id"]) {
		n.id, _ = strconv.ParseInt(n.params["id"], 10, 64)
		if strings.TrimLeft(n.params["id"], "0") != strconv.FormatInt(n.id, 10) {
			n.id = 0 // beyond 64 bits
		}
	}
	third := []rune(n.params["us_privacy"])
	n.denied = gpc == "1" || len(third) > 2 && (third[2] == 'Y' || third[2] == 'y')
	// nginx counts bytes where ingest counts characters: that differs for what no
	// us_privacy has as its first two. Either keeps the user out of the lake.
	bytes := []byte(rawPrivacy)
	for i := 0; i+2 < len(bytes); i++ {
		if c, err := strconv.ParseUint(string(bytes[i+1:i+3]), 16, 8); bytes[i] == '%' && err == nil {
			bytes = slices.Replace(bytes, i, i+3, byte(c))
		}
	}
	_, sent := n.params["us_privacy"]
	n.edgeDenied = gpc == "1" || sent && len(bytes) > 2 && (bytes[2] == 'Y' || bytes[2] == 'y') ||
		n.segment == "sspx" || regexp.MustCompile(`(^|[;,])[ \t]*pixledger_optout="?1"?[ \t]*($|[;,])`).MatchString(cookie)
	return n
}
