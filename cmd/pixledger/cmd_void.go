package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"pixledger/attribute/ledger"
	"pixledger/report"
	"pixledger/schemas"
	"pixledger/schemas/lake"
)

func (a *app) voidCommand() *cobra.Command {
	var orders, pixel, reason, by, catalog string
	c := &cobra.Command{
		Use:   "void [CONVERSION_ID…]",
		Short: "Say that conversions are not payable: returned, test, fraud",
		Long: `Says that conversions are not payable, for good: the next attribution decides
them as voided, and the next close takes back what was booked for them. They are
given by id, or by --orders: a csv file of the advertiser with a header and the
column order_id, such as report reconciliation writes. An order means every conversion that has its id, of the pixel named
by --pixel or of any; one that several advertisers have is refused until the pixel
is named.

Ids that no conversion has are listed, and then nothing is written. Voiding again
changes nothing.`,
		Example: "  pixledger void --reason returned --by \"Ms Fine\" 5f2c11d09be7418a\n  pixledger void --orders returns.csv --pixel 9012 --reason returned --by \"Ms Fine\"",
		RunE: func(c *cobra.Command, ids []string) error {
			switch {
			case len(ids) == 0 && orders == "":
				return usagef("void: nothing to void was given; allowed: ids of conversions, or --orders FILE.csv")
			case len(ids) > 0 && orders != "":
				return usagef("void: ids and --orders exclude each other; allowed: one of them")
			case pixel != "" && orders == "":
				return usagef("void: --pixel is given without --orders; allowed: both, as an id names one conversion")
			}
			if err := saidBy("void", reason, by); err != nil {
				return err
			}
			var pixelID int64
			if pixel != "" {
				var err error
				if pixelID, err = idFlag("void", "pixel", pixel); err != nil {
					return err
				}
			}
			s, err := a.setupWith(catalog)
			if err != nil {
				return err
			}
			if pixelID != 0 && s.catalog.Pixel(pixelID) == nil {
				return fmt.Errorf("the catalog has no pixel %d; allowed: one of its pixels", pixelID)
			}
			var orderIDs []string
			if orders != "" {
				if orderIDs, err = report.ReadOrders(orders); err != nil {
					return err
				}
			}
			l, err := s.openLake()
			if err != nil {
				return err
			}
			o := ledger.VoidOptions{
				Attribute: attributeOptions(a, s, l), Conversions: ids, Orders: orderIDs, Pixel: pixelID, Reason: reason, By: by,
			}
			v, err := ledger.Void(c.Context(), o)
			var unknown *ledger.UnknownError
			if errors.As(err, &unknown) && len(o.Orders) > 0 {
				before := withoutApostrophes(o.Orders, unknown.IDs)
				if len(before) > 0 {
					v, err = ledger.Void(c.Context(), o)
				}
				if errors.As(err, &unknown) {
					for i, id := range unknown.IDs { // as they stand in the list
						unknown.IDs[i] = cmp.Or(before[id], id)
					}
				}
			}
			if err != nil {
				return err
			}
			if len(v.Conversions) == 0 {
				fmt.Fprintln(a.stdout, "nothing changed: all of them are void already")
				return nil
			}
			fmt.Fprintf(a.stdout, "voided %s: the next close takes back what was booked\n", count(len(v.Conversions), "conversion"))
			return nil
		},
	}
	c.Flags().StringVar(&orders, "orders", "", "a csv file with the column order_id")
	c.Flags().StringVar(&pixel, "pixel", "", "the pixel that the orders were counted by")
	c.Flags().StringVar(&reason, "reason", "", "why they are not payable")
	c.Flags().StringVar(&by, "by", "", "who says so")
	c.Flags().StringVar(&catalog, "catalog", "", "look pixels up in this catalog instead of the configured one")
	return c
}

// saidBy asks for who says something about money, and why.
func saidBy(command, reason, by string) error {
	switch {
	case strings.TrimSpace(reason) == "":
		return usagef("%s: --reason is missing; allowed: why, in a few words", command)
	case strings.TrimSpace(by) == "":
		return usagef("%s: --by is missing; allowed: the name of who says so", command)
	}
	return nil
}

func idFlag(command, flag, text string) (int64, error) {
	id, err := strconv.ParseInt(text, 10, 64)
	if err != nil || id <= 0 {
		return 0, usagef("%s: --%s is %q; allowed: an id, a whole number from 1", command, flag, text)
	}
	return id, nil
}

// withoutApostrophes makes orders that no conversion has as they stand what they
// were before a report guarded them against spreadsheets. It gives how those
// stood that it has changed.
func withoutApostrophes(orders, unknown []string) map[string]string {
	slices.Sort(unknown)
	stood := map[string]string{}
	for i, o := range orders {
		if _, is := slices.BinarySearch(unknown, o); !is {
			continue
		}
		if before, guarded := report.Unguarded(o); guarded {
			orders[i], stood[before] = before, o
		}
	}
	return stood
}

func (a *app) creditCommand() *cobra.Command {
	var lineItem, amount, reason, by, catalog string
	c := &cobra.Command{
		Use:   "credit",
		Short: "Book a negotiated amount for a line item with the next close",
		Long: `Books an amount that was negotiated with an advertiser, in its currency, with
the next close. A negative amount lowers the bill.`,
		Example: "  pixledger credit --line-item 382 --amount -250.00 --reason \"make-good for November\" --by \"Ms Fine\"",
		Args:    cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error {
			if lineItem == "" {
				return usagef("credit: --line-item is missing; allowed: the id of a line item")
			}
			id, err := idFlag("credit", "line-item", lineItem)
			if err != nil {
				return err
			}
			if amount == "" {
				return usagef("credit: --amount is missing; allowed: a decimal number such as -250.00")
			}
			money, ok := schemas.ParseMoney(amount)
			if _, decimals, _ := strings.Cut(amount, "."); !ok || len(decimals) > schemas.MoneyScale || money == 0 {
				return usagef("credit: --amount is %q; allowed: a decimal number other than 0 with at most %d decimals, such as -250.00", amount, schemas.MoneyScale)
			}
			if err := saidBy("credit", reason, by); err != nil {
				return err
			}
			s, err := a.setupWith(catalog)
			if err != nil {
				return err
			}
			credit, err := ledger.NewCredit(s.catalog, id, money, reason, by)
			if err != nil {
				return err
			}
			l, err := lake.OpenOrCreate(s.cfg.Lake, a.now())
			if err != nil {
				return err
			}
			if _, err := ledger.AddCredit(l, credit, a.now()); err != nil {
				return err
			}
			fmt.Fprintf(a.stdout, "line item %d: %s %s will be booked with the next close\n", credit.LineItemID, credit.Amount.Short(), credit.Currency)
			return nil
		},
	}
	c.Flags().StringVar(&lineItem, "line-item", "", "the line item that it is for")
	c.Flags().StringVar(&amount, "amount", "", "the amount in the advertiser's currency; negative lowers the bill")
	c.Flags().StringVar(&reason, "reason", "", "what was agreed")
	c.Flags().StringVar(&by, "by", "", "who says so")
	c.Flags().StringVar(&catalog, "catalog", "", "look the line item up in this catalog instead of the configured one")
	return c
}
