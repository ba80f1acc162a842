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
	literals := []string{
		`$remote_addr [$time_iso8601] "$request" $status "$http_user_agent" $http_cookie`,
		`log_format short escape=json '$msec|$request_method|$request_uri|$status|$http_sec_gpc|$request_id|$uid_got|$uid_set|$http_user_agent';`,
	}
	for _, format := range append(parse.Names(), literals...) {
		t.Run(format, func(t *testing.T) {
			content, want := write(t, options(format))
			if f, err := parse.Detect(content[:64<<10]); !parse.IsLiteral(format) && (err != nil || f.Name() != format) {
				t.Errorf("recognised as %v, %v", f, err)
			}
			k, err := parse.Spec{Format: format}.Kind()
			if err != nil {
				t.Fatal(err)
			}
			opts, user := decode.Options{HonorGPC: true}, parse.UserID{}
			switch {
			case format == synth.Combined:
				opts.UserParam = synth.UserParam
			case k.Lacks&parse.PartFirstUser != 0:
				user.Cookie, opts.UserLogged = synth.UserParam, true
			}
			f, err := parse.New(parse.Spec{Format: format, UserID: user})
			if err != nil {
				t.Fatal(err)
			}
			d, err := decode.New(opts)
			if err != nil {
				t.Fatal(err)
			}
			events := map[schemas.EventType]int64{}
			rejects, notCounted := map[string]int64{}, map[string]int64{}
			var ignored, bots, denied, server, lines, users int64
			var r parse.Request
			var ev decode.Event
			for line := range bytes.Lines(content) {
				if f.Header(parse.TrimLineEnd(line)) {
					continue
				}
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
					if ev.UserID != nil {
						users++
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
			if users < want.Events()/2 {
				t.Errorf("only %d of %d events have a user id", users, want.Events())
			}
		})
	}
}
