# edge.json as maps for the Caddyfile. Values are URLs without quotes, braces and blanks.

def token: "\"" + . + "\"";
def map_of(names; default): "\tmap {edge_key} \(names) {\n" + ([.[] | "\t\t" + . + "\n"] | join("")) + "\t\tdefault \(default)\n\t}\n";
def code: if test("[\\\\\"{}`\u0000-\u001f]") then error("pixel code \(.) can't stand in a Caddyfile") else . end;
# A record's names in the Caddyfile.
def names: if .key[:1] == "c" then ["c\(.key | split(":")[0][1:]) \(.value.code | code)"]
  elif .value.click then [.key, "k" + .key[1:]] else [.key] end;
def entries(f): [.[] | . as $r | ($r.value | f) as $v | select($v) | $r | names[] | (. | token) + " " + $v];
def list: tojson | gsub("`"; "") | "`" + . + "`";

to_entries
| ([.[].value.hosts | select(.)] | unique) as $lists
| (entries(.landing // empty | split("|") | join("{edge_touch}") | token) | map_of("{edge_landing}"; "\"\"")),
  (entries(select(.images or .scripts) | "\(.scripts // [] | list) \(.images // [] | list)") | map_of("{edge_scripts} {edge_images}"; "[] []")),
  (entries(select(.images | length == 1) | .images[0] | token) | map_of("{edge_image}"; "\"\"")),
  (entries(select(.hosts) | .hosts as $h | "h\($lists | index([$h]))") | map_of("{edge_hosts}"; "none")),
  "\tmap \"{edge_hosts} {edge_redir}\" {edge_redirect} {\n"
  + ([$lists | to_entries[] | "\t\t`~(?i)^h\(.key) (https?://(?:" + ([.value[] | gsub("\\."; "\\.") | gsub("^\\*\\\\\\."; "(?:[a-z0-9_-]+\\.)+")] | join("|")) + ")(?::[0-9]{1,5})?(?:[/?#].*)?)$` `${1}`\n"] | join(""))
  + "\t\tdefault \"\"\n\t}"
