package console

import (
	"fmt"
	"slices"
	"strconv"
)

// Catalog is what the console names things by: the catalog in force.
type Catalog struct {
	Advertisers, LineItems, Pixels, Segments []Item
	Trackers                                 []Tracker
}

// Item is an entry of one of the catalog's lists.
type Item struct {
	ID         int64
	Name, Code string
	Advertiser int64 // whose it is; 0: nobody's
}

// Tracker counts an impression or a click.
type Tracker struct {
	ID                          int64
	Kind                        string
	LineItem                    int64
	Creative, Publisher         int64 // 0: none
	CreativeName, PublisherName string
	Landing                     string
}

// nameOf finds a name in a list of the catalog; "" where it has none.
func nameOf(list []Item, id string) string {
	n, err := strconv.ParseInt(id, 10, 64)
	if err != nil {
		return ""
	}
	i := slices.IndexFunc(list, func(x Item) bool { return x.ID == n })
	if i < 0 {
		return ""
	}
	return list[i].Name
}

// option is a choice of a form.
type option struct {
	Value, Text string
	Chosen      bool
}

// optionsOf offers a list of the catalog, in the order of names, after all of
// it. What was asked for and is not there is offered too, so that a form says
// what its page shows.
func optionsOf(all string, list []Item, chosen string) []option {
	out := []option{{Text: all, Chosen: chosen == ""}}
	found := chosen == ""
	for _, x := range list {
		id := strconv.FormatInt(x.ID, 10)
		out = append(out, option{id, fmt.Sprintf("%s (%s)", shortened(x.Name), id), id == chosen})
		found = found || id == chosen
	}
	if !found {
		out = append(out, option{chosen, chosen, true})
	}
	slices.SortStableFunc(out[1:], func(a, b option) int { return compareFold(a.Text, b.Text) })
	return out
}

// shortened is a name as a form has room for.
func shortened(name string) string {
	const most = 60
	if runes := []rune(name); len(runes) > most {
		return string(runes[:most-1]) + "…"
	}
	return name
}
