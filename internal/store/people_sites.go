package store

import (
	"context"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/uptrace/bun"

	"github.com/kefu-chat/kefu/internal/audit"
	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/site"
)

type siteRow struct {
	bun.BaseModel `bun:"table:site,alias:site"`

	ID        chat.SiteID `bun:"id,pk"`
	Name      string      `bun:"name"`
	Key       []byte      `bun:"widget_key"`
	Settings  string      `bun:"settings"`
	Version   int64       `bun:"version"`
	CreatedAt chat.Millis `bun:"created_at"`
}

// site reads a row; settings that an earlier program did not know get their defaults.
func (r siteRow) site() (site.Site, error) {
	s := site.Site{ID: r.ID, Name: r.Name, Key: string(r.Key), Settings: site.DefaultSettings(), Version: r.Version, CreatedAt: r.CreatedAt}
	if err := json.Unmarshal([]byte(r.Settings), &s.Settings); err != nil {
		return site.Site{}, fmt.Errorf("settings of site %d: %w", r.ID, err)
	}
	return s, nil
}

func siteRowOf(s site.Site) (*siteRow, error) {
	settings, err := json.Marshal(s.Settings)
	if err != nil {
		return nil, fmt.Errorf("settings of site %d: %w", s.ID, err)
	}
	return &siteRow{ID: s.ID, Name: s.Name, Key: []byte(s.Key), Settings: string(settings), Version: s.Version, CreatedAt: s.CreatedAt}, nil
}

// Sites are all sites.
func (db *DB) Sites(ctx context.Context) ([]site.Site, error) {
	var rows []siteRow
	if err := db.reading(ctx).NewSelect().Model(&rows).Scan(ctx); err != nil {
		return nil, err
	}
	shown, err := db.shown(ctx, db.reading(ctx), logos())
	if err != nil {
		return nil, err
	}
	sites := make([]site.Site, len(rows))
	for i, r := range rows {
		if sites[i], err = r.site(); err != nil {
			return nil, err
		}
		sites[i].Logo = shown[int64(r.ID)]
	}
	return sites, nil
}

// InsertSite stores a new site.
func (db *DB) InsertSite(ctx context.Context, s site.Site) error {
	row, err := siteRowOf(s)
	if err != nil {
		return err
	}
	return db.changePeople(ctx, func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewInsert().Model(row).Exec(ctx)
		return err
	})
}

// UpdateSite writes name and settings, and raises Version, if the row still
// has s.Version. Errors: NotFound, Conflict.
func (db *DB) UpdateSite(ctx context.Context, s site.Site) (site.Site, error) {
	row, err := siteRowOf(s)
	if err != nil {
		return site.Site{}, err
	}
	return db.changeSite(ctx, s.ID, s.Version, func(q *bun.UpdateQuery) *bun.UpdateQuery {
		return q.Set("name = ?, settings = ?", row.Name, row.Settings)
	})
}

// SetLogo makes a picture a site's logo, and raises Version; 0: none. Refusals:
// NotFound, also when the picture has been deleted, or was somebody's.
func (db *DB) SetLogo(ctx context.Context, id chat.SiteID, file chat.FileID) error {
	return db.changePeople(ctx, func(ctx context.Context, tx bun.Tx) error {
		result, err := tx.NewRaw("UPDATE site SET version = version + 1 WHERE id = ?", id).Exec(ctx)
		if err := touched(result, err, chat.Refuse(chat.NotFound, "there is no such site")); err != nil {
			return err
		}
		return db.show(ctx, tx, logos(), int64(id), file)
	})
}

// SetSiteKey writes the widget key under the same condition.
func (db *DB) SetSiteKey(ctx context.Context, id chat.SiteID, version int64, key string) (site.Site, error) {
	return db.changeSite(ctx, id, version, func(q *bun.UpdateQuery) *bun.UpdateQuery {
		return q.Set("widget_key = ?", []byte(key))
	})
}

func (db *DB) changeSite(ctx context.Context, id chat.SiteID, version int64, set func(*bun.UpdateQuery) *bun.UpdateQuery) (after site.Site, err error) {
	err = db.changePeople(ctx, func(ctx context.Context, tx bun.Tx) error {
		result, err := set(tx.NewUpdate().Model((*siteRow)(nil))).Set("version = version + 1").
			Where("id = ? AND version = ?", id, version).Exec(ctx)
		changed := touched(result, err, chat.Refuse(chat.Conflict, "somebody else has changed this site meanwhile: load it again, then repeat your change"))
		var row siteRow
		if err := tx.NewSelect().Model(&row).Where("id = ?", id).Scan(ctx); err != nil {
			return found(err, "site")
		}
		if changed != nil {
			return changed
		}
		if after, err = row.site(); err != nil {
			return err
		}
		shown, err := db.shown(ctx, tx, logos())
		after.Logo = shown[int64(id)]
		return err
	})
	return after, err
}

type auditRow struct {
	bun.BaseModel `bun:"table:audit,alias:audit"`

	ID      int64          `bun:"id,pk"`
	At      chat.Millis    `bun:"at"`
	ByKind  chat.ActorKind `bun:"by_kind"`
	ByID    int64          `bun:"by_id"`
	ByName  string         `bun:"by_name"`
	Address string         `bun:"address"`
	What    audit.What     `bun:"what"`
	Site    chat.SiteID    `bun:"site_id"`
	Agent   chat.AgentID   `bun:"agent_id"`
	Detail  string         `bun:"detail"`
}

// Record writes an entry of the audit.
func (db *DB) Record(ctx context.Context, e audit.Entry) error {
	detail, err := json.Marshal(e.Detail, json.Deterministic(true))
	if err != nil {
		return fmt.Errorf("detail of an audit entry: %w", err)
	}
	row := &auditRow{
		ID: e.ID, At: e.At, ByKind: e.By.Kind, ByID: e.By.ID, ByName: e.By.Name,
		Address: e.Address, What: e.What, Site: e.Site, Agent: e.Agent, Detail: string(detail),
	}
	return db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewInsert().Model(row).Exec(ctx)
		return err
	})
}

// Entries are a page of the audit, newest first.
func (db *DB) Entries(ctx context.Context, q audit.Query) ([]audit.Entry, error) {
	var rows []auditRow
	query := db.reading(ctx).NewSelect().Model(&rows).Order("id DESC").Limit(int64(q.Limit))
	if q.Site != 0 {
		query = query.Where("site_id = ?", q.Site)
	}
	if q.Before != 0 {
		query = query.Where("id < ?", q.Before)
	}
	if err := query.Scan(ctx); err != nil {
		return nil, err
	}
	entries := make([]audit.Entry, len(rows))
	for i, r := range rows {
		entries[i] = audit.Entry{
			ID: r.ID, At: r.At, By: chat.ActorRef{Kind: r.ByKind, ID: r.ByID, Name: r.ByName},
			Address: r.Address, What: r.What, Site: r.Site, Agent: r.Agent,
		}
		if err := json.Unmarshal([]byte(r.Detail), &entries[i].Detail); err != nil {
			return nil, fmt.Errorf("detail of audit entry %d: %w", r.ID, err)
		}
	}
	return entries, nil
}
