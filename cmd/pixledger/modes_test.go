package main

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"pixledger/schemas/lake"
)

// Whatever the umask, what the program makes is its user's and group's alone:
// files 0640 and folders 0750. The warehouse is for analysts to read, and the key
// of hashed parameters for nobody else.
func TestModesWhateverTheUmask(t *testing.T) {
	for _, umask := range []string{"000", "077"} {
		t.Run(umask, func(t *testing.T) {
			t.Parallel()
			p := program{t: t, dir: t.TempDir()}
			if err := os.CopyFS(p.dir, os.DirFS(filepath.Join(repository, "sample-logs"))); err != nil {
				t.Fatal(err)
			}
			linkProgram(t, filepath.Join(p.dir, "bin"))
			config := filepath.Join(p.dir, "pixledger.yaml")
			b, err := os.ReadFile(config)
			if err != nil {
				t.Fatal(err)
			}
			write(t, config, string(b)+"\nprivacy: {params: {email: hash}}\nconsole: {listen: \"127.0.0.1:0\"}\n")
			sh := func(script string) {
				t.Helper()
				c := exec.Command("sh", "-e", "-c", "umask "+umask+"\n"+script)
				c.Dir = p.dir
				c.Env = append(os.Environ(), "PATH="+filepath.Join(p.dir, "bin")+":"+os.Getenv("PATH"))
				if out, err := c.CombinedOutput(); err != nil {
					t.Fatalf("%v\n%s", err, out)
				}
			}
			sh(`
now="--now 2026-11-16T12:00:00Z"
pixledger run $now 2>log &
until grep -q 'msg=started' log; do kill -0 $!; sleep 0.05; done
pixledger ingest $now
pixledger close $now --yes
pixledger export $now
pixledger warehouse $now
pixledger report revenue $now -o revenue.csv
kill $!
wait $!`)
			looked := 0
			see := func(path string, d fs.DirEntry, err error) error {
				if err != nil {
					return err
				}
				fi, err := d.Info()
				if err != nil {
					return err
				}
				looked++
				want := fs.FileMode(lake.FileMode)
				switch {
				case d.IsDir():
					want = lake.DirMode
				case d.Name() == "warehouse.duckdb":
					want = 0o444
				case d.Name() == "params.key":
					want = 0o600
				}
				if got := fi.Mode().Perm(); got != want {
					rel, _ := filepath.Rel(p.dir, path)
					t.Errorf("%s has mode %#o, want %#o", rel, got, want)
				}
				return nil
			}
			for _, root := range []string{"lake", "outbox", "revenue.csv"} {
				if err := filepath.WalkDir(filepath.Join(p.dir, root), see); err != nil {
					t.Fatal(err)
				}
			}
			if looked < 60 {
				t.Error(fmt.Sprint("only ", looked, " files and folders were looked at"))
			}
		})
	}
}
