package harness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"time"
)

// hang is when a command that has not ended counts as hanging.
const hang = 2 * time.Minute

// program is the built pixledger with its configuration in dir.
type program struct {
	path    string
	dir     string
	console string // HOST:PORT
}

const catalogYAML = `version: 1
member_id: 958
currency: USD
advertisers:
  - {id: 7, name: ProStarr Sportswear}
line_items:
  - id: 382
    advertiser_id: 7
    name: Autumn running shoes
    pixels:
      - pixel_id: 9012
        rates: [{from: 2020-01-01T00:00:00Z, post_click_revenue: "12.50", post_view_revenue: "2.00"}]
trackers:
  - {id: 2766, kind: impression, line_item_id: 382}
  - {id: 21378, kind: click, line_item_id: 382, landing_url: "https://shop.prostarr.example/shoe"}
pixels:
  - {id: 9012, advertiser_id: 7, name: Checkout, code: checkout}
segments:
  - {id: 45962, name: Converters}
`

// setUp writes the configuration and the catalog. The jobs of the schedule are
// put off for ever: a scenario is about lines.
func setUp(o Options, dir, settings string) (*program, error) {
	if err := makeDir(dir); err != nil {
		return nil, err
	}
	console, err := freeAddress()
	if err != nil {
		return nil, err
	}
	const never = `"0 0 29 2 *"`
	config := fmt.Sprintf(`lake: ./lake
catalog: ./catalog.yaml
console: {listen: "%s"}
schedule: {attribute: %[2]s, close: %[2]s, export: %[2]s, compact: %[2]s, warehouse: %[2]s, retention: %[2]s}
%[3]s`, console, never, settings)
	for name, content := range map[string]string{"pixledger.yaml": config, "catalog.yaml": catalogYAML} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(content), 0o644); err != nil {
			return nil, err
		}
	}
	return &program{path: o.Program, dir: dir, console: console}, nil
}

// freeAddress gives an address of the loopback interface whose port is free.
func freeAddress() (string, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	defer l.Close()
	return l.Addr().String(), nil
}

func (p *program) metricsURL() string { return "http://" + p.console + "/metrics" }

func (p *program) lakeDir() string { return filepath.Join(p.dir, "lake") }

func (p *program) command(ctx context.Context, args ...string) *exec.Cmd {
	c := exec.CommandContext(ctx, p.path, args...)
	c.Dir = p.dir
	asGroup(c)
	return c
}

// asGroup has the command end with all the processes that it started.
func asGroup(c *exec.Cmd) {
	c.SysProcAttr = &syscall.SysProcAttr{Setpgid: true}
	c.Cancel = func() error { return syscall.Kill(-c.Process.Pid, syscall.SIGKILL) }
}

// said is what a process that ended said, and how it ended.
type said struct {
	stdout, stderr string
	code           int // -1: by a signal
	killed         bool
}

// try runs a command. The error is for a command that could not be run, that
// hung, or that ended as no program should: with a trace.
func (p *program) try(ctx context.Context, args ...string) (said, error) {
	return finish(ctx, p.command, args...)
}

func finish(ctx context.Context, make func(context.Context, ...string) *exec.Cmd, args ...string) (said, error) {
	limited, cancel := context.WithTimeout(ctx, hang)
	defer cancel()
	c := make(limited, args...)
	var stdout, stderr bytes.Buffer
	c.Stdout, c.Stderr = &stdout, &stderr
	c.WaitDelay = time.Second
	err := c.Run()
	if c.ProcessState == nil { // it was not even started
		return said{}, errors.Join(ctx.Err(), err)
	}
	s := said{stdout: stdout.String(), stderr: stderr.String(), code: c.ProcessState.ExitCode()}
	if status, ok := c.ProcessState.Sys().(syscall.WaitStatus); ok && status.Signaled() {
		s.killed = status.Signal() == syscall.SIGKILL
	}
	var ended *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return s, ctx.Err()
	case limited.Err() != nil:
		return s, fmt.Errorf("pixledger %s hung: %s", strings.Join(args, " "), last(s.stderr))
	case err != nil && !errors.As(err, &ended):
		return s, err
	}
	return s, traced(s.stderr)
}

// traced refuses the trace of a panic or of the runtime.
func traced(text string) error {
	for _, sign := range []string{"panic:", "fatal error:", "goroutine ", "DATA RACE", "SIGSEGV"} {
		if strings.Contains(text, sign) {
			return fmt.Errorf("it ended with a trace:\n%s", text)
		}
	}
	return nil
}

