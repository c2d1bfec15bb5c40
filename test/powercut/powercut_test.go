//go:build linux

package powercut

import (
	"bytes"
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if job, ok := writerJob(); ok {
		os.Exit(job.run())
	}
	goleak.VerifyTestMain(m)
}

// disk is a mount for one test.
type disk struct {
	*FS
	t            *testing.T
	dir, backing string
}

// newDisk mounts an empty folder, or leaves the test out where that is impossible (with CI=true that is a failure).
func newDisk(t *testing.T) *disk {
	t.Helper()
	if err := Available(); err != nil {
		if os.Getenv("CI") == "true" {
			t.Fatalf("power cuts must be tested here: %v", err)
		}
		t.Skipf("left out: tests of power cuts: %v", err)
	}
	d := &disk{t: t, dir: filepath.Join(t.TempDir(), "mnt"), backing: t.TempDir()}
	d.mount()
	return d
}

func (d *disk) mount() {
	d.t.Helper()
	mounted, err := Mount(d.dir, d.backing)
	if err != nil {
		d.t.Fatal(err)
	}
	d.FS = mounted
	d.t.Cleanup(func() {
		if d.FS == mounted {
			d.must(d.Unmount())
		}
	})
}

func (d *disk) unmount() {
	d.t.Helper()
	d.must(d.Unmount())
	d.FS = nil
}

func (d *disk) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

func (d *disk) path(name string) string { return filepath.Join(d.dir, name) }

func (d *disk) open(name string, flags int) *os.File {
	d.t.Helper()
	file, err := os.OpenFile(d.path(name), flags|os.O_RDWR, 0o640)
	d.must(err)
	d.t.Cleanup(func() { file.Close() })
	return file
}

// put writes a whole file and syncs its content, but not its name.
func (d *disk) put(name, text string) {
	d.t.Helper()
	file := d.open(name, os.O_CREATE|os.O_TRUNC)
	d.write(file, text, 0)
	d.must(file.Sync())
	d.must(file.Close())
}

func (d *disk) write(file *os.File, text string, at int64) {
	d.t.Helper()
	_, err := file.WriteAt([]byte(text), at)
	d.must(err)
}

func (d *disk) syncDir(name string) {
	d.t.Helper()
	dir, err := os.Open(d.path(name))
	d.must(err)
	defer dir.Close()
	d.must(dir.Sync())
}

func (d *disk) cutAndRestore() {
	d.t.Helper()
	d.must(d.Cut())
	d.must(d.Restore())
}

// holds compares everything under the mount with what is wanted: "path=text", and "path/" for a folder.
func (d *disk) holds(want ...string) {
	d.t.Helper()
	for _, root := range []string{d.dir, d.backing} {
		var got []string
		d.must(filepath.WalkDir(root, func(path string, entry fs.DirEntry, err error) error {
			if err != nil || path == root {
				return err
			}
			name := strings.TrimPrefix(path, root+"/")
			if entry.IsDir() {
				got = append(got, name+"/")
				return nil
			}
			text, err := os.ReadFile(path)
			got = append(got, name+"="+string(text))
			return err
		}))
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			d.t.Fatalf("%s holds %.60q, want %.60q", root, got, want)
		}
	}
}

func TestContentIsDurableOnceSynced(t *testing.T) {
	d := newDisk(t)
	d.put("kept", "synced")
	d.put("torn", "old old old")
	d.put("cut short", "synced text")
	d.syncDir("")

	torn := d.open("torn", 0)
	d.write(torn, "new", 4)
	d.write(torn, "far away", 20_000)
	short := d.open("cut short", 0)
	d.must(short.Truncate(3))
	if got, err := os.ReadFile(d.path("torn")); err != nil || !bytes.HasPrefix(got, []byte("old new old")) || len(got) != 20_008 {
		t.Fatalf("before the cut a process reads %.20q (%d bytes, %v), want what was written", got, len(got), err)
	}

	d.cutAndRestore()
	d.holds("cut short=synced text", "kept=synced", "torn=old old old")
}

func TestASyncKeepsContentSizeAndHoles(t *testing.T) {
	d := newDisk(t)
	d.put("file", strings.Repeat("x", 10_000))
	d.syncDir("")
	file := d.open("file", 0)
	d.must(file.Truncate(5000))
	d.must(file.Truncate(9000))
	d.write(file, "end", 20_000)
	d.must(file.Sync())
	d.write(file, "never synced", 0)
	d.cutAndRestore()
	d.holds("file=" + strings.Repeat("x", 5000) + strings.Repeat("\x00", 15_000) + "end")
}

