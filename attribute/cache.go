package attribute

import (
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path"
	"strconv"
	"strings"

	"pixledger/schemas"
	"pixledger/schemas/lake"
)

//go:embed sql/*.sql
var sqlFiles embed.FS

// statements gives the text of one of the SQL files.
func statements(name string) string {
	b, err := sqlFiles.ReadFile("sql/" + name + ".sql")
	if err != nil {
		panic(err) // the files are part of the program
	}
	return string(b)
}

// rulesVersion is raised when the same conversions would be decided otherwise
// by what stands in Go.
const rulesVersion = 1

// engine names what the rules and the cache's columns are: with another one, a
// cache is of no use.
var engine = func() string {
	h := sha256.New()
	fmt.Fprintln(h, rulesVersion)
	entries, err := sqlFiles.ReadDir("sql")
	if err != nil {
		panic(err)
	}
	for _, e := range entries {
		b, err := sqlFiles.ReadFile("sql/" + e.Name())
		if err != nil {
			panic(err)
		}
		h.Write(b)
	}
	return hex.EncodeToString(h.Sum(nil)[:8])
}()

// cache is what a run leaves to the next one, so that its work is that of what
// has changed. It stands beside the lake's records and is no part of the truth:
// without it, or with one that does not fit, a run computes everything.
type cache struct {
	Engine   string            `json:"engine"`
	ReadSeq  int64             `json:"read_seq"`         // the newest commit whose events and voids are in it
	ReadHead string            `json:"read_head"`        // the hash of that commit's record
	Forgot   int64             `json:"forgot,omitempty"` // the newest commit of an erasure whose renaming is in it
	MemberID int64             `json:"member_id"`
	Pixels   map[int64]prints  `json:"pixels"`
	Codes    map[string]int64  `json:"codes"`
	Days     map[string]*dayOf `json:"days"` // by UTC date of the conversions
}

// dayOf is one day as it was last decided.
type dayOf struct {
	Frozen   bool   `json:"frozen,omitempty"`
	File     string `json:"file"` // what is known of the day's conversions
	Bytes    int64  `json:"bytes"`
	Rows     int64  `json:"rows"`
	LastTime int64  `json:"last_time"` // of its conversions, Unix microseconds
	SHA256   string `json:"sha256"`    // of the day's file of attributions
	Sums     sums   `json:"sums"`

	path      string // where File stands
	firstTime int64  // of its conversions, while it is written
}

// sums are what a day's attributions add up to.
type sums struct {
	Attributed  int64            `json:"attributed,omitempty"`
	PostClick   int64            `json:"post_click,omitempty"`
	PostView    int64            `json:"post_view,omitempty"`
	RateMissing int64            `json:"rate_missing,omitempty"`
	Reasons     map[string]int64 `json:"reasons,omitempty"`
	// Revenue is in millionths, by currency. A sum may be more than a Money's
	// text can say.
	Revenue map[string]int64 `json:"revenue,omitempty"`
}

// add adds a day's to a summary.
func (s *Summary) add(d *dayOf) {
	s.Conversions += d.Rows
	s.Attributed += d.Sums.Attributed
	s.PostClick += d.Sums.PostClick
	s.PostView += d.Sums.PostView
	s.RateMissing += d.Sums.RateMissing
	for reason, n := range d.Sums.Reasons {
		s.Reasons[reason] += n
	}
	for currency, m := range d.Sums.Revenue {
		s.Revenue[currency] = capped(s.Revenue[currency], schemas.Money(m))
	}
}

// capped adds amounts that are not negative; what Money can't hold stays at the
// largest that it can.
func capped(a, b schemas.Money) schemas.Money {
	if b > math.MaxInt64-a {
		return math.MaxInt64
	}
	return a + b
}

// addUp adds a sum of DuckDB's, which holds more digits than Money.
func addUp(sum int64, text string) int64 {
	digits := strings.Replace(text, ".", "", 1) // six decimals, always
	n, err := strconv.ParseInt(digits, 10, 64)
	if err != nil {
		return math.MaxInt64
	}
	return int64(capped(schemas.Money(sum), schemas.Money(n)))
}

func emptyCache() *cache {
	return &cache{Engine: engine, Pixels: map[int64]prints{}, Codes: map[string]int64{}, Days: map[string]*dayOf{}}
}

const (
	cacheFolder = "_state/cache/attribute"
	cacheList   = "cache.json"
)

// loadCache gives what the last run left, or an empty cache where there is
// nothing of use.
func loadCache(l *lake.Lake) *cache {
	b, err := l.Disk().ReadFile(l.Path(cacheFolder + "/" + cacheList))
	if err != nil {
		return emptyCache()
	}
	c := emptyCache()
	err = json.Unmarshal(b, c)
	if err != nil || c.Engine != engine || c.Pixels == nil || c.Codes == nil || c.Days == nil {
		return emptyCache()
	}
	for _, d := range c.Days {
		if d == nil {
			return emptyCache()
		}
		d.path = cachePath(l, d.File)
		fi, err := l.Disk().Stat(d.path)
		if err != nil || fi.Size() != d.Bytes {
			return emptyCache()
		}
	}
	return c
}

func cachePath(l *lake.Lake, file string) string { return l.Path(path.Join(cacheFolder, file)) }

// save leaves the cache to the next run and removes what it does not name. A
// failure leaves the one before it, or none: then the next run does more.
func (c *cache) save(l *lake.Lake) error {
	b, err := json.Marshal(c)
	if err != nil {
		return err
	}
	if err := l.Disk().MkdirAll(l.Path(cacheFolder), lake.DirMode); err != nil {
		return err
	}
	if err := l.Disk().SyncDir(l.Path(cacheFolder)); err != nil {
		return err
	}
	if err := l.Disk().Publish(l.Path(cacheFolder+"/"+cacheList), lake.FileMode, b); err != nil {
		return err
	}
	return c.tidy(l)
}

// tidy removes the files that the cache does not name.
func (c *cache) tidy(l *lake.Lake) error {
	entries, err := l.Disk().ReadDir(l.Path(cacheFolder))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	named := map[string]bool{cacheList: true}
	for _, d := range c.Days {
		named[d.File] = true
	}
	for _, e := range entries {
		if !named[e.Name()] {
			if err := l.Disk().Remove(cachePath(l, e.Name())); err != nil {
				return err
			}
		}
	}
	return nil
}

// until is the time of the latest conversion, Unix microseconds.
func (c *cache) until() int64 {
	last := int64(math.MinInt64)
	for _, d := range c.Days {
		last = max(last, d.LastTime)
	}
	return last
}

// files lists the files of the days from first to last, UTC dates, both
// included; "" is no bound.
func (c *cache) files(first, last string) []string {
	var out []string
	for date, d := range c.Days {
		if date >= first && (last == "" || date <= last) {
			out = append(out, d.path)
		}
	}
	return out
}
