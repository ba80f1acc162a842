//go:build testall

package packaging

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
)

const repository = "../../.."

func TestMain(m *testing.M) {
	code := m.Run()
	_ = os.RemoveAll(made)
	os.Exit(code)
}

// dist is what .ci/dist makes, once for all tests, in the folder made.
var (
	made string
	dist = sync.OnceValues(func() (string, error) {
		var err error
		made, err = makeDist()
		return made, err
	})
)

func makeDist() (string, error) {
	dir, err := os.MkdirTemp("", "pixledger-dist-")
	if err != nil {
		return "", err
	}
	c := exec.Command(filepath.Join(repository, ".ci", "dist"), dir)
	if out, err := c.CombinedOutput(); err != nil {
		return dir, fmt.Errorf("%w\n%s", err, out)
	}
	return dir, nil
}

// only gives the one file that a pattern names in what was made.
func only(t *testing.T, pattern string) string {
	t.Helper()
	dir, err := dist()
	if err != nil {
		t.Fatal(err)
	}
	found, err := filepath.Glob(filepath.Join(dir, pattern))
	if err != nil || len(found) != 1 {
		t.Fatalf("%s: %v %v", pattern, found, err)
	}
	return found[0]
}

// The same sources give the same bytes, whenever and wherever they are built.
func TestPackageReproducible(t *testing.T) {
	want, err := os.ReadFile(only(t, "SHA256SUMS"))
	if err != nil {
		t.Fatal(err)
	}
	again, err := makeDist()
	t.Cleanup(func() { _ = os.RemoveAll(again) })
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(filepath.Join(again, "SHA256SUMS"))
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("built twice:\n%s%s", want, got)
	}
}

// Debian's checker has nothing to say but what is overridden with a reason; and
// the manual pages are in order for mandoc.
func TestPackageLint(t *testing.T) {
	deb := only(t, "*.deb")
	if out, err := exec.Command("lintian", "--allow-root", "--fail-on", "error,warning", deb).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("lintian: %v\n%s", err, out)
	}
	dir := t.TempDir()
	mustRun(t, "tar", "-C", dir, "--strip-components=1", "-xpf", only(t, "*.tar.gz"))
	pages, err := filepath.Glob(filepath.Join(dir, "share/man/man*/*"))
	if err != nil || len(pages) < 40 {
		t.Fatalf("%d manual pages, %v", len(pages), err)
	}
	if out, err := exec.Command("mandoc", append([]string{"-T", "lint", "-W", "warning"}, pages...)...).CombinedOutput(); err != nil {
		t.Errorf("mandoc: %v\n%s", err, out)
	}
}

// The tarball has what belongs to an installation, and what docs/install.md says
// to type makes one of it, whose service runs.
func TestPackageTarball(t *testing.T) {
	tarball := only(t, "*.tar.gz")
	version := strings.Split(filepath.Base(tarball), "_")[1]
	dir := t.TempDir()
	mustRun(t, "tar", "-C", dir, "--strip-components=1", "-xpf", tarball)
	if got := mustRun(t, filepath.Join(dir, "bin", "pixledger"), "--version"); !strings.HasPrefix(got, "pixledger "+version+" (revision ") {
		t.Errorf("--version says %q, want %q", got, version)
	}
	for _, name := range []string{
		"LICENSE", "README.md", "CHANGELOG.md", "third-party-licenses", "docs/install.md", "etc/pixledger/pixledger.yaml", "etc/pixledger/catalog.yaml",
		"etc/logrotate.d/pixledger", "lib/systemd/system/pixledger.service", "bin/pixledger-snapshot",
		"share/man/man1/pixledger-report.1", "share/man/man5/pixledger.yaml.5", "share/zsh/site-functions/_pixledger",
	} {
		if fi, err := os.Stat(filepath.Join(dir, name)); err != nil || fi.Size() == 0 {
			t.Errorf("%s: %v", name, err)
		}
	}

	m := newMachine(t)
	m.boot()
	mustRun(t, "cp", tarball, filepath.Join(m.root, "root"))
	m.sh("cd /root\n" + strings.ReplaceAll(documented(t, "## The tarball"), "1.2.0", version))
	m.run("systemctl", "is-active", "pixledger")
	if out := m.run("systemd-analyze", "verify", "pixledger.service"); strings.Contains(out, "pixledger") {
		t.Errorf("systemd-analyze verify: %s", out)
	}
	if out := m.run("systemctl", "show", "--property=FragmentPath", "pixledger") + m.run("man", "--where", "pixledger-report"); strings.Count(out, "/usr/local/") != 2 {
		t.Errorf("unit and manual page are %s", out)
	}
	m.until("the daemon to follow its log", func() bool {
		s, err := m.status()
		return err == nil && s.Daemon != nil && len(s.Warnings) == 0
	})
}

