package deliver

import (
	"fmt"
	"net"
	"net/url"
	"path"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
)

// The kinds of destinations.
const (
	kindFile = "file"
	kindS3   = "s3"
	kindGS   = "gs"
	kindAz   = "azblob"
	kindSFTP = "sftp"
)

// allowed is what a destination may look like, for messages.
var allowed = map[string]string{
	kindFile: "file:FOLDER, or file:///FOLDER",
	kindS3:   "s3://BUCKET/PREFIX?region=…, with endpoint=https://… for a compatible service",
	kindGS:   "gs://BUCKET/PREFIX",
	kindAz:   "azblob://CONTAINER/PREFIX?storage_account=…",
	kindSFTP: "sftp://USER@HOST:PORT/FOLDER?known_hosts=FILE&key=FILE",
}

const anyKind = "file:FOLDER, s3://, gs://, azblob:// or sftp://"

// parameters are the ones that a kind of destination takes. None is a secret:
// credentials come from the environment.
var parameters = map[string]map[string]func(string) bool{
	kindS3: {
		"region": isWord, "endpoint": isEndpoint, "use_path_style": isBool, "profile": isWord, "role": isRole,
		"ssetype": isWord, "kmskeyid": isRole, "dualstack": isBool, "fips": isBool, "accelerate": isBool,
		"request_checksum_calculation": isChecksum, "response_checksum_validation": isChecksum,
	},
	kindGS:   {},
	kindAz:   {"storage_account": isAccount, "domain": isHostPort, "protocol": isProtocol, "localemu": isBool},
	kindSFTP: {"known_hosts": isPath, "key": isPath},
}

// identifying are the parameters without which the name of a destination may
// stand for two places.
var identifying = []string{"endpoint", "storage_account", "domain"}

// Target is a destination as the configuration names it, judged without
// touching it. It holds no secret. Two targets that are equal by == are one.
type Target struct {
	kind   string
	host   string // bucket or container; of sftp the host
	port   string // of sftp
	user   string // of sftp
	folder string // of file and sftp; the prefix of an object store, without / at its ends
	query  string // the parameters, encoded in order; paths are absolute
}

// Within says whether the target is a folder of this machine in another one, or
// that itself.
func (t Target) Within(folder string) bool {
	if t.kind != kindFile {
		return false
	}
	rel, err := filepath.Rel(folder, t.folder)
	return err == nil && filepath.IsLocal(rel)
}

// Folder gives the folder of a target that is one of this machine.
func (t Target) Folder() (folder string, ok bool) { return t.folder, t.kind == kindFile }

// SpecError is a mistake in how a destination is named. It never shows a
// value, which may come from the environment and be a secret.
type SpecError struct {
	What    string
	Allowed string
}

func (e *SpecError) Error() string { return e.What + "; allowed: " + e.Allowed }

// Parse reads a destination as `exports: to:` names it. Relative folders and
// files are of dir. A mistake comes as a *SpecError.
func Parse(spec, dir string) (Target, error) {
	kind, rest, found := strings.Cut(spec, ":")
	if _, known := allowed[kind]; !known || !found {
		return Target{}, &SpecError{"the destination is of no known kind", anyKind}
	}
	if strings.ContainsFunc(spec, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\uFFFD' }) {
		return Target{}, &SpecError{"the destination holds a control character, or is no UTF-8", allowed[kind]}
	}
	if kind == kindFile {
		return parseFolder(rest, dir)
	}
	return parseURL(kind, spec, dir)
}

func parseFolder(rest, dir string) (Target, error) {
	folder := rest
	if strings.HasPrefix(rest, "//") {
		folder = strings.TrimPrefix(strings.TrimPrefix(rest, "//"), "localhost")
		if !strings.HasPrefix(folder, "/") {
			return Target{}, &SpecError{"the destination names another machine", allowed[kindFile]}
		}
	}
	if folder == "" {
		return Target{}, &SpecError{"the destination names no folder", allowed[kindFile]}
	}
	if !filepath.IsAbs(folder) {
		folder = filepath.Join(dir, folder)
	}
	return Target{kind: kindFile, folder: filepath.Clean(folder)}, nil
}

