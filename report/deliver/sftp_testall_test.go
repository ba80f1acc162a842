//go:build testall

package deliver

import (
	"crypto/ed25519"
	"crypto/rand"
	"encoding/pem"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/knownhosts"
	"golang.org/x/sys/unix"
)

const passphrase = "correct-horse-battery-staple"

// sshServer is a real sshd that lets one key in.
type sshServer struct {
	address, user, dir string
	host               ssh.PublicKey
	key, encrypted     string // files
}

// newKey makes a private key's file and gives the public key.
func newKey(t *testing.T, file, phrase string) ssh.PublicKey {
	t.Helper()
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return saveKey(t, file, phrase, public, private)
}

func saveKey(t *testing.T, file, phrase string, public ed25519.PublicKey, private ed25519.PrivateKey) ssh.PublicKey {
	t.Helper()
	block, err := ssh.MarshalPrivateKey(private, "")
	if phrase != "" {
		block, err = ssh.MarshalPrivateKeyWithPassphrase(private, "", []byte(phrase))
	}
	if err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(file, pem.EncodeToMemory(block), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := ssh.NewPublicKey(public)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

func newSSHServer(t *testing.T) *sshServer {
	t.Helper()
	sshd, err := exec.LookPath("sshd")
	if err != nil {
		sshd = "/usr/sbin/sshd"
	}
	if _, err := os.Stat(sshd); err != nil {
		t.Fatalf("%v\ninstall it with: .ci/tools-all", err)
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	if me.Uid == "0" {
		if err := os.MkdirAll("/run/sshd", 0o755); err != nil { // sshd wants it, and the service makes it
			t.Fatal(err)
		}
	}
	dir, port := t.TempDir(), freePort(t)
	s := &sshServer{address: "127.0.0.1:" + port, user: me.Username, dir: filepath.Join(dir, "in"),
		key: filepath.Join(dir, "id"), encrypted: filepath.Join(dir, "id_encrypted")}
	s.host = newKey(t, filepath.Join(dir, "host"), "")
	// A second key, of the sort that a client prefers: what is known is the other.
	if out, err := exec.Command("ssh-keygen", "-q", "-t", "ecdsa", "-N", "", "-f", filepath.Join(dir, "host_ecdsa")).CombinedOutput(); err != nil {
		t.Fatalf("%v %s", err, out)
	}
	public, private, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	login := saveKey(t, s.key, "", public, private)
	saveKey(t, s.encrypted, passphrase, public, private)
	config := filepath.Join(dir, "sshd_config")
	lines := []string{
		"ListenAddress " + s.address, "HostKey " + filepath.Join(dir, "host_ecdsa"), "HostKey " + filepath.Join(dir, "host"),
		"AuthorizedKeysFile " + filepath.Join(dir, "authorized"), "StrictModes no", "UsePAM no", "PasswordAuthentication no",
		"PermitRootLogin yes", "Subsystem sftp internal-sftp", "PidFile none", "MaxStartups 100",
	}
	write := func(file, text string) {
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	write(filepath.Join(dir, "authorized"), string(ssh.MarshalAuthorizedKey(login)))
	// Newer servers make who fails wait.
	write(config, strings.Join(append(lines, "PerSourcePenalties no"), "\n")+"\n")
	if exec.Command(sshd, "-t", "-f", config).Run() != nil {
		write(config, strings.Join(lines, "\n")+"\n")
	}
	if err := os.Mkdir(s.dir, 0o750); err != nil {
		t.Fatal(err)
	}
	serve(t, s.address, nil, sshd, "-D", "-e", "-f", config)
	return s
}

// knows writes a file of known hosts.
func knows(t *testing.T, address string, key ssh.PublicKey) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "known_hosts")
	if err := os.WriteFile(file, []byte(knownhosts.Line([]string{knownhosts.Normalize(address)}, key)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

func (s *sshServer) spec(address, folder, more string) string {
	return fmt.Sprintf("sftp://%s@%s%s?%s", s.user, address, folder, more)
}

func TestRealSFTP(t *testing.T) {
	t.Setenv(passphraseVariable, passphrase)
	s := newSSHServer(t)
	secret, err := os.ReadFile(s.key)
	if err != nil {
		t.Fatal(err)
	}
	deliversWell(t, &place{
		address: s.address,
		spec: func(address, folder string) string {
			if err := os.MkdirAll(filepath.Join(s.dir, folder), 0o750); err != nil {
				t.Fatal(err)
			}
			return s.spec(address, filepath.Join(s.dir, folder), "key="+s.encrypted+"&known_hosts="+knows(t, address, s.host))
		},
		held: func(folder string) map[string]string { return filesIn(t, filepath.Join(s.dir, folder)) },
		put: func(folder, name, content string) {
			if err := os.MkdirAll(filepath.Join(s.dir, folder), 0o750); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(s.dir, folder, name), []byte(content), 0o640); err != nil {
				t.Fatal(err)
			}
		},
		secrets: []string{passphrase, strings.Split(string(secret), "\n")[2]},
	})
	files := day(t)
	if err := opened(t, s.spec(s.address, s.dir, "key="+s.key+"&known_hosts="+knows(t, s.address, s.host)), quick(&said{})).Put(t.Context(), "2026/11", files); err != nil {
		t.Fatal(err)
	}
	onlyThese(t, filepath.Join(s.dir, "2026/11"), files)
}

// Who is there is always checked, and who comes too.
func TestRealSFTPTrust(t *testing.T) {
	s := newSSHServer(t)
	told := &said{}
	known := knows(t, s.address, s.host)
	refusedBy := func(name, more, want string) {
		t.Run(name, func(t *testing.T) {
			refused(t, told, s.spec(s.address, s.dir, more), want)
			if got := filesIn(t, s.dir); len(got) > 0 {
				t.Errorf("%d files are there", len(got))
			}
		})
	}
	stranger := filepath.Join(t.TempDir(), "id")
	other := newKey(t, stranger, "")
	print := ssh.FingerprintSHA256(s.host)
	refusedBy("wrong host key", "key="+s.key+"&known_hosts="+knows(t, s.address, other), "has changed: it shows ssh-ed25519 "+print)
	refusedBy("unknown host", "key="+s.key+"&known_hosts="+knows(t, "example.com:22", s.host), "is not known: it shows ")
	refusedBy("no known hosts", "key="+s.key+"&known_hosts="+filepath.Join(t.TempDir(), "none"), "with the keys of known hosts")
	revoked := filepath.Join(t.TempDir(), "revoked")
	if err := os.WriteFile(revoked, []byte("@revoked "+knownhosts.Line([]string{"*"}, s.host)+"\n"+knownhosts.Line([]string{knownhosts.Normalize(s.address)}, s.host)+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	refusedBy("revoked host key", "key="+s.key+"&known_hosts="+revoked, "is revoked")
	refusedBy("wrong key", "key="+stranger+"&known_hosts="+known, "refuses the key of "+stranger)
	refusedBy("no key file", "key="+stranger+"x&known_hosts="+known, "read the private key")
	refusedBy("no key in it", "key="+known+"&known_hosts="+known, "is no private key")
	t.Setenv(passphraseVariable, "")
	refusedBy("no passphrase", "key="+s.encrypted+"&known_hosts="+known, "give it in the environment as PIXLEDGER_SFTP_PASSPHRASE")
	t.Setenv(passphraseVariable, "wrong-"+passphrase)
	refusedBy("wrong passphrase", "key="+s.encrypted+"&known_hosts="+known, "does not fit the private key")
	t.Setenv("SSH_AUTH_SOCK", "")
	refusedBy("nothing to show", "known_hosts="+known, "neither a key nor an SSH agent")
	t.Setenv("SSH_AUTH_SOCK", filepath.Join(t.TempDir(), "none"))
	refusedBy("no agent", "known_hosts="+known, "speak to the SSH agent")
	t.Run("no folder", func(t *testing.T) {
		refused(t, told, s.spec(s.address, s.dir+"/none", "key="+s.key+"&known_hosts="+known), "there is no folder "+s.dir+"/none at the server")
	})
	told.search(t, []string{passphrase})

	t.Run("agent", func(t *testing.T) {
		dir, err := os.MkdirTemp("", "agent") // a socket's name is short
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = os.RemoveAll(dir) })
		socket := filepath.Join(dir, "s")
		agent := exec.Command("ssh-agent", "-D", "-a", socket)
		if err := agent.Start(); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = agent.Process.Kill(); _ = agent.Wait() })
		until(t, "the agent listens", func() bool {
			c, err := net.Dial("unix", socket)
			if err == nil {
				_ = c.Close()
			}
			return err == nil
		})
		t.Setenv("SSH_AUTH_SOCK", socket)
		refused(t, told, s.spec(s.address, s.dir, "known_hosts="+known), "refuses the keys of the SSH agent")
		if out, err := exec.Command("ssh-add", "-q", s.key).CombinedOutput(); err != nil {
			t.Fatalf("%v %s", err, out)
		}
		// And with the file of known hosts that everybody has.
		home := t.TempDir()
		t.Setenv("HOME", home)
		if err := os.Mkdir(filepath.Join(home, ".ssh"), 0o700); err != nil {
			t.Fatal(err)
		}
		b, err := os.ReadFile(known)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(filepath.Join(home, ".ssh", "known_hosts"), b, 0o600); err != nil {
			t.Fatal(err)
		}
		files := day(t)
		if err := opened(t, s.spec(s.address, s.dir, ""), quick(told)).Put(t.Context(), "", files); err != nil {
			t.Fatal(err)
		}
		onlyThese(t, s.dir, files)
	})
}

// small is a folder on a file system of its own.
func small(t *testing.T, size string) string {
	t.Helper()
	dir := t.TempDir()
	if err := unix.Mount("tmpfs", dir, "tmpfs", 0, "size="+size); err != nil {
		t.Fatalf("mount a small tmpfs: %v\nthis test needs to run as root, with the right to mount (CAP_SYS_ADMIN)", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Error(err)
		}
	})
	return dir
}

// A full disk is named, leaves nothing half, and is no trouble afterwards.
func TestRealFullDisk(t *testing.T) {
	s := newSSHServer(t)
	for name, spec := range map[string]func(dir string) string{
		"file": func(dir string) string { return "file:" + dir },
		"sftp": func(dir string) string {
			return s.spec(s.address, dir, "key="+s.key+"&known_hosts="+knows(t, s.address, s.host))
		},
	} {
		t.Run(name, func(t *testing.T) {
			dir, files := small(t, "1200k"), day(t)
			ballast := filepath.Join(dir, "ballast")
			if err := os.WriteFile(ballast, make([]byte, 600<<10), 0o600); err != nil {
				t.Fatal(err)
			}
			d := opened(t, spec(dir), quick(&said{}))
			err := d.Put(t.Context(), "", files)
			var e *Error
			if !errors.As(err, &e) || e.Attempts != 1 || !strings.Contains(err.Error(), "no space left") || !strings.Contains(err.Error(), "free some") {
				t.Errorf("got %v", err)
			}
			if list, err := os.ReadDir(dir); err != nil || len(list) != 1 {
				t.Errorf("there are %v, %v", list, err)
			}
			if err := os.Remove(ballast); err != nil {
				t.Fatal(err)
			}
			if err := d.Put(t.Context(), "", files); err != nil {
				t.Fatal(err)
			}
			onlyThese(t, dir, files)
		})
	}
}
