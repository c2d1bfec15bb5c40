package store

import (
	"bytes"
	"context"
	"errors"

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

// ClaimRequest implements identity.Requests.
func (db *DB) ClaimRequest(ctx context.Context, r identity.Request) (lease int64, before identity.Answer, err error) {
	for try := 1; ; try++ {
		err = db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
			lease, before, err = db.claimRequest(ctx, tx, r)
			return err
		})
		if err == nil || try == tries || db.dialect.failure(err) != duplicate { // a duplicate is seen by the next try
			return lease, before, err
		}
	}
}

func (db *DB) claimRequest(ctx context.Context, tx bun.Tx, r identity.Request) (lease int64, before identity.Answer, err error) {
	now, err := db.time(ctx)
	if err != nil {
		return 0, before, err
	}
	var found []requestRow
	err = tx.NewRaw("SELECT fingerprint, status, body, until_at FROM api_request WHERE api_key = ? AND name = ?"+db.dialect.grammar().forUpdate,
		r.Key, r.Name[:]).Scan(ctx, &found)
	if err != nil {
		return 0, before, err
	}
	if len(found) > 0 {
		switch one := found[0]; {
		case one.UntilAt <= now: // an answer that is forgotten, or a claim of a node that has died
		case !bytes.Equal(one.Fingerprint, r.Fingerprint[:]):
			return 0, before, reused()
		case one.Status == 0:
			return 0, before, chat.Refuse(chat.Busy, "the first request with this Idempotency-Key is under way: repeat it in a moment")
		default:
			return 0, identity.Answer{Status: one.Status, Body: one.Body}, nil
		}
		if _, err := tx.NewRaw("DELETE FROM api_request WHERE api_key = ? AND name = ?", r.Key, r.Name[:]).Exec(ctx); err != nil {
			return 0, before, err
		}
	}
	lease = newLease()
	_, err = tx.NewRaw("INSERT INTO api_request (api_key, name, fingerprint, lease, status, body, until_at) VALUES ("+places(7)+")",
		r.Key, r.Name[:], r.Fingerprint[:], lease, 0, []byte{}, now+chat.Millis(identity.RequestHeld.Milliseconds())).Exec(ctx)
	return lease, before, err
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
			a.Status, body, now+chat.Millis(identity.RequestKept.Milliseconds()), r.Key, r.Name[:], lease).Exec(ctx)
		return err
	})
}

// ReleaseRequest implements identity.Requests.
func (db *DB) ReleaseRequest(ctx context.Context, r identity.Request, lease int64) error {
	return db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewRaw("DELETE FROM api_request WHERE api_key = ? AND name = ? AND lease = ? AND status = 0", r.Key, r.Name[:], lease).Exec(ctx)
		return err
	})
}

// ForgetRequests implements identity.Requests.
func (db *DB) ForgetRequests(ctx context.Context, limit int) (int, error) {
	now, err := db.time(ctx)
	if err != nil {
		return 0, err
	}
	var old []struct {
		ApiKey int64
		Name   []byte
	}
	if err := db.read.NewRaw("SELECT api_key, name FROM api_request WHERE until_at < ? ORDER BY until_at LIMIT ?", now, limit).Scan(ctx, &old); err != nil || len(old) == 0 {
		return 0, err
	}
	return len(old), db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		for _, r := range old {
			if _, err := tx.NewRaw("DELETE FROM api_request WHERE api_key = ? AND name = ? AND until_at < ?", r.ApiKey, r.Name, now).Exec(ctx); err != nil {
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
