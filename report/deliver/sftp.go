package deliver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path"
	"strings"
	"sync"

	"github.com/pkg/sftp"
	"golang.org/x/crypto/ssh"

	"pixledger/schemas/disk"
)

// sftpStore delivers to a folder of an SFTP server. A connection serves the
// files of one Put, and a new one is made after a failure.
type sftpStore struct {
	target Target
	disk   *disk.Disk
	pulse  *pulse
	hosts  *knownHosts
	login  *login

	mu      sync.Mutex // the end of an attempt's context comes from elsewhere
	closers []io.Closer
	client  *sftp.Client
}

func openSFTP(t Target, d *disk.Disk, p *pulse) (store, error) {
	hosts, err := readKnownHosts(t)
	if err != nil {
		return nil, err
	}
	login, err := findLogin(t)
	if err != nil {
		return nil, err
	}
	return &sftpStore{target: t, disk: d, pulse: p, hosts: hosts, login: login}, nil
}

func (s *sftpStore) close() error { return nil }

// hangUp closes the connection, whatever waits for it.
func (s *sftpStore) hangUp() {
	s.mu.Lock()
	closers, client := s.closers, s.client
	s.closers, s.client = nil, nil
	s.mu.Unlock()
	for _, c := range closers {
		_ = c.Close()
	}
	if client != nil {
		_ = client.Close()
		_ = client.Wait()
	}
}

// keep notes what hangUp closes.
func (s *sftpStore) keep(c io.Closer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.closers = append(s.closers, c)
}

func (s *sftpStore) deliver(ctx context.Context, folder string, f File) (bool, error) {
	stop := context.AfterFunc(ctx, s.hangUp)
	defer stop()
	sent, err := s.attempt(ctx, folder, f)
	if err != nil {
		s.hangUp() // the next attempt begins anew
	}
	return sent, err
}

// reach logs in and looks at the target's folder.
func (s *sftpStore) reach(ctx context.Context) error {
	stop := context.AfterFunc(ctx, s.hangUp)
	defer stop()
	client, err := s.connect(ctx)
	if err != nil {
		return err
	}
	s.mu.Lock()
	s.client = client // hangUp ends it
	s.mu.Unlock()
	u := &upload{ctx: ctx, client: client, store: s}
	if _, err := client.Stat(s.target.folder); err != nil {
		return u.judge("look at the folder", err)
	}
	return nil
}

func (s *sftpStore) attempt(ctx context.Context, folder string, f File) (bool, error) {
	if s.client == nil {
		client, err := s.connect(ctx)
		if err != nil {
			return false, err
		}
		s.mu.Lock()
		s.client = client
		s.mu.Unlock()
	}
	u := &upload{ctx: ctx, client: s.client, store: s, dir: path.Join(s.target.folder, folder), file: f}
	if err := u.checkFolder(folder); err != nil {
		return false, err
	}
	there, err := u.look()
	if err != nil || there {
		return false, err
	}
	if err := u.write(); err != nil {
		return false, err
	}
	return true, u.name()
}

// connect dials, checks the host's key, logs in and starts SFTP.
func (s *sftpStore) connect(ctx context.Context) (*sftp.Client, error) {
	address := net.JoinHostPort(s.target.host, s.target.port)
	var d net.Dialer
	conn, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return nil, &fault{what: "connect", err: err, remedy: "check that the server is up and reachable from here"}
	}
	s.keep(conn)
	s.pulse.beat()
	methods, agent, err := s.login.methods(ctx)
	if err != nil {
		return nil, err
	}
	if agent != nil {
		s.keep(agent)
	}
	var refused error // what the library makes of it loses its kind
	config := &ssh.ClientConfig{
		User: s.target.user,
		Auth: methods,
		HostKeyCallback: func(host string, remote net.Addr, key ssh.PublicKey) error {
			s.pulse.beat()
			refused = s.hosts.check(host, remote, key)
			return refused
		},
		HostKeyAlgorithms: s.hosts.algorithms(address),
	}
	c, channels, requests, err := ssh.NewClientConn(conn, address, config)
	switch {
	case err == nil:
	case refused != nil:
		return nil, refused
	case strings.Contains(err.Error(), "unable to authenticate"), strings.Contains(err.Error(), "Too many authentication failures"):
		return nil, &fault{what: "the server refuses " + s.login.String() + " for the user " + s.target.user, err: err, permanent: true,
			remedy: "have its public key added at the server, or name another with key=FILE"}
	default:
		return nil, &fault{what: "connect", err: err, remedy: "check that an SSH server answers at " + address}
	}
	s.pulse.beat()
	connection := ssh.NewClient(c, channels, requests)
	s.keep(connection)
	client, err := sftp.NewClient(connection, sftp.UseConcurrentWrites(true))
	if err != nil {
		return nil, &fault{what: "start SFTP", err: err, remedy: "check that the server allows SFTP for this user"}
	}
	s.pulse.beat()
	return client, nil
}

// upload is one file on its way.
type upload struct {
	ctx    context.Context
	client *sftp.Client
	store  *sftpStore
	dir    string
	file   File
}