func TestNamesAreDurableOnceTheirFolderIsSynced(t *testing.T) {
	d := newDisk(t)
	d.must(os.Mkdir(d.path("box"), 0o755))
	d.put("a", "1")
	d.put("b", "2")
	d.put("box/c", "3")
	d.syncDir("")
	d.syncDir("box")

	d.put("new", "content synced, name not")
	d.must(os.Rename(d.path("a"), d.path("renamed")))
	d.must(os.Remove(d.path("b")))
	d.must(os.Mkdir(d.path("folder"), 0o755))
	d.cutAndRestore()
	d.holds("a=1", "b=2", "box/", "box/c=3")

	d.must(os.Rename(d.path("a"), d.path("b")))
	d.syncDir("")
	d.cutAndRestore()
	d.holds("b=1", "box/", "box/c=3")
}

func TestAMoveBetweenFoldersIsOneStep(t *testing.T) {
	for _, synced := range []string{"from", "to"} {
		t.Run(synced, func(t *testing.T) {
			d := newDisk(t)
			d.must(os.Mkdir(d.path("from"), 0o755))
			d.must(os.Mkdir(d.path("to"), 0o755))
			d.put("from/file", "1")
			d.syncDir("")
			d.syncDir("from")
			d.must(os.Rename(d.path("from/file"), d.path("to/file")))
			d.must(os.Symlink("file", d.path("to/link")))
			d.syncDir(synced)
			d.cutAndRestore()
			if synced == "from" {
				d.holds("from/", "to/", "to/file=1")
			} else {
				d.holds("from/", "to/", "to/file=1", "to/link=1")
			}
		})
	}
}

// TestAMoveTakesAlongWhatCameBeforeIt: a replaced name must not come back when its own folder is synced later.
func TestAMoveTakesAlongWhatCameBeforeIt(t *testing.T) {
	d := newDisk(t)
	d.must(os.Mkdir(d.path("from"), 0o755))
	d.must(os.Mkdir(d.path("to"), 0o755))
	d.put("from/file", "moved")
	d.syncDir("")
	d.syncDir("from")
	d.put("to/name", "replaced")
	d.must(os.Rename(d.path("from/file"), d.path("to/name")))
	d.syncDir("from")
	d.syncDir("to")
	d.cutAndRestore()
	d.holds("from/", "to/", "to/name=moved")
}

func TestWithoutPowerEverythingFails(t *testing.T) {
	d := newDisk(t)
	d.put("file", "cached by the kernel")
	d.put("db-shm", "shared memory")
	d.syncDir("")
	file, shm := d.open("file", 0), d.open("db-shm", 0)
	buf := make([]byte, 6)
	_, err := file.ReadAt(buf, 0)
	d.must(err)
	d.must(d.Cut())

	attempts := map[string]func() error{
		"read":   func() error { _, err := file.ReadAt(buf, 0); return err },
		"write":  func() error { _, err := file.WriteAt(buf, 0); return err },
		"sync":   file.Sync,
		"stat":   func() error { _, err := file.Stat(); return err },
		"open":   func() error { _, err := os.Open(d.path("file")); return err },
		"create": func() error { _, err := os.Create(d.path("other")); return err },
		"rename": func() error { return os.Rename(d.path("file"), d.path("other")) },
		"list":   func() error { _, err := os.ReadDir(d.dir); return err },
	}
	for name, attempt := range attempts {
		if err := attempt(); !errors.Is(err, syscall.EIO) {
			t.Errorf("%s without power: %v, want EIO", name, err)
		}
	}
	if _, err := shm.WriteAt(buf, 0); err != nil {
		t.Errorf("shared memory must outlive the power: %v", err)
	}

	d.must(d.Restore())
	for _, dead := range []*os.File{file, shm} {
		if _, err := dead.ReadAt(buf, 0); !errors.Is(err, syscall.EIO) {
			t.Errorf("a file of before the cut answers %v after Restore, want EIO", err)
		}
	}
	d.holds("file=cached by the kernel")
	if err := d.Restore(); err == nil {
		t.Error("Restore with the power on must be an error")
	}
}

func TestAFullDiskRefusesNewBlocksOnly(t *testing.T) {
	d := newDisk(t)
	d.put("file", strings.Repeat("x", pageSize))
	d.syncDir("")
	file := d.open("file", 0)
	d.SetFull(2*pageSize + 100)
	d.write(file, "over what is there", 100)
	d.write(file, strings.Repeat("y", 2*pageSize), pageSize)
	if _, err := file.WriteAt([]byte("z"), 3*pageSize); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("a block beyond the limit: %v, want ENOSPC", err)
	}
	d.must(file.Truncate(2 * pageSize))
	d.write(file, "in the block given back", 2*pageSize)
	d.SetFull(0)
	if _, err := file.WriteAt([]byte("z"), 9*pageSize); !errors.Is(err, syscall.ENOSPC) {
		t.Fatalf("with nothing left: %v, want ENOSPC", err)
	}
	d.SetFull(-1)
	d.write(file, "z", 9*pageSize)
	d.must(file.Sync())
}

