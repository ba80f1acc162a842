package main

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"math/rand/v2"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"
)

// segmentCall is one call that may change segments, as it was meant.
type segmentCall struct {
	at            time.Time
	id            string
	user          string
	counts        bool // neither a robot nor without consent
	added, gone   []int64
	value         map[int64]string
	line          string
	ofOtherMember bool
}

// segmentWorld makes calls at random, by /seg and by conversion pixels with
// segments, with ids and codes, and what each of them means.
func segmentWorld(r *rand.Rand, begin time.Time, n int) []segmentCall {
	codes := map[int64]string{1: "one", 2: "two", 3: "three & more"}
	var calls []segmentCall
	for i := range n {
		c := segmentCall{at: begin.Add(time.Duration(r.IntN(10*24*60)) * time.Minute), id: fmt.Sprintf("%08x", r.Uint32()), user: fmt.Sprintf("U%d", r.IntN(40)), counts: true, value: map[int64]string{}}
		pick := func() []int64 {
			var out []int64
			for id := range int64(3) {
				if r.IntN(3) == 0 {
					out = append(out, id+1)
				}
			}
			return out
		}
		c.added, c.gone = pick(), pick()
		join := func(list []int64, text func(int64) string) string {
			var out []string
			for _, id := range list {
				out = append(out, text(id))
			}
			return strings.Join(out, ",")
		}
		number := func(id int64) string { return fmt.Sprint(id) }
		code := func(id int64) string { return strings.NewReplacer(" ", "%20", "&", "%26").Replace(codes[id]) }
		byCode, conversion := r.IntN(3) == 0, r.IntN(2) == 0
		path, add, remove := "/seg?t=2", "add", "remove"
		if conversion {
			path, add = fmt.Sprintf("/px?id=9&order_id=%d", i), "seg"
		}
		uri := path
		if byCode {
			c.ofOtherMember = r.IntN(5) == 0
			member := "958"
			if c.ofOtherMember {
				member = "12"
			}
			uri += "&" + add + "_code=" + join(c.added, code) + "&" + remove + "_code=" + join(c.gone, code) + "&member=" + member
		} else {
			valued := !conversion && r.IntN(2) == 0
			text := number
			if valued {
				text = func(id int64) string {
					c.value[id] = fmt.Sprint(r.IntN(100))
					return fmt.Sprintf("%d:%s", id, c.value[id])
				}
			}
			uri += "&" + add + "=" + join(c.added, text) + "&" + remove + "=" + join(c.gone, number)
		}
		agent := "Mozilla/5.0"
		switch r.IntN(10) {
		case 0:
			agent, c.counts = "Googlebot/2.1", false
		case 1:
			uri, c.counts = uri+"&us_privacy=1YYN", false
		case 2:
			c.user = ""
		}
		c.line = fmt.Sprintf(`{"time":"%d.000","id":"%s","method":"GET","uri":"%s","status":"200","ua":"%s","uid_got":"%s"}`, c.at.Unix(), c.id, uri, agent, c.user)
		calls = append(calls, c)
	}
	return calls
}

// membersOf is who is in the segments at a moment, by the calls as they were meant:
// segment 1 is for ever, 2 and 3 for two days.
func membersOf(calls []segmentCall, now time.Time) map[string]string {
	ordered := slices.Clone(calls)
	slices.SortFunc(ordered, func(x, y segmentCall) int { return cmp.Or(x.at.Compare(y.at), strings.Compare(x.id, y.id)) })
	in := map[string]string{}
	for _, c := range ordered {
		if !c.counts || c.user == "" || c.ofOtherMember || c.at.After(now) {
			continue
		}
		for _, id := range c.added {
			expires := ""
			if id > 1 {
				expires = c.at.Add(48 * time.Hour).Format(time.RFC3339)
			}
			in[fmt.Sprintf("%d,%s", id, c.user)] = fmt.Sprintf("%s,%s,%s", c.at.Format(time.RFC3339), expires, c.value[id])
		}
		for _, id := range c.gone {
			delete(in, fmt.Sprintf("%d,%s", id, c.user))
		}
	}
	maps.DeleteFunc(in, func(_, row string) bool {
		expires := strings.Split(row, ",")[1]
		t, err := time.Parse(time.RFC3339, expires)
		return err == nil && !t.After(now)
	})
	return in
}

