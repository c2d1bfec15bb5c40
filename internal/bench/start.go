package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/kefu-chat/kefu/internal/client"
	"github.com/kefu-chat/kefu/internal/wire"
)

// StartReport is "bench start".
type StartReport struct {
	Machine Machine `json:"machine"`
	Starts  int     `json:"starts"`
	// First is from the start of the process to its first answer, and Hello to the
	// first visitor's greeting, both medians, in ms; Worst is the slowest answer.
	First float64 `json:"first_answer_ms"`
	Hello float64 `json:"first_hello_ms"`
	Worst float64 `json:"worst_answer_ms"`
	// Fresh is the first answer of a start that makes the database.
	Fresh  float64 `json:"fresh_ms"`
	Rest   Memory  `json:"at_rest"` // medians
	Binary int64   `json:"binary_bytes"`
}

func runStart(ctx context.Context, w where, starts int, rest time.Duration) (r StartReport, err error) {
	r = StartReport{Machine: machineOf(w.folder), Starts: starts}
	file, err := os.Stat(w.program.path)
	if err != nil {
		return r, err
	}
	r.Binary = file.Size()
	if r.Fresh, err = w.freshStart(ctx); err != nil {
		return r, err
	}
	h, err := w.open(ctx, 0, false)
	if err != nil {
		return r, err
	}
	defer func() { err = errors.Join(err, h.close()) }()
	if err := h.stop(); err != nil {
		return r, err
	}
	var first, hello, rss, anonymous []time.Duration
	for range starts {
		one, err := oneStart(ctx, h, rest)
		if err != nil {
			return r, err
		}
		first, hello = append(first, one.first), append(hello, one.hello)
		rss, anonymous = append(rss, time.Duration(one.rest.RSS)), append(anonymous, time.Duration(one.rest.Anonymous))
		r.Rest.Threads = one.rest.Threads
	}
	r.First, r.Hello = millis(median(first)), millis(median(hello))
	r.Worst = millis(first[len(first)-1])
	r.Rest.RSS, r.Rest.Anonymous = int64(median(rss)), int64(median(anonymous))
	return r, nil
}

// freshStart starts a server that finds no data, in ms.
func (w where) freshStart(ctx context.Context) (float64, error) {
	dir, err := os.MkdirTemp(w.folder, "kefu-bench-")
	if err != nil {
		return 0, fmt.Errorf("make a folder: %w", err)
	}
	s, err := w.program.start(ctx, "--data", filepath.Join(dir, "data"))
	took := time.Duration(0)
	if err == nil {
		took = s.firstAnswer()
		err = s.stop()
	}
	return millis(took), errors.Join(err, os.RemoveAll(dir))
}

type oneStarted struct {
	first, hello time.Duration
	rest         Memory
}

// oneStart starts the server, greets a visitor, and lets it rest.
func oneStart(ctx context.Context, h *host, rest time.Duration) (one oneStarted, err error) {
	s, err := h.program.start(ctx, h.storage()...)
	if err != nil {
		return one, err
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	one.first = s.firstAnswer()
	h.bases = []string{s.base()}
	door := h.door(0)
	greeted := make(chan struct{}, 1)
	cfg := client.Config{URL: door.visitor, Header: originOf(door.origin), Name: "kefu-bench/1"}
	cfg.Observer.Connected = func(*wire.ServerHello) { tell(greeted) }
	v := client.StartVisitor(ctx, cfg, h.key, client.NewSecret())
	err = awaitAll(ctx, greeted, 1)
	one.hello = time.Since(s.began)
	v.Close()
	if err == nil {
		one.rest, err = settle(ctx, s.pid(), rest)
	}
	return one, err
}
