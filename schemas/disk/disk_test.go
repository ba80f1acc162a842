package disk_test

import (
	"errors"
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"pixledger/schemas/disk"
	"pixledger/schemas/disk/disktest"
)

// What changes the lake, or a folder that exports are delivered to, goes through
// this package, or the tests of faults do not see it.
func TestNothingGoesAnotherWay(t *testing.T) {
	changing := []string{
		"Rename", "Remove", "RemoveAll", "Create", "CreateTemp", "OpenFile", "WriteFile", "Mkdir", "MkdirAll", "MkdirTemp",
		"Truncate", "Link", "Symlink", "Renameat2", "Renameat", "Unlink", "Ftruncate", "Fsync",
	}
	// Where the lake is not changed, or nothing is lost with what is written.
	excepted := []string{
		"../lake/locks.go os.WriteFile", "../lake/locks.go os.Truncate", // who holds a lock, for people
		"../../ingest/open.go os.OpenFile",       // a log, for reading
		"../../attribute/verify.go os.MkdirAll",  // temporary files
		"../../attribute/verify.go os.MkdirTemp", //
		"../../attribute/verify.go os.RemoveAll", //
	}
	seen := 0
	for _, dir := range []string{"../lake", "../../ingest", "../../ingest/segment", "../../attribute", "../../attribute/ledger", "../../report/deliver", "../../report/export", "../../report/publish", "../../report/warehouse", "../../ingest/collect"} {
		files, err := filepath.Glob(dir + "/*.go")
		if err != nil {
			t.Fatal(err)
		}
		for _, name := range files {
			if strings.HasSuffix(name, "_test.go") {
				continue
			}
			seen++
			f, err := parser.ParseFile(token.NewFileSet(), name, nil, 0)
			if err != nil {
				t.Fatal(err)
			}
			ast.Inspect(f, func(n ast.Node) bool {
				call, ok := n.(*ast.SelectorExpr)
				if !ok {
					return true
				}
				pkg, ok := call.X.(*ast.Ident)
				if !ok || pkg.Name != "os" && pkg.Name != "unix" && pkg.Name != "syscall" || !slices.Contains(changing, call.Sel.Name) {
					return true
				}
				if what := filepath.ToSlash(name) + " " + pkg.Name + "." + call.Sel.Name; !slices.Contains(excepted, what) {
					t.Errorf("%s: use schemas/disk", what)
				}
				return true
			})
		}
	}
	if seen < 20 {
		t.Errorf("only %d files were looked at", seen)
	}
}

// A file that is published is there whole with its new content, or as it was.
func TestPublishIsAllOrNothing(t *testing.T) {
	for failAt := 1; ; failAt++ {
		root := t.TempDir()
		m := disktest.New(root)
		p := filepath.Join(root, "note")
		if err := m.Disk().Publish(p, 0o640, []byte("old")); err != nil {
			t.Fatal(err)
		}
		before := m.Count()
		m.Refuse(func(n int, _ disk.Op) error {
			if n-before == failAt {
				return syscall.EIO
			}
			return nil
		})
		err := m.Disk().Publish(p, 0o640, []byte("new"))
		b, rerr := os.ReadFile(p)
		if rerr != nil {
			t.Fatal(rerr)
		}
		entries, rerr := os.ReadDir(root)
		if rerr != nil || len(entries) != 1 {
			t.Errorf("operation %d: left %v, %v", failAt, entries, rerr)
		}
		if err == nil {
			if string(b) != "new" || failAt < 6 {
				t.Errorf("no operation %d; holds %q", failAt, b)
			}
			return
		}
		if got := string(b); got != "old" && got != "new" || !errors.Is(err, syscall.EIO) {
			t.Errorf("operation %d: holds %q, %v", failAt, got, err)
		}
	}
}
