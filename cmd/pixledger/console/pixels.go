package console

import (
	"context"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
)

// pixelHealth is a pixel as `pixledger pixel status --details` tells of it. All
// pages about pixels take it from the same answer.
type pixelHealth struct {
	ID       string     `json:"pixel_id"`
	Name     string     `json:"pixel_name"`
	Status   string     `json:"status"`
	Why      string     `json:"why"`
	Last     *time.Time `json:"last_fired"`
	Loads12h int64      `json:"loads_last_12_hours"`
	Loads24h int64      `json:"loads_last_24_hours"`
	Usual24h *int64     `json:"usual_24_hours"`
	Findings []finding  `json:"findings"`
	Worst    finding    `json:"worst"`

	PageHours int64     `json:"page_hours"`
	Pages     []urlLine `json:"pages"`

	Advertiser string `json:"-"` // its name
}

type finding struct {
	Severity string `json:"severity"`
	What     string `json:"what"`
	Remedy   string `json:"remedy"`
}

// urlLine is a page that fired a pixel.
type urlLine struct {
	URL   string    `json:"url"`
	Loads int64     `json:"loads"`
	Last  time.Time `json:"last_load"`
}

func (c *console) pixels(r *http.Request) (*page, error) {
	var lines []pixelHealth
	x, err := c.read(r.Context(), &lines, pixelsCommand...)
	if err != nil {
		return nil, err
	}
	names, err := c.Catalog()
	if err != nil {
		return nil, err
	}
	show := struct {
		Lines []pixelHealth
		Look  int // that need attention
		Asked *answer
	}{Lines: worstFirst(lines), Asked: x}
	owners := map[string]string{}
	for _, p := range names.Pixels {
		owners[strconv.FormatInt(p.ID, 10)] = nameOf(names.Advertisers, strconv.FormatInt(p.Advertiser, 10))
	}
	for i := range show.Lines {
		l := &show.Lines[i]
		l.Advertiser = owners[l.ID]
		if l.Worst.Severity == "alarm" || l.Worst.Severity == "warning" {
			show.Look++
		}
	}
	return &page{Title: "Pixels", Name: "pixels.html", Here: "/pixels", Made: x.Made, Show: show}, nil
}

// worstFirst puts alarms first and then warnings; else the order stays.
func worstFirst(lines []pixelHealth) []pixelHealth {
	out := slices.Clone(lines)
	rank := func(l pixelHealth) int {
		if i := slices.Index([]string{"alarm", "warning"}, l.Worst.Severity); i >= 0 {
			return i
		}
		return 2
	}
	slices.SortStableFunc(out, func(a, b pixelHealth) int { return rank(a) - rank(b) })
	return out
}

// pixelPage is all there is to say of one pixel.
type pixelPage struct {
	pixelHealth
	ID         string
	Settings   []setting
	Tag        *tagForm
	Loads      *chart
	Advertiser Item
	Failed     []string
	Asked      []*answer
}

// Feed is the link to a page's loads of the pixel.
func (p *pixelPage) Feed(page string, now time.Time) string {
	return "/reports/pixel_feed?" + url.Values{
		"shown": {"1"}, "from": {now.UTC().Add(-time.Duration(p.PageHours) * time.Hour).Format(time.RFC3339)},
		"filter": {"pixel_id=" + p.ID, "referer=" + page},
	}.Encode()
}

type setting struct{ Section, Name, Value, Where string }

