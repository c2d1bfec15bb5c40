package store

import (
	"context"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/gofrs/uuid/v5"

	"github.com/kefu-chat/kefu/internal/chat"
)

// yardstickConversations take turns, so that no two rows of a group are neighbours.
const yardstickConversations = 500

// Measured is what a bare loop took.
type Measured struct {
	Events  int
	Elapsed time.Duration
	// Commits are how long each commit took, in order.
	Commits []time.Duration
}

// PerSecond is the rate.
func (m Measured) PerSecond() float64 { return float64(m.Events) / m.Elapsed.Seconds() }

// Yardstick writes n events into the database at where, a file's path or a server's
// URL, inFlight of them a commit, with the same schema, rows and durability as Change,
// but without rules, repeats, callbacks or queue, and on one connection: what the
// machine could do at best.
func Yardstick(ctx context.Context, where string, n, inFlight int) (Measured, error) {
	cfg := Config{Path: where}
	if strings.Contains(where, "://") {
		cfg = Config{URL: where}
	}
	db, err := Open(ctx, cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		return Measured{}, err
	}
	loop, err := newBareLoop(db)
	if err == nil {
		err = loop.run(ctx, n, min(inFlight, db.cfg.Group))
	}
	elapsed := time.Since(loop.start)
	if closed := db.Close(); err == nil {
		err = closed
	}
	if err != nil {
		return Measured{}, fmt.Errorf("yardstick: %w", err)
	}
	return Measured{Events: n, Elapsed: elapsed, Commits: loop.took}, nil
}

// bareLoop appends rows to conversations in rotation.
type bareLoop struct {
	db     *DB
	h      *hot
	sql    *statements
	heads  []chat.State
	next   int
	events []chat.Event
	start  time.Time
	took   []time.Duration
}

func newBareLoop(db *DB) (*bareLoop, error) {
	opened, err := db.dialect.writer()
	h := newHot(opened)
	l := &bareLoop{db: db, h: h, sql: newStatements(db), heads: make([]chat.State, yardstickConversations), start: time.Now()}
	for i := range l.heads {
		begun := l.start.Add(time.Duration(i) * time.Millisecond) // 500 ids of one millisecond would now and then collide
		l.heads[i] = chat.NewState(chat.Conversation{ID: chat.ConversationID(chat.NewID(begun)), Site: 1})
	}
	return l, err
}

func (l *bareLoop) run(ctx context.Context, n, group int) error {
	defer func() { _ = l.h.close() }()
	body := chat.Body(`{"text":"Is the blue one still there? I would take two of them."}`)
	fingerprint := make([]byte, fingerprintSize)
	for done := 0; done < n; done += group {
		if err := ctx.Err(); err != nil {
			return err
		}
		begun := time.Now()
		if err := l.commit(min(group, n-done), body, fingerprint); err != nil {
			return err
		}
		l.took = append(l.took, time.Since(begun))
	}
	return nil
}

func (l *bareLoop) commit(n int, body chat.Body, fingerprint []byte) error {
	l.db.writing.Lock()
	defer l.db.writing.Unlock()
	if err := l.h.begin(time.Minute); err != nil {
		return err
	}
	now := chat.At(time.Now())
	l.events = l.events[:0]
	for i := range n {
		s := &l.heads[(l.next+i)%len(l.heads)]
		s.Seq, s.PublicSeq, s.VisitorMessages, s.LastAt, s.Tag = s.Seq+1, s.PublicSeq+1, s.VisitorMessages+1, now, rand.Uint32()
		l.events = append(l.events, chat.Event{
			Conversation: s.Conversation, Seq: s.Seq, PublicSeq: s.PublicSeq, Public: true, Tag: s.Tag, Kind: chat.Message, V: 1,
			By: chat.ActorRef{Kind: chat.VisitorActor, ID: 1}, ClientID: uuid.Must(uuid.NewV7()), At: now, VisitorMessages: s.VisitorMessages, Body: body,
		})
	}
	err := l.sql.events.insert(l.h, n, func(i int) { bindEvent(l.h, &l.events[i], 1, fingerprint) })
	if err != nil {
		return err
	}
	heads := min(n, len(l.heads))
	err = l.sql.head.insert(l.h, heads, func(i int) { bindState(l.h, &l.heads[(l.next+i)%len(l.heads)], 0) })
	if err != nil {
		return err
	}
	l.next += n
	if l.db.checkpoints != nil {
		l.db.checkpoints.written(n + heads)
	}
	return l.h.commit()
}