func (u *upload) final() string { return path.Join(u.dir, u.file.Name) }

// temporary is the same in each attempt, so that what one leaves is found.
func (u *upload) temporary() string { return path.Join(u.dir, "."+u.file.Name+".tmp") }

// checkFolder refuses to make the target's own folder: a mistake in its name
// must not become a place where nobody looks. Folders below it are made.
func (u *upload) checkFolder(below string) error {
	if below == "" {
		return nil // what is not there shows when the file is made
	}
	if _, err := u.client.Stat(u.store.target.folder); err != nil {
		return u.judge("look at the folder", err)
	}
	if err := u.client.MkdirAll(u.dir); err != nil {
		return u.judge("make the folder", err)
	}
	u.store.pulse.beat()
	return nil
}

// look tells whether the file is there.
func (u *upload) look() (bool, error) {
	fi, err := u.client.Lstat(u.final())
	u.store.pulse.beat()
	if errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err != nil {
		return false, u.judge("look for the file", err)
	}
	if !fi.Mode().IsRegular() {
		return false, &differs{"something of this name is there that is no regular file"}
	}
	return true, u.compare(u.final(), fi.Size())
}

// compare reads a file back.
func (u *upload) compare(name string, size int64) error {
	r, err := u.client.Open(name)
	if err != nil {
		return u.judge("read back what is there", err)
	}
	defer func() { _ = r.Close() }()
	return same(u.ctx, r, size, u.file, u.store.pulse)
}

// write sends the file under its temporary name and makes sure of it there.
func (u *upload) write() (err error) {
	from, err := openContent(u.ctx, u.store.disk, u.file, u.store.pulse, func() {})
	if err != nil {
		return err
	}
	defer from.close()
	// A new file and not the old one emptied: what a connection that was cut
	// still writes goes to the file that it had.
	if err := u.client.Remove(u.temporary()); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return u.judge("remove what an earlier attempt left", err)
	}
	to, err := u.client.OpenFile(u.temporary(), os.O_WRONLY|os.O_CREATE|os.O_EXCL)
	if err != nil {
		return u.judge("make a temporary file", err)
	}
	u.store.pulse.beat()
	defer func() {
		if err != nil {
			_ = u.client.Remove(u.temporary()) // else the next attempt does
		}
	}()
	_, err = to.ReadFrom(from)
	if err == nil {
		if _, offered := u.client.HasExtension("fsync@openssh.com"); offered {
			err = to.Sync()
		}
	}
	u.store.pulse.beat()
	if closing := to.Close(); err == nil {
		err = closing
	}
	if err != nil {
		return u.judge("write", err)
	}
	fi, err := u.client.Lstat(u.temporary())
	if err != nil {
		return u.judge("look at what was written", err)
	}
	var wrong *differs
	if err := u.compare(u.temporary(), fi.Size()); errors.As(err, &wrong) {
		return &fault{what: "what the server holds is not what was sent", remedy: "check the server's disk"} // it has no name yet: again
	} else if err != nil {
		return err
	}
	return nil
}

// name gives the file its name, where nobody has it: the plain rename of SFTP
// does not replace.
func (u *upload) name() error {
	err := u.client.Rename(u.temporary(), u.final())
	u.store.pulse.beat()
	if err == nil {
		return nil
	}
	there, lookErr := u.look()
	_ = u.client.Remove(u.temporary())
	if there || lookErr != nil {
		return lookErr // somebody else was quicker, or this is an answer that came late
	}
	return u.judge("give it its name", err)
}

// judge says what an answer of the server means. Of a disk that is full it
// says Failure and no more, so it is asked for its space.
func (u *upload) judge(doing string, err error) error {
	var known *fault
	if errors.As(err, &known) {
		return err
	}
	f := &fault{what: doing + " at the server", err: err}
	var status *sftp.StatusError
	switch {
	case errors.Is(err, fs.ErrNotExist):
		f.what, f.err, f.permanent = "there is no folder "+u.dir+" at the server", nil, true
		f.remedy = "make it there, or correct the name"
	case errors.Is(err, fs.ErrPermission):
		f.permanent, f.remedy = true, "let the user "+u.store.target.user+" read, write and rename in "+u.dir+" at the server"
	case errors.As(err, &status):
		f.remedy = "look at the server's log: it does not say more (disk, quota, rights)"
		if left, ok := u.spaceLeft(); ok && left < u.file.Size {
			f.what, f.permanent = fmt.Sprintf("%s: there is no space left at the server, which has %d bytes for a file of %d", f.what, left, u.file.Size), true
			f.remedy = "free some there, and export again"
		}
	}
	return f
}

// spaceLeft is what the server has left beside what this attempt has written.
func (u *upload) spaceLeft() (int64, bool) {
	if _, offered := u.client.HasExtension("statvfs@openssh.com"); !offered {
		return 0, false
	}
	vfs, err := u.client.StatVFS(u.dir)
	if err != nil {
		return 0, false
	}
	if vfs.Favail == 0 && vfs.Files > 0 {
		return 0, true // no more files
	}
	return int64(vfs.Bavail * vfs.Frsize), true
}
