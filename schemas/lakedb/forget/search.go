package forget

import (
	"context"
	_ "embed" // the statements
	"errors"
	"fmt"
	"strings"

	"pixledger/schemas"
	"pixledger/schemas/lake"
	"pixledger/schemas/lakedb"
)

//go:embed sql/macros.sql
var macrosSQL string

//go:embed sql/searched.sql
var searchedSQL string

//go:embed sql/find_events.sql
var findEventsSQL string

//go:embed sql/find_attributions.sql
var findAttributionsSQL string

//go:embed sql/find_rejects.sql
var findRejectsSQL string

//go:embed sql/in_request_ids.sql
var inRequestIDsSQL string

// search is what was found of some users.
type search struct {
	names   []name
	needles []needle
	// inTokens are the needles that may be replaced in tokens: those that no
	// request id holds.
	inTokens []needle
	files    []lake.File // that hold something, in order
	found    map[string]bool

	inRequestIDs map[int]bool // needles by number

	events, attributions, rejects, mentions int64
}

// searchBytes is about how much is searched by one statement.
const searchBytes = 256 << 20

// search finds the files of the state that hold one of the ids. searched are
// files, by their hash, that need not be looked at; it takes in those that hold
// nothing.
func (f *forgetting) search(ctx context.Context, state *lake.State, names []name, searched map[string]bool) (_ *search, err error) {
	s := &search{names: names, needles: needlesOf(names), found: map[string]bool{}, inRequestIDs: map[int]bool{}}
	db, err := lakedb.OpenSession(ctx, f.Lake, state, f.session())
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, db.Close(), f.cleanTemp()) }()
	if err := s.prepare(ctx, db); err != nil {
		return nil, err
	}
	var total, done int64
	datasets := []struct {
		schemas.Dataset
		find  string
		count *int64
	}{
		{schemas.Events, findEventsSQL, &s.events}, {schemas.Attributions, findAttributionsSQL, &s.attributions}, {schemas.Rejects, findRejectsSQL, &s.rejects},
	}
	files := map[string][]lake.File{}
	for _, d := range datasets {
		for _, p := range state.FilesOf(d.Dataset, "") {
			if file, ok := state.Files[p]; ok && file.Rows > 0 && !searched[file.SHA256] {
				files[d.Name] = append(files[d.Name], file)
				total += file.Bytes
			}
		}
	}
	held := map[string]bool{}
	for _, d := range datasets {
		for part := range parts(files[d.Name]) {
			if f.Progress != nil {
				f.Progress("searching", done, total)
			}
			if err := s.name(ctx, db, f.Lake, d.Dataset, part); err != nil {
				return nil, err
			}
			if err := s.find(ctx, db, f.Lake, d.find, d.count, part, held); err != nil {
				return nil, err
			}
			if d.Name == schemas.Events.Name {
				if err := s.requestIDs(ctx, db); err != nil {
					return nil, err
				}
			}
			for _, file := range part {
				done += file.Bytes
				if held[file.Path] {
					s.files = append(s.files, file)
				} else {
					searched[file.SHA256] = true
				}
			}
		}
	}
	s.renew()
	return s, nil
}

// renew makes the needles by the names as they are now.
func (s *search) renew() {
	s.needles, s.inTokens = needlesOf(s.names), nil
	for i, n := range s.needles {
		if !s.inRequestIDs[i] {
			s.inTokens = append(s.inTokens, n)
		}
	}
}

// parts cuts files into groups that one statement reads.
func parts(files []lake.File) func(func([]lake.File) bool) {
	return func(yield func([]lake.File) bool) {
		for len(files) > 0 {
			n, bytes := 0, int64(0)
			for n < len(files) && n < 1000 && (n == 0 || bytes+files[n].Bytes <= searchBytes) {
				bytes += files[n].Bytes
				n++
			}
			if !yield(files[:n]) {
				return
			}
			files = files[n:]
		}
	}
}