func (c *console) pixel(r *http.Request) (*page, error) {
	if err := checked(r); err != nil {
		return nil, err
	}
	id := r.PathValue("id")
	if !catalogID.MatchString(id) {
		return nil, errNotHere
	}
	var settings []struct {
		Section string  `json:"section"`
		Name    string  `json:"name"`
		Value   *string `json:"value"`
		Where   *string `json:"where"`
	}
	// First what the catalog says, which is quick: it may have no such pixel.
	shown, err := c.read(r.Context(), &settings, "pixel", "show", id, formatJSON)
	if err != nil {
		if strings.Contains(err.Error(), "the catalog has no pixel") {
			return nil, errors.Join(errNotHere, err)
		}
		return nil, err
	}
	show := &pixelPage{ID: id}
	var code string
	for _, s := range settings {
		if s.Section == "tag" {
			continue // they stand in their own place
		}
		x := setting{Section: s.Section, Name: s.Name}
		if s.Value != nil {
			x.Value = *s.Value
		}
		if s.Where != nil {
			x.Where = *s.Where
		}
		if s.Section == "pixel" && s.Name == "code" {
			code = x.Value
		}
		show.Settings = append(show.Settings, x)
	}
	names, err := c.Catalog()
	if err != nil {
		return nil, err
	}
	for _, p := range names.Pixels {
		for _, a := range names.Advertisers {
			if strconv.FormatInt(p.ID, 10) == id && a.ID == p.Advertiser {
				show.Advertiser = a
			}
		}
	}
	// These are asked for at the same time.
	tag := make(chan *tagForm, 1)
	go func() { tag <- c.pixelTag(r.Context(), id, r.URL.Query(), names) }()
	loads := make(chan func(), 1)
	go func() {
		drawn, asked, err := c.loads(r.Context(), id, code)
		loads <- func() { show.Loads = drawn; show.took("Loads by day", asked, err) }
	}()
	var healths []pixelHealth
	health, err := c.read(r.Context(), &healths, pixelsCommand...)
	show.took("Health", health, err)
	for i := range healths { // none where it is newer than the answer
		if healths[i].ID == id {
			show.pixelHealth = healths[i]
		}
	}
	(<-loads)()
	show.took("Settings", shown, nil)
	show.Tag = <-tag
	p := &page{Title: "Pixel " + id, Name: "pixel.html", Here: "/pixels", Show: show}
	if show.Name != "" {
		p.Title += ": " + show.Name
	}
	if health != nil {
		p.Made = health.Made
	}
	return p, nil
}

func (p *pixelPage) took(part string, asked *answer, err error) {
	if err != nil {
		p.Failed = append(p.Failed, part+": "+err.Error())
	} else {
		p.Asked = append(p.Asked, asked)
	}
}

// loadsByDay counts what means the pixel by its id or its code, on each UTC day
// of the last ones, also where there was nothing. Every line of a conversion is a
// load, so it needs no view that looks for those that repeat an id.
func loadsByDay(id, code string, now time.Time) string {
	means := "pixel_id = " + id
	if code != "" {
		means = "(" + means + " OR pixel_code = " + sqlText(code) + ")"
	}
	last := dayOf(now.UTC())
	first := last.AddDate(0, 0, 1-chartDays).Format(time.DateOnly)
	return "SELECT CAST(d AS DATE) AS day, coalesce(loads, 0) AS loads\nFROM range(TIMESTAMP '" + first + "', TIMESTAMP '" +
		last.AddDate(0, 0, 1).Format(time.DateOnly) + "', INTERVAL 1 DAY) AS days(d)\nLEFT JOIN (\n  SELECT date, count(*) AS loads\n  FROM events\n  WHERE type = 'conversion' AND " +
		means + " AND date >= DATE '" + first + "'\n  GROUP BY ALL\n) AS fired ON fired.date = CAST(d AS DATE)\nORDER BY ALL"
}

// loads draws how often a pixel was loaded.
func (c *console) loads(ctx context.Context, id, code string) (*chart, *answer, error) {
	var rows []struct {
		Day   string `json:"day"`
		Loads string `json:"loads"`
	}
	x, err := c.read(ctx, &rows, "query", loadsByDay(id, code, c.Now()), formatJSON)
	if err != nil {
		return nil, nil, err
	}
	var list []string
	all := series{Name: "Loads", Class: "one"}
	for _, r := range rows {
		n, ok := new(big.Int).SetString(r.Loads, 10)
		if !ok {
			return nil, x, fmt.Errorf("%q is no number of loads", r.Loads)
		}
		list, all.Values = append(list, r.Day), append(all.Values, n)
	}
	return newChart("Loads by UTC day", conversionsUnit, list, []series{all}, func(day string) string {
		t, err := time.Parse(time.DateOnly, day)
		if err != nil {
			return ""
		}
		return "/reports/pixel_feed?" + url.Values{
			"shown": {"1"}, "from": {t.Format(time.RFC3339)}, "to": {t.AddDate(0, 0, 1).Format(time.RFC3339)}, "filter": {"pixel_id=" + id},
		}.Encode()
	}), x, nil
}
