// Package samplelogs holds three days of logs of a small network, its catalog
// and configuration, and what they must yield: see README.md. The same files
// are the demo, the tour of the documentation and the tests' input.
package samplelogs

import "embed"

// FS holds a folder to work in: the logs as their edges leave them after
// rotation, pixledger.yaml and catalog.yaml, which name each other by relative
// paths, a report of the network's own below reports/, README.md, and below expected/ what they must yield. Copied out with
// os.CopyFS, it is ready for every command.
//
//go:embed edge-1.log edge-1.log.1 edge-1.log.2.gz edge-2.access.log edge-2.access.log.1.gz
//go:embed pixledger.yaml catalog.yaml README.md
//go:embed reports/orders_by_hour.sql
//go:embed expected/account.csv expected/attributions.csv expected/revenue.csv
var FS embed.FS
