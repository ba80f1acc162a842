package deliver

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"os"
	"path/filepath"
	"slices"

	"golang.org/x/crypto/ssh"
	"golang.org/x/crypto/ssh/agent"
	"golang.org/x/crypto/ssh/knownhosts"
)

// passphraseVariable names the passphrase of an encrypted key file.
const passphraseVariable = "PIXLEDGER_SFTP_PASSPHRASE"

// knownHosts is what is known of servers' keys. There is no way around it.
type knownHosts struct {
	file     string
	callback ssh.HostKeyCallback
}

func readKnownHosts(t Target) (*knownHosts, error) {
	file := t.value("known_hosts")
	if file == "" {
		home, err := os.UserHomeDir()
		if err != nil {
			return nil, &fault{what: "there is no home folder with .ssh/known_hosts", permanent: true, remedy: "name the file with known_hosts=FILE"}
		}
		file = filepath.Join(home, ".ssh", "known_hosts")
	}
	remedy := "write the server's key into " + file + " (known_hosts=FILE names another), for example from: ssh-keyscan -p " + t.port + " " + t.host + ", after comparing it with what the server's operator says"
	callback, err := knownhosts.New(file)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, &fault{what: "there is no file " + file + " with the keys of known hosts", permanent: true, remedy: remedy}
	}
	if err != nil {
		return nil, &fault{what: "read the keys of known hosts", err: err, permanent: true, remedy: remedy}
	}
	return &knownHosts{file, callback}, nil
}

// check judges a server's key, and says what to do where it is not the one
// that is known.
func (k *knownHosts) check(address string, remote net.Addr, key ssh.PublicKey) error {
	err := k.callback(address, remote, key)
	print := key.Type() + " " + ssh.FingerprintSHA256(key)
	var differs *knownhosts.KeyError
	var revoked *knownhosts.RevokedError
	switch {
	case err == nil:
		return nil
	case errors.As(err, &revoked):
		return &fault{what: fmt.Sprintf("the key of %s (%s) is revoked in %s line %d", address, print, revoked.Revoked.Filename, revoked.Revoked.Line), permanent: true,
			remedy: "have the server given a new key"}
	case errors.As(err, &differs) && len(differs.Want) > 0:
		return &fault{what: fmt.Sprintf("the host key of %s has changed: it shows %s, and %s line %d has another", address, print, differs.Want[0].Filename, differs.Want[0].Line), permanent: true,
			remedy: "somebody may stand between: ask the server's operator for its fingerprint before the line is replaced"}
	case errors.As(err, &differs):
		return &fault{what: fmt.Sprintf("the host key of %s is not known: it shows %s, and %s has none for it", address, print, k.file), permanent: true,
			remedy: "compare this fingerprint with what the server's operator says, and write the key into the file (ssh-keyscan prints it)"}
	}
	return &fault{what: "check the host key of " + address, err: err, permanent: true, remedy: "correct " + k.file}
}

// algorithms are those of the keys that are known of a server. Without them
// another key of the same server may be asked for, which would look like one
// that has changed.
func (k *knownHosts) algorithms(address string) []string {
	var known *knownhosts.KeyError
	if err := k.callback(address, &net.TCPAddr{IP: net.IPv4zero}, noKey{}); !errors.As(err, &known) {
		return nil
	}
	var out []string
	for _, want := range known.Want {
		names := []string{want.Key.Type()}
		if want.Key.Type() == ssh.KeyAlgoRSA {
			names = []string{ssh.KeyAlgoRSASHA512, ssh.KeyAlgoRSASHA256}
		}
		for _, name := range names {
			if !slices.Contains(out, name) {
				out = append(out, name)
			}
		}
	}
	return out
}

// noKey is a key that no file has.
type noKey struct{}

func (noKey) Type() string                        { return "none" }
func (noKey) Marshal() []byte                     { return []byte("none") }
func (noKey) Verify([]byte, *ssh.Signature) error { return errors.New("no key") }

// login is how a user shows who he is: a key file, or else an agent.
type login struct {
	keyFile string
	signer  ssh.Signer
	socket  string
}

func (l *login) String() string {
	if l.signer != nil {
		return "the key of " + l.keyFile
	}
	return "the keys of the SSH agent"
}

func findLogin(t Target) (*login, error) {
	file := t.value("key")
	if file == "" {
		socket := os.Getenv("SSH_AUTH_SOCK")
		if socket == "" {
			return nil, &fault{what: "there is neither a key nor an SSH agent", permanent: true, remedy: "name a private key with key=FILE, or start an agent (SSH_AUTH_SOCK)"}
		}
		return &login{socket: socket}, nil
	}
	wrong := func(what string, err error, remedy string) (*login, error) {
		return nil, &fault{what: what, err: err, permanent: true, remedy: remedy}
	}
	b, err := os.ReadFile(file)
	if err != nil {
		return wrong("read the private key", err, "name a file that this user can read with key=FILE")
	}
	signer, err := ssh.ParsePrivateKey(b)
	var encrypted *ssh.PassphraseMissingError
	if errors.As(err, &encrypted) {
		passphrase := os.Getenv(passphraseVariable)
		if passphrase == "" {
			return wrong("the private key "+file+" has a passphrase", nil, "give it in the environment as "+passphraseVariable+", or use an SSH agent")
		}
		if signer, err = ssh.ParsePrivateKeyWithPassphrase(b, []byte(passphrase)); err != nil {
			return wrong("the passphrase in "+passphraseVariable+" does not fit the private key "+file, nil, "correct it")
		}
	}
	if err != nil {
		return wrong("the file "+file+" is no private key", nil, "name one in the form of OpenSSH or PEM with key=FILE")
	}
	return &login{keyFile: file, signer: signer}, nil
}

// methods gives the ways to log in, and the connection to an agent.
func (l *login) methods(ctx context.Context) ([]ssh.AuthMethod, io.Closer, error) {
	if l.signer != nil {
		return []ssh.AuthMethod{ssh.PublicKeys(l.signer)}, nil, nil
	}
	var d net.Dialer
	conn, err := d.DialContext(ctx, "unix", l.socket)
	if err != nil {
		return nil, nil, &fault{what: "speak to the SSH agent", err: err, permanent: true, remedy: "start one, or name a private key with key=FILE"}
	}
	return []ssh.AuthMethod{ssh.PublicKeysCallback(agent.NewClient(conn).Signers)}, conn, nil
}
