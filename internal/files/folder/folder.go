// Package folder keeps blobs as files in a folder of this machine, or of one that
// all nodes mount.
package folder

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path"
	"regexp"

	"github.com/kefu-chat/kefu/internal/files"
)

// Folder implements files.Blobs. All that is done stays below it, whatever a key says.
type Folder struct{ root *os.Root }

var _ files.Blobs = (*Folder)(nil)

// unfinished is where blobs are written before they have their name.
const unfinished = "unfinished"

// Open makes the folder if it is not there, and looks whether it can be written.
func Open(dir string) (*Folder, error) {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, err
	}
	root, err := os.OpenRoot(dir)
	if err != nil {
		return nil, err
	}
	f := &Folder{root}
	if err := root.MkdirAll(unfinished, 0o700); err != nil {
		return nil, errors.Join(err, root.Close())
	}
	name, file, err := f.temporary()
	if err == nil {
		err = errors.Join(file.Close(), root.Remove(name))
	}
	if err != nil {
		return nil, errors.Join(err, root.Close())
	}
	return f, nil
}

// Close lets go of the folder.
func (f *Folder) Close() error { return f.root.Close() }

func (f *Folder) temporary() (string, *os.File, error) {
	var b [12]byte
	_, _ = rand.Read(b[:]) // never fails since Go 1.24
	name := unfinished + "/" + hex.EncodeToString(b[:])
	file, err := f.root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	return name, file, err
}

var keyForm = regexp.MustCompile(`^[0-9a-z]+(/[0-9a-z]+)*(\.[0-9a-z]+)?$`)

func check(key string) error {
	if !keyForm.MatchString(key) {
		return fmt.Errorf("%.80q is no key of a blob", key)
	}
	return nil
}

// Put implements files.Blobs: what a power cut or an error interrupts is not there.
func (f *Folder) Put(ctx context.Context, key string, r io.Reader, size int64) (err error) {
	if err := check(key); err != nil {
		return err
	}
	name, file, err := f.temporary()
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			_ = f.root.Remove(name)
		}
	}()
	n, err := io.Copy(file, r)
	if err == nil && n != size {
		err = fmt.Errorf("%d bytes came: want %d", n, size)
	}
	if err == nil {
		err = file.Sync()
	}
	if err = errors.Join(err, file.Close(), ctx.Err()); err != nil {
		return err
	}
	if err := f.root.MkdirAll(path.Dir(key), 0o700); err != nil {
		return err
	}
	if err := f.root.Rename(name, key); err != nil {
		return err
	}
	return f.sync(path.Dir(key))
}

// sync makes a name in a folder outlast a power cut, and the folder's own name.
func (f *Folder) sync(dir string) error {
	for ; ; dir = path.Dir(dir) {
		d, err := f.root.Open(dir)
		if err != nil {
			return err
		}
		if err := errors.Join(syncFolder(d), d.Close()); err != nil || dir == "." {
			return err
		}
	}
}

// Open implements files.Blobs.
func (f *Folder) Open(_ context.Context, key string) (files.Blob, error) {
	if err := check(key); err != nil {
		return nil, err
	}
	file, err := f.root.Open(key)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, files.ErrNoBlob
	}
	if err != nil {
		return nil, err
	}
	info, err := file.Stat()
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	return blob{file, info.Size()}, nil
}

type blob struct {
	*os.File
	size int64
}

func (b blob) Size() int64 { return b.size }

// Delete implements files.Blobs.
func (f *Folder) Delete(_ context.Context, keys ...string) error {
	var errs []error
	for _, key := range keys {
		err := check(key)
		if err == nil {
			err = f.root.Remove(key)
		}
		if !errors.Is(err, fs.ErrNotExist) {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
