//go:build linux

package powercut

import (
	"syscall"
	"time"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// door answers the kernel's requests. No attribute or name may be cached by the kernel (all timeouts are zero), so that
// nothing is answered from a cache after a cut.
type door struct {
	fuse.RawFileSystem
	fs *FS

	listings    map[uint64][]fuse.DirEntry // of directories being read, by handle; under the lock of fs
	lastListing uint64
}

func newDoor(f *FS) *door {
	return &door{RawFileSystem: fuse.NewDefaultRawFileSystem(), fs: f, listings: map[uint64][]fuse.DirEntry{}}
}

// find answers the node of a request; the caller holds the lock. Only shared memory can be reached without power.
func (d *door) find(id uint64) (*node, fuse.Status) {
	n := d.fs.tree.nodes[id]
	if n == nil || (d.fs.down && !n.volatile) {
		return nil, fuse.EIO
	}
	return n, fuse.OK
}

func (n *node) attr(out *fuse.Attr) {
	size := int64(len(n.target))
	if n.isRegular() {
		size = n.content.live.size
	}
	*out = fuse.Attr{
		Ino:     n.id,
		Size:    uint64(size),
		Blocks:  uint64(n.content.held()) * pageSize / 512,
		Mode:    n.mode,
		Nlink:   uint32(n.links),
		Owner:   fuse.Owner{Uid: n.uid, Gid: n.gid},
		Blksize: pageSize,
	}
	out.SetTimes(&n.changed, &n.changed, &n.changed)
}

// GetAttr answers stat(2).
func (d *door) GetAttr(_ <-chan struct{}, in *fuse.GetAttrIn, out *fuse.AttrOut) fuse.Status {
	d.fs.mu.Lock()
	defer d.fs.mu.Unlock()
	n, status := d.find(in.NodeId)
	if status.Ok() {
		n.attr(&out.Attr)
	}
	return status
}

// SetAttr is truncate, chmod, chown and utimes.
func (d *door) SetAttr(_ <-chan struct{}, in *fuse.SetAttrIn, out *fuse.AttrOut) fuse.Status {
	d.fs.mu.Lock()
	defer d.fs.mu.Unlock()
	n, status := d.find(in.NodeId)
	if !status.Ok() {
		return status
	}
	if size, ok := in.GetSize(); ok {
		d.fs.giveBack(n.content.truncate(int64(size)))
		n.changed = time.Now()
	}
	if mode, ok := in.GetMode(); ok {
		n.mode = n.kind() | mode
	}
	if uid, ok := in.GetUID(); ok {
		n.uid = uid
	}
	if gid, ok := in.GetGID(); ok {
		n.gid = gid
	}
	if changed, ok := in.GetMTime(); ok {
		n.changed = changed
	}
	n.attr(&out.Attr)
	return fuse.OK
}

// Open needs no handle: the node is enough.
func (d *door) Open(_ <-chan struct{}, in *fuse.OpenIn, out *fuse.OpenOut) fuse.Status {
	d.fs.mu.Lock()
	defer d.fs.mu.Unlock()
	_, status := d.find(in.NodeId)
	// Pages stay in the kernel between two opens: the shared memory of running processes is among them.
	out.OpenFlags = fuse.FOPEN_KEEP_CACHE
	return status
}

// Read answers from what processes see, synced or not.
func (d *door) Read(_ <-chan struct{}, in *fuse.ReadIn, buf []byte) (fuse.ReadResult, fuse.Status) {
	d.fs.mu.Lock()
	defer d.fs.mu.Unlock()
	n, status := d.find(in.NodeId)
	if !status.Ok() {
		return nil, status
	}
	return fuse.ReadResultData(buf[:n.content.live.read(buf, int64(in.Offset))]), fuse.OK
}

// Write holds the data back until an fsync.
func (d *door) Write(_ <-chan struct{}, in *fuse.WriteIn, data []byte) (uint32, fuse.Status) {
	d.fs.mu.Lock()
	defer d.fs.mu.Unlock()
	n, status := d.find(in.NodeId)
	if !status.Ok() {
		return 0, status
	}
	if !d.fs.allot(n.content.missing(int64(in.Offset), len(data))) {
		return 0, fuse.Status(syscall.ENOSPC)
	}
	n.content.write(data, int64(in.Offset))
	n.changed = time.Now()
	if !n.volatile {
		d.fs.counts.Writes++
		d.fs.counts.BytesWritten += int64(len(data))
	}
	return uint32(len(data)), fuse.OK
}

// Flush is a close; it syncs nothing.
func (d *door) Flush(_ <-chan struct{}, in *fuse.FlushIn) fuse.Status {
	d.fs.mu.Lock()
	defer d.fs.mu.Unlock()
	_, status := d.find(in.NodeId)
	return status
}

// Fsync makes the content of a file durable (fsync and fdatasync alike).
func (d *door) Fsync(_ <-chan struct{}, in *fuse.FsyncIn) fuse.Status {
	d.fs.beginFsync()
	defer d.fs.mu.Unlock()
	n, status := d.find(in.NodeId)
	if !status.Ok() || n.volatile {
		return status
	}
	d.fs.counts.Fsyncs++
	if err := d.fs.faults.fsyncErr; err != 0 {
		n.content.failSync()
		return fuse.Status(err)
	}
	d.fs.counts.BytesSynced += int64(n.content.sync()) * pageSize
	return fuse.OK
}

// StatFs tells how much a full disk has left, or an ample terabyte.
func (d *door) StatFs(_ <-chan struct{}, _ *fuse.InHeader, out *fuse.StatfsOut) fuse.Status {
	d.fs.mu.Lock()
	defer d.fs.mu.Unlock()
	if d.fs.down {
		return fuse.EIO
	}
	const blocks, files = 1 << 28, 1 << 20
	free := uint64(blocks)
	if d.fs.faults.full {
		free = uint64(max(d.fs.faults.left, 0)) / pageSize
	}
	*out = fuse.StatfsOut{
		Blocks: blocks, Bfree: free, Bavail: free,
		Files: files, Ffree: files,
		Bsize: pageSize, Frsize: pageSize, NameLen: 255,
	}
	return fuse.OK
}

// Forget lets go of a file that the kernel no longer knows.
func (d *door) Forget(id, lookups uint64) {
	d.fs.mu.Lock()
	defer d.fs.mu.Unlock()
	d.fs.giveBack(d.fs.tree.forget(id, lookups))
}