func parseURL(kind, spec, dir string) (Target, error) {
	mistake := func(format string, args ...any) (Target, error) {
		return Target{}, &SpecError{fmt.Sprintf(format, args...), allowed[kind]}
	}
	u, err := url.Parse(spec)
	if err != nil || u.Opaque != "" || !strings.HasPrefix(spec, kind+"://") {
		return mistake("the destination is no URL of the kind %s://", kind) // the error would show it
	}
	t := Target{kind: kind, host: u.Host}
	if _, given := u.User.Password(); given {
		return mistake("the destination holds a password: credentials come from the environment, never from the configuration")
	}
	switch {
	case kind != kindSFTP && u.User != nil:
		return mistake("the destination holds credentials before its @: they come from the environment, never from the configuration")
	case strings.Contains(spec, "#"):
		return mistake("the destination holds a #, which ends a URL's path; in a name it is written %%23")
	case strings.Contains(rawPath(spec), "@"): // what stands before it may be half a secret with a / in it
		return mistake("the destination holds an @ behind the first /: credentials come from the environment, never from the configuration; in a name it is written %%40")
	case u.Hostname() == "":
		return mistake("the destination names no %s", map[string]string{kindS3: "bucket", kindGS: "bucket", kindAz: "container", kindSFTP: "host"}[kind])
	}
	if kind == kindSFTP {
		t.host, t.port, t.user = strings.ToLower(u.Hostname()), u.Port(), u.User.Username()
		if t.user == "" {
			return mistake("the destination names no user")
		}
		if t.port == "" {
			t.port = "22"
		}
		if n, err := strconv.Atoi(t.port); err != nil || n < 1 || n > 65535 {
			return mistake("the port is no number from 1 to 65535")
		}
	} else if !isBucket(u.Host) {
		return mistake("the name of the bucket or container is none")
	}
	if t.folder, err = cleanPath(u.Path); err != nil {
		return mistake("%v", err)
	}
	if kind == kindSFTP {
		switch home, inHome := strings.CutPrefix(t.folder+"/", "~/"); {
		case inHome:
			t.folder = path.Clean("./" + home)
		default:
			t.folder = "/" + t.folder
		}
	}
	t.query, err = query(kind, u.RawQuery, dir)
	return t, err
}

// rawPath is what a URL has between its host and its parameters, as written.
func rawPath(spec string) string {
	_, rest, _ := strings.Cut(spec, "://")
	rest, _, _ = strings.Cut(rest, "?")
	_, rest, _ = strings.Cut(rest, "/")
	return rest
}

// cleanPath takes the slashes off the ends of a URL's path.
func cleanPath(p string) (string, error) {
	p = strings.Trim(p, "/")
	if p == "" {
		return "", nil
	}
	for part := range strings.SplitSeq(p, "/") {
		if part == "" || part == "." || part == ".." {
			return "", fmt.Errorf("the folder of the destination has an empty part, or a . or .. for one")
		}
	}
	if strings.ContainsFunc(p, func(r rune) bool { return r < ' ' || r == 0x7f || r == '\\' || r == '\uFFFD' }) {
		return "", fmt.Errorf(`the folder of the destination holds a \ or a control character, or is no UTF-8`)
	}
	return p, nil
}

// query reads the parameters. A name that is not known is shown only where it
// can't be a secret that went astray.
func query(kind, raw, dir string) (string, error) {
	known := parameters[kind]
	names := make([]string, 0, len(known))
	for name := range known {
		names = append(names, name)
	}
	slices.Sort(names)
	list := "no parameters"
	if len(names) > 0 {
		list = "the parameters " + strings.Join(names, ", ")
	}
	values, err := url.ParseQuery(raw)
	if err != nil {
		return "", &SpecError{"the parameters after the ? can't be read", allowed[kind]}
	}
	given := make([]string, 0, len(values))
	for name := range values {
		given = append(given, name)
	}
	slices.Sort(given)
	for _, name := range given {
		check, ok := known[name]
		switch {
		case credential(name) && !ok:
			return "", &SpecError{"the destination holds credentials in a parameter: they come from the environment, never from the configuration", list}
		case !ok && isName(name):
			return "", &SpecError{"the parameter " + name + " is unknown", list}
		case !ok:
			return "", &SpecError{"a parameter is unknown", list}
		case len(values[name]) > 1:
			return "", &SpecError{"the parameter " + name + " is given twice", "each parameter once"}
		case !check(values[name][0]):
			return "", &SpecError{"the value of the parameter " + name + " is none", parameterForm[name]}
		}
		if name == "known_hosts" || name == "key" {
			if file := values.Get(name); !filepath.IsAbs(file) {
				values.Set(name, filepath.Join(dir, file))
			}
		}
	}
	return values.Encode(), nil
}

