package lake

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"strings"
	"sync"
	"time"

	"pixledger/schemas"
	"pixledger/schemas/disk"
)

// The folders of _state. Everything in them stands outside the globs that
// users read.
const (
	stateDir      = "_state"
	commitsDir    = "_state/commits"
	checkpointDir = "_state/checkpoints"
	stagingDir    = "_state/staging"
	locksDir      = "_state/locks"
	catalogsDir   = "_state/catalogs"
	tempDir       = "_state/temp"
	jobsDir       = "_state/jobs"
	versionFile   = "_state/lake.json"
	paramsKeyFile = "_state/params.key"
	daemonFile    = "_state/daemon.json"
	edgeFile      = "_state/edge.json"
)

// Modes of what stands in the lake: its rows are personal data, so nobody but
// the owner and the group reads them.
const (
	FileMode = 0o640
	DirMode  = 0o750
)

// SeedDate is the date of the empty files that keep every glob from being
// empty. No event can be that old.
const SeedDate = "1970-01-01"

const seedName = "empty.parquet"

// A Lake is a folder of Parquet files with the records of how they came there.
// It is safe for use by several goroutines.
type Lake struct {
	root string
	disk *disk.Disk

	folders map[string]bool // known to be there durably; the publish lock's
	atOnce  bool            // folders are replaced without waiting for readers by glob

	mu      sync.Mutex
	state   *State // the newest state read, never changed once handed out
	applied int64  // the newest commit known to be finished and durable
}

// ErrNoLake is what Open wraps when there is no lake at the path.
var ErrNoLake = errors.New("there is no lake")

// VersionError says that a lake was written by a newer program.
type VersionError struct {
	Root    string
	Version int
}

func (e *VersionError) Error() string {
	return fmt.Sprintf("%s: the lake is of version %d; allowed: up to %d: use the pixledger that wrote it or a newer one", e.Root, e.Version, Version)
}

type versionRecord struct {
	Version int       `json:"version"`
	Created time.Time `json:"created"`
}

// Open opens an existing lake for reading. It wraps ErrNoLake when there is
// none, and gives a *VersionError when it is a newer program's.
func Open(root string) (*Lake, error) { return OpenOn(disk.Real, root) }

// OpenOn is Open by way of a disk.
func OpenOn(d *disk.Disk, root string) (*Lake, error) {
	b, err := d.ReadFile(filepath.Join(root, versionFile))
	if err != nil {
		if fi, e := os.Stat(root); e == nil && !fi.IsDir() {
			return nil, fmt.Errorf("%s: is no folder; allowed: a folder for the lake", root)
		}
	}
	if errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("%s: %w; allowed: a folder that `pixledger ingest` or `pixledger run` has made", root, ErrNoLake)
	}
	if err != nil {
		return nil, fmt.Errorf("open the lake: %w", err)
	}
	var v versionRecord
	if err := json.Unmarshal(b, &v); err != nil || v.Version < 1 {
		return nil, fmt.Errorf("%s: is no lake's version record; restore it from a backup", filepath.Join(root, versionFile))
	}
	if v.Version > Version {
		return nil, &VersionError{Root: root, Version: v.Version}
	}
	return &Lake{root: root, disk: d, folders: map[string]bool{}}, nil
}

// OpenOrCreate opens the lake, or makes it with its empty files where there
// is none yet, and completes what a crash cut short. now is the time of creation.
func OpenOrCreate(root string, now time.Time) (*Lake, error) {
	return OpenOrCreateOn(disk.Real, root, now)
}

// OpenOrCreateOn is OpenOrCreate by way of a disk.
func OpenOrCreateOn(d *disk.Disk, root string, now time.Time) (*Lake, error) {
	l, err := OpenOn(d, root)
	if errors.Is(err, ErrNoLake) {
		l, err = create(d, root, now)
	}
	if err != nil {
		return nil, err
	}
	if err := l.makeFolders(); err != nil {
		return nil, fmt.Errorf("open the lake: %w", err)
	}
	if err := l.Recover(); err != nil {
		return nil, err
	}
	return l, nil
}

// makeFolders makes the folders of _state, as far as they are missing: one that
// is empty comes back from few backups.
func (l *Lake) makeFolders() error {
	for _, dir := range []string{commitsDir, checkpointDir, stagingDir, locksDir, catalogsDir, tempDir, jobsDir} {
		if err := l.disk.MkdirAll(l.Path(dir), DirMode); err != nil {
			return err
		}
	}
	return nil
}

