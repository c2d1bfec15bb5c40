package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
)

// stack remembers what was started, so that it is stopped in reverse order.
type stack struct {
	log   *slog.Logger
	parts []part
}

type part struct {
	name string
	stop func(context.Context) error
}

// push adds what was just started. stop is called once.
func (s *stack) push(name string, stop func(context.Context) error) {
	s.log.Debug("started", "part", name)
	s.parts = append(s.parts, part{name, stop})
}

// unwind stops all parts, last started first, each even if another one fails.
func (s *stack) unwind(ctx context.Context) error {
	var errs []error
	for i := len(s.parts) - 1; i >= 0; i-- {
		p := s.parts[i]
		if err := p.stop(ctx); err != nil {
			errs = append(errs, fmt.Errorf("stop %s: %w", p.name, err))
		}
		s.log.Debug("stopped", "part", p.name)
	}
	s.parts = nil
	return errors.Join(errs...)
}
