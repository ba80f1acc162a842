package synth_test

import (
	"bytes"
	"testing"

	"pixledger/ingest/decode"
	"pixledger/ingest/parse"
	"pixledger/ingest/synth"
	"pixledger/schemas"
)

// The reader of real logs finds in a synthetic one what the summary says.
func TestIngestAgreesWithTheSummary(t *testing.T) {
	for _, format := range []string{synth.Pixledger, synth.Combined} {
		t.Run(format, func(t *testing.T) {
			content, want := write(t, options(format))
			if f, err := parse.Detect(content[:64<<10]); err != nil || f.Name() != format {
				t.Errorf("recognised as %v, %v", f, err)
			}
			f, err := parse.Lookup(format)
			if err != nil {
				t.Fatal(err)
			}
			opts := decode.Options{HonorGPC: true}
			if format == synth.Combined {
				opts.UserParam = synth.UserParam
			}
			d, err := decode.New(opts)
			if err != nil {
				t.Fatal(err)
			}
			events := map[schemas.EventType]int64{}
			rejects, notCounted := map[string]int64{}, map[string]int64{}
			var ignored, bots, denied, server, lines int64
			var r parse.Request
			var ev decode.Event
			for line := range bytes.Lines(content) {
				lines++
				if f.Parse(parse.TrimLineEnd(line), &r) != nil {
					rejects[decode.Malformed]++
					continue
				}
				switch o := d.Decode(&r, end.UnixMicro(), &ev); o.Kind {
				case decode.Reject:
					rejects[o.Reason]++
				case decode.NotCounted:
					notCounted[o.Reason]++
				case decode.Ignored:
					ignored++
				default:
					events[ev.Type]++
					if ev.InvalidReason == decode.Bot {
						bots++
					}
					if ev.Consent == decode.Denied {
						denied++
					}
					if ev.ServerSide {
						server++
					}
				}
			}
			for what, n := range map[string][2]int64{
				"lines": {lines, want.Lines}, "impressions": {events[schemas.Impression], want.Impressions},
				"clicks": {events[schemas.Click], want.Clicks}, "conversions": {events[schemas.Conversion], want.Conversions},
				"segments": {events[schemas.SegmentEvent], want.Segments}, "universals": {events[schemas.Universal], want.Universals},
				"ignored": {ignored, want.Ignored}, "bots": {bots, want.Bots}, "denied": {denied, want.Denied}, "server-side": {server, want.ServerSide},
				"malformed":    {rejects[decode.Malformed], want.Rejects[decode.Malformed]},
				"bad_time":     {rejects[decode.BadTime], want.Rejects[decode.BadTime]},
				"missing":      {rejects[decode.MissingField], want.Rejects[decode.MissingField]},
				"port scans":   {notCounted[decode.Malformed], want.NotCounted[decode.Malformed]},
				"other method": {notCounted[decode.BadMethod], want.NotCounted[decode.BadMethod]},
				"other status": {notCounted[decode.BadStatus], want.NotCounted[decode.BadStatus]},
			} {
				if n[0] != n[1] {
					t.Errorf("%s: ingest finds %d, the summary says %d", what, n[0], n[1])
				}
			}
		})
	}
}
