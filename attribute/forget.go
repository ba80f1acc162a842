package attribute

import (
	"errors"
	"fmt"
	"path"

	"pixledger/schemas/lake"
)

// DropCache removes what the last run has left to the next one, which then
// computes everything: it holds ids of users, and hashes of them. Whoever calls
// it holds the JobLock.
func DropCache(l *lake.Lake) error {
	err := l.Disk().RemoveAll(l.Path(cacheFolder))
	if there, serr := l.Disk().Exists(l.Path(path.Dir(cacheFolder))); serr != nil || there {
		err = errors.Join(err, serr, l.Disk().SyncDir(l.Path(path.Dir(cacheFolder))))
	}
	if err != nil {
		return fmt.Errorf("remove what the last attribution left: %w", err)
	}
	return nil
}