// Whatever calls there were, and in whatever order they were read, the lists have
// who was put in and not taken out since, at any moment; and the documentation's SQL
// gives what changed between two of them.
func TestSegmentsFromCallToList(t *testing.T) {
	dir := t.TempDir()
	write(t, filepath.Join(dir, "pixledger.yaml"), "lake: ./lake\ncatalog: ./catalog.yaml\nsources:\n  - {name: edge, path: ./edge.log, format: pixledger}\n")
	write(t, filepath.Join(dir, "catalog.yaml"), `version: 1
member_id: 958
currency: USD
advertisers: [{id: 7, name: Shop}]
line_items: []
pixels: [{id: 9, advertiser_id: 7, name: Checkout}]
segments:
  - {id: 1, name: One, code: one}
  - {id: 2, name: Two, code: two, expire_minutes: 2880}
  - {id: 3, name: Three, code: "three & more", expire_minutes: 2880}
`)
	begin := time.Date(2026, 11, 1, 0, 0, 0, 0, time.UTC)
	calls := segmentWorld(rand.New(rand.NewPCG(3, 4)), begin, 900)
	var log strings.Builder
	for _, c := range calls {
		log.WriteString(c.line + "\n")
	}
	write(t, filepath.Join(dir, "edge.log"), log.String())
	say := func(now time.Time, args ...string) string {
		t.Helper()
		var stdout, stderr bytes.Buffer
		if code := run(t.Context(), append(args, "-c", filepath.Join(dir, "pixledger.yaml"), "--now", now.Format(time.RFC3339)), &stdout, &stderr); code != exitOK {
			t.Fatalf("%v: exit code %d\n%s", args, code, stderr.String())
		}
		return stdout.String()
	}
	moments := []time.Time{begin.Add(25 * time.Hour), begin.Add(5 * 24 * time.Hour), begin.Add(10 * 24 * time.Hour), begin.Add(11 * 24 * time.Hour)}
	say(moments[3], "ingest")
	for _, now := range moments {
		want := []string{}
		for who, row := range membersOf(calls, now) {
			want = append(want, who+","+row)
		}
		slices.Sort(want)
		got := strings.Split(strings.TrimSpace(say(now, "segment", "export", "--members", "--format", "csv", "three & more", "1", "2")), "\n")
		if got[0] != "segment_id,user_id,added_at,expires_at,value" {
			t.Fatalf("header: %s", got[0])
		}
		if !slices.Equal(got[1:], want) || len(want) < 10 {
			t.Errorf("at %s: got\n%s\nwant\n%s", now, strings.Join(got[1:], "\n"), strings.Join(want, "\n"))
		}
	}

	// The changes are of ids alone, as the document says.
	guide := readText(t, filepath.Join(repository, "docs", "segments.md"))
	sql := regexp.MustCompile("(?s)```sql\n(.*?)```").FindStringSubmatch(guide)[1]
	var ids []segmentCall
	for _, c := range calls {
		if !strings.Contains(c.line, "_code=") {
			ids = append(ids, c)
		}
	}
	for _, of := range []struct {
		segment string
		stay    string
	}{{"1", "0"}, {"2", "2880"}} {
		since, until := moments[1], moments[2]
		asked := strings.NewReplacer("45963", of.segment, "43200", of.stay, "2026-11-11T18:00:00Z", since.Format(time.RFC3339)).Replace(sql)
		before, after := membersOf(ids, since), membersOf(ids, until)
		want := "user_id,change\n"
		users := make([]string, 40)
		for i := range users {
			users[i] = fmt.Sprintf("U%d", i)
		}
		slices.Sort(users)
		for _, user := range users {
			who := of.segment + "," + user
			_, was := before[who]
			_, is := after[who]
			switch {
			case is && !was:
				want += user + ",came\n"
			case was && !is:
				want += user + ",left\n"
			}
		}
		if got := say(until, "query", "--format", "csv", asked); got != want {
			t.Errorf("segment %s: changes are\n%s\nshould be\n%s", of.segment, got, want)
		}
	}
}
