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
// manifest that was exchanged is seen. What is wrong is told to found.
func VerifyShared(ctx context.Context, l *lake.Lake, state *lake.State, s published.Store, found func(string)) (parts int, err error) {
	there := map[string]int64{}
	for _, edge := range slices.Sorted(maps.Keys(state.Edges)) {
		for _, folder := range []string{"events/edge=" + edge, "rejects/edge=" + edge} {
			list, err := s.List(ctx, folder)
			if err != nil {
				return 0, err
			}
			maps.Copy(there, list)
		}
	}
	for seq := int64(1); seq <= state.Seq; seq++ {
		r, _, err := l.ReadRecord(seq)
		if err != nil {
			return parts, err
		}
		for i := range r.Parts {
			p := &r.Parts[i]
			parts++
			name := published.ManifestFolder(p.Edge) + "/" + published.ManifestName(p.Sequence)
			b, err := published.Fetch(ctx, s, name)
			if errors.Is(err, fs.ErrNotExist) {
				found(fmt.Sprintf("%s: %s is not there, and was collected by commit %d", s.Name(), name, seq))
				continue
			}
			if err != nil {
				return parts, err
			}
			if published.Hash(b) != p.Manifest {
				found(fmt.Sprintf("%s: %s is another than commit %d has collected", s.Name(), name, seq))
				continue
			}
			m, err := published.Decode(b)
			if err != nil {
				found(fmt.Sprintf("%s: %s: %v", s.Name(), name, err))
				continue
			}
			for _, f := range m.Files {
				size, ok := there[f.Path]
				if ok && size != f.Bytes {
					if f, err = published.Now(ctx, s, f); err != nil {
						return parts, err
					}
				}
				if !ok || size != f.Bytes {
					found(fmt.Sprintf("%s: %s is there with %d bytes, not %d", s.Name(), f.Path, size, f.Bytes))
				}
			}
		}
	}
	return parts, nil
}
