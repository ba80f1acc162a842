// Cloudflare Workers, a module. Behind edge.js and choices.js.
import catalog from './edge.json';

// form gives a request the form that CloudFront gives it.
function form(incoming, path) {
  const headers = Object.create(null), cookies = Object.create(null);
  for (const [name, value] of incoming.headers) headers[name] = {value};
  for (const pair of header({headers}, 'cookie').split(/[;,]/)) {
    const [, name, value] = /^\s*([^=]*)=(.*?)\s*$/.exec(pair) || [];
    if (name) ((cookies[name] ||= {value, multiValue: []}).multiValue).push({value});
  }
  return {method: incoming.method, uri: path, headers, cookies};
}

export default {
  async fetch(incoming) {
    const url = new URL(incoming.url);
    const request = form(incoming, url.pathname);
    const asked = read(url.pathname, url.search.slice(1));
    const id = header(request, 'cf-ray').split('-')[0]; // RayID in the log: without the data centre
    let a = choice(request) || answer(request, asked, catalog[asked.key] || {}, id);
    if (url.protocol === 'http:' && a.statusCode === 200 && url.pathname.startsWith('/opt-')) {
      a = {statusCode: 302, headers: {'cache-control': {value: 'no-store'}, location: {value: 'https://' + url.host + url.pathname}}, cookies: {}};
    }

    const headers = new Headers();
    for (const name in a.headers) headers.set(name, a.headers[name].value);
    for (const name in a.cookies) headers.append('Set-Cookie', name + '=' + a.cookies[name].value + '; ' + a.cookies[name].attributes);
    const {encoding, data} = a.body || {data: null};
    return new Response(encoding === 'base64' ? Uint8Array.from(atob(data), (c) => c.charCodeAt(0)) : data, {status: a.statusCode, headers});
  },
};
