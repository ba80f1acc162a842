package decode

import "unicode/utf8"

// signals are the consent parameters of the request at hand.
type signals struct {
	gdpr, gdprConsent, usPrivacy []byte
}

// judgeConsent gives the event's consent. What denies is: Sec-GPC where it is
// honored; a Y as third character of us_privacy; and, where consent is
// required, gdpr=1 without a consent string that grants purpose 1.
func (d *Decoder) judgeConsent(gpc []byte) string {
	s := &d.query.signals
	if d.opts.HonorGPC && string(gpc) == "1" {
		return Denied
	}
	if optedOut(s.usPrivacy) {
		return Denied
	}
	if grantsPurpose1(s.gdprConsent) {
		return Granted
	}
	if d.opts.RequireConsent && string(s.gdpr) == "1" {
		return Denied
	}
	return Unknown
}

// optedOut tells whether a us_privacy string (CCPA: version, notice, opt-out,
// LSPA, such as 1YYN) says that the user opted out of sale.
func optedOut(b []byte) bool {
	for range 2 {
		_, n := utf8.DecodeRune(b)
		b = b[n:]
	}
	return len(b) > 0 && (b[0] == 'Y' || b[0] == 'y')
}

// A TCF v2 consent string is base64url of bit fields, segments divided by dots.
// The first segment, the core, begins with version (6 bits), created (36),
// last updated (36), CMP id (12), CMP version (12), consent screen (6), consent
// language (12), vendor list version (12), policy version (6), service
// specific (1), non-standard texts (1), special features (12), and then the
// 24 purposes, purpose 1 (store and access information on a device) first.
const (
	tcfVersion  = 2
	tcfPurposes = 6 + 36 + 36 + 12 + 12 + 6 + 12 + 12 + 6 + 1 + 1 + 12
	tcfEnd      = tcfPurposes + 24
)

// grantsPurpose1 tells whether b is a readable TCF v2 string that grants
// purpose 1. Readable is one whose core is base64url and reaches at least to
// the end of the purposes.
func grantsPurpose1(b []byte) bool {
	var bit int // bits read so far
	var version, purpose1 byte
	for _, c := range b {
		if c == '.' || c == '=' {
			break
		}
		v := base64URL[c]
		if v > 63 {
			return false
		}
		if bit == 0 {
			version = v
		}
		if bit <= tcfPurposes && tcfPurposes < bit+6 {
			purpose1 = v >> (bit + 5 - tcfPurposes) & 1
		}
		bit += 6
	}
	return version == tcfVersion && bit >= tcfEnd && purpose1 == 1
}

// base64URL is the value of each letter of base64url, 255 for other bytes.
var base64URL = func() (t [256]byte) {
	for c := range t {
		t[c] = 255
	}
	for v, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_") {
		t[c] = byte(v)
	}
	return t
}()
