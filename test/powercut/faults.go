//go:build linux

package powercut

import (
	"syscall"
	"time"
)

// faults are what the disk does wrong while it has power.
type faults struct {
	full     bool
	left     int64 // bytes that may still be allotted, if full
	fsyncErr syscall.Errno
	fsyncLag time.Duration
}

// Counts are totals since Mount. SQLite's shared memory is in none of them.
type Counts struct {
	Fsyncs       int64 // of files, successful or not
	DirFsyncs    int64 // of directories, successful or not
	Writes       int64 // write operations that succeeded
	BytesWritten int64 // bytes of these, as the process gave them
	BytesSynced  int64 // 4096 for every page that an fsync made durable: what the device had to write
}

// Since answers the totals between an earlier moment and c.
func (c Counts) Since(earlier Counts) Counts {
	return Counts{
		Fsyncs:       c.Fsyncs - earlier.Fsyncs,
		DirFsyncs:    c.DirFsyncs - earlier.DirFsyncs,
		Writes:       c.Writes - earlier.Writes,
		BytesWritten: c.BytesWritten - earlier.BytesWritten,
		BytesSynced:  c.BytesSynced - earlier.BytesSynced,
	}
}

// Counts answers the totals so far.
func (f *FS) Counts() Counts {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.counts
}

// SetFull lets the disk take only bytesLeft more, in blocks of 4 KiB: a write that needs a block beyond that is refused
// whole with ENOSPC. Overwriting needs no block, and truncating or removing a file gives blocks back. A negative
// number switches the limit off.
func (f *FS) SetFull(bytesLeft int64) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults.full, f.faults.left = bytesLeft >= 0, bytesLeft
}

// FailFsync makes every fsync of a file or directory answer err (EIO, ENOSPC, …), until FailFsync(0). As on Linux,
// the unsynced pages of the file then count as clean: they can still be read, but a later fsync that succeeds does not
// save them, unless they are written again. Names stay unsynced until an fsync of the directory succeeds.
func (f *FS) FailFsync(err syscall.Errno) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults.fsyncErr = err
}

// SlowFsync makes every fsync take at least lag, as real disks do, so that cuts fall into it. 0 switches it off.
func (f *FS) SlowFsync(lag time.Duration) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.faults.fsyncLag = lag
}

// allot takes pages from what a full disk has left. The caller holds the lock.
func (f *FS) allot(pages int) bool {
	need := int64(pages) * pageSize
	if f.faults.full && need > f.faults.left {
		return false
	}
	f.giveBack(-pages)
	return true
}

// giveBack returns pages to a full disk. The caller holds the lock.
func (f *FS) giveBack(pages int) {
	if f.faults.full {
		f.faults.left += int64(pages) * pageSize
	}
}

// beginFsync waits as long as the disk does, and then takes the lock.
func (f *FS) beginFsync() {
	f.mu.Lock()
	lag := f.faults.fsyncLag
	f.mu.Unlock()
	if lag > 0 {
		<-time.After(lag)
	}
	f.mu.Lock()
}
