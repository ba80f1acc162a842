// The pixel edge: what is answered, for every CDN that runs JavaScript. Requests
// and answers have the form that CloudFront gives them.

const GIF = 'R0lGODlhAQABAIABAAAAAP///yH5BAEAAAEALAAAAAABAAEAAAICTAEAOw==';

// The parameter that takes everything to the end of the query.
const TO_END = {sspx: 'sspdata', imptr: 'redir', clktr: 'redir', clktrb: 'redir'};

const ORIGIN = /^(null|[a-z][a-z0-9+.-]*:\/\/([a-z0-9._~-]+|\[[0-9a-f:.]+\])(:[0-9]{1,5})?)$/i;

const MACRO = /^(\[[^\]]+\]|\$\{[^}]+\}|\{\{[^}]+\}\}|%%[^%]+%%)$/;

function decode(text) {
  return text.replace(/\+/g, ' ').replace(/(%[0-9A-Fa-f]{2})+/g, function (escapes) {
    try { return decodeURIComponent(escapes); } catch (e) { return '\ufffd'; }
  });
}

function header(request, name) {
  return (request.headers[name] || {value: ''}).value;
}

// read takes a path and a query apart, as they came. The key names the record of
// the catalog that the request is about; '' is none.
function read(path, query) {
  const segment = (/\/(px|sspx|imptr|clktr|clktrb|seg|pixie)$/.exec(path) || [])[1] || '';
  const params = Object.create(null); // of two with one name the first counts
  let rest = segment === '' ? '' : query;
  while (rest !== '') {
    let end = rest.indexOf('&');
    if (end < 0) end = rest.length;
    const pair = rest.slice(0, end);
    const equals = pair.indexOf('=');
    const name = decode(equals < 0 ? pair : pair.slice(0, equals));
    let value = equals < 0 ? '' : pair.slice(equals + 1);
    if (equals >= 0 && name === TO_END[segment]) {
      value = rest.slice(equals + 1);
      end = rest.length;
      params[name] = undefined; // one without a value did not count
    }
    if (params[name] === undefined) params[name] = value;
    rest = rest.slice(end + 1);
  }
  return {
    segment: segment, params: params, key: keyOf(segment, params),
    click: segment === 'clktr' || segment === 'clktrb', script: /^(1|%31)$/.test(params.t || ''),
  };
}

function digits(text) {
  return (/^0*([1-9][0-9]{0,18})$/.exec(decode(text || '')) || [])[1] || '';
}

function keyOf(segment, params) {
  const id = digits(params.id);
  if (segment === 'imptr' || segment === 'clktr' || segment === 'clktrb') return id && 't' + id;
  if (segment !== 'px') return '';
  if (id) return 'p' + id;
  const member = digits(params.member);
  const code = decode(params.code || '');
  if (!member || !code) return '';
  return 'c' + member + ':' + encodeURIComponent(code).replace(/[!'()*]/g, function (c) {
    return '%' + c.charCodeAt(0).toString(16).toUpperCase();
  });
}

