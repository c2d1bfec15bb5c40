//go:build linux

package scenario

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/kefu-chat/kefu/internal/client"
)

// lags measures how long after its ack a message is seen by each who sees it.
// Texts are unique in a test. A nil one measures nothing.
type lags struct {
	mu    sync.Mutex
	at    map[string]time.Time
	first map[string]map[string]time.Time // by text, then by who
}

func newLags() *lags {
	return &lags{at: map[string]time.Time{}, first: map[string]map[string]time.Time{}}
}

func (l *lags) acked(i *client.Item) {
	if l == nil || i.Text == "" {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.at[i.Text] = time.Now()
}

func (l *lags) seen(who string, e *client.Event) {
	if l == nil {
		return
	}
	text := e.Text()
	if text == "" {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	by := l.first[text]
	if by == nil {
		by = map[string]time.Time{}
		l.first[text] = by
	}
	if _, known := by[who]; !known {
		by[who] = time.Now()
	}
}

// lag is how late who saw a text.
type lag struct {
	who, text string
	late      time.Duration
}

func (l lag) String() string { return fmt.Sprintf("%s saw %q %s after its ack", l.who, l.text, l.late) }

// all are the lags so far, the longest first.
func (l *lags) all() []lag {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []lag
	for text, by := range l.first {
		at, ok := l.at[text]
		if !ok {
			continue
		}
		for who, seen := range by {
			out = append(out, lag{who, text, max(0, seen.Sub(at)).Round(time.Millisecond)})
		}
	}
	slices.SortFunc(out, func(a, b lag) int { return cmp.Compare(b.late, a.late) })
	return out
}

// quantile is the lag that a share of all do not exceed.
func quantile(sorted []lag, share float64) time.Duration {
	if len(sorted) == 0 {
		return 0
	}
	return sorted[int(float64(len(sorted)-1)*(1-share))].late
}
