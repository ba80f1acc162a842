package decode

import (
	"flag"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestBots(t *testing.T) {
	for _, agent := range []string{
		"Mozilla/5.0 (compatible; Googlebot/2.1; +http://www.google.com/bot.html)",
		"Mozilla/5.0 AppleWebKit/537.36 (KHTML, like Gecko; compatible; bingbot/2.0; +http://www.bing.com/bingbot.htm) Chrome/130.0.0.0 Safari/537.36",
		"Mozilla/5.0 (compatible; YandexBot/3.0; +http://yandex.com/bots)",
		"Mozilla/5.0 (compatible; AhrefsBot/7.0; +http://ahrefs.com/robot/)",
		"Mozilla/5.0 (compatible; Baiduspider/2.0)", "DuckDuckBot/1.1", "SomeNewBot", "some_bot_2", "My Crawler 1.0",
		"facebookexternalhit/1.1", "Twitterbot/1.0", "Mozilla/5.0 (compatible; GPTBot/1.2)", "ClaudeBot/1.0",
		"curl/8.5.0", "CURL/7.1", "libcurl-agent/1.0", "Wget/1.21.4", "python-requests/2.32.3", "Python/3.12 aiohttp/3.10", "Go-http-client/2.0",
		"Java/17.0.2", "Apache-HttpClient/4.5.14 (Java/17)", "okhttp/4.12.0", "axios/1.7.2", "node-fetch", "undici", "node", "GuzzleHttp/7",
		"PostmanRuntime/7.42.0", "Ruby", "libwww-perl/6.77", "PHP/8.3", "Dart/3.5 (dart:io)", "reqwest/0.12",
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) HeadlessChrome/130.0.0.0 Safari/537.36",
		"Mozilla/5.0 (Unknown; Linux x86_64) AppleWebKit/538.1 (KHTML, like Gecko) PhantomJS/2.1.1 Safari/538.1",
		"Mozilla/5.0 (Linux; Android 11; moto g power (2022)) AppleWebKit/537.36 Chrome/119.0 Mobile Safari/537.36 Chrome-Lighthouse",
		"UptimeRobot/2.0", "Mozilla/5.0 zgrab/0.x", "Scrapy/2.11", "CUBOT Googlebot/2.1",
		"kube-probe/1.29", "ELB-HealthChecker/2.0", "GoogleHC/1.0", "Prometheus/2.53.0", "hackney/1.20.1",
		"Apache-HttpAsyncClient/4.1.5 (Java/11.0.24)", "Mozilla/5.0 (compatible; 008/0.83; http://www.80legs.com/webcrawler.html) Gecko/2008032620",
		"DoCoMo/2.0 P900i(c100;TB;W24H11) (compatible; ichiro/mobile goo; +http://help.goo.ne.jp/help/article/1142/)",
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/137.0.0.0 Safari/537.36; Devin/1.0; +https://devin.ai", "PycURL/7.45.3", "PycURL/7.43.0 libcurl/7.68.0",
	} {
		if !IsBot([]byte(agent)) {
			t.Errorf("%q passes as a person", agent)
		}
	}
}

