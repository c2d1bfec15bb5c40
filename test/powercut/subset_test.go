//go:build linux

package powercut

import (
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// cutWork does the same unsynced work on a new disk, cuts it with seed, and answers what is left, as one text.
func cutWork(t *testing.T, seed uint64) string {
	t.Helper()
	d := newDisk(t)
	d.put("file", strings.Repeat("-", 8*pageSize))
	d.syncDir("")
	file := d.open("file", 0)
	for i := range int64(8) {
		d.write(file, strings.Repeat("+", pageSize), i*pageSize)
	}
	for i := range 9 {
		d.put(fmt.Sprintf("name%d", i), "")
	}
	d.must(d.CutSome(seed))
	text, err := os.ReadFile(filepath.Join(d.backing, "file"))
	d.must(err)
	names, err := filepath.Glob(filepath.Join(d.backing, "name*"))
	d.must(err)
	for i, name := range names {
		if filepath.Base(name) != fmt.Sprintf("name%d", i) {
			t.Fatalf("seed %d kept %v: not the first of the names, in their order", seed, names)
		}
	}
	return fmt.Sprintf("%d names %s", len(names), text)
}

func TestASubsetFollowsItsSeed(t *testing.T) {
	outcomes := map[string]bool{}
	for seed := range uint64(12) {
		outcome := cutWork(t, seed)
		outcomes[outcome] = true
		if seed < 2 && cutWork(t, seed) != outcome {
			t.Errorf("seed %d gave two outcomes for the same work", seed)
		}
	}
	if len(outcomes) < 6 {
		t.Errorf("12 seeds gave only %d outcomes", len(outcomes))
	}
}

// TestASubsetIsMadeOfOldAndNewSectors checks every byte of many subsets: each sector is what was synced or what was written
// since, and what lies beyond what survived is gone.
func TestASubsetIsMadeOfOldAndNewSectors(t *testing.T) {
	const pages = 6
	var kept, gone, tornPages int
	for seed := range uint64(200) {
		c := newContent(image{})
		c.write([]byte(strings.Repeat("o", 4*pageSize)), 0)
		c.sync()
		c.write([]byte(strings.Repeat("n", pages*pageSize-10)), 0)
		left := c.surviving(rand.New(rand.NewPCG(seed, 0)))
		if left.size < 4*pageSize || left.size > pages*pageSize-10 {
			t.Fatalf("seed %d left %d bytes, want from %d to %d", seed, left.size, 4*pageSize, pages*pageSize-10)
		}
		data := make([]byte, left.size)
		left.read(data, 0)
		for i := range pagesFor(left.size) {
			part := data[i*pageSize : min((i+1)*pageSize, len(data))]
			switch news := strings.Count(string(part), "n"); {
			case news == len(part):
				kept++
			case news == 0:
				gone++
			case news%sectorSize == 0 && strings.Trim(string(part[news:]), "o\x00") == "":
				tornPages++
			default:
				t.Fatalf("seed %d page %d: %d new bytes, not whole sectors", seed, i, news)
			}
		}
		if got := make([]byte, 1); c.stable.read(got, 0) != 1 || got[0] != 'o' {
			t.Fatalf("seed %d changed what was synced", seed)
		}
	}
	if kept == 0 || gone == 0 || tornPages == 0 {
		t.Fatalf("200 seeds: %d pages kept, %d gone, %d torn; want some of each", kept, gone, tornPages)
	}
}

// TestAFileCutShortMixesNoLaterBytesIntoItsOldSelf: either the file was shortened and new pages may follow, or it is whole.
func TestAFileCutShortMixesNoLaterBytesIntoItsOldSelf(t *testing.T) {
	var whole, short int
	for seed := range uint64(100) {
		c := newContent(image{})
		c.write([]byte(strings.Repeat("o", 3*pageSize)), 0)
		c.sync()
		c.truncate(0)
		c.write([]byte(strings.Repeat("n", 2*pageSize)), 0)
		left := c.surviving(rand.New(rand.NewPCG(seed, 0)))
		data := make([]byte, left.size)
		left.read(data, 0)
		switch text := string(data); {
		case text == strings.Repeat("o", 3*pageSize):
			whole++
		case !strings.Contains(text, "o"):
			short++
		default:
			t.Fatalf("seed %d mixes bytes of before and after the truncation", seed)
		}
	}
	if whole == 0 || short == 0 {
		t.Fatalf("100 seeds: %d whole, %d cut short; want some of each", whole, short)
	}
}