// documented gives the first command lines that a section of docs/install.md shows.
func documented(t *testing.T, section string) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(repository, "docs", "install.md"))
	if err != nil {
		t.Fatal(err)
	}
	_, rest, ok := strings.Cut(string(text), section+"\n")
	_, rest, is := strings.Cut(rest, "\n\n    ")
	if !ok || !is {
		t.Fatalf("docs/install.md shows nothing to type below %q", section)
	}
	block, _, _ := strings.Cut(rest, "\n\n")
	return block
}

// kept is what a purge leaves: the folders of the ledger and of the edge's log,
// and the user that they belong to.
var kept = []string{"/var/lib/pixledger", "/var/log/pixledger"}

// newcomers are the files of after that are not in before, without what is below
// those kept.
func newcomers(before, after []string) []string {
	return slices.DeleteFunc(slices.Clone(after), func(f string) bool {
		return slices.Contains(before, f) || slices.ContainsFunc(kept, func(k string) bool { return strings.HasPrefix(f, k+"/") })
	})
}

// In a root where no systemd runs, as an image is made, the package installs,
// starts nothing, and goes without a trace but its user.
func TestPackageWithoutSystemd(t *testing.T) {
	m := newMachine(t)
	before := m.files()
	m.install(only(t, "*.deb"))
	if got := m.sh("stat -c '%n %U:%G %a' /etc/pixledger/* /var/lib/pixledger /var/log/pixledger /var/log/pixledger/*; id -Gn pixledger"); got != `/etc/pixledger/catalog.yaml root:root 644
/etc/pixledger/pixledger.yaml root:root 644
/var/lib/pixledger pixledger:pixledger 750
/var/log/pixledger root:adm 755
/var/log/pixledger/error.log www-data:adm 640
/var/log/pixledger/pixel.log www-data:adm 640
pixledger adm
` {
		t.Errorf("it has:\n%s", got)
	}
	if got := m.pixledger("catalog check"); got != "/etc/pixledger/catalog.yaml: valid: 1 advertiser, 1 pixel, 1 line item, 2 trackers\n" {
		t.Error(got)
	}
	m.run("apt-get", "remove", "-y", "pixledger")
	if got := newcomers(before, m.files()); !slices.Equal(got, []string{
		"/etc/logrotate.d/pixledger", "/etc/pixledger", "/etc/pixledger/catalog.yaml", "/etc/pixledger/pixledger.yaml",
		"/etc/systemd/system/multi-user.target.wants/pixledger.service",
		"/var/lib/pixledger", "/var/lib/systemd/deb-systemd-helper-enabled/multi-user.target.wants/pixledger.service",
		"/var/lib/systemd/deb-systemd-helper-enabled/pixledger.service.dsh-also", "/var/log/pixledger",
	}) {
		t.Errorf("removed, it leaves %q", got)
	}
	m.run("apt-get", "purge", "-y", "pixledger")
	if got := newcomers(before, m.files()); len(got) > 0 {
		t.Errorf("purged, it leaves %q", got)
	}
}