func TestPeopleAreNoBots(t *testing.T) {
	for _, agent := range []string{
		"",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36 Edg/130.0.0.0",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Safari/605.1.15",
		"Mozilla/5.0 (X11; Ubuntu; Linux x86_64; rv:132.0) Gecko/20100101 Firefox/132.0",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.0 Mobile/15E148 Safari/604.1",
		"Mozilla/5.0 (Linux; Android 10; CUBOT_NOTE_20) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Mobile Safari/537.36",
		"Mozilla/5.0 (Linux; Android 9; CUBOT) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Mobile Safari/537.36",
		"Mozilla/5.0 (Linux; Android 11; Cubot King Kong) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/120.0.0.0 Mobile Safari/537.36",
		"Mozilla/5.0 (Linux; Android 13; SM-S911B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/26.0 Chrome/122.0.0.0 Mobile Safari/537.36",
		"Mozilla/5.0 (Linux; Android 14; Pixel 8 Build/AP3A.240617.008) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Mobile Safari/537.36",
		"Mozilla/5.0 (Linux; Android 5.0; HTC Butterfly s) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/60.0 Mobile Safari/537.36",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 [FBAN/FBIOS;FBAV/470.0;FBDV/iPhone15,2;FBMD/iPhone]",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 17_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) GSA/330.0 Mobile/15E148 Safari/604.1",
		"Mozilla/5.0 (Linux; Android 12; CPH2211; wv) AppleWebKit/537.36 (KHTML, like Gecko) Version/4.0 Chrome/120.0 Mobile Safari/537.36 Instagram 330.0",
		"Mozilla/5.0 (Windows NT 10.0; WOW64) AppleWebKit/537.36 (KHTML, like Gecko) coc_coc_browser/120.0 Chrome/114.0 Safari/537.36",
		"Mozilla/5.0 (SMART-TV; Linux; Tizen 6.0) AppleWebKit/537.36 (KHTML, like Gecko) 76.0.3809.146/6.0 TV Safari/537.36",
		"Mozilla/5.0 (PlayStation; PlayStation 5/9.00) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/16.4 Safari/605.1.15",
		"Mozilla/5.0 (X11; CrOS x86_64 14541.0.0) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/129.0.0.0 Safari/537.36",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36 OPR/115.0.0.0",
		"Mozilla/5.0 (Linux; Android 13; KFTRWI) AppleWebKit/537.36 (KHTML, like Gecko) Silk/127.4.1 like Chrome/127.0 Safari/537.36",
		"sprd-L008/1.0 Linux/2.6.35.7 Android/2.3.5 Release/09.10.2012 Browser/AppleWebKit533.1 (KHTML, like Gecko) Mozilla/5.0 Mobile",
		"HTTP/1.1 SonyEricssonK510i/R4CJ+Browser/NetFront/3.3+Profile/MIDP-2.0+Configuration/CLDC-1.1",
		"Mozilla/4.0 (compatible; MSIE 6.0; Windows NT 5.1; TeomaBar 2.01)",
		"Nokia6300/2.0 (05.50) Profile/MIDP-2.0 Configuration/CLDC-1.1 Java/1.0",
		"Mozilla/5.0 (Windows NT 6.1; Trident/7.0; rv:11.0) like Gecko", "Opera/9.80 (Android; Opera Mini/36.2/119.132; U; en) Presto/2.12.423 Version/12.16",
		"Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/17.0 Safari/605.1.15 Epiphany/605.1.15",
	} {
		if IsBot([]byte(agent)) {
			t.Errorf("%q is taken for a robot", agent)
		}
	}
}

var agentsFile = flag.String("agents", "", "a file of user agents, one a line, to be judged by TestJudgeAgents")

// Of the real user agents of people in testdata, the visits to real pages, the most
// frequent browsers and old and rare devices, none is taken for a robot but these:
// WhatsApp fetches the page of a link that somebody sends, to show a preview.
func TestRealPeopleAreNoBots(t *testing.T) {
	agents := agentsOf(t, "testdata/agents/people.txt")
	if len(agents) < 1400 {
		t.Fatalf("%d user agents", len(agents))
	}
	for _, a := range agents {
		if preview := strings.HasPrefix(a, "WhatsApp"); IsBot([]byte(a)) != preview {
			t.Errorf("%q: taken for a robot: %v", a, !preview)
		}
	}
}

// With -agents FILE -v it counts and lists those of a file that are taken for
// robots: docs/bots.md has the figures of public collections.
func TestJudgeAgents(t *testing.T) {
	file := *agentsFile
	if file == "" {
		file = "testdata/agents/people.txt"
	}
	agents, robots := agentsOf(t, file), 0
	for _, a := range agents {
		if IsBot([]byte(a)) {
			robots++
			t.Log(a)
		}
	}
	t.Logf("%s: %d of %d are robots, by %s", file, robots, len(agents), BotList())
}

func agentsOf(t *testing.T, file string) []string {
	t.Helper()
	content, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return slices.DeleteFunc(strings.Split(string(content), "\n"), func(a string) bool { return a == "" || strings.HasPrefix(a, "#") })
}

func TestBotListIsNamed(t *testing.T) {
	if !regexp.MustCompile(`^crawler-user-agents-\d+\.\d+\.\d+\+[0-9a-f]{8}$`).MatchString(BotList()) {
		t.Errorf("the lists are %q", BotList())
	}
}

func TestTextSearchFindsWhatContainsFinds(t *testing.T) {
	texts := []string{"he", "she", "his", "hers", "rose", "e"}
	s := newTextSearch(texts)
	for _, b := range []string{"ushers", "hi", "this", "sh", "prose", "ros", "", "\xff\x00he", "h e", "sheshershis"} {
		found := map[int]bool{}
		s.find([]byte(b), func(i int) bool { found[i] = true; return false })
		for i, text := range texts {
			if found[i] != strings.Contains(b, text) {
				t.Errorf("%q in %q: got %v", text, b, found[i])
			}
		}
	}
}

func TestEveryDroppedPatternIsInTheList(t *testing.T) {
	crawlers := botList("crawlers")
	for _, p := range botList("dropped") {
		if !slices.Contains(crawlers, p) {
			t.Errorf("%q is dropped, and there is no such pattern", p)
		}
	}
}

func BenchmarkIsBot(b *testing.B) {
	agent := []byte("Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/130.0.0.0 Safari/537.36")
	IsBot(agent)
	for b.Loop() {
		if IsBot(agent) {
			b.Fatal("a person")
		}
	}
}
