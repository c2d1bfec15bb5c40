package store

import (
	"bytes"
	"context"
	"errors"
	"sync/atomic"
	"time"

	"github.com/uptrace/bun"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
)

var _ identity.Requests = (*DB)(nil)

type requestRow struct {
	Fingerprint []byte
	Status      int
	Body        []byte
	UntilAt     chat.Millis
}

// What the column status has while there is no answer; those are HTTP statuses.
const (
	requestBegun   = 0
	requestChanged = 1 // a transaction of it was committed
	answered       = 100
)

// forgotten tells whether a row is as good as none: its answer was kept for long
// enough, or its request was given up so long ago.
func (r requestRow) forgotten(now chat.Millis) bool {
	if r.Status >= answered {
		return r.UntilAt <= now
	}
	return r.UntilAt+millis(identity.RequestKept) <= now
}

// ClaimRequest implements identity.Requests.
func (db *DB) ClaimRequest(ctx context.Context, r identity.Request) (c identity.Claim, err error) {
	for try := 1; ; try++ {
		err = db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
			c, err = db.claimRequest(ctx, tx, r)
			return err
		})
		if err == nil || try == tries || db.dialect.failure(err) != duplicate { // a duplicate is seen by the next try
			return c, err
		}
	}
}

func (db *DB) claimRequest(ctx context.Context, tx bun.Tx, r identity.Request) (c identity.Claim, err error) {
	now, err := db.time(ctx)
	if err != nil {
		return c, err
	}
	var found []requestRow
	err = tx.NewRaw("SELECT fingerprint, status, body, until_at FROM api_request WHERE api_key = ? AND name = ?"+db.dialect.grammar().forUpdate,
		r.Key, r.Name[:]).Scan(ctx, &found)
	if err != nil {
		return c, err
	}
	status := requestBegun
	if len(found) > 0 {
		switch one := found[0]; {
		case one.forgotten(now):
		case !bytes.Equal(one.Fingerprint, r.Fingerprint[:]):
			return c, reused()
		case one.Status >= answered:
			return identity.Claim{Before: identity.Answer{Status: one.Status, Body: one.Body}}, nil
		case one.UntilAt > now:
			return c, chat.Refuse(chat.Busy, "the first request with this Idempotency-Key is under way: repeat it in a moment")
		default: // of a node that has died, or does not know what became of it
			status, c.Changed = one.Status, one.Status == requestChanged
		}
		if _, err := tx.NewRaw("DELETE FROM api_request WHERE api_key = ? AND name = ?", r.Key, r.Name[:]).Exec(ctx); err != nil {
			return c, err
		}
	}
	c.Lease = newLease()
	_, err = tx.NewRaw("INSERT INTO api_request (api_key, name, fingerprint, lease, status, body, until_at) VALUES ("+places(7)+")",
		r.Key, r.Name[:], r.Fingerprint[:], c.Lease, status, []byte{}, now+millis(identity.RequestHeld)).Exec(ctx)
	return c, err
}

func reused() error {
	return chat.Refuse(chat.ClientIDReused, "another request was made under this Idempotency-Key: take a new one for a new request")
}

// AnswerRequest implements identity.Requests.
func (db *DB) AnswerRequest(ctx context.Context, r identity.Request, lease int64, a identity.Answer) error {
	if len(a.Body) > identity.MaxAnswer {
		return errors.New("an answer is too long to be kept")
	}
	return db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		now, err := db.time(ctx)
		if err != nil {
			return err
		}
		body := a.Body
		if body == nil {
			body = []byte{}
		}
		_, err = tx.NewRaw("UPDATE api_request SET status = ?, body = ?, until_at = ? WHERE api_key = ? AND name = ? AND lease = ?",
			a.Status, body, now+millis(identity.RequestKept), r.Key, r.Name[:], lease).Exec(ctx)
		return err
	})
}

// ReleaseRequest implements identity.Requests.
func (db *DB) ReleaseRequest(ctx context.Context, r identity.Request, lease int64) error {
	return db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		done, err := met(tx.NewRaw("DELETE FROM api_request WHERE api_key = ? AND name = ? AND lease = ? AND status = ?", r.Key, r.Name[:], lease, requestBegun).Exec(ctx))
		if err != nil || done {
			return err
		}
		return db.AbandonRequest(ctx, r, lease)
	})
}

