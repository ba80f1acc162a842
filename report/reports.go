package report

import (
	"context"
	"embed"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"sync"

	"pixledger/schemas/yamlfile"
)

//go:embed sql/*.sql
var reportFiles embed.FS

// Reports are the reports that can be asked for: the built-in ones, and users'
// own.
type Reports struct {
	list map[string]*Definition
	// Mistakes are what is wrong with users' files, whose reports are left out.
	Mistakes yamlfile.Mistakes
	// bad are the mistakes of a report, by its name or its file's.
	bad map[string]yamlfile.Mistakes
}

var builtIn = sync.OnceValues(func() (*Reports, error) {
	files, err := fs.Glob(reportFiles, "sql/*.sql")
	if err != nil {
		return nil, err
	}
	out := &Reports{list: make(map[string]*Definition, len(files))}
	for _, f := range files {
		b, err := reportFiles.ReadFile(f)
		if err != nil {
			return nil, err
		}
		d, mistakes := parseDefinition(f, string(b), false)
		if len(mistakes) > 0 {
			return nil, mistakes
		}
		if d.Name+".sql" != path.Base(f) {
			return nil, fmt.Errorf("%s: holds the report %s", f, d.Name)
		}
		out.list[d.Name] = d
	}
	return out, nil
})

// BuiltIn gives the built-in reports alone.
func BuiltIn() *Reports {
	r, err := builtIn()
	if err != nil {
		panic("report: " + err.Error()) // the files are embedded: a test loads them
	}
	return r
}

// Load gives the built-in reports and those of users' own that stand in a
// folder, which need not be there; "" is none. A file with mistakes takes no
// other report away: see Mistakes.
func Load(ctx context.Context, folder string) (*Reports, error) {
	r := &Reports{list: maps.Clone(BuiltIn().list), bad: map[string]yamlfile.Mistakes{}}
	if folder == "" {
		return r, nil
	}
	if err := r.addOwn(ctx, folder); err != nil {
		return nil, fmt.Errorf("read your own reports: %w", err)
	}
	return r, nil
}

// Names lists the reports in order.
func (r *Reports) Names() []string { return slices.Sorted(maps.Keys(r.list)) }

// Describe gives a report's definition; a *UsageError where there is none, and
// yamlfile.Mistakes where there would be one without them.
func (r *Reports) Describe(name string) (*Definition, error) {
	if d := r.list[name]; d != nil {
		return d, nil
	}
	if mistakes := r.bad[name]; len(mistakes) > 0 {
		return nil, mistakes
	}
	return nil, usage(words(r.Names()), "there is no report %q", name)
}

// Check judges a report's name and parameters without a lake. What it refuses
// is a *UsageError.
func (r *Reports) Check(name string, p Params) error {
	_, err := r.plan(name, &p)
	return err
}

func (r *Reports) plan(name string, p *Params) (*plan, error) {
	d, err := r.Describe(name)
	if err != nil {
		return nil, err
	}
	return newPlan(d, p)
}
