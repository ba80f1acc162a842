package synth

import (
	"bufio"
	_ "embed" // the catalog
	"fmt"
	"io"
	"math/rand/v2"
	"slices"
	"strings"
	"time"
)

//go:embed planted.yaml
var plantedCatalog []byte

// PlantedCatalog is the catalog of the planted log.
func PlantedCatalog() []byte { return slices.Clone(plantedCatalog) }

// What the planted log hides: who does what no person does, one for each kind of
// finding of the report suspicious_traffic.
const (
	PlantedClicker       = "0F10000000000000000000000000C11C" // 212 clicks on each of two days
	PlantedTapper        = "0F1000000000000000000000000007A9" // 30 clicks within a minute
	PlantedReader        = "0F10000000000000000000000000BEAD" // 2,500 impressions on a day
	PlantedOrderer       = "0F1000000000000000000000000001D5" // eight orders in sequence within minutes
	PlantedCrowd         = "192.0.2.0"                        // 300 new users of an address who all click, on one day
	PlantedOrderAddress  = "198.51.100.0"                     // twelve users of an address with orders in sequence
	PlantedFlooder       = "33"                               // a publisher whose clicks are everywhere, so that some come before an order
	PlantedInjector      = "34"                               // a publisher whose clicks come just before an order
	PlantedNumberedPixel = "9014"                             // a pixel with thirty order ids in a row by three users
	PlantedValue         = "99999.00"                         // of one order, where others are of about 50.00
)

// plantedDays is how many days the planted log has.
const plantedDays = 7

// planter gathers the lines of the planted log.
type planter struct {
	r      *rand.Rand
	start  time.Time
	lines  []plantedLine
	people int
}

type plantedLine struct {
	at            time.Time
	uri, user, ip string
	shopOrder     bool // the shop numbers it, in the order of time
}

// Planted writes the log of a small network, a week from start on, in the format
// Pixledger: some thousand ordinary people and, among them, what the constants
// above say. Beside those stand people who are busy and no fraud: an office and a
// mobile carrier behind one address each, a shopper with 40 clicks on a day, a
// reader with 900 impressions, an order of twenty times the usual value, a pixel on a landing page
// that fires a second after the click. The shop numbers its orders one after another.
func Planted(w io.Writer, start time.Time) (Summary, error) {
	p := &planter{r: rand.New(rand.NewPCG(9, 9)), start: start.UTC().Truncate(24 * time.Hour)}
	p.ordinary()
	p.busy()
	p.floods()
	p.crowds()
	p.orders()
	return p.write(w)
}

// minutes gives a time so many minutes after midnight of a day from 0 on, and up
// to a minute more.
func (p *planter) minutes(day, minutes int) time.Time {
	return p.start.AddDate(0, 0, day).Add(time.Duration(minutes)*time.Minute + time.Duration(p.r.IntN(60_000))*time.Millisecond)
}

func (p *planter) add(at time.Time, user, ip, format string, args ...any) {
	p.lines = append(p.lines, plantedLine{at: at, uri: fmt.Sprintf(format, args...), user: user, ip: ip})
}

// order adds an order of the shop at the time, which gives it the next number.
func (p *planter) order(at time.Time, user, ip, value string) {
	p.lines = append(p.lines, plantedLine{at: at, uri: "/px?id=9012&t=2&value=" + value + "&order_id=A-", user: user, ip: ip, shopOrder: true})
}

// someone gives a new user.
func (p *planter) someone() string {
	p.people++
	return fmt.Sprintf("0A0200C0%016X02030303", mix(uint64(p.people)))
}

// home gives an address of a person at home.
func (p *planter) home() string {
	return fmt.Sprintf("198.%d.%d.%d", 18+p.r.IntN(2), p.r.IntN(200), 1+p.r.IntN(254))
}

// price is what an ordinary order is worth.
func (p *planter) price() string {
	return fmt.Sprintf("%d.%02d", 30+p.r.IntN(40), p.r.IntN(100))
}