func TestAFailedFsyncLosesItsPages(t *testing.T) {
	d := newDisk(t)
	d.put("file", strings.Repeat("-", 3*pageSize))
	d.syncDir("")
	file := d.open("file", 0)
	d.write(file, "given up", 0)
	d.write(file, "given up, written again", pageSize)
	d.FailFsync(syscall.EIO)
	if err := file.Sync(); !errors.Is(err, syscall.EIO) {
		t.Fatalf("sync: %v, want EIO", err)
	}
	d.FailFsync(0)
	d.write(file, "again", pageSize)
	d.write(file, "later", 2*pageSize)
	d.must(file.Sync())
	seen := make([]byte, 8)
	if _, err := file.ReadAt(seen, 0); err != nil || string(seen) != "given up" {
		t.Fatalf("a process reads %q (%v), want the page that was given up", seen, err)
	}
	d.cutAndRestore()

	page := func(text string) string { return text + strings.Repeat("-", pageSize-len(text)) }
	d.holds("file=" + page("") + page("again up, written again") + page("later"))
}

func TestCountsAreOfWhatWasWrittenAndSynced(t *testing.T) {
	d := newDisk(t)
	before := d.Counts()
	file := d.open("file", os.O_CREATE)
	d.write(file, "twelve bytes", 0)
	d.write(file, "twelve bytes", 2*pageSize)
	d.must(file.Sync())
	d.must(file.Sync())
	d.write(d.open("db-shm", os.O_CREATE), "not counted", 0)
	d.syncDir("")
	want := Counts{Fsyncs: 2, DirFsyncs: 1, Writes: 2, BytesWritten: 24, BytesSynced: 2 * pageSize}
	if got := d.Counts().Since(before); got != want {
		t.Fatalf("counts %+v, want %+v", got, want)
	}
}

func TestACleanUnmountKeepsEverything(t *testing.T) {
	d := newDisk(t)
	d.must(os.Mkdir(d.path("folder"), 0o750))
	d.must(os.WriteFile(d.path("folder/file"), []byte("never synced"), 0o600))
	d.must(os.Link(d.path("folder/file"), d.path("second name")))
	d.unmount()
	d.mount()
	d.holds("folder/", "folder/file=never synced", "second name=never synced")
	one, err := os.Stat(d.path("folder/file"))
	d.must(err)
	two, err := os.Stat(d.path("second name"))
	d.must(err)
	if !os.SameFile(one, two) || one.Mode().Perm() != 0o600 {
		t.Fatalf("mode %v, same file %v: want 0600 and two names of one file", one.Mode(), os.SameFile(one, two))
	}
}

func TestUnmountTellsWhoStillUsesItAndEndsAllTheSame(t *testing.T) {
	d := newDisk(t)
	file := d.open("file", os.O_CREATE)
	if err := d.Unmount(); err == nil || !strings.Contains(err.Error(), "still in use") {
		t.Fatalf("unmounting under an open file: %v, want \"still in use\"", err)
	}
	d.FS = nil
	if _, err := file.WriteAt([]byte("x"), 0); err == nil {
		t.Fatal("a file of a mount that is gone can still be written")
	}
	if mounts, err := os.ReadFile("/proc/self/mounts"); err != nil || bytes.Contains(mounts, []byte(d.dir)) {
		t.Fatalf("%s is still mounted (%v)", d.dir, err)
	}
}

func TestMountRefusesNestedFolders(t *testing.T) {
	dir := t.TempDir()
	if _, err := Mount(filepath.Join(dir, "inside"), dir); err == nil || !strings.Contains(err.Error(), "contain each other") {
		t.Fatalf("nested folders: %v, want a refusal", err)
	}
}

func TestMayMountReadsTheCapabilities(t *testing.T) {
	for status, allowed := range map[string]bool{
		"Name:\tx\nCapEff:\t000001fffeffffff\n": true,
		"CapEff:\t00000000a80425fb\n":           false,
		"CapEff:\tnothing\n":                    false,
		"Name:\tx\n":                            false,
	} {
		if err := mayMount(status); (err == nil) != allowed {
			t.Errorf("%q: %v, allowed should be %v", status, err, allowed)
		}
	}
}
