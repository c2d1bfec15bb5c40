package live

import "testing"

func TestRecentForgetsWhoIsNotAskedFor(t *testing.T) {
	var r recent[int, int]
	*r.of(-1), *r.of(-2) = 1, 2
	for i := range recentMost {
		*r.of(i)++
	}
	if n := *r.of(-1); n != 1 { // of the generation before
		t.Errorf("who is asked for again is %d, want 1", n)
	}
	for i := range 2 * recentMost {
		*r.of(i)++
		_ = r.of(-1)
	}
	if a, b := *r.of(-1), *r.of(-2); a != 1 || b != 0 {
		t.Errorf("who is asked for is %d, want 1; who is not is %d, want 0", a, b)
	}
	if n := len(r.now) + len(r.old); n > 2*recentMost {
		t.Errorf("%d are remembered, more than %d", n, 2*recentMost)
	}
}
