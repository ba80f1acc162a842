package console

import (
	"errors"
	"html/template"
	"net/http"
	"regexp"
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
	return &page{Title: "Pixels", Name: "pixels.html", Here: "/pixels", Made: x.Made, Show: struct {
		Lines []pixelHealth
		Asked *answer
	}{lines, x}}, nil
}

// pixelPage is all there is to say of one pixel.
type pixelPage struct {
	pixelHealth
	ID       string
	Settings []setting
	Tags     []pixelTag
	Loads    template.HTML
	Failed   []string
	Asked    []*answer
}

type setting struct{ Section, Name, Value, Where string }

// pixelTag is a tag to copy.
type pixelTag struct {
	Name, Text, Problem string
	asked               *answer
}

// tagForms are the forms that a page shows; the command has more.
var tagForms = []struct {
	name  string
	flags []string
}{
	{"Image, secure", nil},
	{"Script, secure", []string{"--js"}},
	{"For a server", []string{"--server-side"}},
}

var pixelID = regexp.MustCompile(`^[1-9][0-9]{0,18}$`)

func (c *console) pixel(r *http.Request) (*page, error) {
	id := r.PathValue("id")
	if !pixelID.MatchString(id) {
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
	tags := make([]chan pixelTag, len(tagForms))
	for i, t := range tagForms {
		tags[i] = make(chan pixelTag, 1)
		go func() {
			asked, err := c.answers.get(r.Context(), append([]string{"pixel", "export", id, "--order-id", "--value"}, t.flags...)...)
			if err != nil {
				tags[i] <- pixelTag{Name: t.name, Problem: err.Error()}
				return
			}
			tags[i] <- pixelTag{Name: t.name, Text: strings.TrimSpace(string(asked.Body)), asked: asked}
		}()
	}
	loads := make(chan func(), 1)
	go func() {
		part, asked, err := c.fragment(r.Context(), "Loads by day", "query", loadsByDay(id, code, c.Now()), "--format=html")
		loads <- func() { show.Loads = part; show.took("Loads by day", asked, err) }
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
	for _, tag := range tags {
		t := <-tag
		show.Tags = append(show.Tags, t)
		if t.asked != nil {
			show.Asked = append(show.Asked, t.asked)
		}
	}
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
	return "SELECT CAST(d AS DATE) AS day, coalesce(loads, 0) AS loads FROM range(TIMESTAMP '" + first + "', TIMESTAMP '" +
		last.AddDate(0, 0, 1).Format(time.DateOnly) + "', INTERVAL 1 DAY) AS days(d)" +
		" LEFT JOIN (SELECT date, count(*) AS loads FROM events WHERE type = 'conversion' AND " +
		means + " AND date >= DATE '" + first + "' GROUP BY ALL) AS fired ON fired.date = CAST(d AS DATE) ORDER BY ALL"
}
