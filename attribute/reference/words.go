package reference

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"pixledger/schemas"
)

var word = regexp.MustCompile(`^(?:([a-z_]+)=)?("(?:[^"\\]|\\.)*"|[^\s"=#]+)(?:\s+|$)`)

// split takes a statement apart. From a # at the beginning of a word on, the
// line is a comment.
func split(line string) (*words, error) {
	w := &words{keyed: map[string]string{}}
	for rest := strings.TrimSpace(line); rest != "" && rest[0] != '#'; {
		m := word.FindStringSubmatch(rest)
		if m == nil {
			return nil, fmt.Errorf("cannot read %q: words and key=value are allowed, with quotes around other signs", rest)
		}
		rest = rest[len(m[0]):]
		value := m[2]
		if value[0] == '"' {
			unquoted, err := strconv.Unquote(value)
			if err != nil {
				return nil, fmt.Errorf("cannot read %s", value)
			}
			value = unquoted
		}
		if key := m[1]; key == "" {
			w.plain = append(w.plain, value)
		} else if _, twice := w.keyed[key]; twice {
			return nil, fmt.Errorf("%s= is given twice", key)
		} else {
			w.keyed[key] = value
		}
	}
	return w, nil
}

func (w *words) fail(format string, args ...any) {
	if w.err == nil {
		w.err = fmt.Errorf(format, args...)
	}
}

// done gives the first mistake, which may be a word that nobody asked for.
func (w *words) done() error {
	if w.err != nil {
		return w.err
	}
	if len(w.plain) > 0 {
		return fmt.Errorf("%q is one word too many", w.plain[0])
	}
	for key := range w.keyed {
		return fmt.Errorf("%s= means nothing here", key)
	}
	return nil
}

func (w *words) next(what string) string {
	if len(w.plain) == 0 {
		w.fail("the %s is missing", what)
		return ""
	}
	s := w.plain[0]
	w.plain = w.plain[1:]
	return s
}

func (w *words) nextOf(what string, allowed ...string) string {
	s := w.next(what)
	w.among(what, s, allowed)
	return s
}

func (w *words) among(what, s string, allowed []string) {
	if !slices.Contains(allowed, s) {
		w.fail("%s %q; allowed: %s", what, s, strings.Join(allowed, ", "))
	}
}

func (w *words) nextID() int64 { return w.readID("id", w.next("id")) }

func (w *words) readID(what, s string) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n <= 0 {
		w.fail("%s %q is no positive number", what, s)
	}
	return n
}

// text takes out a key's value; nil when the key is not given.
func (w *words) text(key string) *string {
	s, ok := w.keyed[key]
	if !ok {
		return nil
	}
	delete(w.keyed, key)
	return &s
}

func (w *words) has(key string) bool {
	_, given := w.keyed[key]
	return given
}

func (w *words) textOr(key, otherwise string) string {
	if s := w.text(key); s != nil {
		return *s
	}
	return otherwise
}

func (w *words) optionalID(key string) *int64 {
	s := w.text(key)
	if s == nil {
		return nil
	}
	return new(w.readID(key, *s))
}

func (w *words) idOr(key string, otherwise int64) int64 {
	if n := w.optionalID(key); n != nil {
		return *n
	}
	return otherwise
}

func (w *words) id(key string) int64 {
	n := w.optionalID(key)
	if n == nil {
		w.fail("%s= is missing", key)
		return 0
	}
	return *n
}

func (w *words) bool(key string, otherwise bool) bool {
	s := w.textOr(key, strconv.FormatBool(otherwise))
	w.among(key, s, []string{"true", "false"})
	return s == "true"
}

func (w *words) money(key string) *schemas.Money {
	s := w.text(key)
	if s == nil {
		return nil
	}
	v, ok := schemas.ParseMoney(*s)
	if !ok {
		w.fail("%s %q is no amount", key, *s)
	}
	return &v
}

func (w *words) optionalTime(key string) *time.Time {
	s := w.text(key)
	if s == nil {
		return nil
	}
	t, err := parseTime(*s)
	if err != nil {
		w.fail("%s %q is no time", key, *s)
	}
	return &t
}

func (w *words) time(key string) time.Time {
	t := w.optionalTime(key)
	if t == nil {
		w.fail("%s= is missing", key)
		return time.Time{}
	}
	return *t
}

// bounds reads what is given of a state and a period; none is no bound.
func (w *words) bounds(state *schemas.State, p *schemas.Period) {
	given := w.textOr("state", string(*state))
	w.among("state", given, []string{string(schemas.Active), string(schemas.Inactive)})
	*state = schemas.State(given)
	w.bound("active_from", &p.From)
	w.bound("active_until", &p.Until)
}

func (w *words) bound(key string, bound **time.Time) {
	if w.keyed[key] == "none" {
		delete(w.keyed, key)
		*bound = nil
	} else if t := w.optionalTime(key); t != nil {
		*bound = t
	}
}

// settings takes out the settings that a statement gives, and says which.
func (w *words) settings() (given schemas.SettingsKeys, s schemas.PixelSettings) {
	if trigger := w.text("trigger_type"); trigger != nil {
		w.among("trigger_type", *trigger, []string{string(schemas.TriggerView), string(schemas.TriggerClick), string(schemas.TriggerHybrid)})
		given.TriggerType, s.TriggerType = true, schemas.TriggerType(*trigger)
	}
	given.PostViewExpireMins, s.PostViewExpireMins = w.window("post_view_expire_mins", schemas.MaxViewMinutes)
	given.PostClickExpireMins, s.PostClickExpireMins = w.window("post_click_expire_mins", schemas.MaxClickMinutes)
	if n := w.text("min_minutes_per_conv"); n != nil {
		given.MinMinutesPerConv = true
		if *n != "null" {
			s.MinMinutesPerConv = new(w.minutes("min_minutes_per_conv", *n, schemas.MaxRepeatMinutes))
		}
	}
	if w.has("unique_order_id") {
		given.UniqueOrderID, s.UniqueOrderID = true, w.bool("unique_order_id", true)
	}
	return given, s
}

// window reads the minutes of a lookback window; 0 and null are the longest.
func (w *words) window(key string, longest int64) (given bool, minutes int64) {
	s := w.text(key)
	switch {
	case s == nil:
		return false, 0
	case *s == "null" || *s == "0":
		return true, longest
	}
	return true, w.minutes(key, *s, longest)
}

func (w *words) minutes(key, s string, most int64) int64 {
	n, err := strconv.ParseInt(s, 10, 64)
	if err != nil || n < 0 || n > most {
		w.fail("%s %q: minutes from 0 to %d", key, s, most)
	}
	return n
}

// parseTime reads an instant in UTC: date and minutes, seconds when needed.
func parseTime(s string) (time.Time, error) {
	if t, err := time.Parse("2006-01-02T15:04", s); err == nil {
		return t, nil
	}
	return time.Parse("2006-01-02T15:04:05", s)
}
