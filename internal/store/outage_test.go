package store

import (
	"context"
	"errors"
	"net"
	"net/url"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/test/engines"
)

// wire is what lies between a node and its database, and can be cut.
type wire struct {
	listener net.Listener
	server   string
	wg       sync.WaitGroup

	mu      sync.Mutex
	conns   []net.Conn
	mute    bool // answers are lost, and with the first one the connection
	deaf    bool // what is sent is lost, and with it the connection
	refuses bool
}

// newWire gives a URL that leads to the database through a wire.
func newWire(t *testing.T, database string) (*wire, string) {
	t.Helper()
	u, err := url.Parse(database)
	if err != nil {
		t.Fatal(err)
	}
	w := &wire{server: u.Host}
	if w.listener, err = net.Listen("tcp", "127.0.0.1:0"); err != nil {
		t.Fatal(err)
	}
	u.Host = w.listener.Addr().String()
	w.wg.Go(w.accept)
	t.Cleanup(func() {
		_ = w.listener.Close()
		w.cut()
		w.wg.Wait()
	})
	return w, u.String()
}

func (w *wire) accept() {
	for {
		from, err := w.listener.Accept()
		if err != nil {
			return
		}
		w.mu.Lock()
		refuses := w.refuses
		w.mu.Unlock()
		if refuses {
			_ = from.Close()
			continue
		}
		to, err := net.Dial("tcp", w.server)
		if err != nil {
			_ = from.Close()
			continue
		}
		w.mu.Lock()
		w.conns = append(w.conns, from, to)
		w.mu.Unlock()
		w.wg.Go(func() { w.carry(to, from, &w.deaf) })
		w.wg.Go(func() { w.carry(from, to, &w.mute) })
	}
}

// carry copies until it is told to lose what comes.
func (w *wire) carry(to, from net.Conn, loses *bool) {
	defer func() { _ = errors.Join(to.Close(), from.Close()) }()
	buf := make([]byte, 64<<10)
	for {
		n, err := from.Read(buf)
		w.mu.Lock()
		lose := *loses
		w.mu.Unlock()
		if err != nil || lose {
			return
		}
		if _, err := to.Write(buf[:n]); err != nil {
			return
		}
	}
}

func (w *wire) set(change func(w *wire)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	change(w)
}

// cut ends all connections.
func (w *wire) cut() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.conns {
		_ = c.Close()
	}
	w.conns = nil
}

// hooked is a database whose next commit is done by hook.
func hooked(t *testing.T, cfg Config) (db *DB, onCommit func(func(commit func() error) error)) {
	var mu sync.Mutex
	var hook func(func() error) error
	cfg.Commit = func(commit func() error) error {
		mu.Lock()
		h := hook
		hook = nil
		mu.Unlock()
		if h == nil {
			return commit()
		}
		return h(commit)
	}
	db = open(t, cfg)
	return db, func(h func(commit func() error) error) {
		mu.Lock()
		defer mu.Unlock()
		hook = h
	}
}

// TestAnswerOfTheCommitIsLost cuts the connection between the commit and its
// answer: the outcome is unknown, and the repeat finds what was kept.
func TestAnswerOfTheCommitIsLost(t *testing.T) {
	for _, s := range servers(t) {
		for _, kept := range []bool{true, false} {
			t.Run(s.name+"/kept="+strconv.FormatBool(kept), func(t *testing.T) {
				w, address := newWire(t, s.fresh(t))
				db, onCommit := hooked(t, Config{URL: address})
				first := send(t, db, message(1, "before"))
				onCommit(func(commit func() error) error {
					w.set(func(w *wire) { w.mute, w.deaf = kept, !kept })
					return commit()
				})
				c := message(1, "is it kept?")
				if o := <-submit(db, c); chat.CodeOf(o.err) != chat.Unknown || !errors.As(o.err, new(*chat.Refusal)) {
					t.Fatalf("got %+v, %v: want the outcome unknown", o.changed, o.err)
				}
				w.set(func(w *wire) { w.mute, w.deaf = false, false })
				again := send(t, db, c)
				if again.Repeat != kept || again.State.Seq != first.State.Seq+1 {
					t.Errorf("the repeat gave %+v: want it kept %t", again, kept)
				}
				if next := send(t, db, message(1, "after")); next.State.Seq != first.State.Seq+2 {
					t.Errorf("the next event is %d", next.State.Seq)
				}
			})
		}
	}
}

