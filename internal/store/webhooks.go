package store

import (
	"context"
	"strings"

	"github.com/uptrace/bun"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/webhook"
)

var _ webhook.Store = (*DB)(nil)

type webhookRow struct {
	bun.BaseModel `bun:"table:webhook,alias:webhook"`

	ID         webhook.ID     `bun:"id,pk"`
	Site       chat.SiteID    `bun:"site_id"`
	Name       string         `bun:"name"`
	URL        []byte         `bun:"url"`
	Types      string         `bun:"types"`
	State      webhook.State  `bun:"state"`
	Secret     []byte         `bun:"secret"`
	Old        []byte         `bun:"old_secret"`
	OldUntil   chat.Millis    `bun:"old_until"`
	StateAt    chat.Millis    `bun:"state_at"`
	ResumedTo  int64          `bun:"resumed_to"` // chat.ConversationID
	Lost       int64          `bun:"lost"`
	LostAt     chat.Millis    `bun:"lost_at"`
	PausedAt   chat.Millis    `bun:"paused_at"`
	Why        string         `bun:"why"`
	MadeByKind chat.ActorKind `bun:"made_by_kind"`
	MadeByID   int64          `bun:"made_by_id"`
	MadeByName string         `bun:"made_by_name"`
	MadeAt     chat.Millis    `bun:"made_at"`
}

func webhookRowOf(w webhook.Webhook) *webhookRow {
	types := make([]string, len(w.Types))
	for i, t := range w.Types {
		types[i] = string(t)
	}
	return &webhookRow{
		ID: w.ID, Site: w.Site, Name: w.Name, URL: []byte(w.URL), Types: strings.Join(types, " "), State: w.State,
		Secret: []byte(w.Secret), Old: []byte(w.Old), OldUntil: w.OldUntil, StateAt: w.Since, PausedAt: w.PausedAt, Why: shortened(w.Why),
		MadeByKind: w.MadeBy.Kind, MadeByID: w.MadeBy.ID, MadeByName: w.MadeBy.Name, MadeAt: w.MadeAt,
	}
}

func (r *webhookRow) webhook() webhook.Webhook {
	w := webhook.Webhook{
		ID: r.ID, Site: r.Site, Name: r.Name, URL: string(r.URL), State: r.State, Secret: string(r.Secret), Old: string(r.Old),
		OldUntil: r.OldUntil, Since: r.StateAt, PausedAt: r.PausedAt, Why: r.Why, Lost: r.Lost, LostAt: r.LostAt,
		MadeBy: chat.ActorRef{Kind: r.MadeByKind, ID: r.MadeByID, Name: r.MadeByName}, MadeAt: r.MadeAt,
	}
	for t := range strings.FieldsSeq(r.Types) {
		w.Types = append(w.Types, webhook.Type(t))
	}
	return w
}

func noWebhook() *chat.Refusal { return chat.Refuse(chat.NotFound, "there is no such webhook") }

// InsertWebhook implements webhook.Store.
func (db *DB) InsertWebhook(ctx context.Context, w webhook.Webhook) error {
	return db.changePeople(ctx, func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewInsert().Model(webhookRowOf(w)).Exec(ctx)
		return err
	})
}

// UpdateWebhook implements webhook.Store.
func (db *DB) UpdateWebhook(ctx context.Context, w webhook.Webhook) error {
	return db.changePeople(ctx, func(ctx context.Context, tx bun.Tx) error {
		result, err := tx.NewUpdate().Model(webhookRowOf(w)).
			Column("name", "url", "types", "state", "state_at", "resumed_to", "secret", "old_secret", "old_until", "paused_at", "why").
			Where("id = ? AND site_id = ?", w.ID, w.Site).Exec(ctx)
		return touched(result, err, noWebhook())
	})
}

// Webhook implements webhook.Store.
func (db *DB) Webhook(ctx context.Context, id webhook.ID) (webhook.Webhook, error) {
	row, err := db.webhookRow(ctx, id)
	return row.webhook(), err
}

func (db *DB) webhookRow(ctx context.Context, id webhook.ID) (row webhookRow, err error) {
	err = db.reading(ctx).NewSelect().Model(&row).Where("id = ?", id).Scan(ctx)
	return row, found(err, "webhook")
}

// Webhooks implements webhook.Store.
func (db *DB) Webhooks(ctx context.Context, on chat.SiteID) ([]webhook.Webhook, error) {
	var rows []webhookRow
	err := db.reading(ctx).NewSelect().Model(&rows).Where("site_id = ?", on).Order("id").Scan(ctx)
	all := make([]webhook.Webhook, len(rows))
	for i := range rows {
		all[i] = rows[i].webhook()
	}
	return all, err
}

// PauseWebhook implements webhook.Store.
func (db *DB) PauseWebhook(ctx context.Context, id webhook.ID, why string) error {
	return db.changePeople(ctx, func(ctx context.Context, tx bun.Tx) error {
		now, err := db.time(ctx)
		if err != nil {
			return err
		}
		_, err = tx.NewUpdate().Table("webhook").Set("state = ?, state_at = ?, paused_at = ?, why = ?", webhook.Paused, now, now, shortened(why)).
			Where("id = ? AND state = ?", id, webhook.On).Exec(ctx)
		return err
	})
}

// wishes are what the path of each message knows of webhooks, at some version of people.
type wishes struct {
	version int64
	of      map[chat.SiteID][]webhook.Wish // nil: nobody wants anything
}

// RefreshWishes implements webhook.Store. Nothing that is told before the version is
// read can be missing from what is read after it.
func (db *DB) RefreshWishes(ctx context.Context) error {
	version, err := db.PeopleVersion(ctx)
	if had := db.wished.Load(); err != nil || had != nil && had.version == version {
		return err
	}
	var rows []webhookRow
	err = db.reading(ctx).NewSelect().Model(&rows).Column("id", "site_id", "types", "state").Where("state NOT IN (?, ?)", webhook.Off, webhook.Deleting).Order("id").Scan(ctx)
	if err != nil {
		return err
	}
	next := &wishes{version: version}
	for i := range rows {
		if next.of == nil {
			next.of = map[chat.SiteID][]webhook.Wish{}
		}
		next.of[rows[i].Site] = append(next.of[rows[i].Site], rows[i].webhook().Wish())
	}
	for {
		had := db.wished.Load()
		if had != nil && had.version > version || db.wished.CompareAndSwap(had, next) {
			return nil
		}
	}
}

// Wishes implements webhook.Store.
func (db *DB) Wishes(on chat.SiteID) []webhook.Wish {
	if w := db.wished.Load(); w != nil {
		return w.of[on]
	}
	return nil
}

// writeOutbox has webhooks told of what is appended. Where no site has any, it looks at
// one pointer.
func (g *group) writeOutbox() error {
	all := g.c.db.wished.Load()
	if all == nil || all.of == nil {
		return nil
	}
	var rows []webhook.Queue
	for _, w := range g.order {
		for _, wish := range all.of[w.site] {
			q := webhook.Queue{Webhook: wish.ID}
			for i := range w.events {
				if e := &w.events[i]; wish.Wants(e) {
					if q.Next == 0 {
						q.Next = e.Seq
					}
					q.Conversation, q.Last = e.Conversation, e.Seq
				}
			}
			if q.Next != 0 {
				rows = append(rows, q)
			}
		}
	}
	g.rows += len(rows)
	return g.c.sql.outbox.insert(g.h, len(rows), func(i int) {
		q := &rows[i]
		g.h.ints(int64(q.Webhook), int64(q.Conversation), q.Next, q.Last, int64(g.now), int64(g.now), 0, 0)
	})
}
