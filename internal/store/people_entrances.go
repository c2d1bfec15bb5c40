package store

import (
	"context"
	"database/sql"

	"github.com/uptrace/bun"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
)

type personRow struct {
	bun.BaseModel `bun:"table:person_session,alias:person_session"`

	Kind      personKind  `bun:"kind"`
	Person    int64       `bun:"person"`
	Token     []byte      `bun:"token"`
	Number    int64       `bun:"number"`
	ChangedAt chat.Millis `bun:"changed_at"`
}

type personKind int

const (
	visitorOfConversation personKind = 1
	agentPerson           personKind = 2
)

func keyOfPerson(p identity.Person) (personKind, int64) {
	if p.Agent != 0 {
		return agentPerson, int64(p.Agent)
	}
	return visitorOfConversation, int64(p.Conversation)
}

func (r personRow) entrance() identity.Entrance {
	e := identity.Entrance{Number: r.Number}
	if r.Kind == agentPerson {
		e.Agent = chat.AgentID(r.Person)
	} else {
		e.Conversation = chat.ConversationID(r.Person)
	}
	return e
}

// met tells whether a write met, or made, a row.
func met(result sql.Result, err error) (bool, error) {
	if err != nil {
		return false, err
	}
	n, err := result.RowsAffected()
	return n > 0, err
}

// Enter implements identity.Entrances.
func (db *DB) Enter(ctx context.Context, p identity.Person, token string, how identity.Way) (number int64, err error) {
	row := personRow{Token: []byte(token)}
	row.Kind, row.Person = keyOfPerson(p)
	err = db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		now, err := db.time(ctx)
		if err != nil {
			return err
		}
		// Above all numbers that a forgotten row of the same person had.
		row.ChangedAt, row.Number = now, int64(now)
		for range 3 { // the row may come or go between the two
			done := false
			next := tx.NewUpdate().Model((*personRow)(nil)).Set("token = ?, number = number + 1, changed_at = ?", row.Token, now).
				Where("kind = ? AND person = ?", row.Kind, row.Person)
			if how == identity.ComesBack {
				next = next.Where("token = ?", row.Token)
			}
			if how != identity.IsFirst {
				done, err = met(next.Exec(ctx))
			}
			if !done && err == nil {
				done, err = met(tx.NewInsert().Model(&row).Ignore().Exec(ctx))
			}
			switch {
			case err != nil:
				return err
			case done:
				return tx.NewSelect().Model((*personRow)(nil)).Column("number").
					Where("kind = ? AND person = ?", row.Kind, row.Person).Scan(ctx, &number)
			case how != identity.TakesOver:
				return chat.Refuse(identity.Elsewhere, "another connection of the same person has taken the place of this one")
			}
		}
		return chat.Refuse(chat.Busy, "this person comes in several times at this moment: try again")
	})
	return number, err
}

// EnteredSince implements identity.Entrances.
func (db *DB) EnteredSince(ctx context.Context, spanMillis int64) ([]identity.Entrance, chat.Millis, error) {
	now, err := db.time(ctx)
	if err != nil {
		return nil, 0, err
	}
	var rows []personRow
	err = db.reading(ctx).NewSelect().Model(&rows).Column("kind", "person", "number").
		Where("changed_at > ? AND changed_at <= ?", now-chat.Millis(spanMillis), now+chat.Millis(spanMillis)).Scan(ctx)
	return entrances(rows), now, err
}

// LastEntered implements identity.Entrances.
func (db *DB) LastEntered(ctx context.Context, persons []identity.Person) (all []identity.Entrance, err error) {
	const most = 500 // ids of one statement
	ids := map[personKind][]int64{}
	for _, p := range persons {
		kind, id := keyOfPerson(p)
		ids[kind] = append(ids[kind], id)
	}
	for kind, of := range ids {
		for len(of) > 0 {
			n := min(most, len(of))
			var rows []personRow
			if err := db.reading(ctx).NewSelect().Model(&rows).Column("kind", "person", "number").
				Where("kind = ? AND person IN (?)", kind, bun.List(of[:n])).Scan(ctx); err != nil {
				return nil, err
			}
			all, of = append(all, entrances(rows)...), of[n:]
		}
	}
	return all, nil
}

func entrances(rows []personRow) []identity.Entrance {
	all := make([]identity.Entrance, len(rows))
	for i, r := range rows {
		all[i] = r.entrance()
	}
	return all
}

// ForgetEntered implements identity.Entrances.
func (db *DB) ForgetEntered(ctx context.Context, ageMillis int64, limit int) error {
	now, err := db.time(ctx)
	if err != nil {
		return err
	}
	var old []personRow
	if err := db.reading(ctx).NewSelect().Model(&old).Column("kind", "person").
		Where("changed_at < ?", now-chat.Millis(ageMillis)).Order("changed_at").Limit(int64(limit)).Scan(ctx); err != nil || len(old) == 0 {
		return err
	}
	return db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		for _, r := range old {
			if _, err := tx.NewDelete().Model((*personRow)(nil)).
				Where("kind = ? AND person = ? AND changed_at < ?", r.Kind, r.Person, now-chat.Millis(ageMillis)).Exec(ctx); err != nil {
				return err
			}
		}
		return nil
	})
}