// TestIdleConnectionsDie cuts what nobody uses at the moment: nobody notices.
func TestIdleConnectionsDie(t *testing.T) {
	for _, s := range servers(t) {
		t.Run(s.name, func(t *testing.T) {
			w, address := newWire(t, s.fresh(t))
			db := open(t, Config{URL: address, Committers: 2})
			begun := send(t, db, message(1, "hello"))
			for range 3 {
				if _, err := db.Head(t.Context(), begun.Conversation.ID); err != nil {
					t.Fatal(err)
				}
				if err := db.Seen(t.Context(), 1, 1); err != nil {
					t.Fatal(err)
				}
				w.cut()
				send(t, db, message(1, "more"))
				if s, err := db.Head(t.Context(), begun.Conversation.ID); err != nil || s.Seq < 3 {
					t.Errorf("read %+v, %v", s, err)
				}
				if _, err := db.PeopleVersion(t.Context()); err != nil {
					t.Error(err)
				}
			}
			if n := db.Stats().Retries; n < 3 {
				t.Errorf("%d retries: the test cut nothing", n)
			}
		})
	}
}

// TestServerIsAway: while nobody answers, changes fail soon and say so; afterwards
// all goes on.
func TestServerIsAway(t *testing.T) {
	for _, s := range servers(t) {
		t.Run(s.name, func(t *testing.T) {
			w, address := newWire(t, s.fresh(t))
			db := open(t, Config{URL: address})
			send(t, db, message(1, "before"))
			w.set(func(w *wire) { w.refuses = true })
			w.cut()
			c := message(1, "meanwhile")
			began := time.Now()
			if o := <-submit(db, c); o.err == nil {
				t.Fatal("a change was kept by a server that is away")
			}
			if took := time.Since(began); took > db.cfg.Limit {
				t.Errorf("the failure took %s", took)
			}
			if err := db.Ping(t.Context()); err == nil {
				t.Error("a server that is away answers a ping")
			}
			if n := db.Stats().Failures; n != 1 {
				t.Errorf("%d failures are counted: want 1", n)
			}
			if _, err := db.Head(t.Context(), 1); err == nil || chat.CodeOf(err) == chat.NotFound {
				t.Errorf("a server that is away answers a read with %v", err)
			}
			gone, cancel := context.WithCancel(t.Context())
			cancel()
			if _, err := db.Head(gone, 1); err == nil {
				t.Error("a read for nobody was answered")
			}
			if n := db.Stats().ReadErrors; n != 1 {
				t.Errorf("%d failed reads are counted: want 1", n)
			}
			w.set(func(w *wire) { w.refuses = false })
			if again := send(t, db, c); again.Repeat {
				t.Error("it had been kept after all")
			}
			if err := db.Ping(t.Context()); err != nil {
				t.Error(err)
			}
		})
	}
}

// TestServerIsKilled kills the server before the commit reaches it, and right
// after it: what was acknowledged is there, once, and so is the rest after a repeat.
func TestServerIsKilled(t *testing.T) {
	t.Parallel()
	type owned struct {
		process *engines.Process
		address string
	}
	for name, start := range map[string]func(t *testing.T) owned{
		"PostgreSQL": func(t *testing.T) owned { s := engines.StartPostgreSQL(t); return owned{s.Process, s.NewDatabase(t)} },
		"MariaDB":    func(t *testing.T) owned { s := engines.StartMariaDB(t); return owned{s.Process, s.NewDatabase(t)} },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := start(t)
			db, onCommit := hooked(t, Config{URL: s.address})
			send(t, db, message(1, "first"))
			c := message(1, "never reached it")
			onCommit(func(commit func() error) error { s.process.Kill(); return commit() })
			if o := <-submit(db, c); chat.CodeOf(o.err) != chat.Unknown || o.err == nil {
				t.Fatalf("got %v: want the outcome unknown", o.err)
			}
			if err := s.process.Restart(); err != nil {
				t.Fatal(err)
			}
			if again := send(t, db, c); again.Repeat || again.State.Seq != 3 {
				t.Errorf("the repeat gave %+v", again)
			}
			d := message(1, "acknowledged")
			onCommit(func(commit func() error) error {
				err := commit()
				s.process.Kill()
				return err
			})
			if kept := send(t, db, d); kept.State.Seq != 4 {
				t.Errorf("got %+v", kept)
			}
			if err := s.process.Restart(); err != nil {
				t.Fatal(err)
			}
			if again := send(t, db, d); !again.Repeat || again.State.Seq != 4 {
				t.Errorf("the repeat of what was acknowledged gave %+v", again)
			}
		})
	}
}