// must runs a command that has to succeed, and gives its output.
func (p *program) must(ctx context.Context, args ...string) (string, error) {
	s, err := p.try(ctx, args...)
	if err == nil && s.code != 0 {
		err = fmt.Errorf("pixledger %s: exit %d: %s", strings.Join(args, " "), s.code, last(s.stdout+s.stderr))
	}
	return s.stdout, err
}

// verify has the program look at its lake, however long that takes: it reads
// every page.
func (p *program) verify(ctx context.Context) error {
	out, err := p.command(ctx, "verify").CombinedOutput()
	if err != nil {
		return fmt.Errorf("pixledger verify: %w: %s", err, last(string(out)))
	}
	return traced(string(out))
}

// rows runs a query and hands each line of its CSV on, as it comes, without
// the header.
func (p *program) rows(ctx context.Context, query string, row func(fields []string) error) error {
	ctx, cancel := context.WithTimeout(ctx, 10*time.Minute)
	defer cancel()
	c := p.command(ctx, "query", query, "--format", "csv")
	var stderr bytes.Buffer
	c.Stderr = &stderr
	out, err := c.StdoutPipe()
	if err != nil {
		return err
	}
	if err := c.Start(); err != nil {
		return err
	}
	err = eachRow(out, row)
	_, drained := io.Copy(io.Discard, out)
	return errors.Join(err, drained, failed(c.Wait(), query, stderr.String()))
}

func failed(err error, query, stderr string) error {
	if err != nil {
		return fmt.Errorf("query %s: %w: %s", query, err, last(stderr))
	}
	return nil
}

// last is the end of a text that may be long.
func last(text string) string {
	const most = 4000
	text = strings.TrimSpace(text)
	if len(text) > most {
		text = "…" + text[len(text)-most:]
	}
	return text
}

// daemon is a `pixledger run` that is killed and started again. What it said
// is kept in one text, over all its lives.
type daemon struct {
	*program
	before []string // a command that runs it, such as strace with its options
	cmd    *exec.Cmd
	exit   chan error
	out    lockedText
}

type lockedText struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (t *lockedText) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.Write(p)
}

func (t *lockedText) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.b.String()
}

func (d *daemon) start() error {
	d.cmd = d.command(context.Background(), "run")
	if len(d.before) > 0 {
		under := exec.Command(d.before[0], append(d.before[1:], d.cmd.Args...)...)
		under.Dir, under.Env = d.dir, append(os.Environ(), "GOMAXPROCS=1")
		d.cmd = under
	}
	d.cmd.Stdout, d.cmd.Stderr = &d.out, &d.out
	if err := d.cmd.Start(); err != nil {
		return err
	}
	d.exit = make(chan error, 1)
	go func(c *exec.Cmd, exit chan error) { exit <- c.Wait() }(d.cmd, d.exit)
	return nil
}

// ended tells what it said when the daemon ended by itself.
func (d *daemon) ended() error {
	select {
	case err := <-d.exit:
		d.exit <- err
		return fmt.Errorf("the daemon ended by itself (%v): %s", err, last(d.out.String()))
	default:
		return nil
	}
}

// kill ends the daemon as a power cut would.
func (d *daemon) kill() error {
	if err := d.ended(); err != nil {
		return err
	}
	if err := d.cmd.Process.Kill(); err != nil {
		return err
	}
	<-d.exit
	status, ok := d.cmd.ProcessState.Sys().(syscall.WaitStatus)
	d.cmd = nil
	if !ok || !status.Signaled() {
		return fmt.Errorf("the daemon ended by itself: %s", last(d.out.String()))
	}
	return nil
}

// stop ends the daemon as systemd would, and has it end well.
func (d *daemon) stop() error {
	if err := d.ended(); err != nil {
		return err
	}
	if err := d.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		return err
	}
	select {
	case err := <-d.exit:
		d.cmd = nil
		if err != nil {
			return fmt.Errorf("the daemon ended with %w: %s", err, last(d.out.String()))
		}
	case <-time.After(hang):
		return fmt.Errorf("the daemon did not end within %s of SIGTERM: %s", hang, last(d.out.String()))
	}
	return traced(d.out.String())
}

// end ends whatever still runs when a scenario does.
func (d *daemon) end() {
	if d.cmd != nil {
		_ = d.cmd.Process.Kill()
		<-d.exit
		d.cmd = nil
	}
}
