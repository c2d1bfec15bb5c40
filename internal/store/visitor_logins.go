package store

import (
	"bytes"
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"

	"github.com/go-json-experiment/json"
	"github.com/uptrace/bun"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
)

var _ identity.VisitorLoginStore = (*DB)(nil)

// exchangeTries is how often an exchange is tried when another node writes the same
// token, or the same visitor, at the same moment: the next try sees what that wrote.
const exchangeTries = 4

// AddVisitorLogin implements identity.VisitorLoginStore.
func (db *DB) AddVisitorLogin(ctx context.Context, n identity.NewVisitorLogin) (login identity.VisitorLogin, err error) {
	for range exchangeTries {
		err = db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
			login, err = db.exchange(ctx, tx, n)
			return err
		})
		if db.dialect.failure(err) != duplicate {
			break
		}
	}
	return login, err
}

func (db *DB) exchange(ctx context.Context, tx bun.Tx, n identity.NewVisitorLogin) (identity.VisitorLogin, error) {
	var before struct {
		Exchange []byte `bun:"exchange_hash"`
		Login    int64  `bun:"login_id"`
	}
	err := tx.NewRaw("SELECT exchange_hash, login_id FROM visitor_token WHERE site_id = ? AND jti = ?", n.Login.Site, []byte(n.JTI)).Scan(ctx, &before)
	switch {
	case err == nil:
		return repeatExchange(ctx, tx, n, before.Exchange, before.Login)
	case !errors.Is(err, sql.ErrNoRows):
		return n.Login, err
	}
	if _, err := tx.NewRaw("INSERT INTO visitor_token (site_id, jti, exchange_hash, login_id, expires_at) VALUES (?, ?, ?, ?, ?)",
		n.Login.Site, []byte(n.JTI), n.ExchangeHash, n.Login.ID, n.Expires).Exec(ctx); err != nil {
		return n.Login, err
	}
	if err := db.vouch(ctx, tx, &n); err != nil {
		return n.Login, err
	}
	if err := db.makeLoginRoom(ctx, tx, n.Login.Visitor.ID); err != nil {
		return n.Login, err
	}
	l := &n.Login
	_, err = tx.NewRaw("INSERT INTO visitor_login (id, site_id, visitor_id, token_hash, signing_key, made_at, last_used_at, ended_at) VALUES (?, ?, ?, ?, ?, ?, ?, 0)",
		l.ID, l.Site, l.Visitor.ID, n.Hash, l.SigningKey, l.MadeAt, l.LastUsedAt).Exec(ctx)
	return n.Login, err
}

// repeatExchange answers a token that was exchanged before.
func repeatExchange(ctx context.Context, tx bun.Tx, n identity.NewVisitorLogin, exchange []byte, login int64) (identity.VisitorLogin, error) {
	used := chat.Refuse(identity.TokenUsed, "this token was exchanged before: the page asks its server for a fresh one, with another jti")
	if !bytes.Equal(exchange, n.ExchangeHash) {
		return n.Login, used
	}
	first, err := visitorLogin(ctx, tx, "l.id = ?", login)
	if chat.CodeOf(err) == chat.NotFound {
		return n.Login, used
	}
	if err == nil && (first.SigningKey != n.Login.SigningKey || first.Visitor.Vouched.ID != n.Login.Visitor.Vouched.ID) {
		return n.Login, used
	}
	return first, err
}

