package edge_test

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"pixledger/ingest/edge/edgetest"
	"pixledger/schemas"
)

// network is a catalog of n click trackers and n pixels with codes and
// piggybacks, of an advertiser for every five of each, who all have redirect
// hosts.
func network(n int) *schemas.Catalog {
	cat := &schemas.Catalog{MemberID: 958}
	for i := range int64(n) {
		a := i/5 + 1
		if i%5 == 0 {
			cat.Advertisers = append(cat.Advertisers, schemas.Advertiser{ID: a, RedirectHosts: []string{fmt.Sprintf("shop%d.example", a), fmt.Sprintf("*.shop%d.example", a)}})
		}
		cat.LineItems = append(cat.LineItems, schemas.LineItem{ID: 10_000 + i, AdvertiserID: a})
		cat.Trackers = append(cat.Trackers, schemas.Tracker{
			ID: 100_000 + i, Kind: schemas.ClickTracker, LineItemID: 10_000 + i,
			LandingURL: fmt.Sprintf("https://shop%d.example/p/%d?ref=${SSP_DATA}", a, i),
		})
		cat.Pixels = append(cat.Pixels, schemas.Pixel{
			ID: 200_000 + i, AdvertiserID: a, Code: fmt.Sprintf("Shop-%d checkout", i),
			Piggybacks: []schemas.Piggyback{{PixelType: "img", URL: fmt.Sprintf("https://pig.example/i?p=%d", i)}},
		})
	}
	return cat
}

// A network's whole catalog fits: nginx warns of no table too small, and what
// stands first, in the middle and last in it is answered right.
func TestNetworks(t *testing.T) {
	for _, n := range []int{1, 10_000} {
		conf := printed(t, network(n))
		if out, err := edgetest.Check(t, conf); err != nil || strings.Contains(out, "[warn]") && os.Geteuid() == 0 || strings.Contains(out, "could not build") {
			t.Fatalf("%d: nginx -t: %v\n%s", n, err, out)
		}
		s := edgetest.Start(t, conf)
		for _, i := range []int{0, n / 2, n - 1} {
			a := i/5 + 1
			shop := fmt.Sprintf("https://shop%d.example/", a)
			pig := fmt.Sprintf("https://pig.example/i?p=%d", i)
			for _, c := range []struct{ target, want string }{
				{fmt.Sprintf("/clktr?id=%d&token=T", 100_000+i), fmt.Sprintf("%sp/%d?ref=T", shop, i)},
				{fmt.Sprintf("/clktr?id=%d&token=T&redir=%sx", 100_000+i, shop), shop + "x"},
				{fmt.Sprintf("/clktr?id=%d&token=T&redir=https://a.b.shop%d.example/x", 100_000+i, a), fmt.Sprintf("https://a.b.shop%d.example/x", a)},
				{fmt.Sprintf("/clktr?id=%d&token=T&redir=https://shop%d.example/x", 100_000+i, a+1), fmt.Sprintf("%sp/%d?ref=T", shop, i)},
				{fmt.Sprintf("/imptr?id=%d&redir=%sx", 100_000+i, shop), shop + "x"},
				{fmt.Sprintf("/imptr?id=%d&t=1", 100_000+i), ""},
				{fmt.Sprintf("/px?id=%d", 200_000+i), pig},
				{fmt.Sprintf("/px?id=%d&redir=%sx", 200_000+i, shop), shop + "x"},
				{fmt.Sprintf("/px?code=Shop-%d+checkout&member=958", i), pig},
				{fmt.Sprintf("/px?code=Shop-%d%%20checkout&member=958", i), pig},
				{fmt.Sprintf("/px?code=%%53hop%%2d%d%%20checkout&member=958", i), pig},
				{fmt.Sprintf("/px?code=shop-%d+checkout&member=958", i), ""},
				{fmt.Sprintf("/px?code=Shop-%d+checkout&member=958&redir=%sx", i, shop), shop + "x"},
			} {
				if _, got := location(t, s, c.target); got != c.want {
					t.Errorf("%d: %s: Location %q, want %q", n, c.target, got, c.want)
				}
			}
			if _, body := get(t, s, fmt.Sprintf("/px?id=%d&t=1", 200_000+i)); !strings.Contains(body, `"`+pig+`"`) {
				t.Errorf("%d: script %q", n, body)
			}
		}
	}
}