// ordinary adds 1,200 people: ads of two publishers, clicks of every third, orders
// of most who clicked: within hours, now and then days later.
func (p *planter) ordinary() {
	for range 1200 {
		user, ip, day := p.someone(), p.home(), p.r.IntN(plantedDays)
		minute, publisher := 60+p.r.IntN(900), 1+p.r.IntN(2)
		for i := range 5 {
			p.add(p.minutes(day, minute+i*3), user, ip, "/imptr?id=270%d", publisher)
		}
		if p.r.IntN(3) > 0 {
			continue
		}
		p.add(p.minutes(day, minute+20), user, ip, "/clktr?id=273%d", publisher)
		switch {
		case p.r.IntN(10) == 0 && day < plantedDays-2:
			p.order(p.minutes(day+1+p.r.IntN(2), minute+25), user, ip, p.price())
		case p.r.IntN(10) < 7:
			p.order(p.minutes(day, minute+25+p.r.IntN(120)), user, ip, p.price())
		}
	}
}

// busy adds people who do much, and are people.
func (p *planter) busy() {
	for i := range 80 { // an office
		user, ip := p.someone(), fmt.Sprintf("203.0.113.%d", 1+i%3)
		for day := 1; day < 6; day++ {
			for k := range 4 {
				p.add(p.minutes(day, 540+p.r.IntN(400)+k), user, ip, "/imptr?id=2701")
			}
		}
		if i%2 == 0 {
			p.add(p.minutes(2, 700+i), user, ip, "/clktr?id=2731")
			p.order(p.minutes(2+i%3, 790+p.r.IntN(400)), user, ip, p.price())
		}
	}
	for i := range 400 { // a carrier that has thousands of phones behind its addresses
		user, ip := p.someone(), fmt.Sprintf("100.64.7.%d", 1+i%200)
		for range 10 {
			p.add(p.minutes(3, 30+p.r.IntN(1300)), user, ip, "/imptr?id=2702")
		}
		if i%3 == 0 {
			p.add(p.minutes(3, 30+p.r.IntN(1300)), user, ip, "/clktr?id=2732")
		}
	}
	shopper, ip := p.someone(), p.home()
	for i := range 40 {
		p.add(p.minutes(4, 600+i*5), shopper, ip, "/clktr?id=2731")
	}
	for i := range 3 {
		p.order(p.minutes(4, 650+i*70), shopper, ip, p.price())
	}
	reader, ip := p.someone(), p.home()
	for i := range 900 {
		p.add(p.minutes(2, 400+i), reader, ip, "/imptr?id=2701")
	}
	rich, ip := p.someone(), p.home()
	p.add(p.minutes(3, 610), rich, ip, "/clktr?id=2731")
	p.order(p.minutes(3, 640), rich, ip, "1000.00")
	for range 60 { // who clicks is on the landing page at once
		user, ip := p.someone(), p.home()
		at := p.minutes(p.r.IntN(plantedDays), 60+p.r.IntN(1300))
		p.add(at, user, ip, "/clktr?id=2741")
		p.add(at.Add(time.Duration(600+p.r.IntN(1200))*time.Millisecond), user, ip, "/px?id=9015&t=2")
	}
}

// floods adds clicks that nobody made to earn orders that come anyway.
func (p *planter) floods() {
	for day := 1; day <= 2; day++ {
		for i := range 212 {
			p.add(p.minutes(day, 300+i*5), PlantedClicker, "198.19.201.9", "/clktr?id=2732")
		}
	}
	p.order(p.minutes(2, 800), PlantedClicker, "198.19.201.9", p.price())
	tapped := p.start.AddDate(0, 0, 3).Add(14 * time.Hour)
	for i := range 30 {
		p.add(tapped.Add(time.Duration(i)*1900*time.Millisecond), PlantedTapper, "198.19.204.9", "/clktr?id=2731")
	}
	p.order(p.minutes(3, 850), PlantedTapper, "198.19.204.9", p.price())
	for i := range 2500 {
		p.add(p.minutes(5, 10+i/2), PlantedReader, "198.19.202.9", "/imptr?id=2701")
	}
	p.order(p.minutes(5, 1300), PlantedReader, "198.19.202.9", p.price())
	for i := range 3000 { // a click for everybody who has the app, an order of a few
		user, ip := p.someone(), p.home()
		day, minute := p.r.IntN(plantedDays), p.r.IntN(1430)
		if i < 50 {
			day = i % 2
			p.order(p.minutes(day+p.r.IntN(6), minute+5), user, ip, p.price())
		}
		p.add(p.minutes(day, minute), user, ip, "/clktr?id=2733")
	}
	for i := range 20 {
		user, ip := p.someone(), p.home()
		at := p.minutes(p.r.IntN(plantedDays), 100+p.r.IntN(1200))
		ago := time.Duration(300+p.r.IntN(1400)) * time.Millisecond
		if i < 8 {
			ago = time.Duration(600+p.r.IntN(3000)) * time.Second
		}
		p.add(at.Add(-ago), user, ip, "/clktr?id=2734")
		p.order(at, user, ip, p.price())
	}
}

