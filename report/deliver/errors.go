package deliver

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"regexp"
	"strings"
	"sync"
	"syscall"
)

// ConflictError says that a file is there with other bytes. A delivered file
// is never changed, so this needs a person.
type ConflictError struct {
	Target string
	File   string
	what   string
}

func (e *ConflictError) Error() string {
	return fmt.Sprintf("deliver %s to %s: %s; a delivered file is never changed: find out where the other one comes from, move it away, and export again", e.File, e.Target, e.what)
}

// Error says why a file could not be delivered, and what to do.
type Error struct {
	Target   string
	File     string // empty: the target could not be opened
	What     string
	Remedy   string
	Attempts int
	reading  bool  // what failed was to be read there
	cause    error // the end of the context that was given; never what a library said
}

func (e *Error) Error() string {
	var b strings.Builder
	switch {
	case e.File == "":
		fmt.Fprintf(&b, "open %s: %s", e.Target, e.What)
	case e.reading:
		fmt.Fprintf(&b, "read %s of %s: %s", e.File, e.Target, e.What)
	default:
		fmt.Fprintf(&b, "deliver %s to %s: %s", e.File, e.Target, e.What)
	}
	if e.Attempts > 1 {
		fmt.Fprintf(&b, " (after %d attempts)", e.Attempts)
	}
	if e.Remedy != "" {
		b.WriteString("; " + e.Remedy)
	}
	return b.String()
}

// Unwrap gives the cause for which the caller's context ended, if that it was.
func (e *Error) Unwrap() error { return e.cause }

// fault is what went wrong in an attempt, with what can be done about it. One
// that is permanent is not tried again.
type fault struct {
	what      string
	remedy    string
	permanent bool
	err       error
}

func (f *fault) Error() string {
	if f.err == nil {
		return f.what
	}
	return f.what + ": " + f.err.Error()
}

func (f *fault) Unwrap() error { return f.err }

// differs is a file at the target that is another one.
type differs struct{ what string }

func (d *differs) Error() string { return d.what }

// isPermanent tells whether another attempt would go the same way. What is not
// known is tried again: that is bounded.
func isPermanent(err error) bool {
	var f *fault
	var other *differs
	return errors.As(err, &other) || errors.As(err, &f) && f.permanent
}

// nextTime is what is said of a delivery that failed for no known reason.
const nextTime = "the next export tries again"

// failed is what the caller gets of the error that ended a delivery.
func (d *Destination) failed(ctx context.Context, f File, attempts int, err error) error {
	var other *differs
	if errors.As(err, &other) {
		return &ConflictError{Target: d.target.String(), File: f.Name, what: redact(other.what)}
	}
	e := &Error{Target: d.target.String(), File: f.Name, Attempts: attempts, What: redact(err.Error()), Remedy: nextTime}
	var reason *fault
	if errors.As(err, &reason) && reason.remedy != "" {
		e.Remedy = reason.remedy
	}
	if ctx.Err() != nil {
		e.cause = ctx.Err()
	}
	return e
}

// ofDisk judges an error of this machine's files.
func ofDisk(doing string, err error) error {
	f := &fault{what: doing, err: err}
	switch {
	case errors.Is(err, syscall.ENOSPC), errors.Is(err, syscall.EDQUOT):
		f.remedy, f.permanent = "there is no space left: free some, or raise the quota, and export again", true
	case errors.Is(err, os.ErrPermission), errors.Is(err, syscall.EROFS):
		f.remedy, f.permanent = "let this user write there, and export again", true
	case errors.Is(err, syscall.ENOTDIR), errors.Is(err, syscall.EISDIR), errors.Is(err, syscall.ENAMETOOLONG), errors.Is(err, syscall.ELOOP):
		f.remedy, f.permanent = "name a folder that is one", true
	}
	return f
}

// hiding finds what redact takes out. It is made when it is needed: most runs
// of the program never do.
var hiding = sync.OnceValue(func() (h struct{ secretName, noSecret, urlQuery, urlUser, inside *regexp.Regexp }) {
	// Variables of the environment that hold secrets, and not the name of a
	// file with one.
	h.secretName = regexp.MustCompile(`(?i)secret|passw|passphrase|token|sas|credential|connection_?string|(^|_)key$`)
	h.noSecret = regexp.MustCompile(`(?i)_(file|path|uri|url|id)$`)
	h.urlQuery = regexp.MustCompile(`([a-z][a-z0-9+.-]*://[^\s"'?]*)\?[^\s"']*`)
	h.urlUser = regexp.MustCompile(`([a-z][a-z0-9+.-]*://)[^\s"'/@]*:[^\s"'/@]*@`)
	h.inside = regexp.MustCompile(`(?i)(?:AccountKey|SharedAccessSignature|sig)=([^;&]+)`)
	return h
})

// redact takes out of a message what a library may have put there: the values
// of the environment's secrets, the parameters of URLs and the passwords in
// them.
func redact(text string) string {
	h := hiding()
	text = h.urlUser.ReplaceAllString(text, "$1")
	text = h.urlQuery.ReplaceAllString(text, "$1")
	for _, pair := range os.Environ() {
		name, value, _ := strings.Cut(pair, "=")
		if !h.secretName.MatchString(name) || h.noSecret.MatchString(name) {
			continue
		}
		hidden := []string{value}
		for _, m := range h.inside.FindAllStringSubmatch(value, -1) {
			hidden = append(hidden, m[1])
		}
		for _, secret := range hidden {
			if len(secret) < 4 {
				continue
			}
			text = strings.ReplaceAll(text, secret, "***")
			text = strings.ReplaceAll(text, url.QueryEscape(secret), "***")
			text = strings.ReplaceAll(text, url.PathEscape(secret), "***")
		}
	}
	return text
}
