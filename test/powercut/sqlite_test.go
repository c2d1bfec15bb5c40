//go:build linux

package powercut

import (
	"math/rand/v2"
	"strings"
	"syscall"
	"testing"
	"time"
)

const cuts = 20

func (d *disk) job(synchronous string, checkpoint int) job {
	return job{database: d.path("chat.db"), synchronous: synchronous, checkpoint: checkpoint}
}

// prepare makes an empty database that is durable, whatever the child's setting.
func (d *disk) prepare() {
	d.t.Helper()
	d.unmount()
	db, err := openDatabase(d.backing+"/chat.db", "full", 1000)
	d.must(err)
	d.must(db.Close())
	d.mount()
}

// lost answers which of the acked rows the backing folder does not hold; a damaged database is a failure.
func (d *disk) lost(acked []int64) (lost []int64) {
	d.t.Helper()
	present, check, err := inspect(d.t.Context(), d.backing, d.t.TempDir())
	d.must(err)
	if check != "ok" {
		d.t.Fatalf("integrity_check: %s", check)
	}
	for _, number := range acked {
		if !present[number] {
			lost = append(lost, number)
		}
	}
	return lost
}

func TestSQLiteFullKeepsEveryCommittedRow(t *testing.T) {
	d := newDisk(t)
	d.SlowFsync(500 * time.Microsecond)
	rng := rand.New(rand.NewPCG(1, 2))
	var acked []int64
	for cut := range uint64(cuts) {
		w := startWriter(t, d.job("full", 60))
		w.readUntil(1 + rng.IntN(40))
		if cut%4 == 3 {
			d.must(d.Cut())
		} else {
			d.must(d.CutSome(cut))
		}
		fresh, _ := w.finish()
		acked = append(acked, fresh...)
		if lost := d.lost(acked); len(lost) > 0 {
			t.Fatalf("cut %d lost %d of %d committed rows: %v", cut, len(lost), len(acked), lost)
		}
		d.must(d.Restore())
	}
	t.Logf("%d committed rows, %d cuts, none lost; %+v", len(acked), cuts, d.Counts())
}

// TestSQLiteWithoutFullLosesRows proves that the mount bites: the same writer, less careful, loses what it acked.
func TestSQLiteWithoutFullLosesRows(t *testing.T) {
	for _, synchronous := range []string{"normal", "off"} {
		t.Run(synchronous, func(t *testing.T) {
			d := newDisk(t)
			d.prepare()
			w := startWriter(t, d.job(synchronous, 0))
			w.readUntil(30)
			d.must(d.Cut())
			acked, _ := w.finish()
			lost := d.lost(acked)
			if len(lost) == 0 {
				t.Fatalf("none of %d rows committed with synchronous=%s is lost: unsynced data survives a cut", len(acked), synchronous)
			}
			t.Logf("synchronous=%s lost %d of %d", synchronous, len(lost), len(acked))
		})
	}
}

// TestSQLiteOffIsDamagedByASubsetOfPages proves that CutSome leaves torn states: a database that never syncs does not
// just lose its last rows, it breaks.
func TestSQLiteOffIsDamagedByASubsetOfPages(t *testing.T) {
	for seed := range uint64(cuts) {
		d := newDisk(t)
		d.prepare()
		w := startWriter(t, d.job("off", 10))
		w.readUntil(60)
		d.must(d.CutSome(seed))
		w.finish()
		if _, check, err := inspect(t.Context(), d.backing, t.TempDir()); err != nil || check != "ok" {
			t.Logf("damaged by seed %d: %.80q, %v", seed, check, err)
			return
		}
	}
	t.Fatalf("no database of %d was damaged: CutSome leaves no torn states", cuts)
}

func TestSQLiteOnAFullDiskAcksNothingFalse(t *testing.T) {
	d := newDisk(t)
	d.prepare()
	w := startWriter(t, d.job("full", 60))
	w.readUntil(10)
	d.SetFull(0)
	acked, failure := w.finish()
	if !strings.Contains(failure, "full") {
		t.Fatalf("the child ended with %q, want \"database or disk is full\"", failure)
	}
	d.SetFull(-1)
	w = startWriter(t, d.job("full", 60))
	w.readUntil(10)
	d.must(d.CutSome(1))
	healed, _ := w.finish()
	if lost := d.lost(append(acked, healed...)); len(lost) > 0 {
		t.Fatalf("lost committed rows %v", lost)
	}
}

func TestSQLiteWithFailingFsyncAcksNothingFalse(t *testing.T) {
	d := newDisk(t)
	d.prepare()
	w := startWriter(t, d.job("full", 60))
	w.readUntil(10)
	d.FailFsync(syscall.EIO)
	acked, failure := w.finish()
	if !strings.Contains(failure, "I/O error") {
		t.Fatalf("the child ended with %q, want \"disk I/O error\"", failure)
	}
	d.must(d.CutSome(2))
	d.FailFsync(0)
	if lost := d.lost(acked); len(lost) > 0 {
		t.Fatalf("lost committed rows %v", lost)
	}
	d.must(d.Restore())
	w = startWriter(t, d.job("full", 60))
	w.readUntil(5)
	d.must(d.Cut())
	healed, _ := w.finish()
	if lost := d.lost(append(acked, healed...)); len(lost) > 0 {
		t.Fatalf("after healing: lost committed rows %v", lost)
	}
}
