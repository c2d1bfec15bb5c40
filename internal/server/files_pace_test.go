package server_test

import (
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/files"
)

// Who announces files and sends none cannot fill a site's space in moments, under
// however many secrets: announcing takes as long as sending would.
func TestAnnouncingFilesIsAsSlowAsSendingThem(t *testing.T) {
	a := newArchive(t, files.Config{})
	const size = 20 << 20
	for range 100 { // what is refused anyway costs nothing
		if none := a.begin(a.visitor(), "a.bin", 21<<20); none.status != 413 {
			t.Fatalf("one that is too large: %d %s", none.status, none.text)
		}
	}
	announced := 0
	for announced < 100 {
		begun := a.begin(a.visitor(), "a.bin", size)
		if begun.status == 429 {
			if begun.string("code") != "rate_limited" || begun.get("retry_after").(float64) <= 0 {
				t.Errorf("one too many: %s", begun.text)
			}
			break
		}
		if begun.status != 201 {
			t.Fatalf("%d %s", begun.status, begun.text)
		}
		announced++
	}
	if announced < 50 || announced > 60 {
		t.Fatalf("%d files of 20 MiB were announced at once", announced)
	}
	if small := a.begin(a.visitor(), "a.txt", 100<<10); small.status != 201 {
		t.Errorf("a small one is refused meanwhile: %s", small.text)
	}
	if agents := a.begin(a.owner, "a.bin", size); agents.status != 201 {
		t.Errorf("an agent's is refused: %s", agents.text)
	}
	a.clock.forward(21 * time.Second)
	if later := a.begin(a.visitor(), "a.bin", size); later.status != 201 {
		t.Errorf("later: %s", later.text)
	}
}
