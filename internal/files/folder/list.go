package folder

import (
	"context"
	"errors"
	"io/fs"
	"path"

	"github.com/kefu-chat/kefu/internal/files"
)

// List implements files.Blobs. Folders that lie before the key are not looked into.
func (f *Folder) List(ctx context.Context, after string, limit int) ([]files.Kept, error) {
	var all []files.Kept
	err := fs.WalkDir(f.root.FS(), ".", func(name string, entry fs.DirEntry, err error) error {
		switch {
		case errors.Is(err, fs.ErrNotExist): // it went meanwhile
			return nil
		case err != nil:
			return err
		case ctx.Err() != nil:
			return ctx.Err()
		case entry.IsDir():
			if name != "." && name != path.Dir(after) && name+"/\xff" < after {
				return fs.SkipDir
			}
			return nil
		case len(all) == limit:
			return fs.SkipAll
		case name <= after:
			return nil
		}
		info, err := entry.Info()
		if err == nil {
			all = append(all, files.Kept{Key: name, At: info.ModTime()})
		} else if errors.Is(err, fs.ErrNotExist) {
			err = nil
		}
		return err
	})
	return all, err
}
