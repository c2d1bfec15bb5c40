package store

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
)

// readers are the connections on which conversations are read, opened when needed.
type readers struct {
	dialect dialect
	took    func(what string, took time.Duration, n int)
	slots   chan struct{}
	idle    chan *hot
	errors  atomic.Int64 // reads that failed, but not because nobody waits for them any more
}

func newReaders(n int, d dialect, took func(string, time.Duration, int)) *readers {
	return &readers{dialect: d, took: took, slots: make(chan struct{}, n), idle: make(chan *hot, n)}
}

// once runs a single read, what names its kind. Its errors are the context's,
// those of do, and the engine's.
func (r *readers) once(ctx context.Context, what string, do func(h *hot) error) error {
	return r.read(ctx, what, do)
}

// use runs reads that see one state of the database.
func (r *readers) use(ctx context.Context, what string, do func(h *hot) error) error {
	return r.read(ctx, what, func(h *hot) error {
		err := h.begin(0)
		if err == nil {
			err = do(h)
		}
		if ended := h.rollback(); ended != nil {
			return errors.Join(err, ended)
		}
		return err
	})
}

func (r *readers) read(ctx context.Context, what string, do func(h *hot) error) error {
	select {
	case r.slots <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	}
	defer func() { <-r.slots }()
	if err := ctx.Err(); err != nil {
		return err
	}
	began := time.Now()
	defer func() { r.took(what, time.Since(began), 1) }()
	for {
		h, fresh, err := r.take()
		if err != nil {
			r.errors.Add(1)
			return err
		}
		err = h.forOne(ctx, do)
		var refusal *chat.Refusal
		if err == nil || errors.As(err, &refusal) || errors.Is(err, errBehind) || h.onlyCancelled(ctx, err) {
			r.idle <- h
			return err
		}
		kind := r.dialect.failure(err)
		if closed := h.close(); kind != lost {
			err = errors.Join(err, closed)
		}
		// A connection that was idle may have died meanwhile, as when the server started again.
		if ctx.Err() != nil {
			return err
		}
		if fresh || kind != lost || h.rows > 0 {
			r.errors.Add(1)
			return err
		}
	}
}

func (r *readers) take() (h *hot, fresh bool, err error) {
	select {
	case h := <-r.idle:
		return h, false, nil
	default:
	}
	l, err := r.dialect.reader()
	if err != nil {
		return nil, true, fmt.Errorf("connect: %w", err)
	}
	return newHot(l), true, nil
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

// forOne runs reads that ctx cancels.
func (h *hot) forOne(ctx context.Context, do func(h *hot) error) error {
	h.ctx, h.rows, h.spoilt = ctx, 0, false
	defer func() { h.ctx = nil }()
	return do(h)
}

// onlyCancelled tells whether a read ended because nobody waits for it any more,
// and the connection is as good as before: it is left between two statements.
func (h *hot) onlyCancelled(ctx context.Context, err error) bool {
	return ctx.Err() != nil && errors.Is(err, ctx.Err()) && !h.spoilt && h.flush() == nil
}

// one reads a single row about a conversation; none is a NotFound refusal.
func (h *hot) one(query string, dest ...any) error {
	found := false
	err := h.query(query, func(r scanner) error {
		found = true
		return r.Scan(dest...)
	})
	if err == nil && !found {
		return chat.Refuse(chat.NotFound, "there is no such conversation")
	}
	return err
}

// idsOf binds ids.
func idsOf[T ~int64](h *hot, ids []T) {
	for _, id := range ids {
		h.arg(int64(id))
	}
}
