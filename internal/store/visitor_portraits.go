package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"

	"github.com/go-json-experiment/json"
	"github.com/uptrace/bun"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/files"
	"github.com/kefu-chat/kefu/internal/portrait"
)

var _ portrait.Store = (*DB)(nil)

type portraitRow struct {
	bun.BaseModel `bun:"table:visitor_portrait,alias:p"`

	Visitor chat.VisitorID `bun:"visitor_id,pk"`
	Wanted  []byte         `bun:"wanted"`  // the address that the last token named
	Fetched []byte         `bun:"fetched"` // the one of which the file was made; empty: there is none yet
	File    chat.FileID    `bun:"file_id"`
}

// portraitOf reads which picture a visitor has, and which it is to have.
func portraitOf(ctx context.Context, in bun.IDB, id chat.VisitorID) (row portraitRow, there bool, err error) {
	err = in.NewRaw("SELECT visitor_id, wanted, fetched, file_id FROM visitor_portrait WHERE visitor_id = ?", id).Scan(ctx, &row)
	if errors.Is(err, sql.ErrNoRows) {
		return row, false, nil
	}
	return row, err == nil, err
}

// wantPortrait takes over the address of a picture that a token names, "" for none, and
// gives the picture to show until that has come. The visitor's row is locked, or new.
func (db *DB) wantPortrait(ctx context.Context, tx bun.Tx, id chat.VisitorID, address string) (chat.Picture, error) {
	row, there, err := portraitOf(ctx, tx, id)
	switch {
	case err != nil:
		return chat.Picture{}, err
	case address == "" && there:
		return chat.Picture{}, dropPortrait(ctx, tx, row)
	case address == "":
		return chat.Picture{}, nil
	}
	if !there {
		row = portraitRow{Visitor: id, Wanted: []byte(address), Fetched: []byte{}}
		_, err = tx.NewInsert().Model(&row).Exec(ctx)
	} else if string(row.Wanted) != address {
		_, err = tx.NewRaw("UPDATE visitor_portrait SET wanted = ? WHERE visitor_id = ?", []byte(address), id).Exec(ctx)
	}
	if err == nil && string(row.Fetched) != address {
		err = db.AddJob(ctx, portrait.Job(id))
	}
	if err != nil || row.File == 0 {
		return chat.Picture{}, err
	}
	shown := chat.Picture{File: row.File}
	err = tx.NewRaw("SELECT attempt FROM file WHERE id = ?", row.File).Scan(ctx, &shown.Key)
	return shown, err
}

// dropPortrait is for a visitor who has none any more.
func dropPortrait(ctx context.Context, tx bun.Tx, row portraitRow) error {
	if _, err := tx.NewRaw("DELETE FROM visitor_portrait WHERE visitor_id = ?", row.Visitor).Exec(ctx); err != nil {
		return err
	}
	return letGo(ctx, tx, row.File)
}

// letGo has a picture deleted that nobody shows any more.
func letGo(ctx context.Context, tx bun.Tx, id chat.FileID) error {
	_, err := tx.NewRaw("UPDATE file SET state = ?, delete_at = ? WHERE id = ? AND state = ?", files.Gone, atOnce, id, files.Shown).Exec(ctx)
	return err
}

// WantedPortrait implements portrait.Store.
func (db *DB) WantedPortrait(ctx context.Context, id chat.VisitorID) (w portrait.Wanted, err error) {
	var row struct {
		Site   chat.SiteID `bun:"site_id"`
		Hash   []byte      `bun:"secret_hash"`
		Wanted []byte      `bun:"wanted"`
	}
	err = db.reading(ctx).NewRaw("SELECT v.site_id, v.secret_hash, p.wanted FROM visitor_portrait AS p JOIN visitor AS v ON v.id = p.visitor_id WHERE p.visitor_id = ? AND p.wanted <> p.fetched", id).Scan(ctx, &row)
	if err != nil {
		return w, found(err, "picture to fetch")
	}
	return portrait.Wanted{Site: row.Site, SecretHash: row.Hash, Address: string(row.Wanted)}, nil
}

// ShowVisitorPortrait implements portrait.Store. What agents are told of the visitor
// carries the picture's address, so that no reading looks it up.
func (db *DB) ShowVisitorPortrait(ctx context.Context, id chat.VisitorID, address string, made chat.Picture) error {
	absent := chat.Refuse(chat.NotFound, "another picture of this visitor is wanted by now, or none")
	return db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		var said []byte
		err := tx.NewRaw("SELECT vouched FROM visitor WHERE id = ? AND vouched IS NOT NULL"+db.dialect.grammar().forUpdate, id).Scan(ctx, &said)
		if err != nil {
			return found(err, "visitor")
		}
		row, there, err := portraitOf(ctx, tx, id)
		if err != nil {
			return err
		}
		if !there || string(row.Wanted) != address {
			return absent
		}
		result, err := tx.NewRaw("UPDATE file SET state = ?, delete_at = 0 WHERE id = ? AND state = ?", files.Shown, made.File, files.Uploading).Exec(ctx)
		if err := touched(result, err, absent); err != nil {
			return err
		}
		if err := letGo(ctx, tx, row.File); err != nil {
			return err
		}
		if _, err := tx.NewRaw("UPDATE visitor_portrait SET fetched = ?, file_id = ? WHERE visitor_id = ?", []byte(address), made.File, id).Exec(ctx); err != nil {
			return err
		}
		return portray(ctx, tx, id, said, made)
	})
}

// portray writes the picture into what the website vouches for.
func portray(ctx context.Context, tx bun.Tx, id chat.VisitorID, said []byte, made chat.Picture) error {
	var v chat.Vouched
	if err := json.Unmarshal(said, &v); err != nil {
		return fmt.Errorf("what is said of visitor %d: %w", id, err)
	}
	v.Portrait = made.Address()
	after, err := json.Marshal(v, json.Deterministic(true))
	if err != nil {
		return err
	}
	_, err = tx.NewRaw("UPDATE visitor SET vouched = ? WHERE id = ?", string(after), id).Exec(ctx)
	return err
}

// portrait takes a visitor's picture away; the visitor's own row is gone already. The
// file is named by its id: MySQL, and MariaDB before 11.1, read the whole table where a
// subquery of a change names it.
func (r *removal) portrait() error {
	const whose = " WHERE id = ? AND state = 'shown'"
	id, file := int64(r.s.Visitor), int64(0)
	r.h.ints(id)
	err := r.h.query("SELECT file_id FROM visitor_portrait WHERE visitor_id = ?", func(row scanner) error { return row.Scan(&file) })
	if err != nil {
		return err
	}
	c := cut{removed: *r.removed}
	r.h.ints(file)
	if err := r.h.query("SELECT size FROM file"+whose, c.addFile); err != nil {
		return err
	}
	*r.removed = c.removed
	r.h.arg(string(files.Gone))
	r.h.ints(int64(atOnce), file)
	if err := r.h.exec("UPDATE file SET state = ?, delete_at = ?" + whose); err != nil {
		return err
	}
	return r.run(id, "DELETE FROM visitor_portrait WHERE visitor_id = ?")
}
