//go:build linux

package powercut

import (
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"
)

const (
	opRename2       = 45 // FUSE_RENAME2: the only form of rename that carries flags
	renameNoReplace = 1  // RENAME_NOREPLACE of renameat2(2)
)

// findDir answers the directory of a request; the caller holds the lock.
func (d *door) findDir(id uint64) (*node, fuse.Status) {
	n, status := d.find(id)
	if status.Ok() && !n.isDir() {
		return nil, fuse.ENOTDIR
	}
	return n, status
}

// findName answers a directory and what it holds under name; the caller holds the lock.
func (d *door) findName(dirID uint64, name string) (dir, n *node, status fuse.Status) {
	if dir, status = d.findDir(dirID); !status.Ok() {
		return nil, nil, status
	}
	if n = dir.live[name]; n == nil {
		return dir, nil, fuse.ENOENT
	}
	return dir, n, fuse.OK
}

func hand(n *node, out *fuse.EntryOut) {
	n.lookups++
	out.NodeId = n.id
	n.attr(&out.Attr)
}

// Lookup answers what a name means.
func (d *door) Lookup(_ <-chan struct{}, in *fuse.InHeader, name string, out *fuse.EntryOut) fuse.Status {
	d.fs.mu.Lock()
	defer d.fs.mu.Unlock()
	_, n, status := d.findName(in.NodeId, name)
	if status.Ok() {
		hand(n, out)
	}
	return status
}

// make adds a node of the given mode.
func (d *door) make(in *fuse.InHeader, name string, mode uint32, target string, out *fuse.EntryOut) fuse.Status {
	d.fs.mu.Lock()
	defer d.fs.mu.Unlock()
	dir, n, status := d.findName(in.NodeId, name)
	if n != nil {
		return fuse.Status(syscall.EEXIST)
	}
	if status != fuse.ENOENT {
		return status
	}
	n = d.fs.tree.add(mode, name)
	n.uid, n.gid, n.target = in.Uid, in.Gid, target
	d.fs.tree.apply(edit{dir, name, n})
	hand(n, out)
	return fuse.OK
}

// Create makes a file and opens it.
func (d *door) Create(_ <-chan struct{}, in *fuse.CreateIn, name string, out *fuse.CreateOut) fuse.Status {
	out.OpenFlags = fuse.FOPEN_KEEP_CACHE
	return d.make(&in.InHeader, name, syscall.S_IFREG|in.Mode&0o7777, "", &out.EntryOut)
}

// Mknod makes regular files only.
func (d *door) Mknod(_ <-chan struct{}, in *fuse.MknodIn, name string, out *fuse.EntryOut) fuse.Status {
	if in.Mode&syscall.S_IFMT != syscall.S_IFREG {
		return fuse.EPERM
	}
	return d.make(&in.InHeader, name, in.Mode, "", out)
}

// Mkdir makes a directory.
func (d *door) Mkdir(_ <-chan struct{}, in *fuse.MkdirIn, name string, out *fuse.EntryOut) fuse.Status {
	return d.make(&in.InHeader, name, syscall.S_IFDIR|in.Mode&0o7777, "", out)
}

// Symlink makes a symbolic link.
func (d *door) Symlink(_ <-chan struct{}, in *fuse.InHeader, target, name string, out *fuse.EntryOut) fuse.Status {
	return d.make(in, name, syscall.S_IFLNK|0o777, target, out)
}

// Readlink answers where a symbolic link points.
func (d *door) Readlink(_ <-chan struct{}, in *fuse.InHeader) ([]byte, fuse.Status) {
	d.fs.mu.Lock()
	defer d.fs.mu.Unlock()
	n, status := d.find(in.NodeId)
	if !status.Ok() {
		return nil, status
	}
	return []byte(n.target), fuse.OK
}

// Link gives a file a second name.
func (d *door) Link(_ <-chan struct{}, in *fuse.LinkIn, name string, out *fuse.EntryOut) fuse.Status {
	d.fs.mu.Lock()
	defer d.fs.mu.Unlock()
	n, status := d.find(in.Oldnodeid)
	if !status.Ok() {
		return status
	}
	dir, taken, status := d.findName(in.NodeId, name)
	if taken != nil {
		return fuse.Status(syscall.EEXIST)
	}
	if status != fuse.ENOENT {
		return status
	}
	d.fs.tree.apply(edit{dir, name, n})
	hand(n, out)
	return fuse.OK
}

