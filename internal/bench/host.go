package bench

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"path/filepath"
	"strings"
)

// where says which server is measured: one of ours, with a database of its own, or
// one that runs already.
type where struct {
	place
	program program
	nodes   int    // how many processes serve, over a server's database; 0 and 1: one
	url     string // of a running server; empty: start one
	pid     int    // of the running server; 0: its CPU and memory are not known
	account account
}

// host is what is being measured: a server, or several nodes of one.
type host struct {
	*installation
	program  program
	dir      *temporary // of our own nodes
	database string     // URL; empty: SQLite in the folder
	account  account    // of its owner
	own      []*server  // none: it runs without us
	nodes    int
	pids     []int // known ones
}

// open starts nodes with a site and n agents, or enters the server that runs.
// Its limits stand in nobody's way with loose.
func (w where) open(ctx context.Context, agents int, loose bool) (h *host, err error) {
	h = &host{program: w.program, nodes: max(1, w.nodes)}
	defer func() {
		if err != nil {
			err = errors.Join(err, h.close())
		}
	}()
	if w.url != "" {
		if w.pid != 0 {
			h.pids = []int{w.pid}
		}
		if h.installation, err = logIn(ctx, w.url, w.account, true); err == nil {
			err = h.invite(ctx, agents)
		}
		return h, err
	}
	if h.dir, err = w.temporary(); err != nil {
		return h, err
	}
	if w.database != "" {
		if h.database, err = h.dir.make(ctx, "kefu"); err != nil {
			return h, err
		}
	}
	h.account = newAccount()
	if err = w.program.createOwner(ctx, h.account, h.storage()...); err != nil {
		return h, err
	}
	if err = h.restart(ctx, true); err != nil {
		return h, err
	}
	if h.installation, err = logIn(ctx, h.own[0].base(), h.account, false); err == nil {
		err = h.invite(ctx, agents)
	}
	if err != nil {
		return h, err
	}
	return h, h.restart(ctx, loose) // the memory that hashing passwords took goes with the old process
}

// storage are the settings of where messages are kept.
func (h *host) storage() []string {
	args := []string{"--data", filepath.Join(h.dir.dir, "data")}
	if h.database != "" {
		args = append(args, "--database-url", h.database)
	}
	return args
}

// loosened are the limits of one client, out of the way of a load that comes from few.
func loosened() []string {
	const much = "1000000"
	var args []string
	for _, name := range []string{"message", "frame", "handshake", "request"} {
		args = append(args, "--limits-"+name+"-burst="+much, "--limits-"+name+"-per-second="+much)
	}
	return append(args, "--limits-sessions-per-address="+much)
}

// restart starts our own nodes, after stopping those that run.
func (h *host) restart(ctx context.Context, loose bool) error {
	if err := h.stop(); err != nil {
		return err
	}
	args := h.storage()
	if loose {
		args = append(args, loosened()...)
	}
	mesh, err := meshOf(ctx, h.nodes)
	if err != nil {
		return err
	}
	var bases []string
	for i := range h.nodes {
		s, err := h.program.start(ctx, append(args, mesh[i]...)...)
		if err != nil {
			return err
		}
		h.own, h.pids = append(h.own, s), append(h.pids, s.pid())
		bases = append(bases, s.base())
	}
	if h.installation != nil {
		h.bases = bases
	}
	return nil
}

// meshOf gives the settings of each node; a lone one needs none.
func meshOf(ctx context.Context, nodes int) ([][]string, error) {
	all := make([][]string, nodes)
	if nodes == 1 {
		return all, nil
	}
	listen := make([]string, nodes)
	for i := range listen {
		var err error
		if listen[i], err = freeAddress(ctx); err != nil {
			return nil, err
		}
	}
	secret := rand.Text()
	for i := range all {
		all[i] = []string{"--files-visitor-mib=0", "--files-agent-mib=0", "--bus-kind=mesh", "--mesh-listen=" + listen[i], "--mesh-peers=" + strings.Join(listen, ","), "--mesh-secret=" + secret}
	}
	return all, nil
}

// stop stops our own nodes.
func (h *host) stop() error {
	var errs []error
	for i, s := range h.own {
		if err := s.stop(); err != nil {
			errs = append(errs, fmt.Errorf("node %d: %w", i+1, err))
		}
	}
	if h.own != nil {
		h.own, h.pids = nil, nil
	}
	return errors.Join(errs...)
}

// close stops our own nodes and removes their data.
func (h *host) close() error {
	err := h.stop()
	if h.dir != nil {
		err = errors.Join(err, h.dir.close())
	}
	return err
}
