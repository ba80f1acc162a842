package deliver

import (
	"context"
	"path"
	"path/filepath"
)

// Replace puts a file in the place of the one that has its name, in one step: who reads
// finds the old one or the new one. It is for what must be erased; what was delivered
// is otherwise never changed.
func (d *Destination) Replace(ctx context.Context, folder string, f File) error {
	return d.again(ctx, path.Join(folder, f.Name), false, func(ctx context.Context) error { return d.store.replace(ctx, folder, f) })
}

func (s *bucketStore) replace(ctx context.Context, folder string, f File) error {
	key := path.Join(s.target.folder, folder, f.Name)
	if err := s.upload(ctx, key, f, false); err != nil {
		return s.judge("upload", err)
	}
	there, err := s.look(ctx, key, f)
	if err == nil && !there {
		err = &fault{what: "what was uploaded can't be read back", remedy: "let these credentials read objects as well as write them"}
	}
	return err
}

func (s *folderStore) replace(ctx context.Context, folder string, f File) error {
	dir := filepath.Join(s.root, filepath.FromSlash(folder))
	if err := s.makeFolder(dir); err != nil {
		return ofDisk("make the folder", err)
	}
	if err := s.tidy(dir, f.Name); err != nil {
		return ofDisk("remove what an earlier attempt left", err)
	}
	if err := s.write(ctx, filepath.Join(dir, f.Name), f, s.disk.Rename); err != nil {
		return err
	}
	if err := s.disk.SyncDir(dir); err != nil {
		return ofDisk("make the name durable", err)
	}
	return nil
}
