package ingest

import (
	"errors"
	"io/fs"
	"os"
	"time"

	"pixledger/schemas/lake"
)

// LogStatus is how far a source's log is committed. Of a source with a glob
// there is one for each log, and one for each rotated file that is not
// committed to its end.
type LogStatus struct {
	Source   string
	Path     string
	Missing  bool   // there is no such log now
	Err      error  // why the log can't be read
	SourceID string // empty: nothing of it is committed
	Size     int64  // bytes
	Position int64  // bytes that are committed
	Lag      int64  // bytes that are not
	Last     time.Time
}

// Survey looks how far the sources' logs, as they stand now, are committed in
// the state. It reads the beginnings of the logs and changes nothing.
func Survey(sources []Source, state *lake.State) []LogStatus {
	var out []LogStatus
	for i := range sources {
		paths, err := sources[i].paths()
		if err == nil && len(paths) == 0 {
			paths = []string{sources[i].Path}
		}
		if err != nil {
			out = append(out, LogStatus{Source: sources[i].Name, Path: sources[i].Path, Err: err})
			continue
		}
		for _, p := range paths {
			out = append(out, survey(sources[i].Name, p, state))
			rotated, err := sources[i].rotated(p, sources)
			if err != nil {
				out = append(out, LogStatus{Source: sources[i].Name, Path: p, Err: err})
			}
			for _, r := range rotated {
				if s := survey(sources[i].Name, r, state); s.Err == nil && s.Lag > 0 {
					out = append(out, s)
				}
			}
		}
	}
	return out
}

func survey(source, path string, state *lake.State) LogStatus {
	s := LogStatus{Source: source, Path: path}
	f, fi, err := openRegular(path)
	if err != nil {
		if s.Missing = errors.Is(err, fs.ErrNotExist); !s.Missing {
			s.Err = err
		}
		return s
	}
	defer f.Close()
	s.Size = fi.Size()
	how, err := detectCompression(f, path)
	if err != nil {
		s.Err = err
		return s
	}
	if how != plain {
		s.packed(f, how, state)
		return s
	}
	p := plainFile{file: f, size: fi.Size()}
	head, err := p.head()
	if err == nil && len(head) < lake.HeadBytes && onlyHeaders(head) {
		s.Position = s.Size // nothing of it is to be read so far
	} else if err == nil {
		var id identity
		switch id, err = identify(state, head, p); {
		case err != nil:
		case id.standing == knownFile:
			s.SourceID, s.Position, s.Last = id.source.ID, id.source.Position, id.source.Last
		case id.standing == earlierState:
			s.Position = s.Size // nothing of it is to be read
		}
	}
	s.Err = err
	s.Lag = max(0, s.Size-s.Position)
	return s
}

// packed fills in how far a compressed log is committed: all of it or nothing,
// by its beginning, so that it is not decompressed to look at it.
func (s *LogStatus) packed(f *os.File, how compression, state *lake.State) {
	s.Lag = s.Size
	content, err := openStream(f, s.Size, how, proof{good: lake.HeadBytes})
	if err != nil {
		return // too damaged to begin with: reading it says so
	}
	defer content.close()
	head, err := content.peek(lake.HeadBytes)
	if err != nil {
		s.Err = err
		return
	}
	if len(head) < lake.HeadBytes && onlyHeaders(head) {
		s.Position, s.Lag = s.Size, 0
		return
	}
	for _, src := range state.Known(head) {
		if src.Ended {
			s.SourceID, s.Position, s.Last, s.Lag = src.ID, s.Size, src.Last, 0
			return
		}
	}
}
