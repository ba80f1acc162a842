# edge.json for a key value store of CloudFront: aws s3 cp, then --import-source
{data: [to_entries[] | {key, value: (.value | tojson)}
  | if (.value | utf8bytelength) > 1024 then error("\(.key): the record has more than the 1 KB of a value") else . end]}
