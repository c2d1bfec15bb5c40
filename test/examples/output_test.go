//go:build linux

package examples

import (
	"bytes"
	"regexp"
	"sync"
	"testing"
	"time"
)

// output is what a process prints.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(b []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.Write(b)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// await waits until the process has printed what the pattern finds, and the line's end.
func (o *output) await(t *testing.T, pattern *regexp.Regexp) []string {
	t.Helper()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	deadline := time.After(patience)
	for {
		if found := pattern.FindStringSubmatch(o.String()); found != nil {
			return found
		}
		select {
		case <-tick.C:
		case <-deadline:
			t.Fatalf("it did not print %s:\n%s", pattern, o)
		}
	}
}
