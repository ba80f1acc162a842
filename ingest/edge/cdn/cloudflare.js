// Cloudflare Workers, a module. Behind edge.js.
import catalog from './edge.json';

const IMAGE = Uint8Array.from(atob(GIF), (c) => c.charCodeAt(0));

export default {
  async fetch(incoming) {
    const url = new URL(incoming.url);
    const request = read(incoming.method, url.pathname, url.search.slice(1));
    const a = answer(request, catalog[request.key] || {}, {
      id: (incoming.headers.get('CF-Ray') || '').split('-')[0], // RayID in the log: without the data centre
      gpc: incoming.headers.get('Sec-GPC'),
      uid: (/(?:^|; ?)uid=([^;]*)/.exec(incoming.headers.get('Cookie') || '') || [])[1],
    });

    const headers = new Headers({'Cache-Control': 'no-store'});
    if (a.type) headers.set('Content-Type', a.type);
    if (a.location) headers.set('Location', a.location);
    if (a.allow) headers.set('Allow', a.allow);
    if (a.cookie !== undefined) {
      const cookie = cookieOf(a.cookie);
      headers.set('Set-Cookie', 'uid=' + cookie.value + '; ' + cookie.attributes);
    }
    return new Response(a.gif ? IMAGE : a.body || null, {status: a.status, headers});
  },
};
