// The pixel edge: what is answered, for every CDN that runs JavaScript.

const GIF = 'R0lGODlhAQABAIABAAAAAP///yH5BAEAAAEALAAAAAABAAEAAAICTAEAOw==';

// The parameter that takes everything to the end of the query.
const TO_END = {sspx: 'sspdata', imptr: 'redir', clktr: 'redir', clktrb: 'redir'};

const MACRO = /^(\[[^\]]+\]|\$\{[^}]+\}|\{\{[^}]+\}\}|%%[^%]+%%)$/;

function decode(text) {
  return text.replace(/\+/g, ' ').replace(/(%[0-9A-Fa-f]{2})+/g, function (escapes) {
    try { return decodeURIComponent(escapes); } catch (e) { return '\ufffd'; }
  });
}

// read takes a request apart, by the path and the query as they came. Its key
// names the record of the catalog that it is about; '' is none.
function read(method, path, query) {
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
    }
    if (params[name] === undefined) params[name] = value;
    rest = rest.slice(end + 1);
  }
  return {method: method, segment: segment, params: params, key: keyOf(segment, params)};
}

function digits(text) {
  return (/^0*([1-9][0-9]{0,18})$/.exec(text || '') || [])[1] || '';
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

// denied tells whether the visitor says no: Sec-GPC: 1, or Y as the third
// character of us_privacy. A server (/sspx) is nobody's browser.
function denied(request, gpc) {
  const text = decode(request.params.us_privacy || '');
  return gpc === '1' || request.segment === 'sspx' || (/^[Yy]$/.test(text.charAt(2)) && !MACRO.test(text));
}

// answer gives {status, type, body or gif, location, allow, cookie}. The record
// is the catalog's for the request's key, {} without one; a visitor is {id: of
// the request as it is logged, gpc, uid: the cookie that came, or ''}. A cookie of
// undefined leaves the browser's alone, '' deletes it.
function answer(request, record, visitor) {
  if (request.segment === '') return {status: 404, type: 'text/plain', body: ''};
  if (request.method !== 'GET' && request.method !== 'POST') {
    return {status: 405, type: 'text/plain', body: '', allow: 'GET, POST'};
  }
  const click = request.segment === 'clktr' || request.segment === 'clktrb';
  if (click && !record.click) record = {};
  const images = record.images || [];
  const asked = /^(1|%31)$/.test(request.params.t || '');
  let location = TO_END[request.segment] === 'redir' || request.segment === 'px' ?
    redirect(request.params.redir, record.hosts || []) : '';
  if (!location && click && record.landing) {
    const token = request.params.token || '';
    location = record.landing.split('|').join(token && !MACRO.test(decode(token)) ? token : visitor.id);
  }
  if (!location && request.segment === 'px' && !asked && images.length === 1) location = images[0];
  if (click && !location) return {status: 404, type: 'text/plain', body: ''};

  const result = location ? {status: 302, location: location} :
    request.segment === 'sspx' ? {status: 204} :
    asked ? {status: 200, type: 'application/javascript', body: script(request.segment === 'px' ? record : {})} :
    {status: 200, type: 'image/gif', gif: true};
  if (!denied(request, visitor.gpc)) {
    if (!visitor.uid) result.cookie = visitor.id;
  } else if (visitor.uid && request.segment !== 'sspx') {
    result.cookie = '';
  }
  return result;
}

// cookieOf gives {value, attributes} of an answer's cookie.
function cookieOf(cookie) {
  return {value: cookie || 'deleted', attributes: 'Path=/; Secure; SameSite=None; Max-Age=' + (cookie ? 31536000 : 0)};
}