// redirect gives the URL that a redir leads to: to a host of the list and in no
// other form than http(s)://host[:port], else ''. One that is percent-encoded as
// a whole is decoded once, but for what no header may carry.
function redirect(redir, hosts) {
  let url = redir || '';
  if (!/^https?:\/\//i.test(url)) {
    url = url.replace(/%(3A|2F|3F|3D|26|2B|2C|3B|40|23|25)/gi, decodeURIComponent);
  }
  const host = (/^https?:\/\/([a-z0-9._-]+)(:[0-9]{1,5})?([\/?#]|$)/i.exec(url) || [])[1];
  if (!host) return '';
  const name = host.toLowerCase();
  const listed = hosts.some(function (h) {
    if (h.slice(0, 2) !== '*.') return h === name;
    return name.slice(1 - h.length) === h.slice(1) && /^([a-z0-9_-]+\.)+$/.test(name.slice(0, 2 - h.length));
  });
  return listed && /^[!-~]+$/.test(url) ? url : '';
}

function script(record) {
  const scripts = record.scripts || [], images = record.images || [];
  if (scripts.length + images.length === 0) return 'void 0;\n';
  return '(function(d){' + JSON.stringify(scripts) +
    '.forEach(function(u){var s=d.createElement("script");s.async=true;s.src=u;(d.head||d.documentElement).appendChild(s)});' +
    JSON.stringify(images) + '.forEach(function(u){new Image().src=u});})(document);\n';
}

// denied tells whether the visitor says no: Sec-GPC: 1, Y as the third character
// of us_privacy, or the cookie of /opt-out. A server (/sspx) is nobody's browser.
function denied(request, asked) {
  const text = decode(asked.params.us_privacy || '');
  const choice = request.cookies.pixledger_optout;
  return header(request, 'sec-gpc') === '1' || asked.segment === 'sspx' || (/^[Yy]$/.test(text.charAt(2)) && !MACRO.test(text)) ||
    !!choice && (choice.multiValue || [choice]).some(function (c) { return /^"?1"?$/.test(c.value); });
}

// destination gives the URL that a request leads to, '' where to none. A touch's
// token takes the place of its macro, in a redir up to three times.
function destination(asked, record, id) {
  const touch = asked.segment !== 'px', given = asked.params.token || '';
  const token = given && !MACRO.test(decode(given)) ? given : id;
  const url = redirect(asked.params.redir, record.hosts || []);
  let left = touch ? 3 : 0;
  if (url) return url.replace(/(\$|%24)(\{|%7[Bb])SSP_DATA(\}|%7[Dd])/g, function (macro) { return left-- > 0 ? token : macro; });
  if (asked.click && record.landing) return record.landing.split('|').join(token);
  const images = record.images || [];
  return !touch && !asked.script && images.length === 1 ? images[0] : '';
}

// answer answers a request that was read. The record is the catalog's for its key,
// {} without one; id is the request's as it is logged.
function answer(request, asked, record, id) {
  const headers = {}, result = {statusCode: 404, headers: headers, cookies: {}};
  function set(name, value) { headers[name] = {value: value}; }
  function body(type, data, encoding) {
    set('content-type', type);
    if (data) result.body = {encoding: encoding || 'text', data: data};
    return result;
  }
  if (asked.segment === '') return body('text/plain');
  set('cache-control', 'no-store');
  set('x-content-type-options', 'nosniff');
  set('cross-origin-resource-policy', 'cross-origin');
  set('vary', 'Origin');
  if (ORIGIN.test(header(request, 'origin'))) {
    set('access-control-allow-origin', header(request, 'origin'));
    set('access-control-allow-credentials', 'true');
  }
  if (request.method === 'OPTIONS' && header(request, 'access-control-request-method')) {
    const names = header(request, 'access-control-request-headers');
    set('access-control-allow-methods', 'GET, POST');
    if (/^[\w!#$%&'*+.^`|~, -]{1,1000}$/.test(names)) set('access-control-allow-headers', names);
    set('access-control-max-age', '86400');
    result.statusCode = 204;
    return result;
  }
  if (request.method !== 'GET' && request.method !== 'POST') {
    set('allow', 'GET, POST');
    result.statusCode = 405;
    return body('text/plain');
  }

  const location = asked.click && !record.click ? '' : destination(asked, record, id);
  if (asked.click && !location) return body('text/plain');
  const known = request.cookies.uid && request.cookies.uid.value;
  if (!denied(request, asked)) {
    if (!known) result.cookies.uid = cookie(id, 31536000);
  } else if (known && asked.segment !== 'sspx') {
    result.cookies.uid = cookie('deleted', 0);
  }
  result.statusCode = location ? 302 : asked.segment === 'sspx' ? 204 : 200;
  if (location) set('location', location);
  if (result.statusCode !== 200) return result;
  return asked.script ? body('application/javascript', script(asked.segment === 'px' ? record : {})) : body('image/gif', GIF, 'base64');
}

function cookie(value, age) {
  return {value: value, attributes: 'Path=/; Secure; SameSite=None; Max-Age=' + age};
}
