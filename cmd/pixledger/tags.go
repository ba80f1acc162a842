package main

import (
	"cmp"
	"errors"
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"pixledger/ingest/tag"
	"pixledger/schemas/yamlfile"
)

// tagLong tells of what all commands that export tags have in common.
const tagLong = `Tags go to stdout, one a line and nothing else. What each of them is of goes to
stderr, as a comment that may be pasted along, and so do warnings. The host is
--host, else edge.host of the configuration.`

// checkTagHost refuses a --host that is none before anything is read.
func checkTagHost(c *cobra.Command, flag string) error {
	if !c.Flags().Changed("host") {
		return nil
	}
	if err := tag.CheckHost(flag); err != nil {
		return usagef("--host: %w", err)
	}
	return nil
}

// tagSetup reads what tags are made from, and gives the name of the edge that
// they lead to: that of --host, which is judged before anything is read, else the
// configured one.
func (a *app) tagSetup(c *cobra.Command, flag string) (s *setup, host string, err error) {
	if err := checkTagHost(c, flag); err != nil {
		return nil, "", err
	}
	if s, err = a.setup(); err != nil || flag != "" {
		return s, flag, err
	}
	host = s.cfg.Edge.Host
	if host == "" {
		return nil, "", fmt.Errorf("%sthe edge has no name: set edge.host in %s, or give --host px.example.com", at(c), a.configPath)
	}
	if err := tag.CheckHost(host); err != nil {
		return nil, "", fmt.Errorf("%sedge.host in %s: %w", at(c), a.configPath, err)
	}
	return s, host, nil
}

// printTags prints tags to paste. Warnings come first, so that who copies from
// the screen finds comments and tags together.
func (a *app) printTags(tags []*tag.Tag, warnings []string) error {
	for _, t := range tags {
		warnings = append(warnings, t.Notes...)
	}
	for _, w := range warnings {
		a.logf("warning: %s", w)
	}
	for _, t := range tags {
		a.logf("%s", t.Comment())
		if _, err := fmt.Fprintln(a.stdout, t.Text()); err != nil {
			return err
		}
	}
	return nil
}

// idArgs reads ids that were given as arguments, each once, in their order.
func idArgs(command string, args []string) ([]int64, error) {
	var ids []int64
	for _, text := range args {
		id, err := strconv.ParseInt(text, 10, 64)
		if err != nil || id < 1 {
			return nil, usagef("%s: %q is no id; allowed: a whole number from 1 to 9223372036854775807", command, text)
		}
		if !slices.Contains(ids, id) {
			ids = append(ids, id)
		}
	}
	return ids, nil
}

// entry is an id of one of the catalog's lists, for messages.
type entry struct {
	id         int64
	name, code string
}

// findAll finds the things of these ids in a list of the catalog. The ids that it
// does not have are one error, each with those that were probably meant.
func findAll[T any](kind string, list []T, about func(*T) entry, ids []int64) ([]*T, error) {
	var out []*T
	var missing []error
	for _, id := range ids {
		i := slices.IndexFunc(list, func(x T) bool { return about(&x).id == id })
		if i < 0 {
			missing = append(missing, notInCatalog(kind, strconv.FormatInt(id, 10), list, about))
			continue
		}
		out = append(out, &list[i])
	}
	return out, errors.Join(missing...)
}

// notInCatalog says that a list has no such id or code, and which come nearest.
func notInCatalog[T any](kind, asked string, list []T, about func(*T) entry) error {
	if len(list) == 0 {
		return fmt.Errorf("the catalog has no %s %s; it has no %ss", kind, oneLine(asked), kind)
	}
	type near struct {
		text     string
		distance int
	}
	all := make([]near, len(list))
	for i := range list {
		e := about(&list[i])
		id := strconv.FormatInt(e.id, 10)
		all[i] = near{id, yamlfile.Distance(beginning(asked), beginning(id))}
		if e.code != "" {
			all[i].distance = min(all[i].distance, yamlfile.Distance(beginning(asked), beginning(e.code)))
		}
		if e.name != "" {
			all[i].text += " (" + oneLine(e.name) + ")"
		}
	}
	slices.SortStableFunc(all, func(x, y near) int { return cmp.Compare(x.distance, y.distance) })
	var texts []string
	for _, n := range all[:min(3, len(all))] {
		texts = append(texts, n.text)
	}
	return fmt.Errorf("the catalog has no %s %s; nearest: %s", kind, oneLine(asked), strings.Join(texts, ", "))
}

// beginning is as much of a text as tells which other one it comes near.
func beginning(s string) string { return s[:min(len(s), 64)] }