// prepare gives a session what the statements know the ids by.
func (s *search) prepare(ctx context.Context, db *lakedb.DB) error {
	var ids, pseudonyms []any
	for _, n := range s.names {
		ids, pseudonyms = append(ids, n.UserID), append(pseudonyms, n.Pseudonym)
	}
	all, whose := listOf(s.needles, nil), []any{}
	for _, n := range s.needles {
		whose = append(whose, n.name.Pseudonym)
	}
	texts, keys, tokens := listOf(s.needles, (*needle).inTexts), listOf(s.needles, (*needle).inKeys), listOf(s.inTokens, (*needle).inKeys)
	for _, v := range []struct {
		statement string
		value     any
	}{
		{"SET VARIABLE forgotten_ids = $1::VARCHAR[]", ids},
		{"SET VARIABLE pseudonyms = $1::VARCHAR[]", pseudonyms},
		{"SET VARIABLE needles = $1::VARCHAR", all.any},
		{"SET VARIABLE needle_patterns = $1::VARCHAR[]", all.patterns},
		{"SET VARIABLE needle_pseudonyms = $1::VARCHAR[]", whose},
		{"SET VARIABLE text_needles = $1::VARCHAR", texts.any},
		{"SET VARIABLE text_patterns = $1::VARCHAR[]", texts.patterns},
		{"SET VARIABLE text_replacements = $1::VARCHAR[]", texts.replacements},
		{"SET VARIABLE key_needles = $1::VARCHAR", keys.any},
		{"SET VARIABLE key_patterns = $1::VARCHAR[]", keys.patterns},
		{"SET VARIABLE key_replacements = $1::VARCHAR[]", keys.replacements},
		{"SET VARIABLE token_patterns = $1::VARCHAR[]", tokens.patterns},
		{"SET VARIABLE token_replacements = $1::VARCHAR[]", tokens.replacements},
	} {
		if _, err := db.ExecContext(ctx, v.statement, v.value); err != nil {
			return fmt.Errorf("say what is to be forgotten: %w", err)
		}
	}
	if _, err := db.ExecContext(ctx, macrosSQL); err != nil {
		return fmt.Errorf("say what is to be forgotten: %w", err)
	}
	return nil
}

// needleList is a list of needles as the statements take it.
type needleList struct {
	any                    string // a pattern that matches where one does
	patterns, replacements []any
}

func listOf(needles []needle, which func(*needle) bool) needleList {
	l := needleList{patterns: []any{}, replacements: []any{}}
	var of []needle
	for _, n := range needles {
		if which == nil || which(&n) {
			of = append(of, n)
			l.patterns, l.replacements = append(l.patterns, n.pattern), append(l.replacements, n.replacement)
		}
	}
	l.any = pattern(of)
	return l
}

// name names the files that are searched.
func (s *search) name(ctx context.Context, db *lakedb.DB, l *lake.Lake, d schemas.Dataset, files []lake.File) error {
	paths := make([]any, len(files))
	for i, file := range files {
		paths[i] = l.Path(file.Path)
	}
	if _, err := db.ExecContext(ctx, "SET VARIABLE searched_files = $1::VARCHAR[]", paths); err != nil {
		return fmt.Errorf("list files: %w", err)
	}
	var columns []string
	for _, c := range d.Columns {
		columns = append(columns, `"`+c.Name+`" `+string(c.Type))
	}
	for _, statement := range []string{"CREATE OR REPLACE TEMP TABLE no_searched_rows (" + strings.Join(columns, ", ") + ")", searchedSQL} {
		if _, err := db.ExecContext(ctx, statement); err != nil {
			return err
		}
	}
	return nil
}

// find counts what a statement finds in the named files.
func (s *search) find(ctx context.Context, db *lakedb.DB, l *lake.Lake, statement string, count *int64, files []lake.File, held map[string]bool) error {
	byPath := map[string]string{}
	for _, file := range files {
		byPath[l.Path(file.Path)] = file.Path
	}
	rows, err := db.QueryContext(ctx, statement)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var at string
		var whose *string
		var n int64
		if err := rows.Scan(&at, &whose, &n); err != nil {
			return err
		}
		p, ok := byPath[at]
		if !ok {
			return fmt.Errorf("%s: is none of the files that were searched", at)
		}
		held[p] = true
		if whose == nil {
			s.mentions += n
			continue
		}
		*count += n
		for _, name := range s.names {
			if *whose == name.UserID || *whose == name.Pseudonym {
				s.found[name.UserID] = true
			}
		}
	}
	return rows.Err()
}

// requestIDs takes in which needles the request ids of the named files hold.
func (s *search) requestIDs(ctx context.Context, db *lakedb.DB) error {
	rows, err := db.QueryContext(ctx, inRequestIDsSQL)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var i int
		if err := rows.Scan(&i); err != nil {
			return err
		}
		s.inRequestIDs[i] = true
	}
	return rows.Err()
}
