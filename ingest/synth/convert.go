package synth

// conversion is one as far as a reloaded page repeats it.
type conversion struct {
	user  int
	pixel int
	order uint64
	some  bool
}

// conversion fires a pixel: for a touch of about the last hour, of days ago, or
// for none.
func (l *log) conversion() {
	if l.last.some && l.percent(4) {
		l.fire(l.last.user, l.last.pixel, l.last.order)
		return
	}
	var t touch
	var ok bool
	switch r := l.below(100); {
	case r < 45:
		t, ok = l.fresh.draw(l)
	case r < 80:
		t, ok = l.old.draw(l)
	}
	l.orders += 1 + l.below(3)
	if l.percent(6) {
		for n := 0; n < 3 && ok && !t.returns(); n++ { // whose token can be had
			t, ok = l.old.draw(l)
		}
		l.postback(t, l.pixelFor(t, ok))
		return
	}
	user, at := l.skewed(l.people.n), l.pixelFor(t, ok)
	if ok {
		user = t.user
	}
	l.last = conversion{user, at, l.orders, true}
	l.fire(user, at, l.orders)
}

// pixelFor gives a pixel of the touch's line item, or any.
func (l *log) pixelFor(t touch, ok bool) int {
	if of := l.net.pixelsOf[t.lineItem]; ok && len(of) > 0 {
		return of[l.below(uint64(len(of)))]
	}
	return l.skewed(len(l.net.pixels))
}

// fire is a browser's conversion, on the page of confirmation.
func (l *log) fire(user, at int, order uint64) {
	p := &l.net.pixels[at]
	r := l.by(user)
	r.site, r.page = p.referer, "order/done"
	if l.percent(1) {
		l.robot(&r)
	} else if l.percent(3) {
		r.method = "POST" // navigator.sendBeacon
	}
	l.uri = append(l.uri[:0], "/px?"...)
	switch {
	case l.below(250) == 0: // a tag of some other network
		l.uri = append(l.uri, "id=999999999"...)
	case p.byCode != "" && l.percent(12):
		l.uri = append(l.uri, p.byCode...)
	default:
		l.uri = append(l.uri, p.query...)
	}
	l.order(order)
	if len(l.net.segments) > 0 && l.percent(10) {
		l.uri = append(l.uri, "&seg="...)
		l.uri = appendInt(l.uri, l.aSegment())
	}
	if l.percent(20) {
		l.uri = append(l.uri, "&t=1"...)
	} else {
		l.uri = append(l.uri, "&t=2"...)
		if p.piggyback {
			r.status, r.size = "302", redirect
		}
	}
	l.settle(&r)
	l.emit(&r)
	l.sum.Conversions++
}

// postback is a server's conversion, with the token of a touch or, where there
// is none, one that no touch has.
func (l *log) postback(t touch, at int) {
	r := l.by(nobody)
	r.agent, r.status, r.size = server, "204", nothing
	l.uri = append(l.uri[:0], "/sspx?"...)
	l.uri = append(l.uri, l.net.pixels[at].query...)
	l.order(l.orders)
	l.uri = append(l.uri, "&sspdata="...)
	switch {
	case t.own:
		l.uri = appendHex(l.uri, t.lo, 16, lower)
	case t.hi != 0:
		l.uri = appendHex(l.uri, t.hi, 16, lower)
		l.uri = appendHex(l.uri, t.lo, 16, lower)
	default:
		l.uri = append(l.uri, "lost-"...)
		l.uri = appendInt(l.uri, l.orders)
	}
	l.emit(&r)
	l.sum.Conversions++
	l.sum.ServerSide++
}

// order appends the order's id and value; some tags give none, some forget to
// fill them in, some write a price that is no number.
func (l *log) order(n uint64) {
	switch r := mix(n); {
	case r%100 < 8:
		return
	case r%100 < 9:
		l.uri = append(l.uri, "&order_id=[ORDER_ID]&value=[REVENUE]"...)
		return
	case r%100 < 10:
		l.uri = append(l.uri, "&order_id=%5BORDER_ID%5D"...)
	default:
		l.uri = append(l.uri, "&order_id=O-"...)
		l.uri = appendInt(l.uri, n)
	}
	l.uri = append(l.uri, "&value="...)
	switch cents := 500 + mix(n+1)%39_500; mix(n+2) % 200 {
	case 0:
		l.uri = append(l.uri, "$"...)
		l.uri = appendInt(l.uri, cents/100)
	case 1:
		l.uri = appendInt(l.uri, cents/100)
		l.uri = append(l.uri, ",50"...)
	default:
		l.uri = appendInt(l.uri, cents/100)
		l.uri = append(l.uri, '.')
		l.uri = appendDigits(l.uri, cents%100, 2)
	}
}

func (l *log) appendPrice(b []byte) []byte {
	cents := 500 + l.below(39_500)
	b = appendInt(b, cents/100)
	b = append(b, '.')
	return appendDigits(b, cents%100, 2)
}
