# Makes edge.json of what edge.sql answers: one object, by "t" and the tracker's
# id, "p" and the pixel's id, "c", member, ":" and the pixel's code. A "|" in a
# landing page is where the touch's token goes.

# Percent-encodes what may not stand raw in a URL, so that no value means
# anything in VCL, in a Caddyfile or in JavaScript. A "%" stays.
def url: gsub("(?<c>[^!#-;=?-\\[\\]_a-z~]+)"; .c | @uri);

def page: split("${SSP_DATA}")
  | if length < 2 or (.[0] | test("^https?://[^/?#\\\\]+[/?#]")) then map(url) | join("|")
    else error("landing_url: ${SSP_DATA} stands before the path; allowed: behind the host alone") end;

def host: if test("^(\\*\\.)?[A-Za-z0-9_-]+(\\.[A-Za-z0-9_-]+)*$") then ascii_downcase
  else error("redirect_hosts: \(.) is no host name") end;

# Every version of jq and JavaScript alike.
def code: @uri | gsub("!"; "%21") | gsub("'"; "%27") | gsub("\\("; "%28") | gsub("\\)"; "%29") | gsub("\\*"; "%2A");

def pieces(type): [.piggybacks // [] | .[] | select(.pixel_type == type) | .url | url];

[.[]
  | {hosts: [.hosts // [] | .[] | host], landing: (if .kind == "click" then .landing // "" | page else "" end),
      images: pieces("img"), scripts: pieces("js")} as $all
  | ($all | with_entries(select(.value | length > 0)) | if length > 0 then . else empty end) as $some
  | (if .kind == "click" then {click: true} + $some else $some end) as $record
  | {key, value: $record}, (select(.kind == "pixel" and (.code // "") != "") | {key: "c\(.member):\(.code | code)", value: ($record + {code, pixel: .key})})
] | from_entries