// vouch finds the visitor of a log-in, or makes it, and writes what its website says of it.
func (db *DB) vouch(ctx context.Context, tx bun.Tx, n *identity.NewVisitorLogin) error {
	l := &n.Login
	var row struct {
		ID   chat.VisitorID `bun:"id"`
		Hash []byte         `bun:"secret_hash"`
	}
	external := []byte(l.Visitor.Vouched.ID)
	err := tx.NewRaw("SELECT id, secret_hash FROM visitor WHERE site_id = ? AND external_id = ?"+db.dialect.grammar().forUpdate, l.Site, external).Scan(ctx, &row)
	if errors.Is(err, sql.ErrNoRows) {
		_, err = tx.NewRaw("INSERT INTO visitor (id, site_id, secret_hash, profile, external_id, verified_at, vouched, created_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)",
			l.Visitor.ID, l.Site, l.Visitor.Hash[:], "{}", external, l.MadeAt, "{}", l.MadeAt).Exec(ctx)
	} else if err == nil {
		l.Visitor.ID = row.ID
		copy(l.Visitor.Hash[:], row.Hash)
	}
	if err != nil {
		return err
	}
	shown, err := db.wantPortrait(ctx, tx, l.Visitor.ID, n.Picture)
	if err != nil {
		return err
	}
	l.Visitor.Vouched.Portrait = shown.Address()
	said, err := json.Marshal(l.Visitor.Vouched, json.Deterministic(true))
	if err != nil {
		return fmt.Errorf("what is said of a visitor: %w", err)
	}
	_, err = tx.NewRaw("UPDATE visitor SET vouched = ?, vouched_email = ?, verified_at = ? WHERE id = ?",
		string(said), emailOf(chat.Profile{Email: l.Visitor.Vouched.Email}), l.MadeAt, l.Visitor.ID).Exec(ctx)
	return err
}

// makeLoginRoom ends the longest unused log-ins of a visitor beyond what it may have.
func (db *DB) makeLoginRoom(ctx context.Context, tx bun.Tx, visitor chat.VisitorID) error {
	var all []int64
	if err := tx.NewRaw("SELECT id FROM visitor_login WHERE visitor_id = ? AND ended_at = 0 ORDER BY last_used_at DESC, id DESC", visitor).Scan(ctx, &all); err != nil {
		return err
	}
	if len(all) < identity.MaxVisitorLogins {
		return nil
	}
	_, err := db.endVisitorLogins(ctx, tx, "id IN (?)", bun.List(all[identity.MaxVisitorLogins-1:]))
	return err
}

// endVisitorLogins says by the database's clock when log-ins ended.
func (db *DB) endVisitorLogins(ctx context.Context, tx bun.Tx, where string, args ...any) (ended bool, err error) {
	now, err := db.time(ctx)
	if err != nil {
		return false, err
	}
	return met(tx.NewRaw("UPDATE visitor_login SET ended_at = ? WHERE ended_at = 0 AND "+where, append([]any{now}, args...)...).Exec(ctx))
}

// goodLogin is the condition for a log-in l: neither it nor all of its key have ended.
const goodLogin = "l.ended_at = 0 AND NOT EXISTS (SELECT 1 FROM ended_signing_key e WHERE e.site_id = l.site_id AND e.id = l.signing_key)"

// VisitorLogin implements identity.VisitorLoginStore.
func (db *DB) VisitorLogin(ctx context.Context, hash []byte) (identity.VisitorLogin, error) {
	return visitorLogin(ctx, db.reading(ctx), "l.token_hash = ?", hash)
}

func visitorLogin(ctx context.Context, in bun.IDB, where string, arg any) (identity.VisitorLogin, error) {
	var row struct {
		ID         int64          `bun:"id"`
		Site       chat.SiteID    `bun:"site_id"`
		Visitor    chat.VisitorID `bun:"visitor_id"`
		SigningKey int64          `bun:"signing_key"`
		MadeAt     chat.Millis    `bun:"made_at"`
		LastUsedAt chat.Millis    `bun:"last_used_at"`
		Hash       []byte         `bun:"secret_hash"`
		Vouched    string         `bun:"vouched"`
	}
	err := in.NewRaw("SELECT l.id, l.site_id, l.visitor_id, l.signing_key, l.made_at, l.last_used_at, v.secret_hash, v.vouched "+
		"FROM visitor_login l JOIN visitor v ON v.id = l.visitor_id WHERE "+where+" AND "+goodLogin+" AND v.vouched IS NOT NULL", arg).Scan(ctx, &row)
	if err != nil {
		return identity.VisitorLogin{}, found(err, "log-in")
	}
	l := identity.VisitorLogin{
		ID: row.ID, Site: row.Site, SigningKey: row.SigningKey, MadeAt: row.MadeAt, LastUsedAt: row.LastUsedAt,
		Visitor: identity.VerifiedVisitor{ID: row.Visitor},
	}
	copy(l.Visitor.Hash[:], row.Hash)
	if err := json.Unmarshal([]byte(row.Vouched), &l.Visitor.Vouched); err != nil {
		return l, fmt.Errorf("what is said of visitor %d: %w", row.Visitor, err)
	}
	return l, nil
}

