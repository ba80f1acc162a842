package deliver

import (
	"context"
	"fmt"
	"net"
	"sync/atomic"
	"time"
)

// pulse ends an attempt that makes no progress, so that a server which accepts
// and then says nothing holds nobody up. Every step of an attempt that gets on
// calls beat.
type pulse struct {
	stall   time.Duration
	longest time.Duration
	timer   atomic.Pointer[time.Timer]
}

// watch gives an attempt's context. Its cause says what ended it.
func (p *pulse) watch(ctx context.Context) (context.Context, func()) {
	ctx, cancel := context.WithCancelCause(ctx)
	stalled := time.AfterFunc(p.stall, func() {
		cancel(&fault{what: fmt.Sprintf("no answer and no progress for %v", p.stall), remedy: "check that the destination is up and reachable from here"})
	})
	tooLong := time.AfterFunc(p.longest, func() {
		cancel(&fault{what: fmt.Sprintf("not finished after %v", p.longest), remedy: "check how fast the destination can be reached from here"})
	})
	p.timer.Store(stalled)
	return ctx, func() {
		p.timer.Store(nil)
		stalled.Stop()
		tooLong.Stop()
		cancel(context.Canceled)
	}
}

// beat tells of progress.
func (p *pulse) beat() {
	if t := p.timer.Load(); t != nil && t.Stop() {
		t.Reset(p.stall)
	}
}

// dial connects, and takes every byte that moves for progress.
func (p *pulse) dial(ctx context.Context, network, address string) (net.Conn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	p.beat()
	return &beatingConn{c, p}, nil
}

type beatingConn struct {
	net.Conn
	pulse *pulse
}

func (c *beatingConn) Read(b []byte) (int, error) {
	n, err := c.Conn.Read(b)
	if n > 0 {
		c.pulse.beat()
	}
	return n, err
}

func (c *beatingConn) Write(b []byte) (int, error) {
	n, err := c.Conn.Write(b)
	if n > 0 {
		c.pulse.beat()
	}
	return n, err
}
