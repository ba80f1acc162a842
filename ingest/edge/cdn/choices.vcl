# What people choose, /opt-out and /opt-in, and /healthz for whoever watches the
# edge. No events: not logged. In front of edge.vcl, which calls these two.

sub choices_recv {
  if (req.url.path !~ {"^/(?:healthz|opt-out|opt-in)$"}) {
    return;
  }
  if (req.method !~ {"^(?:GET|HEAD|POST)$"}) {
    error 611;
  }
  if (req.url.path == "/healthz") {
    error 610;
  }
  # A page that a browser fetches on suspicion is nobody's choice, and must not be
  # shown later as if it had been one.
  if (req.http.Sec-Purpose ~ {"(?i)prefetch|prerender|preview"} || req.http.Purpose ~ {"(?i)prefetch|prerender|preview"} ||
      req.http.X-Purpose ~ {"(?i)prefetch|prerender|preview"} || req.http.X-Moz ~ {"(?i)prefetch|prerender|preview"}) {
    error 612;
  }
  # Without TLS no cookie reaches the pages of others, this one neither.
  if (req.protocol != "https") {
    error 613;
  }
  if (req.url.path == "/opt-out") {
    error 614;
  }
  error 615;
}

sub choices_error {
  if (obj.status < 610 || obj.status > 615) {
    return;
  }
  set obj.http.Cache-Control = "no-store";
  set obj.http.X-Content-Type-Options = "nosniff";
  if (obj.status == 611) {
    set obj.status = 405;
    set obj.response = "Method Not Allowed";
    set obj.http.Allow = "GET, HEAD, POST";
    synthetic "";
    return(deliver);
  }
  if (obj.status == 612) {
    set obj.status = 503;
    set obj.response = "Service Unavailable";
    synthetic "";
    return(deliver);
  }
  if (obj.status == 613) {
    set obj.status = 302;
    set obj.response = "Found";
    set obj.http.Location = "https://" + req.http.Host + req.url.path;
    synthetic "";
    return(deliver);
  }
  if (obj.status == 610) {
    set obj.status = 200;
    set obj.response = "OK";
    set obj.http.Content-Type = "text/plain";
    synthetic "ok%0A";
    return(deliver);
  }

  set obj.http.Content-Type = "text/html; charset=utf-8";
  set obj.http.Referrer-Policy = "no-referrer";
  set obj.http.Content-Security-Policy = "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'";
  if (obj.status == 614) {
    if (req.method != "HEAD") {
      add obj.http.Set-Cookie = "pixledger_optout=1; Path=/; Max-Age=157680000; Secure; SameSite=None";
      add obj.http.Set-Cookie = "uid=deleted; Path=/; Max-Age=0; Secure; SameSite=None";
    }
    set obj.status = 200;
    set obj.response = "OK";
    synthetic {"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="robots" content="noindex">
<title>You have opted out</title>
<style>body{font:1rem/1.5 sans-serif;max-width:36em;margin:3em auto;padding:0 1em}</style>
<h1>You have opted out</h1>
<p>This browser is no longer recognised here. The cookie by which it was is deleted, and none is set or recorded as
long as this choice lasts.</p>
<p>Ads and visits are still counted, without anything that says they were yours.</p>
<p>The choice is kept in a cookie of this browser, <code>pixledger_optout</code>, for five years or as long as the browser
keeps cookies. It holds for this browser alone, and ends when you delete its cookies: then opt out again. If the browser
accepts no cookies from us, you are not recognised anyway.</p>
<p><a href="/opt-in" rel="nofollow">Undo this choice</a></p>
</html>
"};
    return(deliver);
  }
  # An image in somebody's page opts nobody in.
  if (req.method != "HEAD" && (!req.http.Sec-Fetch-Dest || req.http.Sec-Fetch-Dest == "document")) {
    add obj.http.Set-Cookie = "pixledger_optout=deleted; Path=/; Max-Age=0; Secure; SameSite=None";
  }
  set obj.status = 200;
  set obj.response = "OK";
  synthetic {"<!doctype html>
<html lang="en">
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta name="robots" content="noindex">
<title>You have not opted out</title>
<style>body{font:1rem/1.5 sans-serif;max-width:36em;margin:3em auto;padding:0 1em}</style>
<h1>You have not opted out</h1>
<p>This browser may be recognised again: when it next loads something from here it is given a cookie with a random
number, which is recorded with the ads that it shows and the purchases that follow. What was recorded before you
opted out does not come back to it.</p>
<p>A browser that sends Global Privacy Control is not recognised whatever is chosen here.</p>
<p><a href="/opt-out" rel="nofollow">Opt out</a></p>
</html>
"};
  return(deliver);
}