// BenchmarkEdge asks the real nginx over keep-alive connections of the loopback
// interface, with a catalog of one tracker and one pixel and with one of 10,000 of
// each, in turns. It is as fast with the one as with the other when the ratio is
// 1. nginx-us is its processor time a request; the client's (client-us) is the
// same for both, and nothing but client and nginx's own floor are in "floor",
// which nginx answers without looking anything up.
func BenchmarkEdge(b *testing.B) {
	sizes := []int{1, 10_000}
	var servers []*edgetest.Server
	for _, n := range sizes {
		servers = append(servers, edgetest.Start(b, printed(b, network(n))))
	}
	// Of a catalog of n, the one in the middle is asked for.
	for _, kind := range []struct {
		name   string
		target func(i int) string
	}{
		{"floor", func(int) string { return "/nothing" }},
		{"px-id", func(i int) string { return fmt.Sprintf("/px?id=%d&order_id=a1&value=49.90", 200_000+i) }},
		{"px-code", func(i int) string { return fmt.Sprintf("/px?code=Shop-%d+checkout&member=958&order_id=a1", i) }},
		{"px-unknown-code", func(i int) string { return fmt.Sprintf("/px?code=nobody-%d&member=958&order_id=a1", i) }},
		{"px-code-encoded", func(i int) string {
			return "/px?code=" + encodedWhole(fmt.Sprintf("Shop-%d checkout", i)) + "&member=958&order_id=a1"
		}},
		{"imptr", func(i int) string { return fmt.Sprintf("/imptr?id=%d&cachebuster=1234567", 100_000+i) }},
		{"imptr-js", func(i int) string { return fmt.Sprintf("/imptr?id=%d&cachebuster=1234567&t=1", 100_000+i) }},
		{"clktr", func(i int) string { return fmt.Sprintf("/clktr?id=%d&cachebuster=1234567", 100_000+i) }},
		{"clktr-redir", func(i int) string {
			return fmt.Sprintf("/clktr?id=%d&redir=https://www.shop%d.example/p?a=1", 100_000+i, i/5+1)
		}},
		{"clktr-redir-encoded", func(i int) string {
			return fmt.Sprintf("/clktr?id=%d&redir=https%%3A%%2F%%2Fwww.shop%d.example%%2Fp%%3Fa%%3D1", 100_000+i, i/5+1)
		}},
	} {
		b.Run(kind.name, func(b *testing.B) {
			var took [2]time.Duration
			var busy [2]float64
			const rounds = 8
			self := ownProcessor(b)
			for range rounds {
				for i, s := range servers {
					before, start := processor(b, s.Pid()), time.Now()
					ask(b, s, kind.target(sizes[i]/2), b.N/rounds+1)
					took[i] += time.Since(start)
					busy[i] += processor(b, s.Pid()) - before
				}
			}
			asked := float64(rounds * (b.N/rounds + 1))
			b.ReportMetric(0, "ns/op")
			b.ReportMetric(asked/took[0].Seconds(), "req/s-of-1")
			b.ReportMetric(asked/took[1].Seconds(), "req/s-of-10000")
			b.ReportMetric(took[0].Seconds()/took[1].Seconds(), "ratio")
			b.ReportMetric(1e6*busy[0]/asked, "nginx-us-of-1")
			b.ReportMetric(1e6*busy[1]/asked, "nginx-us-of-10000")
			b.ReportMetric(1e6*(ownProcessor(b)-self)/asked/2, "client-us")
		})
	}
}

// encodedWhole encodes every byte of s.
func encodedWhole(s string) string {
	var b strings.Builder
	for i := range len(s) {
		fmt.Fprintf(&b, "%%%02X", s[i])
	}
	return b.String()
}

// ask sends n requests over two connections at a time, a few ahead of their
// answers.
func ask(b *testing.B, s *edgetest.Server, target string, n int) {
	const connections, ahead, life = 2, 16, 960 // nginx closes a connection after 1,000 requests
	done := make(chan error, connections)
	for c := range connections {
		go func() {
			todo := n / connections
			if c == 0 {
				todo = n - n/connections*(connections-1)
			}
			done <- func() error {
				raw := strings.Repeat("GET "+target+" HTTP/1.1\r\nHost: edge.test\r\nUser-Agent: Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0\r\nCookie: "+uid+"\r\n\r\n", ahead)
				one := len(raw) / ahead
				for todo > 0 {
					conn, err := net.Dial("tcp", s.Addr)
					if err != nil {
						return err
					}
					r := bufio.NewReader(conn)
					for served := 0; served < life && todo > 0; {
						k := min(ahead, todo)
						if _, err := io.WriteString(conn, raw[:k*one]); err != nil {
							return err
						}
						for range k {
							if err := answer(r); err != nil {
								return err
							}
						}
						served, todo = served+k, todo-k
					}
					if err := conn.Close(); err != nil {
						return err
					}
				}
				return nil
			}()
		}()
	}
	for range connections {
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
}

// answer reads an answer to its end, and nothing of it but its length.
func answer(r *bufio.Reader) error {
	length := 0
	for {
		line, err := r.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) <= 2 {
			break
		}
		if v, ok := strings.CutPrefix(string(line), "Content-Length: "); ok {
			if length, err = strconv.Atoi(strings.TrimSpace(v)); err != nil {
				return err
			}
		}
		if strings.HasPrefix(string(line), "Transfer-Encoding") {
			return errors.New("an answer in chunks")
		}
	}
	_, err := r.Discard(length)
	return err
}

// processor is the processor time of nginx's workers so far, in seconds.
func processor(b *testing.B, master int) float64 {
	b.Helper()
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", master, master))
	if err != nil {
		b.Fatal(err)
	}
	sum := 0.0
	for _, pid := range strings.Fields(string(children)) {
		// In nanoseconds; the ticks of /proc/PID/stat are too coarse for a round.
		stat, err := os.ReadFile(filepath.Join("/proc", pid, "schedstat"))
		if err != nil {
			b.Fatal(err)
		}
		ns, err := strconv.ParseFloat(strings.Fields(string(stat))[0], 64)
		if err != nil {
			b.Fatal(err)
		}
		sum += ns / 1e9
	}
	return sum
}

// ownProcessor is the processor time of this process so far, in seconds.
func ownProcessor(b *testing.B) float64 {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		b.Fatal(err)
	}
	return float64(u.Utime.Nano()+u.Stime.Nano()) / 1e9
}
