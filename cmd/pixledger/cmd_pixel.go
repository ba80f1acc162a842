package main

import "github.com/spf13/cobra"

func (a *app) pixelCommand() *cobra.Command {
	c := &cobra.Command{
		Use:     "pixel",
		Short:   "Conversion pixels: list, settings, tags to paste, and how they do",
		Example: "  pixledger pixel list\n  pixledger pixel export --order-id --value 9012\n  pixledger pixel status 9012",
		RunE:    needSubcommand,
	}
	c.AddCommand(a.pixelListCommand(), a.pixelShowCommand(), a.pixelExportCommand(), a.pixelStatusCommand())
	return c
}