// crowds adds a robot that takes a new cookie for each of its clicks.
func (p *planter) crowds() {
	for i := range 300 {
		user, ip := p.someone(), fmt.Sprintf("192.0.2.%d", 10+i%4)
		p.add(p.minutes(4, 60+i*4), user, ip, "/clktr?id=2731")
		if i%30 == 0 {
			p.order(p.minutes(4, 90+i*4), user, ip, p.price())
		}
	}
}

// orders adds orders that nobody placed.
func (p *planter) orders() {
	user, ip := p.someone(), p.home()
	p.add(p.minutes(5, 500), user, ip, "/clktr?id=2732")
	p.order(p.minutes(5, 520), user, ip, PlantedValue)
	p.add(p.minutes(6, 500), PlantedOrderer, "198.19.203.9", "/clktr?id=2731")
	for i := range 8 {
		p.add(p.minutes(6, 510+i*2), PlantedOrderer, "198.19.203.9", "/px?id=9012&t=2&value=49.90&order_id=A-%d", 500001+i)
	}
	for i := range 12 {
		user, ip := p.someone(), fmt.Sprintf("198.51.100.%d", 5+i)
		p.add(p.minutes(6, 600+i*3), user, ip, "/clktr?id=2732")
		p.add(p.minutes(6, 620+i*3), user, ip, "/px?id=9012&t=2&value=49.90&order_id=A-%d", 700001+i)
	}
	var three [3]string
	for i := range three {
		three[i] = p.someone()
		p.add(p.minutes(0, 400+i), three[i], "198.18.210.7", "/clktr?id=2751")
	}
	for i := range 30 {
		p.add(p.minutes(i/6, 420+i%6*10), three[i%3], fmt.Sprintf("198.18.%d.7", 210+i%3), "/px?id=9014&t=2&order_id=L-%d", 1001+i)
	}
}

// write writes the lines in the order of their times.
func (p *planter) write(w io.Writer) (Summary, error) {
	slices.SortStableFunc(p.lines, func(a, b plantedLine) int { return a.at.Compare(b.at) })
	b := bufio.NewWriter(w)
	s := Summary{Lines: int64(len(p.lines)), First: p.lines[0].at, Last: p.lines[len(p.lines)-1].at}
	number := 10_000
	for i, l := range p.lines {
		if l.shopOrder {
			number++
			l.uri += fmt.Sprint(number)
		}
		status := 200
		switch {
		case strings.HasPrefix(l.uri, "/clktr"):
			status = 302
			s.Clicks++
		case strings.HasPrefix(l.uri, "/imptr"):
			s.Impressions++
		default:
			s.Conversions++
		}
		n, err := fmt.Fprintf(b, `{"time":"%d.%03d","id":"%016x%016x","ip":"%s","method":"GET","host":"px.network.example","uri":"%s","status":"%d","referer":"","ua":"%s","uid_got":"%s","uid_set":"","gpc":""}`+"\n",
			l.at.Unix(), l.at.Nanosecond()/1e6, mix(uint64(i)), mix(uint64(i)+1<<40), l.ip, l.uri, status, chromeAndroid, l.user)
		s.Bytes += int64(n)
		if err != nil {
			return s, fmt.Errorf("write the planted log: %w", err)
		}
	}
	return s, b.Flush()
}
