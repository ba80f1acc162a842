import cf from 'cloudfront';
// CloudFront Functions, cloudfront-js-2.0, viewer request. In front of edge.js.

const catalog = cf.kvs();

async function handler(event) {
  const asked = read(event.request.uri, event.request.rawQueryString() || '');
  let record = {};
  if (asked.key) {
    try { record = await catalog.get(asked.key, {format: 'json'}); } catch (e) { record = {}; } // not in the catalog
  }
  return answer(event.request, asked, record, event.context.requestId); // x-edge-request-id in the log
}
