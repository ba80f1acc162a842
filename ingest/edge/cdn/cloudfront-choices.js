// CloudFront Functions, cloudfront-js-2.0, viewer request. In front of choices.js.
function handler(event) {
  return choice(event.request) || {statusCode: 404};
}
