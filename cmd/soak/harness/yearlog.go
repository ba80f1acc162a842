package harness

import (
	"bytes"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
)

// network is a small network of people, ads and shops: who saw what, so that
// conversions come from somebody who did.
type network struct {
	r       *rand.Rand
	seed    uint64
	lines   int     // so far, for ids
	events  int     // of them
	touches []touch // the newest
	orders  int
	items   []*yearItem
	pixels  []*yearPixel
}

// touch is an impression or a click that a conversion may follow.
type touch struct {
	user  int
	item  *yearItem
	token string
}

// sold is a conversion, as its shop knows it.
type sold struct {
	id, order string
	pixel     int64
}

// people is how many there are: few enough that they come back.
const people = 900

// line makes a line at a time, as nginx logs it, and tells of the conversion
// where it is one.
func (n *network) line(at time.Time) ([]byte, *sold) {
	n.lines++
	id := fmt.Sprintf("%016x%016x", n.seed, n.lines)
	user := n.r.IntN(people)
	item := n.items[n.r.IntN(len(n.items))]
	uri, status, agent := "", 200, "Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0"
	isEvent := true
	var s *sold
	switch p := n.r.IntN(1000); {
	case p < 760:
		uri = fmt.Sprintf("/imptr?id=%d&ancost=0.0025", item.impressions)
		n.touched(touch{user, item, id})
	case p < 880:
		uri, status = fmt.Sprintf("/clktr?id=%d", item.clicks), 302
		n.touched(touch{user, item, id})
	case p < 950 && len(n.touches) > 0:
		uri, user, s = n.conversion(id, user)
	case p < 960: // a robot that follows a link
		uri, status, agent = fmt.Sprintf("/clktr?id=%d", item.clicks), 302, "Mozilla/5.0 (compatible; Googlebot/2.1)"
	case p < 970: // somebody who does not want to be known
		uri = fmt.Sprintf("/imptr?id=%d&us_privacy=1YYN", item.impressions)
	case p < 985:
		uri, isEvent = "/favicon.ico", false
	default:
		uri, status, isEvent = "/imptr?id=1", 404, false
	}
	if isEvent {
		n.events++
	}
	return fmt.Appendf(nil, `{"time":"%d.%03d","id":"%s","ip":"203.0.113.7","method":"GET","host":"px.example","uri":"%s","status":"%d",`+
		`"referer":"https://www.publisher.example/","ua":"%s","uid_got":"uid=%s","uid_set":"","gpc":""}`+"\n",
		at.Unix(), at.Nanosecond()/1e6, id, uri, status, agent, userID(user)), s
}

func (n *network) touched(t touch) {
	const remembered = 3000
	if n.touches = append(n.touches, t); len(n.touches) > 2*remembered {
		n.touches = slices.Clone(n.touches[remembered:])
	}
}

// userID is a user's id.
func userID(user int) string { return fmt.Sprintf("%032X", user+1) }

// conversion is mostly of somebody who saw or clicked an ad, mostly not long ago.
func (n *network) conversion(id string, user int) (string, int, *sold) {
	back := n.r.IntN(len(n.touches)) + 1
	back = min(back, n.r.IntN(len(n.touches))+1, n.r.IntN(len(n.touches))+1)
	t := n.touches[len(n.touches)-back]
	pixel := t.item.pixels[n.r.IntN(len(t.item.pixels))].pixel
	if n.r.IntN(20) > 0 {
		user = t.user
	}
	if n.r.IntN(20) > 0 || n.orders == 0 { // else a page that was loaded again
		n.orders++
	}
	s := &sold{id: id, order: fmt.Sprintf("O-%d", n.orders), pixel: pixel}
	value := fmt.Sprintf("%d.%02d", 10+n.r.IntN(90), n.r.IntN(100))
	if n.r.IntN(7) == 0 { // the shop's server brings the token back
		return fmt.Sprintf("/sspx?id=%d&order_id=%s&value=%s&sspdata=%s", pixel, s.order, value, t.token), user, s
	}
	return fmt.Sprintf("/px?id=%d&order_id=%s&value=%s", pixel, s.order, value), user, s
}

// yearEdge is one edge with its logs, which are rotated at local midnight.
type yearEdge struct {
	name    string
	dir     string
	daily   int       // lines a day
	written time.Time // up to here
	coming  []sold    // of lines that no ingest has read yet
	sent    []sold    // of files that stand where the source finds them
	events  int       // in the log since it was rotated
	silent  string    // a UTC date of which the lines go astray
	astray  bytes.Buffer
}

func (e *yearEdge) path() string { return filepath.Join(e.dir, "pixel.log") }

// write appends the lines up to a time.
func (e *yearEdge) write(n *network, until time.Time) error {
	share := float64(e.daily) * float64(until.Sub(e.written)) / float64(24*time.Hour)
	times := make([]time.Time, int(share+n.r.Float64()))
	for i := range times {
		times[i] = e.written.Add(time.Duration(n.r.Int64N(int64(until.Sub(e.written)))))
	}
	slices.SortFunc(times, time.Time.Compare)
	var b bytes.Buffer
	before := n.events
	for _, at := range times {
		l, s := n.line(at)
		to := &b
		if at.UTC().Format(time.DateOnly) == e.silent {
			to = &e.astray
		} else if s != nil {
			e.coming = append(e.coming, *s)
		}
		to.Write(l)
	}
	e.written, e.events = until, e.events+n.events-before
	f, err := os.OpenFile(e.path(), os.O_WRONLY|os.O_APPEND|os.O_CREATE, 0o644)
	if err != nil {
		return err
	}
	_, err = f.Write(b.Bytes())
	return errors.Join(err, f.Close())
}

// rotate renames the log to that of a day, as logrotate does, and gives the name.
func (e *yearEdge) rotate(day time.Time) (string, error) {
	to := e.path() + "-" + day.Format("20060102")
	e.events = 0
	if err := os.Rename(e.path(), to); err != nil {
		return "", err
	}
	return to, errors.Join(prune(e.path()+"-*"), prune(filepath.Join(e.dir, "sent.log-*")), os.WriteFile(e.path(), nil, 0o644))
}

// prune keeps the newest of rotated logs, as logrotate does.
func prune(glob string) error {
	const keep = 12
	old, err := filepath.Glob(glob)
	if err != nil {
		return err
	}
	slices.Sort(old)
	for _, path := range old[:max(0, len(old)-keep)] {
		if err := os.Remove(path); err != nil {
			return err
		}
	}
	return nil
}

// deliver writes a file of lines that comes by itself, compressed where its
// name says so.
func deliver(path string, lines []byte) error {
	if !strings.HasSuffix(path, ".gz") {
		return os.WriteFile(path, lines, 0o644)
	}
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write(lines); err != nil {
		return err
	}
	if err := z.Close(); err != nil {
		return err
	}
	return os.WriteFile(path, b.Bytes(), 0o644)
}
