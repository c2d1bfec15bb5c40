package atp

import (
	"testing"
	"time"
)

// TestInflow: so many frames at once, then so many a second; who goes on regardless
// is told apart from who was fast once.
func TestInflow(t *testing.T) {
	f := newInflow()
	now := f.at
	take := func(n int) (taken int) {
		for range n {
			if f.take(now) {
				taken++
			}
		}
		return taken
	}
	if n := take(frameBurst + 50); n != frameBurst || f.refused != 50 {
		t.Fatalf("%d frames at once, %d refused", n, f.refused)
	}
	now = now.Add(time.Second)
	if n := take(frameBurst); n != framePerSecond {
		t.Errorf("%d frames a second later, want %d", n, framePerSecond)
	}
	if f.refused <= maxRefused/2 {
		t.Errorf("%d refused: who goes on is forgotten", f.refused)
	}
	now = now.Add(-time.Hour) // a clock that was set back gives nothing
	if n := take(1); n != 0 {
		t.Error("a clock that was set back lets frames in")
	}
	now = now.Add(2 * time.Hour)
	if n := take(frameBurst); n != frameBurst || f.refused > maxRefused/2 {
		t.Errorf("after an hour: %d frames, %d remembered as refused", n, f.refused)
	}
}

// TestMissingIn: lists are compared as sorted sets.
func TestMissingIn(t *testing.T) {
	for _, c := range []struct {
		known, names []string
		want         bool
	}{
		{nil, nil, false}, {nil, []string{"a"}, true}, {[]string{"a"}, nil, false},
		{[]string{"a", "b"}, []string{"b"}, false}, {[]string{"a", "c"}, []string{"b"}, true},
	} {
		if got := missingIn(c.known, c.names); got != c.want {
			t.Errorf("%q in %q: %t, want %t", c.names, c.known, got, c.want)
		}
	}
}
