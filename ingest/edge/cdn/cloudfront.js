import cf from 'cloudfront';
// CloudFront Functions, cloudfront-js-2.0, viewer request. In front of edge.js.

const catalog = cf.kvs();

async function handler(event) {
  const request = read(event.request.method, event.request.uri, event.request.rawQueryString() || '');
  let record = {};
  if (request.key) {
    try { record = await catalog.get(request.key, {format: 'json'}); } catch (e) { record = {}; } // not in the catalog
  }
  const gpc = event.request.headers['sec-gpc'], uid = event.request.cookies.uid;
  const a = answer(request, record, {
    id: event.context.requestId, // x-edge-request-id in the log
    gpc: gpc && gpc.value,
    uid: uid && uid.value,
  });

  const response = {statusCode: a.status, headers: {'cache-control': {value: 'no-store'}}};
  if (a.type) response.headers['content-type'] = {value: a.type};
  if (a.location) response.headers.location = {value: a.location};
  if (a.allow) response.headers.allow = {value: a.allow};
  if (a.gif) response.body = {encoding: 'base64', data: GIF};
  if (a.body) response.body = {encoding: 'text', data: a.body};
  if (a.cookie !== undefined) response.cookies = {uid: cookieOf(a.cookie)};
  return response;
}
