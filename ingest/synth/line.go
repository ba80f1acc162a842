package synth

import "pixledger/ingest/parse"

// request is what a line says beside its target, which stands in log.uri.
type request struct {
	user         int // or nobody
	person       person
	method       string
	status       string
	size         string // of the answer, where the format has it
	site, page   string // the referer, in two parts; both empty for none
	agent        string
	address      uint64 // of nobody
	hi, lo       uint64 // request id
	usPrivacyOut bool   // the target denies consent by us_privacy
}

const (
	gif      = "43"
	redirect = "138"
	nothing  = "0"
	page404  = "146"
)

// line writes one line. Out of 1,000: about 930 impressions, 15 clicks, 10
// conversions, 10 other events; the rest is what is no event.
func (l *log) line() {
	switch r := l.below(10_000); {
	case r < 9_330:
		l.impression()
	case r < 9_480:
		l.click()
	case r < 9_580:
		l.conversion()
	case r < 9_660:
		l.segment()
	case r < 9_680:
		l.universal()
	case r < 9_740:
		l.uncounted()
	case r < 9_750:
		l.broken()
	default:
		l.otherPath()
	}
}

// by begins the request of a user.
func (l *log) by(user int) request {
	r := request{user: user, method: "GET", status: "200", size: gif, hi: l.pcg.Uint64(), lo: l.pcg.Uint64()}
	if user == nobody {
		r.address = l.pcg.Uint64()
		return r
	}
	r.person = l.people.person(user)
	r.agent = r.person.agent
	return r
}

// robot turns the request into one of a robot, who takes no cookies.
func (l *log) robot(r *request) {
	r.user, r.address = nobody, r.hi
	r.agent = robots[l.below(uint64(len(robots)))]
	l.sum.Bots++
}

// visitor gives a user: one who was here a moment ago, or any.
func (l *log) visitor() int {
	if t, ok := l.recent.draw(l); ok && l.percent(55) {
		return t.user
	}
	return l.skewed(l.people.n)
}

// settle ends the target of an event: consent parameters, and the user id where
// the format takes it from there.
func (l *log) settle(r *request) {
	q := &r.person
	if r.user == nobody {
		return
	}
	if q.optedOut {
		l.uri = append(l.uri, "&us_privacy=1YYN"...)
		r.usPrivacyOut = true
	} else if q.eu {
		l.uri = append(l.uri, "&gdpr=1&gdpr_consent=CQtTq0AQtTq0AEsACBENB2FAAP_gAAAAAAYgAAAAAAAA"...)
	}
	if l.user.Param != "" && !q.anonymous() {
		l.uri = append(l.uri, "&"+UserParam+"="...)
		l.uri = q.appendUID(l.uri)
	}
	if r.usPrivacyOut || q.gpc && !l.lacks(parse.PartGPC) {
		l.sum.Denied++
	}
}

func (l *log) impression() {
	t := &l.net.impressions[l.skewed(len(l.net.impressions))]
	r := l.by(l.visitor())
	r.site, r.page = t.referer, pages[l.skewed(len(pages))]
	robot := l.percent(2)
	if robot {
		l.robot(&r)
	}
	l.uri = append(l.uri[:0], t.target...)
	l.uri = append(l.uri, "&cachebuster="...)
	if l.below(500) == 0 {
		l.uri = append(l.uri, "[CACHEBUSTER]"...)
	} else {
		l.uri = appendInt(l.uri, r.lo>>20)
	}
	if l.percent(40) {
		l.uri = append(l.uri, "&ancost=0.00"...)
		l.uri = appendDigits(l.uri, 10+r.hi>>8%890, 3)
	}
	if l.percent(20) {
		l.uri = append(l.uri, "&t=1"...)
	}
	l.settle(&r)
	if l.percent(3) {
		l.uri = append(l.uri, "&redir=https://cdn.exchange.example/ad?c=1&i="...)
		l.uri = appendInt(l.uri, r.hi>>40)
	}
	l.emit(&r)
	l.sum.Impressions++
	if robot {
		return
	}
	seen := touch{user: r.user, lineItem: t.lineItem}
	if !l.lacks(parse.PartID) { // else there is none to come back with
		seen.hi, seen.lo = r.hi, r.lo
	}
	l.recent.put(seen)
	l.fresh.keep(l, seen, false)
	l.old.keep(l, seen, false)
}

// click is that of someone who just saw an ad of the line item, as a rule.
func (l *log) click() {
	if len(l.net.clicks) == 0 {
		l.impression()
		return
	}
	at, user := l.skewed(len(l.net.clicks)), l.skewed(l.people.n)
	if seen, ok := l.recent.draw(l); ok {
		if of := l.net.clicksOf[seen.lineItem]; len(of) > 0 {
			at, user = of[l.below(uint64(len(of)))], seen.user
		}
	}
	t := &l.net.clicks[at]
	r := l.by(user)
	r.status, r.size = "302", redirect
	r.site, r.page = t.referer, pages[l.skewed(len(pages))]
	l.uri = append(l.uri[:0], t.target...)
	done := touch{user: user, lineItem: t.lineItem, hi: r.hi, lo: r.lo}
	if l.lacks(parse.PartID) || l.percent(10) {
		done.own = true
		l.uri = append(l.uri, "&token="...)
		l.uri = appendHex(l.uri, done.lo, 16, lower)
	}
	l.settle(&r)
	if l.percent(15) {
		l.uri = append(l.uri, "&redir=https://shop.example/?utm_source=display&utm_medium=cpa"...)
	}
	l.emit(&r)
	l.sum.Clicks++
	l.recent.put(done)
	l.fresh.keep(l, done, true)
	l.old.keep(l, done, true)
}

