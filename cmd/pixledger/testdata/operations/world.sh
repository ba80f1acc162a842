# What the drills of docs/operations.md begin with: a machine below $ROOT, whose
# logs are cut from $ROOT/../network.log, a log of six days of generated traffic.
# Each of these is called by the page's comments.

lake=/var/lib/pixledger/lake

# machine makes its folders and the configuration.
machine() {
  mkdir -p "$ROOT/etc/pixledger" "$ROOT/etc/systemd/system" "$ROOT/var/lib/pixledger" "$ROOT/var/log/nginx" \
    "$ROOT/usr/local/bin" "$ROOT/srv" "$ROOT/backup" "$ROOT/mnt"
  cp "$ROOT/../catalog.yaml" "$ROOT/etc/pixledger/catalog.yaml"
  cat >"$ROOT/etc/pixledger/pixledger.yaml" <<END
lake: $ROOT/var/lib/pixledger/lake
catalog: $ROOT/etc/pixledger/catalog.yaml
sources:
  - {name: edge-1, path: $ROOT/var/log/nginx/pixel.log, format: pixledger}
commit: {interval: 200ms}
console: {listen: "$ADDRESS"}
exports:
  - {report: revenue, to: "file:$ROOT/srv/outbox"}
END
}

# traffic DAY [EDGE] is the lines of a day of November; of one of two edges, every
# other line.
traffic() {
  from=$(date -u -d "2026-11-$1" +%s)
  awk -v from="$from" -v edge="${2:-}" '{
    t = substr($0, 10, 10) + 0
    if (t >= from && t < from + 86400 && (edge == "" || NR % 2 == edge % 2)) print
  }' "$ROOT/../network.log"
}

# day DAY is a day of the edge: its log is rotated at midnight.
day() {
  traffic "$1" >"$ROOT/var/log/nginx/pixel.log"
  next=$(($1 + 1))
  NOW=2026-11-${next}T00:05:00Z pixledger ingest
  mv "$ROOT/var/log/nginx/pixel.log" "$ROOT/var/log/nginx/pixel.log-202611$next"
}

# night DAY closes a day and delivers it, as the daemon does at 05:15 and 05:30.
night() {
  next=$(($1 + 1))
  NOW=2026-11-${next}T05:15:00Z pixledger close
  NOW=2026-11-${next}T05:30:00Z pixledger export
}

# made_once FUNCTION is the machine that the function makes, copied from the second
# time on: all machines of a run have the same root.
made_once() {
  if [ ! -d "$ROOT/../$1" ]; then
    "$1"
    cp -a "$ROOT" "$ROOT/../$1"
  else
    cp -a "$ROOT/../$1/." "$ROOT"
  fi
}

# two_nights is a machine after its first two days.
two_nights() { made_once the_two_nights; }
the_two_nights() {
  machine
  for d in 20 21; do
    day $d
    night $d
  done
  : >"$ROOT/var/log/nginx/pixel.log"
}

# backed_up is that machine with a backup.
backed_up() { made_once with_backup; }
with_backup() {
  two_nights
  mkdir "$ROOT/backup/2026-11-22"
  pixledger-snapshot "$ROOT$lake" "$ROOT/var/lib/pixledger/snapshot"
  cp -a "$ROOT/var/lib/pixledger/snapshot" "$ROOT/backup/2026-11-22/lake"
  rm -r "$ROOT/var/lib/pixledger/snapshot"
  cp -a "$ROOT/etc/pixledger" "$ROOT/backup/2026-11-22/etc"
}

# lost is a machine two nights after its backup, with a void between them.
lost() { made_once two_nights_later; }
two_nights_later() {
  backed_up
  day 22
  night 22
  NOW=2026-11-23T12:00:00Z pixledger void "$(a_conversion)" --reason returned --by "Ms Fine"
  day 23
  night 23
  : >"$ROOT/var/log/nginx/pixel.log"
}

# a_conversion is the id of one that the ledger has.
a_conversion() {
  pixledger query "SELECT min(conversion_id) FROM ledger" --format csv | tail -n 1
}

# silent_edge is a machine whose edge was busy for a week, and then silent.
silent_edge() {
  machine
  for d in 20 21 22 23 24 25 26; do
    for n in $(seq 100); do
      printf '{"time":"%s.%03d","id":"%s-%s","ip":"192.0.2.1","method":"GET","uri":"/imptr?id=200035","status":"200","uid_got":"uid=%s"}\n' \
        "$(date -u -d "2026-11-$d 12:00" +%s)" "$n" "$d" "$n" "$n"
    done
  done >"$ROOT/var/log/nginx/pixel.log"
  NOW=2026-11-27T00:05:00Z pixledger ingest
}

# caught_up LINES waits until the daemon has committed so many lines.
caught_up() {
  until pixledger status --json | jq -e --argjson lines "$1" '[.sources[].lines] | add >= $lines' >/dev/null; do :; done
}
