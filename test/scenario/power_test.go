//go:build linux

package scenario

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"syscall"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/test/checker"
	"github.com/kefu-chat/kefu/test/powercut"
)

const cuts = 20

// disk is a server whose data folder lies on a disk that can fail.
type disk struct {
	*server
	fs      *powercut.FS
	backing string
	mounted bool
}

func newDisk(t *testing.T, program string, env ...string) *disk {
	t.Helper()
	needDisk(t)
	dir := t.TempDir()
	mount := filepath.Join(dir, "disk")
	d := &disk{backing: filepath.Join(dir, "backing")}
	d.server = prepare(t, program, filepath.Join(d.backing, "data"), loose...) // durable, because it is there before the mount
	d.env = env
	fs, err := powercut.Mount(mount, d.backing)
	if err != nil {
		t.Fatal(err)
	}
	d.fs, d.mounted = fs, true
	d.in.data = filepath.Join(mount, "data")
	t.Cleanup(func() {
		if d.p != nil {
			d.p.kill()
		}
		d.unmount()
	})
	return d
}

func (d *disk) must(err error) {
	d.t.Helper()
	if err != nil {
		d.t.Fatal(err)
	}
}

// unmount makes everything durable, unless the power is cut; the server must have ended.
func (d *disk) unmount() {
	if d.mounted {
		d.mounted = false
		d.must(d.fs.Unmount())
	}
}

// look reads what is durable, on a copy.
func (d *disk) look() *checker.Database {
	d.t.Helper()
	dup := filepath.Join(d.t.TempDir(), "copy")
	d.must(os.CopyFS(dup, os.DirFS(filepath.Join(d.backing, "data"))))
	db, err := checker.Read(d.t.Context(), filepath.Join(dup, filepath.Base(d.databaseFile())))
	d.must(err)
	return db
}

// cut takes the power away, and the machine with it.
func (d *disk) cut(seed uint64) {
	d.t.Helper()
	if seed%4 == 3 {
		d.must(d.fs.Cut())
	} else {
		d.must(d.fs.CutSome(seed))
	}
	d.p.kill()
}

func (d *disk) boot() {
	d.t.Helper()
	d.must(d.fs.Restore())
	d.start()
}

// Twenty power cuts, on a disk that keeps random parts of what was not synced:
// no ack was false, and after each the server goes on.
func TestPowerCut(t *testing.T) {
	program, err := rig.plain()
	if err != nil {
		t.Fatal(err)
	}
	d := newDisk(t, program)
	d.fs.SlowFsync(300 * time.Microsecond)
	d.start()
	rng := rand.New(rand.NewPCG(7, 7))
	c := newCrowd(d.server, 24, 6, nil)
	for n := range uint64(cuts) {
		c.await(20 + rng.IntN(60))
		d.cut(n)
		if found := checker.Check(d.h, d.look(), checker.Expect{}); len(found) > 0 {
			t.Fatalf("after cut %d the checker found:\n%s", n, checker.Say(found))
		}
		d.boot()
	}
	c.await(100)
	c.rest()
	c.close()
	d.stop()
	d.unmount()
	if found := checker.Check(d.h, d.look(), checker.Expect{Settled: true, CaughtUp: true}); len(found) > 0 {
		t.Errorf("the checker found:\n%s", checker.Say(found))
	}
	t.Logf("%d commands, %d sent more than once", d.h.Acked(), d.h.Repeated())
}

// A disk that breaks for a while gives no false ack; when it is well again, the
// server goes on by itself, and a power cut afterwards shows that it really kept
// what it acked.
func TestDiskTrouble(t *testing.T) {
	for _, trouble := range []struct {
		name       string
		begin, end func(fs *powercut.FS)
	}{
		{"full disk", func(fs *powercut.FS) { fs.SetFull(16 << 10) }, func(fs *powercut.FS) { fs.SetFull(-1) }},
		{"fsync fails", func(fs *powercut.FS) { fs.FailFsync(syscall.EIO) }, func(fs *powercut.FS) { fs.FailFsync(0) }},
	} {
		t.Run(trouble.name, func(t *testing.T) {
			program, err := rig.plain()
			if err != nil {
				t.Fatal(err)
			}
			d := newDisk(t, program)
			d.start()
			c := newCrowd(d.server, 16, 4, nil)
			for n := range uint64(4) {
				c.await(50)
				before := d.h.Repetitions() // over connections that hold, because the server said so
				trouble.begin(d.fs)
				eventually(t, func() string {
					if got := d.h.Repetitions() - before; got < 8 {
						return fmt.Sprintf("%d commands were sent again, want 8", got)
					}
					return ""
				})
				trouble.end(d.fs)
				c.await(50)
				if n%2 == 1 {
					d.cut(n)
					d.boot()
				}
			}
			c.await(50)
			c.rest()
			c.close()
			d.stop()
			d.unmount()
			if found := checker.Check(d.h, d.look(), checker.Expect{Settled: true, CaughtUp: true}); len(found) > 0 {
				t.Errorf("the checker found:\n%s", checker.Say(found))
			}
		})
	}
}
