package main

import (
	"fmt"
	"time"

	"pixledger/report/deliver"
	"pixledger/schemas/yamlfile"
)

// PublishConfig is where an edge's finished days are published.
type PublishConfig struct {
	To    deliver.Target
	Edge  string        // the name under which they are
	After time.Duration // a UTC date is over, before it is published
}

// CollectConfig is where a centre takes from what edges have published.
type CollectConfig struct {
	From  deliver.Target
	Edges []string
}

// publishedAfter is how long a UTC date is over, unless the configuration says
// otherwise, before it is published: as long as until it is compacted.
const publishedAfter = 24 * time.Hour

// closeAfter is when a business day is due where the configuration does not say so:
// at a centre, once the edges have had the time to publish the UTC dates that it
// touches. In zones other than UTC the last of them ends up to a day after it.
func (r *configReader) closeAfter(root yamlfile.Value) time.Duration {
	switch collect := root.Get("collect"); {
	case !collect.Given() || collect.IsNull():
		return 4 * time.Hour
	case r.zone == time.UTC || r.zone.String() == "UTC":
		return publishedAfter + 2*time.Hour
	}
	return 24*time.Hour + publishedAfter + 2*time.Hour
}

func (r *configReader) publish(v yamlfile.Value) *PublishConfig {
	if !v.Given() || v.IsNull() {
		return nil
	}
	return &PublishConfig{
		To: r.shared(v.Get("to")), Edge: v.Get("edge").TextOr(""), After: duration(v.Get("after"), publishedAfter, 0),
	}
}

func (r *configReader) collect(v yamlfile.Value) *CollectConfig {
	if !v.Given() || v.IsNull() {
		return nil
	}
	c := &CollectConfig{From: r.shared(v.Get("from"))}
	lines := map[string]int{}
	for _, e := range v.Get("edges").Items() {
		name := e.TextOr("")
		line, _ := e.Position()
		if before, twice := lines[name]; twice {
			e.Refuse(fmt.Sprintf("the edge %s stands on line %d already", e.Written(), before), "each edge once")
		}
		lines[name] = line
		c.Edges = append(c.Edges, name)
	}
	return c
}

// shared gives where a shared lake stands.
func (r *configReader) shared(v yamlfile.Value) deliver.Target {
	return r.target(v, func(t deliver.Target) bool { return r.lake != "" && t.Within(r.lake) },
		"the shared lake lies in this machine's own", "a folder of its own")
}

// jobsOfEdges gives the jobs of edges and their centre times. On an edge those that
// are the centre's have none, unless the configuration names it: an edge sees only a
// part of the touches.
func (r *configReader) jobsOfEdges(v yamlfile.Value, cfg *Config) {
	s := &cfg.Schedule
	publish, collect := r.spec(v.Get("publish"), "25 * * * *"), r.spec(v.Get("collect"), "50 * * * *")
	if cfg.Collect != nil {
		s.Collect = collect
	}
	if cfg.Publish == nil {
		return
	}
	s.Publish = publish
	for name, spec := range map[string]*string{"attribute": &s.Attribute, "close": &s.Close, "export": &s.Export, "warehouse": &s.Warehouse} {
		if !v.Get(name).Given() {
			*spec = ""
		}
	}
}
