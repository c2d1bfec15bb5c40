package store

import (
	"context"
	"errors"
	"fmt"

	"github.com/kefu-chat/kefu/internal/chat"
)

// readers are the connections on which conversations are read, opened when needed.
type readers struct {
	cfg   Config
	slots chan struct{}
	idle  chan *hot
}

func newReaders(cfg Config) *readers {
	return &readers{cfg: cfg, slots: make(chan struct{}, cfg.Readers), idle: make(chan *hot, cfg.Readers)}
}

// use runs reads that see one state of the database. Its errors are the
// context's, those of do, and the engine's.
func (r *readers) use(ctx context.Context, do func(h *hot) error) error {
	select {
	case r.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-r.slots }()
	h, err := r.take()
	if err != nil {
		return err
	}
	h.ctx = ctx
	err = h.exec(beginRead)
	if err == nil {
		err = do(h)
	}
	h.ctx = nil
	if ended := h.rollback(); ended != nil { // the connection is of no more use
		return errors.Join(err, ended, h.close())
	}
	r.idle <- h
	return err
}

func (r *readers) take() (*hot, error) {
	select {
	case h := <-r.idle:
		return h, nil
	default:
	}
	h, err := openHotReader(r.cfg)
	if err != nil {
		return nil, fmt.Errorf("connect: %w", err)
	}
	return h, nil
}

// close waits for those who read and closes the connections; nobody reads after it.
func (r *readers) close() error {
	var errs []error
	for range cap(r.slots) {
		r.slots <- struct{}{}
	}
	for {
		select {
		case h := <-r.idle:
			errs = append(errs, h.close())
		default:
			return errors.Join(errs...)
		}
	}
}

// one reads a single row; none is a NotFound refusal about what.
func (h *hot) one(what, query string, dest ...any) error {
	found := false
	err := h.query(query, func(r scanner) error {
		found = true
		return r.Scan(dest...)
	})
	if err == nil && !found {
		return chat.Refuse(chat.NotFound, "there is no such %s", what)
	}
	return err
}

// idsOf binds ids.
func idsOf[T ~int64](h *hot, ids []T) {
	for _, id := range ids {
		h.arg(int64(id))
	}
}
