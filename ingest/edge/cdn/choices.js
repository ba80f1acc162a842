// What people choose, /opt-out and /opt-in, and /healthz for whoever watches the
// edge: for every CDN that runs JavaScript.

const OPT_OUT = `<!doctype html>
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
`;

const OPT_IN = `<!doctype html>
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
`;

// choice answers these paths, and nothing else. It takes the request to have come
// over https, without which no cookie reaches the pages of others.
function choice(request) {
  const path = (/^\/(healthz|opt-out|opt-in)$/.exec(request.uri) || [])[1];
  if (!path) return undefined;
  const headers = {}, result = {statusCode: 200, headers: headers, cookies: {}};
  function set(name, value) { headers[name] = {value: value}; }
  function said(name) { return (request.headers[name] || {value: ''}).value; }
  function attributes(age) { return 'Path=/; Secure; SameSite=None; Max-Age=' + age; }
  set('cache-control', 'no-store');
  set('x-content-type-options', 'nosniff');
  set('content-type', 'text/plain');
  if (request.method !== 'GET' && request.method !== 'HEAD' && request.method !== 'POST') {
    set('allow', 'GET, HEAD, POST');
    result.statusCode = 405;
    return result;
  }
  let page = 'ok\n';
  if (path !== 'healthz') {
    // A page that a browser fetches on suspicion is nobody's choice, and must not be
    // shown later as if it had been one.
    if (/prefetch|prerender|preview/i.test(['sec-purpose', 'purpose', 'x-purpose', 'x-moz'].map(said).join(' '))) {
      result.statusCode = 503;
      return result;
    }
    page = path === 'opt-out' ? OPT_OUT : OPT_IN;
    set('content-type', 'text/html; charset=utf-8');
    set('referrer-policy', 'no-referrer');
    set('content-security-policy', "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'");
  }
  if (request.method === 'HEAD') return result;
  result.body = {encoding: 'text', data: page};
  if (path === 'opt-out') {
    result.cookies.pixledger_optout = {value: '1', attributes: attributes(157680000)}; // five years
    result.cookies.uid = {value: 'deleted', attributes: attributes(0)};
  } else if (path === 'opt-in' && /^(document)?$/.test(said('sec-fetch-dest'))) { // an image in somebody's page opts nobody in
    result.cookies.pixledger_optout = {value: 'deleted', attributes: attributes(0)};
  }
  return result;
}
