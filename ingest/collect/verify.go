package collect

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"slices"

	"pixledger/schemas/lake"
	"pixledger/schemas/published"
)

// VerifyShared holds the shared lake against what was taken in: every part's manifest
// is there, unchanged, and its files have their length. The records are walked, so a
// manifest that was exchanged is seen. What is wrong is told to found; files that a rule
// of the bucket has expired are counted.
func VerifyShared(ctx context.Context, l *lake.Lake, state *lake.State, s published.Store, found func(string)) (parts, expired int, err error) {
	manifests := map[string][]*published.Manifest{}
	for seq := int64(1); seq <= state.Seq; seq++ {
		r, _, err := l.ReadRecord(seq)
		if err != nil {
			return parts, 0, err
		}
		for i := range r.Parts {
			p := &r.Parts[i]
			parts++
			name := published.ManifestFolder(p.Edge) + "/" + published.ManifestName(p.Sequence)
			b, err := published.Fetch(ctx, s, name)
			switch {
			case errors.Is(err, fs.ErrNotExist):
				found(fmt.Sprintf("%s: %s is not there, and was collected by commit %d", s.Name(), name, seq))
				continue
			case err != nil:
				return parts, 0, err
			case published.Hash(b) != p.Manifest:
				found(fmt.Sprintf("%s: %s is another than commit %d has collected", s.Name(), name, seq))
				continue
			}
			m, err := published.Decode(b)
			if err != nil {
				found(fmt.Sprintf("%s: %s: %v", s.Name(), name, err))
				continue
			}
			manifests[p.Edge] = append(manifests[p.Edge], m)
		}
	}
	for _, edge := range slices.Sorted(maps.Keys(state.Edges)) {
		there := map[string]int64{}
		for _, folder := range []string{"events/edge=" + edge, "rejects/edge=" + edge} {
			list, err := s.List(ctx, folder)
			if err != nil {
				return parts, expired, err
			}
			maps.Copy(there, list)
		}
		n, err := published.Compare(ctx, s, manifests[edge], there, found)
		if expired += n; err != nil {
			return parts, expired, err
		}
	}
	return parts, expired, nil
}
