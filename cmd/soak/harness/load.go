package harness

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/http"
	"sync"
	"time"
)

// answered is what became of a request, as its client saw it.
type answered uint8

const (
	unanswered answered = iota // the connection broke: the edge may have logged it
	counted                    // 2xx or 3xx: an event
	refused                    // 4xx: no event
)

// load sends requests over connections that are kept alive, each with a mark of
// its own. It does not send any twice.
type load struct {
	addr, prefix string

	mu   sync.Mutex
	sent []answered // by mark
}

// paths are the requests, with the answer that they get.
var paths = []struct{ method, uri string }{
	{"GET", "/imptr?id=2766"}, {"GET", "/imptr?id=2766&t=1"}, {"GET", "/x/imptr?id=2766"}, {"GET", "/clktrb?id=21378"},
	{"GET", "/px?id=9012&value=1.5"}, {"POST", "/px?id=9012"}, {"GET", "/seg?add=45962"}, {"GET", "/sspx?id=9012"},
	{"GET", "/clktr?id=1"}, // no such tracker: 404
}

// run sends requests one after another until the context ends; pace is how
// long it rests after each.
func (l *load) run(ctx context.Context, r *rand.Rand, pace time.Duration) error {
	var c net.Conn
	var in *bufio.Reader
	defer func() {
		if c != nil {
			c.Close()
		}
	}()
	for ctx.Err() == nil {
		if c == nil {
			var err error
			if c, err = net.DialTimeout("tcp", l.addr, 5*time.Second); err != nil {
				if !pause(ctx, 5*time.Millisecond) {
					return nil
				}
				c = nil
				continue
			}
			in = bufio.NewReader(c)
		}
		mark := l.next()
		status, again, err := l.request(c, in, mark, r)
		switch {
		case err != nil:
			// Left as unanswered.
		case status >= 200 && status < 400:
			l.note(mark, counted)
		case status >= 400 && status < 500:
			l.note(mark, refused)
		default:
			return fmt.Errorf("the edge answered %d", status)
		}
		if err != nil || !again {
			if err := c.Close(); err != nil && !errors.Is(err, net.ErrClosed) {
				return err
			}
			c = nil
		}
		if pace > 0 {
			pause(ctx, pace)
		}
	}
	return nil
}

func (l *load) request(c net.Conn, in *bufio.Reader, mark int, r *rand.Rand) (status int, again bool, err error) {
	path := paths[r.IntN(len(paths))]
	if err := c.SetDeadline(time.Now().Add(20 * time.Second)); err != nil {
		return 0, false, err
	}
	_, err = fmt.Fprintf(c, "%s %s&mark=%s-%d HTTP/1.1\r\nHost: px.example\r\n"+
		"User-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0\r\nContent-Length: 0\r\n\r\n",
		path.method, path.uri, l.prefix, mark)
	if err != nil {
		return 0, false, err
	}
	resp, err := http.ReadResponse(in, &http.Request{Method: path.method})
	if err != nil {
		return 0, false, err
	}
	defer resp.Body.Close()
	_, err = io.Copy(io.Discard, resp.Body)
	return resp.StatusCode, !resp.Close, err
}

// next gives a mark that no request had.
func (l *load) next() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent = append(l.sent, unanswered)
	return len(l.sent) - 1
}

func (l *load) note(mark int, a answered) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.sent[mark] = a
}

// count gives how many requests went as told.
func (l *load) count(a answered) (n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, s := range l.sent {
		if s == a {
			n++
		}
	}
	return n
}
