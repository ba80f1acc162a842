//go:build testall

package packaging

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

// The package on a Debian that runs: systemd is its first process, nginx writes
// the log, logrotate rotates it. The service starts without a log, waits for it,
// reads it; is killed, reloaded, rotated under, exchanged by a newer one and back, removed
// and installed again, and every request that nginx has answered is in the lake
// once. The purge leaves the lake.
func TestPackageService(t *testing.T) {
	m := newMachine(t)
	m.boot()
	before := m.files()
	deb := only(t, "*.deb")
	m.install(deb)

	t.Log(m.run("dpkg", "-L", "pixledger"))
	if out := m.run("systemd-analyze", "verify", "pixledger.service"); strings.Contains(out, "pixledger") {
		t.Errorf("systemd-analyze verify: %s", out)
	}
	if got := m.run("systemctl", "is-enabled", "pixledger") + m.run("systemctl", "is-active", "pixledger"); got != "enabled\nactive\n" {
		t.Errorf("after the installation the service is %q", got)
	}
	m.until("the daemon to follow a log without a line", func() bool {
		s, err := m.status()
		return err == nil && s.Daemon != nil && len(s.Warnings) == 0
	})
	m.sh("mv /var/log/pixledger/pixel.log /root/ && systemctl restart pixledger && systemctl is-active pixledger")
	m.until("the daemon to wait for its log", func() bool {
		s, err := m.status()
		return err == nil && s.Daemon != nil && len(s.Warnings) == 1 && strings.Contains(s.Warnings[0].What, "its log is not there")
	})
	m.sh("mv /root/pixel.log /var/log/pixledger/")
	m.run("pixledger", "status", "--healthz", "-c", "/etc/pixledger/pixledger.yaml")
	m.completes()
	m.documented()

	// The edge, by its own configuration.
	m.sh("cd /etc/pixledger && pixledger edge nginx -o /etc/nginx/nginx.conf && nginx -t && systemctl restart nginx")
	m.ask(100)
	m.counted()
	for line := range strings.Lines(m.pixledger("doctor --format csv")) {
		if strings.Contains(line, ",problem,") || strings.HasPrefix(line, "logrotate edge-1,") != strings.Contains(line, "is rotated as it should be") ||
			strings.HasPrefix(line, "nginx") && !strings.Contains(line, ",ok,") {
			t.Errorf("doctor: %s", line)
		}
	}

	// The operator's own words, and a job in the service's confinement.
	m.sh(`sed -i 's/^#schedule:/schedule: {attribute: "* * * * *"}/' /etc/pixledger/pixledger.yaml && systemctl reload pixledger`)
	m.sh("sed -i 's/name: Running shoes/name: Shoes of ours/' /etc/pixledger/catalog.yaml")
	pid := m.pid()

	m.askDuring(1000, func() { m.run("kill", "-9", pid) })
	m.until("systemd to start the daemon again", func() bool { p := m.pid(); return p != pid && p != "0" })
	m.counted()

	// Twice, so that a file is compressed; the daemon reads on in what is renamed.
	for range 2 {
		m.askDuring(1000, func() { m.run("logrotate", "--force", "/etc/logrotate.d/pixledger") })
	}
	m.counted()
	if got := m.sh("stat -c '%n %U:%G %a' /var/log/pixledger/pixel.log*"); got != `/var/log/pixledger/pixel.log www-data:adm 640
/var/log/pixledger/pixel.log.1 www-data:adm 640
/var/log/pixledger/pixel.log.2.gz www-data:adm 640
` {
		t.Errorf("rotated: %s", got)
	}

	if out, err := m.try("bash", "-c", "echo adjust_dayz: 4 >>/etc/pixledger/pixledger.yaml; systemctl reload pixledger"); err == nil {
		t.Errorf("a reload with a mistake in the configuration: %s", out)
	}
	m.sh("sed -i /adjust_dayz/d /etc/pixledger/pixledger.yaml && systemctl reload pixledger")
	m.until("the job", func() bool {
		s, err := m.status()
		return err == nil && len(s.Jobs) > 0 && s.Jobs[0].Name == "attribute" && s.Jobs[0].LastSuccess != nil && s.Jobs[0].Error == ""
	})

	// A newer package, whose files in /etc have changed as the operator's have.
	newer := repacked(t, deb)
	pid = m.pid()
	m.askDuring(1000, func() { m.install(newer) })
	if got := m.run("systemctl", "is-active", "pixledger"); m.pid() == pid || got != "active\n" {
		t.Errorf("after the upgrade the service is %q", got)
	}
	m.counted()
	if got := m.sh("grep -c 'attribute: .\\* \\* \\* \\* \\*' /etc/pixledger/pixledger.yaml; grep -c 'Shoes of ours' /etc/pixledger/catalog.yaml; ls /etc/pixledger"); got != "1\n1\ncatalog.yaml\npixledger.yaml\npixledger.yaml.dpkg-dist\n" {
		t.Errorf("after the upgrade: %s", got)
	}

	// And back.
	m.askDuring(1000, func() { m.install(deb) })
	m.counted()

	// Removed: what was gathered and set stays, and goes on when it is back.
	m.run("apt-get", "remove", "-y", "pixledger")
	if out, _ := m.try("systemctl", "is-active", "pixledger"); out != "inactive\n" {
		t.Errorf("removed, the service is %q", out)
	}
	m.ask(100)
	m.install(newer)
	m.counted()

	m.run("systemctl", "stop", "nginx")
	lake := m.sh("find /var/lib/pixledger/lake/events -type f -exec sha256sum {} + | sort")
	out := m.run("apt-get", "purge", "-y", "pixledger")
	for _, k := range kept {
		if !strings.Contains(out, "pixledger: "+k+" is kept") {
			t.Errorf("the purge does not say that %s is kept: %s", k, out)
		}
	}
	if got := newcomers(before, m.files()); !slices.Equal(got, kept) {
		t.Errorf("purged, it leaves %q", got)
	}
	if m.sh("find /var/lib/pixledger/lake/events -type f -exec sha256sum {} + | sort") != lake {
		t.Error("the purge has changed the lake")
	}
	if out, err := m.try("sh", "-c", "systemctl cat pixledger; ls /run/systemd/system/pixledger*; pgrep -a pixledger"); err == nil {
		t.Errorf("purged, systemd still has: %s", out)
	}
}