// credential tells whether a parameter's name is one of credentials.
func credential(name string) bool {
	name = strings.ToLower(name)
	for _, part := range []string{"secret", "passw", "passphrase", "token", "credential", "access_key", "accesskey", "account_key", "accountkey", "x-amz", "private"} {
		if strings.Contains(name, part) {
			return true
		}
	}
	return name == "sig" || strings.HasPrefix(name, "sas")
}

// made tells whether a text is of letters, digits and some others, and not
// longer than most.
func made(s, others string, most int) bool {
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && !strings.ContainsRune(others, r) {
			return false
		}
	}
	return s != "" && len(s) <= most
}

// parameterForm says what a parameter may be.
var parameterForm = map[string]string{
	"region": "a region such as eu-central-1", "endpoint": "https://HOST or https://HOST:PORT, without user, password and parameters",
	"use_path_style": "true or false", "dualstack": "true or false", "fips": "true or false", "accelerate": "true or false", "localemu": "true or false",
	"profile": "the name of a profile of the AWS configuration", "role": "the ARN of a role", "ssetype": "AES256, aws:kms or aws:kms:dsse",
	"kmskeyid": "the id or ARN of a KMS key", "request_checksum_calculation": "when_supported or when_required",
	"response_checksum_validation": "when_supported or when_required", "storage_account": "the name of a storage account",
	"domain": "a domain such as blob.core.windows.net", "protocol": "https, or http for an emulator", "known_hosts": "a file", "key": "a file",
}

func isBucket(s string) bool   { return made(s, "._-", 222) && made(s[:1], "", 1) }
func isName(s string) bool     { return made(s, "_", 30) && !strings.ContainsAny(s, "0123456789") }
func isWord(s string) bool     { return made(s, ":._-", 100) }
func isRole(s string) bool     { return made(s, ":/+=,.@_-", 500) }
func isAccount(s string) bool  { return made(s, "", 24) && strings.ToLower(s) == s }
func isHostPort(s string) bool { return made(s, ".:-", 260) && strings.Count(s, ":") <= 1 }
func isBool(s string) bool     { return s == "true" || s == "false" }
func isChecksum(s string) bool { return s == "when_supported" || s == "when_required" }
func isProtocol(s string) bool { return s == "http" || s == "https" }
func isPath(s string) bool     { return s != "" }

func isEndpoint(s string) bool {
	u, err := url.Parse(s)
	return err == nil && (u.Scheme == "http" || u.Scheme == "https") && isHostPort(u.Host) &&
		u.User == nil && u.RawQuery == "" && u.Fragment == "" && (u.Path == "" || u.Path == "/")
}

// Kind is file, s3, gs, azblob or sftp.
func (t Target) Kind() string { return t.kind }

// String names the target so that the name stays the same as long as the place
// does: it is what a record of deliveries is kept by. It holds no secret, and
// neither the files of keys nor how the place is spoken to.
func (t Target) String() string {
	switch t.kind {
	case "":
		return ""
	case kindFile:
		return "file:" + t.folder
	case kindSFTP:
		folder := t.folder
		if !strings.HasPrefix(folder, "/") {
			folder = path.Join("/~", folder)
		}
		u := url.URL{Scheme: kindSFTP, User: url.User(t.user), Host: t.host, Path: folder}
		if strings.Contains(t.host, ":") {
			u.Host = "[" + t.host + "]"
		}
		if t.port != "22" {
			u.Host = net.JoinHostPort(t.host, t.port)
		}
		return asText(u)
	}
	u := url.URL{Scheme: t.kind, Host: t.host, Path: "/" + t.folder}
	if t.folder == "" {
		u.Path = ""
	}
	q := url.Values{}
	for _, name := range identifying {
		if v := t.value(name); v != "" {
			q.Set(name, v)
		}
	}
	u.RawQuery = q.Encode()
	return asText(u)
}

// asText writes a URL so that it can be read again: an @ in a folder is told
// from the one behind a user.
func asText(u url.URL) string {
	u.RawPath = strings.ReplaceAll(u.EscapedPath(), "@", "%40")
	return u.String()
}

// value is a parameter's, or empty.
func (t Target) value(name string) string {
	q, _ := url.ParseQuery(t.query)
	return q.Get(name)
}
