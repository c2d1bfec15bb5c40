//go:build linux

package powercut

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"

	"github.com/hanwen/go-fuse/v2/fuse"
)

// FS is a mounted folder whose disk can fail. All methods may be called from any goroutine of the process that mounted it.
type FS struct {
	dir, backing string
	server       *fuse.Server
	served       chan struct{} // closed when the last request has been answered after the unmount

	mu     sync.Mutex
	tree   *tree
	down   bool
	faults faults
	counts Counts
}

// Mount serves at dir what the folder backing holds; both are made if they are missing and may not contain each
// other. The whole of backing is read into memory. End with Unmount.
func Mount(dir, backing string) (*FS, error) {
	dir, backing, err := apart(dir, backing)
	if err != nil {
		return nil, fmt.Errorf("powercut: %w", err)
	}
	tree, err := load(backing, 0)
	if err != nil {
		return nil, fmt.Errorf("powercut: reading the backing folder: %w", err)
	}
	f := &FS{dir: dir, backing: backing, tree: tree, served: make(chan struct{})}
	server, err := fuse.NewServer(newDoor(f), dir, &fuse.MountOptions{
		Name:                     "powercut",
		FsName:                   "powercut",
		DirectMountStrict:        true,
		AllowOther:               true,
		Options:                  []string{"default_permissions"},
		DisableReadDirPlus:       true,
		DisableXAttrs:            true,
		ExplicitDataCacheControl: true, // every change comes through this mount, so the kernel's pages are never stale
		DisabledCapabilities:     fuse.CAP_WRITEBACK_CACHE,
	})
	if err != nil {
		return nil, fmt.Errorf("powercut: mounting at %s: %w", dir, err)
	}
	f.server = server
	go func() {
		defer close(f.served)
		server.Serve()
	}()
	if err := errors.Join(server.WaitMount(), closeDeviceOnExec()); err != nil {
		return nil, errors.Join(fmt.Errorf("powercut: starting at %s: %w", dir, err), f.detach())
	}
	return f, nil
}

// apart makes both folders and answers their real, absolute paths.
func apart(dir, backing string) (string, string, error) {
	paths := []string{dir, backing}
	for i, path := range paths {
		if err := os.MkdirAll(path, 0o755); err != nil {
			return "", "", err
		}
		real, err := filepath.EvalSymlinks(path)
		if err != nil {
			return "", "", err
		}
		if paths[i], err = filepath.Abs(real); err != nil {
			return "", "", err
		}
	}
	a, b := paths[0]+"/", paths[1]+"/"
	if strings.HasPrefix(a, b) || strings.HasPrefix(b, a) {
		return "", "", fmt.Errorf("%s and %s contain each other: give two separate folders", paths[0], paths[1])
	}
	return paths[0], paths[1], nil
}

// closeDeviceOnExec keeps the connection to the kernel out of child processes. One that inherited it would keep the
// mount alive, and block for ever on it, after this process was killed.
func closeDeviceOnExec() error {
	const folder = "/proc/self/fd"
	entries, err := os.ReadDir(folder)
	if err != nil {
		return err
	}
	for _, entry := range entries {
		var fd int
		target, err := os.Readlink(filepath.Join(folder, entry.Name()))
		if err != nil || target != "/dev/fuse" {
			continue // closed in the meantime, or another file
		}
		if _, err := fmt.Sscan(entry.Name(), &fd); err != nil {
			return err
		}
		syscall.CloseOnExec(fd)
	}
	return nil
}

// Cut takes the power away: what is not durable is gone, the backing folder holds what is left, and every further
// operation through the mount fails with EIO until Restore. Cutting twice does nothing. The error is one of
// writing the backing folder.
func (f *FS) Cut() error { return f.cut(nil) }

// CutSome is Cut on a disk that has written back some of the unsynced pages and names by itself; seed chooses which.
func (f *FS) CutSome(seed uint64) error {
	return f.cut(rand.New(rand.NewPCG(seed, 0x6b656675)))
}

func (f *FS) cut(rng *rand.Rand) error {
	cached, err := f.powerOff(rng)
	// Without the lock: to drop a page the kernel may have to wait for a request that is under way.
	for _, id := range cached {
		f.server.InodeNotify(id, 0, 0)
	}
	if err != nil {
		return fmt.Errorf("powercut: writing the backing folder: %w", err)
	}
	return nil
}

// powerOff answers the files of which the kernel may still hold pages.
func (f *FS) powerOff(rng *rand.Rand) (cached []uint64, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down {
		return nil, nil
	}
	f.down = true
	if rng != nil {
		f.tree.settleFirst(rng.IntN(len(f.tree.journal) + 1))
		survive(f.tree.root, rng, map[*node]bool{})
	}
	for id, n := range f.tree.nodes {
		if n.isRegular() && !n.volatile {
			cached = append(cached, id)
		}
	}
	return cached, f.tree.save(f.backing)
}

// survive lets a random part of what was not synced become durable in every file that has a durable name.
func survive(dir *node, rng *rand.Rand, seen map[*node]bool) {
	for _, name := range sortedNames(dir.stable) {
		n := dir.stable[name]
		if seen[n] {
			continue
		}
		seen[n] = true
		switch {
		case n.isDir():
			survive(n, rng, seen)
		case n.isRegular() && !n.volatile:
			n.content.stable = n.content.surviving(rng)
		}
	}
}

// Restore gives the power back: the mount shows what the backing folder holds. Files that were opened before the cut
// stay dead (EIO). Faults that were set stay set.
func (f *FS) Restore() error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.down {
		return errors.New("powercut: Restore without a Cut: the power is on")
	}
	tree, err := load(f.backing, f.tree.lastID)
	if err != nil {
		return fmt.Errorf("powercut: reading the backing folder: %w", err)
	}
	f.tree, f.down = tree, false
	return nil
}

// Unmount ends the service and waits for it. Unless the power is cut, everything written becomes durable first, as in
// a shutdown. Processes that still have files open are an error, but the mount is gone all the same.
func (f *FS) Unmount() error {
	err := f.detach()
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.down {
		return err
	}
	f.down = true
	f.tree.settleFirst(len(f.tree.journal))
	syncAll(f.tree.root)
	if saveErr := f.tree.save(f.backing); saveErr != nil {
		err = errors.Join(err, fmt.Errorf("powercut: writing the backing folder: %w", saveErr))
	}
	return err
}

func syncAll(dir *node) {
	for _, n := range dir.stable {
		switch {
		case n.isDir():
			syncAll(n)
		case n.isRegular():
			n.content.sync()
		}
	}
}

// detach takes the mount away, by force if processes still use it, and waits for the last request.
func (f *FS) detach() error {
	err := f.server.Unmount()
	if err != nil {
		err = fmt.Errorf("powercut: %s is still in use (%w): end the processes that have files open there", f.dir, err)
		if forced := syscall.Unmount(f.dir, syscall.MNT_FORCE|syscall.MNT_DETACH); forced != nil {
			return errors.Join(err, fmt.Errorf("powercut: nor could it be taken away by force: %w", forced))
		}
	}
	<-f.served
	return err
}