// AbandonRequest implements identity.Requests.
func (db *DB) AbandonRequest(ctx context.Context, r identity.Request, lease int64) error {
	return db.holdRequest(ctx, r, lease, 0)
}

// RenewRequest implements identity.Requests.
func (db *DB) RenewRequest(ctx context.Context, r identity.Request, lease int64) error {
	return db.holdRequest(ctx, r, lease, identity.RequestHeld)
}

func (db *DB) holdRequest(ctx context.Context, r identity.Request, lease int64, held time.Duration) error {
	return db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		now, err := db.time(ctx)
		if err != nil {
			return err
		}
		_, err = tx.NewRaw("UPDATE api_request SET until_at = ? WHERE api_key = ? AND name = ? AND lease = ? AND status < ?",
			now+millis(held), r.Key, r.Name[:], lease, answered).Exec(ctx)
		return err
	})
}

// requestKey is where a context carries the request whose transactions it runs.
type requestKey struct{}

type underway struct {
	request identity.Request
	lease   int64
	over    atomic.Bool
}

// Within implements identity.Requests.
func (db *DB) Within(ctx context.Context, r identity.Request, lease int64) (within context.Context, end func()) {
	u := &underway{request: r, lease: lease}
	return context.WithValue(ctx, requestKey{}, u), func() { u.over.Store(true) }
}

// noteRequest is the last statement of a transaction that a request makes.
func noteRequest(ctx context.Context, tx bun.Tx) error {
	u, _ := ctx.Value(requestKey{}).(*underway)
	if u == nil || u.over.Load() {
		return nil
	}
	r := u.request
	done, err := met(tx.NewRaw("UPDATE api_request SET status = ? WHERE api_key = ? AND name = ? AND lease = ? AND status = ?",
		requestChanged, r.Key, r.Name[:], u.lease, requestBegun).Exec(ctx))
	if err != nil || done {
		return err
	}
	var n int
	if err := tx.NewRaw("SELECT COUNT(*) FROM api_request WHERE api_key = ? AND name = ? AND lease = ?", r.Key, r.Name[:], u.lease).Scan(ctx, &n); err != nil {
		return err
	}
	if n == 0 {
		return chat.Refuse(chat.Busy, "this request was taken over by a repetition of it: repeat it in a moment")
	}
	return nil
}

// ForgetRequests implements identity.Requests.
func (db *DB) ForgetRequests(ctx context.Context, limit int) (int, error) {
	now, err := db.time(ctx)
	if err != nil {
		return 0, err
	}
	const old = "until_at < CASE WHEN status < ? THEN ? ELSE ? END"
	given := now - millis(identity.RequestKept)
	var rows []struct {
		ApiKey int64
		Name   []byte
	}
	if err := db.read.NewRaw("SELECT api_key, name FROM api_request WHERE until_at < ? AND "+old+" ORDER BY until_at LIMIT ?", now, answered, given, now, limit).Scan(ctx, &rows); err != nil || len(rows) == 0 {
		return 0, err
	}
	return len(rows), db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		for _, r := range rows {
			if _, err := tx.NewRaw("DELETE FROM api_request WHERE api_key = ? AND name = ? AND "+old, r.ApiKey, r.Name, answered, given, now).Exec(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}

// AskedBy implements identity.Requests.
func (db *DB) AskedBy(ctx context.Context, id chat.ClientID) ([]chat.ActorRef, error) {
	var rows []struct {
		ByKind chat.ActorKind
		ByID   int64 `bun:"by_id"`
	}
	if err := db.read.NewRaw("SELECT by_kind, by_id FROM event WHERE client_id = ? LIMIT 10", id[:]).Scan(ctx, &rows); err != nil {
		return nil, err
	}
	actors := make([]chat.ActorRef, len(rows))
	for i, r := range rows {
		actors[i] = chat.ActorRef{Kind: r.ByKind, ID: r.ByID}
	}
	return actors, nil
}