// TouchVisitorLogin implements identity.VisitorLoginStore.
func (db *DB) TouchVisitorLogin(ctx context.Context, id int64, at chat.Millis) error {
	return db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewRaw("UPDATE visitor_login SET last_used_at = ? WHERE id = ? AND last_used_at < ?", at, id, at).Exec(ctx)
		return err
	})
}

// EndVisitorLogin implements identity.VisitorLoginStore.
func (db *DB) EndVisitorLogin(ctx context.Context, id int64) (ended bool, err error) {
	err = db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		ended, err = db.endVisitorLogins(ctx, tx, "id = ?", id)
		return err
	})
	return ended, err
}

// VisitorLoginsEnded implements identity.VisitorLoginStore.
func (db *DB) VisitorLoginsEnded(ctx context.Context, spanMillis int64) (ended identity.EndedLogins, now chat.Millis, err error) {
	if now, err = db.time(ctx); err != nil {
		return ended, 0, err
	}
	from, to := now-chat.Millis(spanMillis), now+chat.Millis(spanMillis)
	var rows []struct {
		ID  int64 `bun:"id"`
		Key bool  `bun:"of_key"`
	}
	err = db.reading(ctx).NewRaw("SELECT id, 0 AS of_key FROM visitor_login WHERE ended_at > 0 AND ended_at > ? AND ended_at <= ? "+
		"UNION ALL SELECT id, 1 AS of_key FROM ended_signing_key WHERE ended_at > ? AND ended_at <= ?", from, to, from, to).Scan(ctx, &rows)
	for _, r := range rows {
		if r.Key {
			ended.Keys = append(ended.Keys, r.ID)
		} else {
			ended.Logins = append(ended.Logins, r.ID)
		}
	}
	return ended, now, err
}

// EndedVisitorLogins implements identity.VisitorLoginStore.
func (db *DB) EndedVisitorLogins(ctx context.Context, ids []int64) (ended []int64, err error) {
	const atOnce = 500
	for some := range slices.Chunk(ids, atOnce) {
		var good []int64
		if err := db.reading(ctx).NewRaw("SELECT l.id FROM visitor_login l WHERE l.id IN (?) AND "+goodLogin, bun.List(some)).Scan(ctx, &good); err != nil {
			return nil, err
		}
		slices.Sort(good)
		for _, id := range some {
			if _, is := slices.BinarySearch(good, id); !is {
				ended = append(ended, id)
			}
		}
	}
	return ended, nil
}

// ForgetVisitorLogins implements identity.VisitorLoginStore.
func (db *DB) ForgetVisitorLogins(ctx context.Context, unusedSince, expiredBefore chat.Millis, atOnce int) (more bool, err error) {
	var logins []int64
	if err := db.reading(ctx).NewRaw("SELECT id FROM visitor_login WHERE last_used_at < ? ORDER BY last_used_at LIMIT ?", unusedSince, atOnce).Scan(ctx, &logins); err != nil {
		return false, err
	}
	var tokens []struct {
		Site chat.SiteID `bun:"site_id"`
		JTI  []byte      `bun:"jti"`
	}
	if err := db.reading(ctx).NewRaw("SELECT site_id, jti FROM visitor_token WHERE expires_at < ? ORDER BY expires_at LIMIT ?", expiredBefore, atOnce).Scan(ctx, &tokens); err != nil {
		return false, err
	}
	if len(logins)+len(tokens) == 0 {
		return false, nil
	}
	return max(len(logins), len(tokens)) == atOnce, db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		if len(logins) > 0 {
			if _, err := tx.NewRaw("DELETE FROM visitor_login WHERE id IN (?) AND last_used_at < ?", bun.List(logins), unusedSince).Exec(ctx); err != nil {
				return err
			}
		}
		bySite := map[chat.SiteID][][]byte{}
		for _, t := range tokens {
			bySite[t.Site] = append(bySite[t.Site], t.JTI)
		}
		for on, jtis := range bySite {
			if _, err := tx.NewRaw("DELETE FROM visitor_token WHERE site_id = ? AND jti IN (?) AND expires_at < ?", on, bun.List(jtis), expiredBefore).Exec(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}
