package forget

import (
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"

	"pixledger/schemas/lake"
)

// The file of what is to be done holds the ids themselves for as long as the
// erasure takes, and nothing does afterwards: who an erased user was is known
// nowhere.
const (
	pendingFolder = "_state/forget"
	pendingFile   = pendingFolder + "/pending.json"
	pendingMode   = 0o600
)

// name is a user id and what stands in its place.
type name struct {
	UserID    string `json:"user_id"`
	Pseudonym string `json:"pseudonym"`
	// Settled says that nothing but this pseudonym may stand for the id any more:
	// rows may have it already.
	Settled bool `json:"settled,omitempty"`
}

type pendingList struct {
	Users []name `json:"users"`
}

const pseudonymPrefix = "forgotten-"

// newName draws a pseudonym. Nobody else's id is one, and none is a part of
// another.
func newName(userID string) name {
	return name{UserID: userID, Pseudonym: pseudonymPrefix + rand.Text()}
}

// Pending lists the users whose erasure was begun and is not finished.
func Pending(l *lake.Lake) ([]name, error) {
	p := l.Path(pendingFile)
	b, err := l.Disk().ReadFile(p)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("read what is to be forgotten: %w", err)
	}
	var list pendingList
	if err := json.Unmarshal(b, &list); err != nil {
		return nil, fmt.Errorf("%s: is damaged (%w); remove it and run `pixledger forget` with the same ids again", p, err)
	}
	for _, n := range list.Users {
		if n.UserID == "" || n.Pseudonym == "" {
			return nil, fmt.Errorf("%s: names a user without an id or a pseudonym; remove it and run `pixledger forget` with the same ids again", p)
		}
	}
	return list.Users, nil
}

// notePending makes durable what is to be done, before anything is.
func (o *Options) notePending(names []name) error {
	b, err := json.Marshal(pendingList{names})
	if err != nil {
		return err
	}
	d := o.Lake.Disk()
	if err := d.MkdirAll(o.Lake.Path(pendingFolder), lake.DirMode); err != nil {
		return fmt.Errorf("note what is to be forgotten: %w", err)
	}
	if err := d.SyncDir(filepath.Dir(o.Lake.Path(pendingFolder))); err != nil {
		return fmt.Errorf("note what is to be forgotten: %w", err)
	}
	if err := d.Publish(o.Lake.Path(pendingFile), pendingMode, append(b, '\n')); err != nil {
		return fmt.Errorf("note what is to be forgotten: %w", err)
	}
	return nil
}

// clearPending removes the list, and what somebody who was killed in writing it
// has left.
func (o *Options) clearPending() error {
	if o.DryRun {
		return nil
	}
	d, folder := o.Lake.Disk(), o.Lake.Path(pendingFolder)
	entries, err := d.ReadDir(folder)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("strike off what was forgotten: %w", err)
	}
	for _, e := range entries {
		if err := d.Remove(filepath.Join(folder, e.Name())); err != nil {
			return fmt.Errorf("strike off what was forgotten: %w", err)
		}
	}
	if err := d.SyncDir(folder); err != nil {
		return fmt.Errorf("strike off what was forgotten: %w", err)
	}
	return nil
}
