package rewrite

import (
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"

	"pixledger/schemas/lake"
)

// SpoiltError says that a file is not what was committed.
type SpoiltError struct {
	File   lake.File
	SHA256 string // of what is there; "" where nothing is
}

func (e *SpoiltError) Error() string {
	if e.SHA256 == "" {
		return e.File.Path + " is missing; restore it from a backup, `pixledger verify` looks at all others"
	}
	return fmt.Sprintf("the content of %s has changed since its commit: SHA-256 %s, not %s; restore it from a backup, `pixledger verify` looks at all others", e.File.Path, e.SHA256, e.File.SHA256)
}

// unchanged tells by an error that a file is not what was committed. It is about
// to be removed, and with it the last trace of what it should be.
func (w *rewriting) unchanged(file lake.File) (err error) {
	in, err := w.Lake.Disk().Open(w.Lake.Path(file.Path))
	if errors.Is(err, fs.ErrNotExist) {
		return &SpoiltError{File: file}
	}
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, in.Close()) }()
	hash := sha256.New()
	if _, err := io.Copy(hash, in); err != nil {
		return err
	}
	if sum := hex.EncodeToString(hash.Sum(nil)); sum != file.SHA256 {
		return &SpoiltError{File: file, SHA256: sum}
	}
	return nil
}
