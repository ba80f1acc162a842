package decode

import (
	"math/big"
	"strings"
	"testing"

	"pixledger/ingest/parse"
)

// consentString gives the core of a TCF string with the purposes to 24.
func consentString(version int64, purpose1 bool) string {
	bits := new(big.Int)
	n := 0
	put := func(v int64, width int) {
		bits.Or(bits.Lsh(bits, uint(width)), big.NewInt(v))
		n += width
	}
	put(version, 6)
	put(17_000_000_000, 36)
	put(17_000_000_001, 36)
	put(300, 12)
	put(2, 12)
	put(1, 6)
	put(4*64+13, 12)
	put(120, 12)
	put(4, 6)
	put(0, 1)
	put(0, 1)
	put(0, 12)
	if purpose1 {
		put(1, 1)
	} else {
		put(0, 1)
	}
	put(0x7fffff, 23)
	put(0, 6-n%6)
	const letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
	var s []byte
	for i := n/6 - 1; i >= 0; i-- {
		s = append(s, letters[new(big.Int).And(new(big.Int).Rsh(bits, uint(6*i)), big.NewInt(63)).Int64()])
	}
	return string(s)
}

func TestConsent(t *testing.T) {
	yes, no, old := consentString(2, true), consentString(2, false), consentString(1, true)
	// A string as a consent tool writes it when everything is refused.
	const tool = "CPXxRfAPXxRfAAfKABENB-CgAAAAAAAAAAYgAAAAAAAA.YAAAAAAAAAA"
	for _, c := range []struct {
		name, query, gpc string
		opts             Options
		want             string
	}{
		{"nothing", "", "", Options{}, Unknown},
		{"GPC honored", "", "1", Options{HonorGPC: true}, Denied},
		{"GPC not honored", "", "1", Options{}, Unknown},
		{"GPC 0", "", "0", Options{HonorGPC: true}, Unknown},
		{"us_privacy Y", "us_privacy=1YYN", "", Options{}, Denied},
		{"us_privacy y", "us_privacy=1yy-", "", Options{}, Denied},
		{"us_privacy N", "us_privacy=1YNN", "", Options{}, Unknown},
		{"us_privacy of two characters", "us_privacy=1Y", "", Options{}, Unknown},
		{"us_privacy, the third character, not byte", "us_privacy=%C3%A9YY", "", Options{}, Denied},
		{"us_privacy denies what a string grants", "us_privacy=1YY&gdpr_consent=" + yes, "", Options{}, Denied},
		{"granted", "gdpr=1&gdpr_consent=" + yes, "", Options{}, Granted},
		{"granted without gdpr", "gdpr_consent=" + yes, "", Options{}, Granted},
		{"granted where required", "gdpr=1&gdpr_consent=" + yes, "", Options{RequireConsent: true}, Granted},
		{"granted with further segments", "gdpr=1&gdpr_consent=" + yes + ".YAAA.x", "", Options{RequireConsent: true}, Granted},
		{"purpose 1 refused", "gdpr=1&gdpr_consent=" + no, "", Options{}, Unknown},
		{"purpose 1 refused where required", "gdpr=1&gdpr_consent=" + no, "", Options{RequireConsent: true}, Denied},
		{"no string where required", "gdpr=1", "", Options{RequireConsent: true}, Denied},
		{"a macro where required", "gdpr=1&gdpr_consent=${GDPR_CONSENT}", "", Options{RequireConsent: true}, Denied},
		{"gdpr never denies where not required", "gdpr=1", "", Options{}, Unknown},
		{"gdpr 0 where required", "gdpr=0", "", Options{RequireConsent: true}, Unknown},
		{"no gdpr where required", "", "", Options{RequireConsent: true}, Unknown},
		{"version 1", "gdpr=1&gdpr_consent=" + old, "", Options{RequireConsent: true}, Denied},
		{"cut short", "gdpr=1&gdpr_consent=" + yes[:28], "", Options{RequireConsent: true}, Denied},
		{"no base64url", "gdpr=1&gdpr_consent=" + strings.Replace(yes, yes[8:9], "!", 1), "", Options{RequireConsent: true}, Denied},
		{"a tool's string that refuses", "gdpr=1&gdpr_consent=" + tool, "", Options{}, Unknown},
		{"gpp is not judged", "gpp=DBABMA~1YYY&gpp_sid=7", "", Options{RequireConsent: true, HonorGPC: true}, Unknown},
	} {
		d, err := New(c.opts)
		if err != nil {
			t.Fatal(err)
		}
		r := request("/px?" + c.query)
		r.UIDGot, r.IP = []byte("uid=U"), []byte("203.0.113.77")
		if c.gpc != "" {
			r.GPC = []byte(c.gpc)
		}
		var ev Event
		d.Decode(r, now, &ev)
		if ev.Consent != c.want {
			t.Errorf("%s: got %s, want %s", c.name, ev.Consent, c.want)
		}
		if (ev.UserID == nil) != (c.want == Denied) {
			t.Errorf("%s: user id %q", c.name, ev.UserID)
		}
	}
}

func TestDenialTruncatesTheAddress(t *testing.T) {
	for mode, want := range map[IPMode]string{Keep: "ip=203.0.113.0", Truncate: "ip=203.0.113.0", Drop: ""} {
		r := request("/px?us_privacy=1YY")
		r.IP = []byte("203.0.113.77")
		got := fate(t, Options{IP: mode}, r)
		if !strings.Contains(got, want) || strings.Contains(got, ".77") {
			t.Errorf("%s: got %s", mode, got)
		}
	}
}

func TestConsentParametersStandInParams(t *testing.T) {
	got := fate(t, Options{}, &parse.Request{Time: now, HasTime: true, Status: 200, HasStatus: true, Method: []byte("GET"),
		URI: []byte("/px?gdpr=1&gdpr_consent=x&us_privacy=1---&gpp=g&gpp_sid=7")})
	if want := "conversion params={gdpr:1 gdpr_consent:x us_privacy:1--- gpp:g gpp_sid:7}"; got != want {
		t.Errorf("got %s", got)
	}
}
