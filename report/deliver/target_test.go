package deliver

import (
	"errors"
	"net/url"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func TestParse(t *testing.T) {
	for _, c := range []struct{ spec, name, kind string }{
		{"file:./outbox", "file:/etc/pixledger/outbox", "file"},
		{"file:/srv/outbox/", "file:/srv/outbox", "file"},
		{"file:///srv/outbox", "file:/srv/outbox", "file"},
		{"file://localhost/srv/outbox", "file:/srv/outbox", "file"},
		{"file:a%20b", "file:/etc/pixledger/a%20b", "file"}, // a path and no URL
		{"s3://bucket", "s3://bucket", "s3"},
		{"s3://bucket/", "s3://bucket", "s3"},
		{"s3://bucket/a/b/?region=eu-central-1", "s3://bucket/a/b", "s3"},
		{"s3://bucket/p?use_path_style=true&endpoint=https://s3.example.com:9000&region=x", "s3://bucket/p?endpoint=https%3A%2F%2Fs3.example.com%3A9000", "s3"},
		{"s3://bucket/a%40b", "s3://bucket/a%40b", "s3"},
		{"gs://bucket/finance", "gs://bucket/finance", "gs"},
		{"azblob://box/p?storage_account=acme", "azblob://box/p?storage_account=acme", "azblob"},
		{"azblob://box?storage_account=acme&protocol=http&localemu=true&domain=127.0.0.1:10000", "azblob://box?domain=127.0.0.1%3A10000&storage_account=acme", "azblob"},
		{"sftp://finance@SFTP.example.com/in", "sftp://finance@sftp.example.com/in", "sftp"},
		{"sftp://finance@sftp.example.com:22/in/?known_hosts=hosts&key=id", "sftp://finance@sftp.example.com/in", "sftp"},
		{"sftp://finance@sftp.example.com:2222/~/in", "sftp://finance@sftp.example.com:2222/~/in", "sftp"},
		{"sftp://finance@sftp.example.com", "sftp://finance@sftp.example.com/", "sftp"},
		{"sftp://finance@sftp.example.com/~", "sftp://finance@sftp.example.com/~", "sftp"},
		{"sftp://f@[::1]:2222/in", "sftp://f@[::1]:2222/in", "sftp"},
		{"sftp://f@[::1]/in", "sftp://f@[::1]/in", "sftp"},
	} {
		got, err := Parse(c.spec, "/etc/pixledger")
		if err != nil || got.String() != c.name || got.Kind() != c.kind {
			t.Errorf("%s: got %s (%s), %v; want %s", c.spec, got, got.Kind(), err, c.name)
			continue
		}
		again, err := Parse(got.String(), "/")
		if err != nil || again.String() != c.name {
			t.Errorf("%s: its name is read as %s, %v", c.spec, again, err)
		}
	}
	sftp, err := Parse("sftp://f@h/in?known_hosts=hosts&key=/k/id", "/etc/pixledger")
	if err != nil || sftp.value("known_hosts") != "/etc/pixledger/hosts" || sftp.value("key") != "/k/id" {
		t.Errorf("files of sftp: %q, %v", sftp.query, err)
	}
}

func TestParseMistakes(t *testing.T) {
	for spec, want := range map[string]string{
		"":                                  "no known kind",
		"ftp://x":                           "no known kind",
		"s3":                                "no known kind",
		"file:":                             "names no folder",
		"file://host/folder":                "another machine",
		"file:a\nb":                         "control character",
		"s3:bucket":                         "no URL",
		"s3:/bucket":                        "no URL",
		"s3://":                             "names no bucket",
		"s3:///prefix":                      "names no bucket",
		"s3://b u":                          "no URL",
		"s3://AKIA:x9@bucket":               "holds a password",
		"s3://AKIA@bucket":                  "holds credentials before its @",
		"s3://AKIA:wJ/x9@bucket/p":          "no URL",
		"s3://AKIA/x9@bucket/p":             "holds an @ behind the first /",
		"s3://bucket/../x":                  "has an empty part",
		"s3://bucket/a//b":                  "has an empty part",
		"s3://bucket/a%5Cb":                 `holds a \`,
		"s3://bucket/a%0Ab":                 `holds a \`,
		"s3://bucket/a#b":                   "holds a #",
		"s3://bucket?regoin=x":              "the parameter regoin is unknown",
		"s3://bucket?x9-Y=1":                "a parameter is unknown",
		"s3://bucket?secret_access_key=x9":  "holds credentials in a parameter",
		"s3://bucket?region=a&region=b":     "given twice",
		"s3://bucket?region=a%20b":          "the value of the parameter region is none",
		"s3://bucket?use_path_style=yes":    "the value of the parameter use_path_style is none",
		"s3://bucket?endpoint=h:9000":       "the value of the parameter endpoint is none",
		"s3://b?endpoint=https://k:x9@h":    "the value of the parameter endpoint is none",
		"s3://b?endpoint=https://h/?a=x9":   "the value of the parameter endpoint is none",
		"s3://bucket?%zz":                   "can't be read",
		"gs://bucket?cred_path=x":           "the parameter cred_path is unknown; allowed: no parameters",
		"azblob://box?sas_token=x9":         "holds credentials in a parameter",
		"azblob://box?sig=x9":               "holds credentials in a parameter",
		"azblob://box?storage_account=A-B":  "the value of the parameter storage_account is none",
		"azblob:///x":                       "names no container",
		"sftp://host/in":                    "names no user",
		"sftp://u:x9@host/in":               "holds a password",
		"sftp://u@/in":                      "names no host",
		"sftp://u@host:0/in":                "the port is no number",
		"sftp://u@host:99999/in":            "the port is no number",
		"sftp://u@host/in?password=x9":      "holds credentials in a parameter",
		"sftp://u@host/in?insecure=true":    "the parameter insecure is unknown",
		"sftp://u@host/in?known_hosts=":     "the value of the parameter known_hosts is none",
		"sftp://u@host/in?known_hosts=a;b=": "can't be read",
	} {
		got, err := Parse(spec, "/etc")
		var mistake *SpecError
		if !errors.As(err, &mistake) || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: got %s, %v; want %q", spec, got, err, want)
			continue
		}
		if strings.Contains(err.Error(), "x9") || mistake.Allowed == "" || strings.Contains(err.Error(), "\n") {
			t.Errorf("%q: the message is %q", spec, err)
		}
	}
}

// Whatever stands where a secret may stand is neither in the name nor in a
// message, whether the destination is taken or refused.
func TestNoSecretComesBack(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		secret := rapid.StringMatching(`[A-Za-z0-9+/=_-]{4,20}[0-9][A-Z][a-z0-9]{4}`).Draw(t, "secret")
		kind := rapid.SampledFrom([]string{"s3", "gs", "azblob", "sftp", "file", "ftp"}).Draw(t, "kind")
		escaped := secret
		if rapid.Bool().Draw(t, "escaped") {
			escaped = url.QueryEscape(secret)
		}
		var names []string
		for _, known := range parameters {
			for name := range known {
				switch name {
				case "endpoint", "domain", "storage_account": // names of places
				default:
					names = append(names, name)
				}
			}
		}
		names = append(names, "password", "sig", "X-Amz-Signature", "AccountKey", "a")
		name := rapid.SampledFrom(names).Draw(t, "parameter")
		spec := rapid.SampledFrom([]string{
			kind + "://user:" + escaped + "@host/in",
			kind + "://" + escaped + ":" + escaped + "@host/in",
			kind + "://host/in?" + name + "=" + escaped,
			kind + "://user@host/in?" + name + "=" + escaped,
			kind + "://user@host/in?" + escaped,
			kind + "://user@host/in?" + escaped + "=1",
			kind + "://user@host/in#" + escaped,
			kind + "://host/in?region=x&" + name + "=" + escaped + "&" + name + "=2",
			kind + "://host:" + escaped + "/in",
			kind + "://ho st/" + escaped + "/?" + name + "=" + escaped,
			kind + ":\x00" + escaped,
			escaped + "://" + escaped,
		}).Draw(t, "spec")
		if kind == "file" && !strings.HasPrefix(spec, escaped) {
			return // a folder's name is no secret
		}
		target, err := Parse(spec, "/etc")
		shown := target.String()
		if err != nil {
			shown += err.Error()
		}
		if strings.Contains(shown, secret) || strings.Contains(shown, escaped) {
			t.Fatalf("%q shows it: %s", spec, shown)
		}
	})
}

func FuzzParse(f *testing.F) {
	for _, s := range []string{"file:x", "s3://b/p?region=x", "gs://b", "azblob://b?storage_account=acc", "sftp://u@h:22/p?key=k", "sftp://u@[::1]/~/x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, spec string) {
		target, err := Parse(spec, "/etc")
		if err != nil {
			var mistake *SpecError
			if !errors.As(err, &mistake) || strings.ContainsAny(err.Error(), "\n\r") {
				t.Fatalf("%q: %v", spec, err)
			}
			return
		}
		again, err := Parse(target.String(), "/")
		if err != nil || again.String() != target.String() {
			t.Fatalf("%q: its name %q is read as %q, %v", spec, target, again, err)
		}
	})
}

func TestRedact(t *testing.T) {
	t.Setenv("AWS_SECRET_ACCESS_KEY", "wJalr/XUtn+FEMI")
	t.Setenv("AZURE_STORAGE_SAS_TOKEN", "sv=2026-01-01&sig=abc%2Bdef")
	t.Setenv("AZURE_STORAGE_CONNECTION_STRING", "AccountName=acme;AccountKey=c2VjcmV0a2V5;EndpointSuffix=x")
	t.Setenv("PIXLEDGER_SFTP_PASSPHRASE", "open sesame")
	t.Setenv("AWS_WEB_IDENTITY_TOKEN_FILE", "/run/token")
	for text, want := range map[string]string{
		"sign with wJalr/XUtn+FEMI":                                "sign with ***",
		"wJalr%2FXUtn%2BFEMI":                                      "***",
		"key c2VjcmV0a2V5 refused":                                 "key *** refused",
		"with open sesame":                                         "with ***",
		"got abc%2Bdef":                                            "got ***",
		"open /run/token":                                          "open /run/token",
		`Put "https://h/p/x?sv=1&sig=zzz": EOF`:                    `Put "https://h/p/x": EOF`,
		"dial https://user:pw@h/p failed":                          "dial https://h/p failed",
		"deliver x to s3://b: no answer and no progress for 1m0s?": "deliver x to s3://b: no answer and no progress for 1m0s?",
	} {
		if got := redact(text); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}

func TestWithin(t *testing.T) {
	for spec, want := range map[string]bool{
		"file:/srv/lake/ledger":              true,
		"file:/srv/lake/ledger/a":            true,
		"file:a/../ledger/../ledger":         true,
		"file:/srv/lake":                     false,
		"file:/srv/lake/ledger-of-others":    false,
		"file:../outbox":                     false,
		"s3://srv/lake/ledger":               false,
		"sftp://u@h.example/srv/lake/ledger": false,
	} {
		target, err := Parse(spec, "/srv/lake")
		if err != nil {
			t.Fatalf("%s: %v", spec, err)
		}
		if got := target.Within("/srv/lake/ledger"); got != want {
			t.Errorf("%s is within: %v", spec, got)
		}
	}
}