// Unlink takes a name from a file; who has it open keeps it.
func (d *door) Unlink(_ <-chan struct{}, in *fuse.InHeader, name string) fuse.Status {
	return d.remove(in.NodeId, name)
}

// Rmdir removes an empty directory.
func (d *door) Rmdir(_ <-chan struct{}, in *fuse.InHeader, name string) fuse.Status {
	return d.remove(in.NodeId, name)
}

// remove trusts the kernel to have told files from directories.
func (d *door) remove(dirID uint64, name string) fuse.Status {
	d.fs.mu.Lock()
	defer d.fs.mu.Unlock()
	dir, n, status := d.findName(dirID, name)
	if !status.Ok() {
		return status
	}
	if len(n.live) > 0 {
		return fuse.Status(syscall.ENOTEMPTY)
	}
	d.fs.tree.apply(edit{dir, name, nil})
	return fuse.OK
}

// Rename moves a name, over an old one if there is one, in a single step.
func (d *door) Rename(_ <-chan struct{}, in *fuse.RenameIn, oldName, newName string) fuse.Status {
	var flags uint32
	if in.Opcode == opRename2 {
		flags = in.Flags
	}
	if flags&^renameNoReplace != 0 {
		return fuse.EINVAL
	}
	d.fs.mu.Lock()
	defer d.fs.mu.Unlock()
	oldDir, n, status := d.findName(in.NodeId, oldName)
	if !status.Ok() {
		return status
	}
	newDir, replaced, status := d.findName(in.Newdir, newName)
	switch {
	case replaced == nil && status != fuse.ENOENT:
		return status
	case replaced == n:
		return fuse.OK // two names of one file: rename(2) leaves both
	case replaced != nil && flags == renameNoReplace:
		return fuse.Status(syscall.EEXIST)
	case replaced != nil && len(replaced.live) > 0:
		return fuse.Status(syscall.ENOTEMPTY)
	}
	d.fs.tree.apply(edit{newDir, newName, n}, edit{oldDir, oldName, nil})
	return fuse.OK
}

// OpenDir gives a handle for a listing, which ReadDir makes when it is read from its beginning.
func (d *door) OpenDir(_ <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	d.fs.mu.Lock()
	defer d.fs.mu.Unlock()
	_, status := d.findDir(in.NodeId)
	if status.Ok() {
		d.lastListing++
		out.Fh = d.lastListing
	}
	return status
}

// ReadDir lists a directory as it was when the reader began, so that names which come and go shift nothing.
func (d *door) ReadDir(_ <-chan struct{}, in *fuse.ReadIn, out *fuse.DirEntryList) fuse.Status {
	d.fs.mu.Lock()
	defer d.fs.mu.Unlock()
	dir, status := d.findDir(in.NodeId)
	if !status.Ok() {
		return status
	}
	if in.Offset == 0 {
		d.listings[in.Fh] = listing(dir)
	}
	entries := d.listings[in.Fh]
	for _, e := range entries[min(in.Offset, uint64(len(entries))):] {
		if !out.AddDirEntry(e) {
			break
		}
	}
	return fuse.OK
}

func listing(dir *node) []fuse.DirEntry {
	entries := []fuse.DirEntry{{Name: ".", Mode: dir.mode, Ino: dir.id}, {Name: "..", Mode: syscall.S_IFDIR}}
	for _, name := range sortedNames(dir.live) {
		n := dir.live[name]
		entries = append(entries, fuse.DirEntry{Name: name, Mode: n.mode, Ino: n.id})
	}
	return entries
}

// ReleaseDir ends a listing.
func (d *door) ReleaseDir(in *fuse.ReleaseIn) {
	d.fs.mu.Lock()
	defer d.fs.mu.Unlock()
	delete(d.listings, in.Fh)
}

// FsyncDir makes the names in a directory durable.
func (d *door) FsyncDir(_ <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	d.fs.beginFsync()
	defer d.fs.mu.Unlock()
	dir, status := d.findDir(in.NodeId)
	if !status.Ok() {
		return status
	}
	d.fs.counts.DirFsyncs++
	if err := d.fs.faults.fsyncErr; err != 0 {
		return fuse.Status(err)
	}
	d.fs.tree.syncDir(dir)
	return fuse.OK
}
