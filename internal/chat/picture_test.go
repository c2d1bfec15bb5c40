package chat

import (
	"math"
	"testing"
)

func TestAPictureHasOneAddress(t *testing.T) {
	for _, p := range []Picture{{1, 1}, {1 << 60, math.MaxInt64}, {7, 36}} {
		address := p.Address()
		back, err := ParsePicture(address[len(PicturesPath):])
		if err != nil || back != p {
			t.Errorf("%s of %v is read as %v, %v", address, p, back, err)
		}
	}
	if a := (Picture{}).Address(); a != "" {
		t.Errorf("no picture is at %q", a)
	}
	for _, name := range []string{"", "-", "1", "1-", "-1", "0-1", "1-0", "01-1", "A-1", "+1-1", "1-1-1", "1--1", "1-1.png", "../1-1", "1-zzzzzzzzzzzzzz"} {
		if p, err := ParsePicture(name); err == nil {
			t.Errorf("%q is read as %v", name, p)
		}
	}
}
