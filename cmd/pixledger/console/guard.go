package console

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"time"
)

// cookieName is the cookie of a browser that has given the token.
const cookieName = "pixledger_console"

// guarded lets in who may see the pages, to read alone, and says to browsers
// what the pages need: nothing but their own stylesheet.
func (c *console) guarded(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'")
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Referrer-Policy", "no-referrer")
		h.Set("Cache-Control", "no-store")
		h.Set("Cross-Origin-Resource-Policy", "same-origin")
		h.Set("Cross-Origin-Opener-Policy", "same-origin")
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			h.Set("Allow", "GET, HEAD")
			http.Error(w, "the console is read-only; allowed: GET, HEAD", http.StatusMethodNotAllowed)
			return
		}
		answerWithin(w, 2*askFor)
		if r.Header.Get("Sec-Fetch-Site") == "cross-site" && r.Header.Get("Sec-Fetch-Mode") != "navigate" {
			http.Error(w, "a page from elsewhere asks; allowed: links to the console", http.StatusForbidden)
			return
		}
		token := c.Token()
		switch {
		case token == "" && !ofThisMachine(r.Host):
			// A page from elsewhere whose name was turned to this machine.
			http.Error(w, "the console is asked for by another name; allowed: localhost or a loopback address", http.StatusMisdirectedRequest)
		case token == "" || r.URL.Path == "/style.css" || r.URL.Path == "/favicon.svg" || Knows(r, token):
			next.ServeHTTP(w, r)
		case r.URL.Query().Has("token") && same(r.URL.Query().Get("token"), token):
			remember(w, r, token)
		default:
			h.Set("WWW-Authenticate", "Bearer")
			c.write(w, http.StatusUnauthorized, &page{
				Title: "A token is needed", Name: "token.html", Show: r.URL.Query().Has("token"),
			})
		}
	})
}

// answerWithin gives up an answer that is not taken in time.
func answerWithin(w http.ResponseWriter, d time.Duration) {
	_ = http.NewResponseController(w).SetWriteDeadline(time.Now().Add(d)) // a test's writer has none
}

// Knows tells whether a request has the token, or the cookie that was given for it.
func Knows(r *http.Request, token string) bool {
	if given, ok := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer "); ok {
		return same(given, token)
	}
	cookie, err := r.Cookie(cookieName)
	return err == nil && same(cookie.Value, cookieFor(token))
}

// remember gives the browser a cookie instead of the token, and leads on to the
// page without it: an address is kept in many places.
func remember(w http.ResponseWriter, r *http.Request, token string) {
	http.SetCookie(w, &http.Cookie{
		Name: cookieName, Value: cookieFor(token), Path: "/", HttpOnly: true, SameSite: http.SameSiteStrictMode,
		Secure: r.TLS != nil || r.Header.Get("X-Forwarded-Proto") == "https",
	})
	query := r.URL.Query()
	query.Del("token")
	// Of this host, whatever the path looks like.
	to := url.URL{Path: "/" + strings.TrimLeft(r.URL.Path, "/\\"), RawQuery: query.Encode()}
	w.Header().Set("Location", to.String())
	w.WriteHeader(http.StatusSeeOther)
}

// cookieFor is what a cookie holds: it says who knew the token, and not the token.
func cookieFor(token string) string {
	m := hmac.New(sha256.New, []byte(token))
	m.Write([]byte("pixledger console"))
	return hex.EncodeToString(m.Sum(nil))
}

// same compares in a time that says nothing of where they differ, nor how long
// they are.
func same(a, b string) bool {
	x, y := sha256.Sum256([]byte(a)), sha256.Sum256([]byte(b))
	return subtle.ConstantTimeCompare(x[:], y[:]) == 1
}

// ofThisMachine tells whether a Host header means a loopback address.
func ofThisMachine(host string) bool {
	if name, _, err := net.SplitHostPort(host); err == nil {
		host = name
	}
	host = strings.TrimSuffix(strings.ToLower(strings.Trim(host, "[]")), ".")
	if host == "localhost" {
		return true
	}
	ip, err := netip.ParseAddr(host)
	return err == nil && ip.Unmap().IsLoopback()
}
