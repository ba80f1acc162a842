# edge.json as VCL tables, to stand behind edge.vcl. In a short string of VCL a
# "%" begins an escape, so everything but plain letters is written as one.

def text: [explode[] | if (. >= 48 and . <= 57) or (. >= 65 and . <= 90) or (. >= 97 and . <= 122) or . == 45 or . == 46 or . == 47 or . == 58 or . == 32
  then [.] | implode
  else ([.] | implode | @uri | if startswith("%") then . else "%" + (explode[0] | "0123456789ABCDEF"[. / 16 | floor:][:1] + "0123456789ABCDEF"[. % 16:][:1]) end) end]
  | "\"" + join("") + "\"";
def table(name): "table \(name) {\n" + ([.[] | "  \(.[0] | text): \(.[1] | text),\n"] | join("")) + "}\n";
def script: "(function(d){" + (.scripts // [] | tojson)
  + ".forEach(function(u){var s=d.createElement(\"script\");s.async=true;s.src=u;(d.head||d.documentElement).appendChild(s)});"
  + (.images // [] | tojson) + ".forEach(function(u){new Image().src=u});})(document);\n";

to_entries
| map(select(.key[:1] == "c") | [.key[1:(.key | index(":"))] + ":" + .value.code, .value.pixel]) as $codes
| map(select(.key[:1] != "c")) as $records
| ([$records[].value.hosts | select(.)] | unique) as $lists
| ($codes | table("edge_codes")),
  ([$records[] | select(.value.landing) | ["k" + .key[1:], (.value.landing | split("|")[0])]] | table("edge_landing")),
  ([$records[] | select(.value.landing) | (.value.landing | split("|")) as $p | select($p | length > 1)
    | if ($p | length) > 2 then error("tracker \(.key): two tokens in landing_url") else ["k" + .key[1:], $p[1]] end] | table("edge_landing_2")),
  ([$records[] | select(.value.images | length == 1) | [.key, .value.images[0]]] | table("edge_image")),
  ([$records[] | select(.value.images or .value.scripts) | [.key, (.value | script)]] | table("edge_script")),
  ([$records[] | select(.value.hosts) | .value.hosts as $h | "h\($lists | index([$h]))" as $list
    | [.key, $list], (select(.value.click) | ["k" + .key[1:], $list])] | table("edge_hosts")),
  ([$lists | to_entries[] | "h\(.key)" as $list | .value[] | ["\($list) \(.)", "1"]] | table("edge_redirect_hosts"))