// completes looks that each shell finds its completions, and asks for them.
func (m *machine) completes() {
	m.t.Helper()
	for _, c := range []struct{ script, want string }{
		{`bash -c '. /usr/share/bash-completion/bash_completion; _completion_loader pixledger; complete -p pixledger'`, "complete -o default -F __start_pixledger pixledger\n"},
		{`zsh -c 'autoload -Uz compinit; compinit -u -D; echo $_comps[pixledger]'`, "_pixledger\n"},
		{`fish -c 'complete -C "pixledger veri"'`, "verify\tCheck every file, the account of lines, and the decisions\n"},
	} {
		if got := m.sh("export HOME=/tmp; " + c.script); got != c.want {
			m.t.Errorf("%s: %q, want %q", c.script, got, c.want)
		}
	}
}

// documented looks that man shows every page without a warning.
func (m *machine) documented() {
	m.t.Helper()
	if got := m.sh(`for page in $(dpkg -L pixledger | grep '/man[15]/.*gz$'); do man --warnings -E UTF-8 -l -Tutf8 -Z "$page" 2>&1 >/dev/null | sed "s|^|$page: |"; done; man -P cat pixledger-close | grep -c accept-gap`); got != "2\n" && got != "1\n" {
		m.t.Errorf("man: %s", got)
	}
}

// repacked is the package as a later version, with another configuration.
func repacked(t *testing.T, deb string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "pixledger")
	mustRun(t, "dpkg-deb", "--raw-extract", deb, dir)
	mustRun(t, "sed", "-i", `s/^Version: .*/&+later/`, filepath.Join(dir, "DEBIAN", "control"))
	config := filepath.Join(dir, "etc", "pixledger", "pixledger.yaml")
	b, err := os.ReadFile(config)
	if err == nil {
		err = os.WriteFile(config, append(b, "\n# More to set.\n"...), 0o644)
	}
	if err != nil {
		t.Fatal(err)
	}
	out := dir + ".deb"
	mustRun(t, "dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", dir, out)
	return out
}
