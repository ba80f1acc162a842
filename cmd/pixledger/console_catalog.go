package main

import (
	"sync"

	"pixledger/cmd/pixledger/console"
	"pixledger/schemas"
)

// consoleNames gives the console the names of the catalog in force, which are
// read again only when it is another one.
type consoleNames struct {
	d *daemon

	mu     sync.Mutex
	digest string
	names  *console.Catalog
}

func (n *consoleNames) get() (*console.Catalog, error) {
	n.mu.Lock()
	defer n.mu.Unlock()
	digest := n.d.catalog.digest()
	if n.names != nil && n.digest == digest {
		return n.names, nil
	}
	cat, err := keptCatalog(n.d.lake, digest)
	if err != nil {
		return nil, err
	}
	n.digest, n.names = digest, consoleCatalog(cat)
	return n.names, nil
}

func consoleCatalog(cat *schemas.Catalog) *console.Catalog {
	out := &console.Catalog{}
	for _, a := range cat.Advertisers {
		out.Advertisers = append(out.Advertisers, console.Item{ID: a.ID, Name: a.Name, Code: a.Code, Advertiser: a.ID})
	}
	for _, l := range cat.LineItems {
		out.LineItems = append(out.LineItems, console.Item{ID: l.ID, Name: l.Name, Code: l.Code, Advertiser: l.AdvertiserID})
	}
	for _, p := range cat.Pixels {
		out.Pixels = append(out.Pixels, console.Item{ID: p.ID, Name: p.Name, Code: p.Code, Advertiser: p.AdvertiserID})
	}
	for _, s := range cat.Segments {
		out.Segments = append(out.Segments, console.Item{ID: s.ID, Name: s.Name, Code: s.Code})
	}
	publishers := map[int64]string{}
	for _, p := range cat.Publishers {
		publishers[p.ID] = p.Name
	}
	for _, t := range cat.Trackers {
		x := console.Tracker{
			ID: t.ID, Kind: string(t.Kind), LineItem: t.LineItemID, Publisher: t.PublisherID, PublisherName: publishers[t.PublisherID],
			Creative: t.CreativeID, Landing: t.LandingURL,
		}
		if c := cat.Creative(t.CreativeID); c != nil {
			x.CreativeName = c.Name
		}
		out.Trackers = append(out.Trackers, x)
	}
	return out
}
