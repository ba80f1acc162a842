package main

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	samplelogs "pixledger/sample-logs"
)

// demoNow is the morning after the sample's three days.
var demoNow = time.Date(2026, 11, 13, 6, 0, 0, 0, time.UTC)

// The columns of the demo's reports: what a terminal of 80 columns shows as a table.
const (
	analyticsColumns = "line_item_name,imps,clicks,total_convs,booked_revenue,currency"
	revenueColumns   = "booked,line_item_name,conversion_type,amount,currency"
)

func (a *app) demoCommand() *cobra.Command {
	var keep string
	c := &cobra.Command{
		Use:   "demo",
		Short: "The whole chain on sample logs, ending with the revenue report",
		Long: `Copies three days of logs of a small network into a temporary folder, ingests
them, attributes the conversions and prints the analytics by line item and the
revenue by day, which is estimated until pixledger close has booked it. Nothing is
left behind; --keep DIR leaves the folder to look around in.`,
		Example: "  pixledger demo\n  pixledger demo --keep ./try && cd try && pixledger query \"SELECT * FROM attributions\"",
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			dir := keep
			if dir == "" {
				tmp, err := os.MkdirTemp("", "pixledger-demo-*")
				if err != nil {
					return err
				}
				defer os.RemoveAll(tmp)
				dir = tmp
			} else if entries, err := os.ReadDir(dir); err == nil && len(entries) > 0 {
				return fmt.Errorf("%s: is not empty; allowed: an empty or a new folder", dir)
			}
			if err := os.CopyFS(dir, samplelogs.FS); err != nil {
				return fmt.Errorf("copy the sample logs: %w", err)
			}
			for _, step := range [][]string{
				{"ingest"},
				{"attribute"},
				{"report", "advertiser_analytics", "--by", "line_item_id", "--range", "last_7_days", "--columns", analyticsColumns, "--format", "table"},
				{"report", "revenue", "--include-open", "--columns", revenueColumns, "--format", "table"},
			} {
				fmt.Fprintf(a.stdout, "$ pixledger %s\n", strings.Join(step, " "))
				args := append(step, "--config", filepath.Join(dir, "pixledger.yaml"), "--now", demoNow.Format(time.RFC3339))
				if code := run(c.Context(), args, a.stdout, a.stderr); code != exitOK {
					return &silentError{}
				}
				fmt.Fprintln(a.stdout)
			}
			if keep != "" {
				fmt.Fprintf(a.stdout, "The folder is %s. Its README.md tells every story in it. Look further, for example:\n", dir)
				fmt.Fprintf(a.stdout, "  cd %s && pixledger report attributed_conversions --now %s\n", dir, demoNow.Format(time.RFC3339))
			}
			return nil
		},
	}
	c.Flags().StringVar(&keep, "keep", "", "work in this new folder, and leave it")
	return c
}