func create(d *disk.Disk, root string, now time.Time) (*Lake, error) {
	if entries, err := d.ReadDir(root); err == nil && len(entries) > 0 {
		for _, e := range entries {
			if e.Name() != stateDir && !isDataset(e.Name()) {
				return nil, fmt.Errorf("%s: is no lake, and holds %s; allowed: an empty or a new folder", root, e.Name())
			}
		}
	}
	l := &Lake{root: root, disk: d, folders: map[string]bool{}}
	if err := l.makeFolders(); err != nil {
		return nil, fmt.Errorf("create the lake: %w", err)
	}
	for _, dir := range []string{filepath.Dir(root), root, l.Path(stateDir)} {
		if err := d.SyncDir(dir); err != nil {
			return nil, fmt.Errorf("create the lake: %w", err)
		}
	}
	unlock, err := l.lockPublish()
	if err != nil {
		return nil, err
	}
	defer unlock()
	if again, err := OpenOn(d, root); err == nil { // another process was first
		return again, nil
	}
	// Who was killed in creating it may have left half a file: under the lock
	// these are nobody's.
	if err := l.removeTemporary(stateDir); err != nil {
		return nil, fmt.Errorf("create the lake: %w", err)
	}
	if err := l.writeSeeds(); err != nil {
		return nil, fmt.Errorf("create the lake: %w", err)
	}
	b, err := json.Marshal(versionRecord{Version: Version, Created: now.UTC()})
	if err != nil {
		return nil, err
	}
	if err := l.disk.Publish(l.Path(versionFile), FileMode, append(b, '\n')); err != nil {
		return nil, fmt.Errorf("create the lake: %w", err)
	}
	return l, nil
}

func isDataset(name string) bool {
	for _, d := range schemas.Datasets {
		if d.Name == name {
			return true
		}
	}
	return false
}

// Disk is the way by which the lake's files are read and changed.
func (l *Lake) Disk() *disk.Disk { return l.disk }

// Root is the lake's folder.
func (l *Lake) Root() string { return l.root }

// Path is the place of something below the lake, given with slashes.
func (l *Lake) Path(rel string) string { return filepath.Join(l.root, filepath.FromSlash(rel)) }

// EventFolder is the folder of events of one type and UTC date (YYYY-MM-DD).
func EventFolder(t schemas.EventType, date string) string {
	return "events/type=" + string(t) + "/date=" + date
}

// DateFolder is the folder of one day of a dataset: key is date or booked.
func DateFolder(d schemas.Dataset, date string) string {
	if len(d.Keys) == 0 {
		return d.Name
	}
	return d.Name + "/" + d.Keys[len(d.Keys)-1].Name + "=" + date
}

// SeedFolders lists the folders of a dataset that hold an empty file from the start.
func SeedFolders(d schemas.Dataset) []string {
	if d.Name != schemas.Events.Name {
		return []string{DateFolder(d, SeedDate)}
	}
	folders := make([]string, len(schemas.EventTypes))
	for i, t := range schemas.EventTypes {
		folders[i] = EventFolder(t, SeedDate)
	}
	return folders
}

// SeedFile is the empty file of one of the SeedFolders.
func SeedFile(folder string) string { return folder + "/" + seedName }

// FolderDate is the date in a folder's or file's hive path, or "".
func FolderDate(p string) string {
	for part := range strings.SplitSeq(p, "/") {
		for _, key := range []string{"date=", "booked="} {
			if d, ok := strings.CutPrefix(part, key); ok {
				return d
			}
		}
	}
	return ""
}

// TempDir is the folder below a lake's root where queries may spill.
func TempDir(root string) string { return filepath.Join(root, filepath.FromSlash(tempDir)) }

// JobFile is the place of the daemon's note on a scheduled job.
func (l *Lake) JobFile(name string) string { return l.Path(jobsDir + "/" + name + ".json") }

// DaemonFile is the place of the daemon's note on itself.
func (l *Lake) DaemonFile() string { return l.Path(daemonFile) }

// EdgeFile is the place of the daemon's note on the edge's configuration.
func (l *Lake) EdgeFile() string { return l.Path(edgeFile) }

// CatalogFile is where the catalog of that digest is kept.
func (l *Lake) CatalogFile(digest string) string {
	return l.Path(path.Join(catalogsDir, digest+".yaml"))
}

// ParamsKeyFile is where the lake at a root keeps the secret of ParamsKey, when it has one.
func ParamsKeyFile(root string) string { return filepath.Join(root, filepath.FromSlash(paramsKeyFile)) }

// ParamsKey is the secret of the keyed hash that the privacy settings put in
// place of parameters: made once, and kept beside the lake's records.
func (l *Lake) ParamsKey() ([]byte, error) {
	p := l.Path(paramsKeyFile)
	key, err := l.disk.ReadFile(p)
	if err == nil && len(key) == sha256.Size {
		return key, nil
	}
	if err == nil {
		return nil, fmt.Errorf("%s: holds %d bytes; allowed: the %d that were written, restore them from a backup", p, len(key), sha256.Size)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, fmt.Errorf("read the key of hashed parameters: %w", err)
	}
	unlock, err := l.lockPublish()
	if err != nil {
		return nil, err
	}
	defer unlock()
	if key, err := l.disk.ReadFile(p); err == nil && len(key) == sha256.Size { // another process was first
		return key, nil
	}
	key = make([]byte, sha256.Size)
	if _, err := rand.Read(key); err != nil {
		return nil, err
	}
	return key, l.disk.Publish(p, 0o600, key)
}

// KeepCatalog keeps a catalog that is in force under its digest, once.
func (l *Lake) KeepCatalog(content []byte) (digest string, err error) {
	sum := sha256.Sum256(content)
	digest = hex.EncodeToString(sum[:])
	p := l.CatalogFile(digest)
	if there, err := l.disk.Exists(p); err != nil || there {
		return digest, err
	}
	return digest, l.disk.Publish(p, FileMode, content)
}