func (l *log) segment() {
	r := l.by(l.visitor())
	r.site, r.page = l.net.pixels[l.skewed(len(l.net.pixels))].referer, "cart"
	l.uri = append(l.uri[:0], "/seg?"...)
	switch {
	case len(l.net.segments) == 0:
		l.uri = append(l.uri, "add_code=visitors&member="...)
		l.uri = appendInt(l.uri, uint64(l.net.member))
	case l.percent(20):
		l.uri = append(l.uri, "remove="...)
		l.uri = appendInt(l.uri, l.aSegment())
	default:
		l.uri = append(l.uri, "add="...)
		l.uri = appendInt(l.uri, l.aSegment())
		if l.percent(15) {
			l.uri = append(l.uri, "&value="...)
			l.uri = appendInt(l.uri, l.below(100))
		}
	}
	l.settle(&r)
	l.emit(&r)
	l.sum.Segments++
}

func (l *log) aSegment() uint64 {
	return uint64(l.net.segments[l.skewed(len(l.net.segments))])
}

func (l *log) universal() {
	r := l.by(l.visitor())
	r.site, r.page = l.net.pixels[l.skewed(len(l.net.pixels))].referer, "product"
	l.uri = append(l.uri[:0], "/pixie?pi=4f1d22&e=ViewContent&va="...)
	l.uri = l.appendPrice(l.uri)
	l.settle(&r)
	l.emit(&r)
	l.sum.Universals++
}

// uncounted writes a request for a path of events that is none.
func (l *log) uncounted() {
	if l.percent(30) {
		r := l.by(nobody)
		r.method, r.status, r.size = "", "400", "150"
		l.uri = l.uri[:0]
		l.emit(&r)
		l.sum.NotCounted["malformed"]++
		return
	}
	r := l.by(l.visitor())
	r.site = l.net.pixels[0].referer
	l.uri = append(l.uri[:0], "/px?"...)
	l.uri = append(l.uri, l.net.pixels[l.skewed(len(l.net.pixels))].query...)
	reason := "status"
	switch l.below(4) {
	case 0:
		r.method, reason = "HEAD", "method"
	case 1:
		r.method, r.status, r.size, reason = "OPTIONS", "405", page404, "method"
	case 2:
		l.uri = append(l.uri[:0], "/clktr?id=999999999"...)
		r.status, r.size = "404", page404
	default:
		r.status, r.size = "502", "150"
	}
	l.emit(&r)
	l.sum.NotCounted[reason]++
}

// broken writes a line that can't be read.
func (l *log) broken() {
	r := l.by(l.visitor())
	l.uri = append(l.uri[:0], l.net.impressions[0].target...)
	start := len(l.buf)
	now := l.now
	switch l.below(3) {
	case 0: // cut off by a full disk
		if parse.IsLiteral(l.o.Format) { // of which a shorter line may fit too
			l.alert()
			break
		}
		l.emit(&r)
		l.buf = append(l.buf[:start+40+int(l.below(60))], '\n')
		l.sum.Rejects["malformed"]++
	case 1: // a clock that was not set
		l.now = 12_345
		l.emit(&r)
		l.now = now
		l.sum.Rejects["bad_time"]++
	default: // another log's line
		l.alert()
	}
}

// alert writes a line of nginx's error log.
func (l *log) alert() {
	l.buf = append(l.buf, "[alert] 812#812: *"...)
	l.buf = appendInt(l.buf, l.below(1_000_000))
	l.buf = append(l.buf, " open socket #12 left in connection 5\n"...)
	l.sum.Rejects["malformed"]++
}

func (l *log) otherPath() {
	r := l.by(l.visitor())
	p := &otherPaths[l.below(uint64(len(otherPaths)))]
	l.uri = append(l.uri[:0], p.target...)
	r.status, r.size = p.status, p.size
	if p.robot {
		r.user, r.address = nobody, r.hi
		r.agent = robots[l.below(uint64(len(robots)))]
	}
	l.emit(&r)
	l.sum.Ignored++
}

var otherPaths = [...]struct {
	target, status, size string
	robot                bool
}{
	{"/favicon.ico", "404", page404, false},
	{"/favicon.ico", "404", page404, false},
	{"/robots.txt", "200", "26", true},
	{"/", "404", page404, false},
	{"/px/", "404", page404, false},
	{"/wp-login.php", "404", page404, true},
	{"/.env", "404", page404, true},
	{"/healthz", "200", "2", true},
}

var pages = [...]string{"", "news", "sports", "weather", "politics", "sports/running", "economy", "travel", "science/space", "culture/film", "local", "archive/2026/reviews"}
