package bustest

import (
	"context"
	"log/slog"
	"strings"
	"sync"
)

// Lines keeps what is logged. It is a slog.Handler.
type Lines struct {
	all *lines
}

type lines struct {
	mu   sync.Mutex
	text []string
}

// NewLines has no line yet.
func NewLines() Lines { return Lines{&lines{}} }

// Log writes to the lines.
func (l Lines) Log() *slog.Logger { return slog.New(l) }

// Count is how many lines have the text in their message or their attributes.
func (l Lines) Count(text string) int {
	l.all.mu.Lock()
	defer l.all.mu.Unlock()
	n := 0
	for _, line := range l.all.text {
		if strings.Contains(line, text) {
			n++
		}
	}
	return n
}

// String is all lines.
func (l Lines) String() string {
	l.all.mu.Lock()
	defer l.all.mu.Unlock()
	return strings.Join(l.all.text, "\n")
}

// Enabled implements slog.Handler: lines below Info are of no interest.
func (l Lines) Enabled(_ context.Context, level slog.Level) bool { return level >= slog.LevelInfo }

// Handle implements slog.Handler.
func (l Lines) Handle(_ context.Context, r slog.Record) error {
	text := r.Level.String() + " " + r.Message
	r.Attrs(func(a slog.Attr) bool {
		text += " " + a.String()
		return true
	})
	l.all.mu.Lock()
	defer l.all.mu.Unlock()
	l.all.text = append(l.all.text, text)
	return nil
}

// WithAttrs implements slog.Handler.
func (l Lines) WithAttrs([]slog.Attr) slog.Handler { return l }

// WithGroup implements slog.Handler.
func (l Lines) WithGroup(string) slog.Handler { return l }
