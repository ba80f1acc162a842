package synth

// people are the users. What they are like is computed from their number; only
// whether an edge has seen them before is remembered.
type people struct {
	seed uint64
	n    int
	met  []uint64 // a bit for each user
}

func newPeople(seed uint64, n int) people {
	return people{seed: mix(seed), n: n, met: make([]uint64, n/64+1)}
}

// nobody is the user of a request that no user sent.
const nobody = -1

// person is what a user is like.
type person struct {
	hash  uint64
	agent string
	// gpc: sends Sec-GPC: 1. optedOut: tags carry us_privacy=1YYN. eu: tags carry
	// a TCF consent string. cookieless: takes no cookies.
	gpc, optedOut, eu, cookieless bool
}

func (p *people) person(user int) person {
	h := mix(p.seed ^ uint64(user))
	return person{
		hash:       h,
		agent:      agents[h>>8%uint64(len(agents))],
		gpc:        h>>20%100 < 2,
		optedOut:   h>>28%100 < 2,
		eu:         h>>36%100 < 12,
		cookieless: h>>44%100 < 4,
	}
}

// anonymous tells whether the edge gives this browser no id.
func (q *person) anonymous() bool { return q.gpc || q.optedOut || q.cookieless }

// greet tells whether an edge sees the user for the first time, and remembers
// him. Six of ten came before the log begins.
func (p *people) greet(user int, hash uint64) bool {
	if hash>>52%10 < 6 {
		return false
	}
	word, bit := user/64, uint64(1)<<(user%64)
	if p.met[word]&bit != 0 {
		return false
	}
	p.met[word] |= bit
	return true
}

// appendUID appends the id as nginx's userid gives it: four words in hex.
func (q *person) appendUID(b []byte) []byte {
	h := mix(q.hash)
	b = append(b, "0A0200C0"...)
	b = appendHex(b, h, 16, upper)
	b = append(b, "02"...)
	b = appendHex(b, q.hash, 2, upper)
	return append(b, "0303"...)
}

// appendIP appends an address of the range for benchmarks (198.18.0.0/15), or
// one in 16 of the IPv6 range for documentation.
func (q *person) appendIP(b []byte) []byte {
	h := q.hash >> 3
	if h%16 == 0 {
		b = append(b, "2001:db8:"...)
		b = appendHex(b, h>>4|0x1000, 4, lower)
		b = append(b, ':')
		b = appendHex(b, h>>20|0x1000, 4, lower)
		return append(b, "::1"...)
	}
	b = append(b, "198."...)
	b = appendInt(b, 18+h>>4%2)
	b = append(b, '.')
	b = appendInt(b, h>>5%256)
	b = append(b, '.')
	return appendInt(b, 1+h>>13%254)
}

// agents are the browsers, the more common ones more often.
var agents = [...]string{
	chromeWindows, chromeWindows, chromeWindows, chromeAndroid, chromeAndroid, chromeAndroid, chromeAndroid,
	safariPhone, safariPhone, safariPhone,
	"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Safari/605.1.15",
	"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36",
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36 Edg/142.0.0.0",
	"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:144.0) Gecko/20100101 Firefox/144.0",
	"Mozilla/5.0 (X11; Linux x86_64; rv:144.0) Gecko/20100101 Firefox/144.0",
	"Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/29.0 Chrome/136.0.0.0 Mobile Safari/537.36",
}

const (
	chromeWindows = "Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Safari/537.36"
	chromeAndroid = "Mozilla/5.0 (Linux; Android 10; K) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/142.0.0.0 Mobile Safari/537.36"
	safariPhone   = "Mozilla/5.0 (iPhone; CPU iPhone OS 18_6 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.6 Mobile/15E148 Safari/604.1"
)

// robots name themselves.
var robots = [...]string{
	"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
	"Mozilla/5.0 (compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm)",
	"Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
	"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/141.0.0.0 Safari/537.36",
	"curl/8.14.1",
	"python-requests/2.32.5",
}

// server calls /sspx.
const server = "Go-http-client/1.1"
