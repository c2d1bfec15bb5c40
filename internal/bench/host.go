package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
)

// where says which server is measured: one of ours in a folder of its own, or
// one that runs already.
type where struct {
	program program
	folder  string // for temporary files
	url     string // of a running server; empty: start one
	pid     int    // of the running server; 0: its CPU and memory are not known
	account account
}

// host is a server that is being measured.
type host struct {
	*installation
	program program
	dir     string  // of our own server
	account account // of its owner
	own     *server // nil: it runs without us
	pid     int
}

// open starts a server with a site and n agents, or enters the one that runs.
// Its limits stand in nobody's way with loose.
func (w where) open(ctx context.Context, agents int, loose bool) (h *host, err error) {
	h = &host{program: w.program, pid: w.pid}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.close())
		}
	}()
	if w.url != "" {
		if h.installation, err = logIn(ctx, w.url, w.account, true); err == nil {
			err = h.invite(ctx, agents)
		}
		return h, err
	}
	if h.dir, err = os.MkdirTemp(w.folder, "kefu-bench-"); err != nil {
		return h, fmt.Errorf("make a folder: %w", err)
	}
	h.account = newAccount()
	if err = w.program.createOwner(ctx, h.data(), h.account); err != nil {
		return h, err
	}
	if err = h.restart(ctx, true); err != nil {
		return h, err
	}
	if h.installation, err = logIn(ctx, h.own.base(), h.account, false); err == nil {
		err = h.invite(ctx, agents)
	}
	if err != nil {
		return h, err
	}
	return h, h.restart(ctx, loose) // the memory that hashing passwords took goes with the old process
}

func (h *host) data() string { return filepath.Join(h.dir, "data") }

// loosened are the limits of one client, out of the way of a load that comes from few.
func loosened() []string {
	const much = "1000000"
	var args []string
	for _, name := range []string{"message", "frame", "handshake", "request"} {
		args = append(args, "--limits-"+name+"-burst="+much, "--limits-"+name+"-per-second="+much)
	}
	return append(args, "--limits-sessions-per-address="+much)
}

// restart starts our own server, after stopping the one that runs.
func (h *host) restart(ctx context.Context, loose bool) error {
	if h.own != nil {
		err := h.own.stop()
		h.own, h.pid = nil, 0
		if err != nil {
			return err
		}
	}
	var args []string
	if loose {
		args = loosened()
	}
	s, err := h.program.start(ctx, h.data(), args...)
	if err != nil {
		return err
	}
	h.own, h.pid = s, s.pid()
	if h.installation != nil {
		h.base = s.base()
	}
	return nil
}

// close stops our own server and removes its data.
func (h *host) close() error {
	var errs []error
	if h.own != nil {
		errs = append(errs, h.own.stop())
	}
	if h.dir != "" {
		errs = append(errs, os.RemoveAll(h.dir))
	}
	return errors.Join(errs...)
}
