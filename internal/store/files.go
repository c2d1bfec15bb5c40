package store

import (
	"context"

	"github.com/uptrace/bun"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/files"
)

var _ files.Store = (*DB)(nil)

type fileRow struct {
	bun.BaseModel `bun:"table:file,alias:file"`

	ID           chat.FileID         `bun:"id,pk"`
	Site         chat.SiteID         `bun:"site_id"`
	Owner        []byte              `bun:"owner"`
	State        files.State         `bun:"state"`
	Name         string              `bun:"name"`
	Type         string              `bun:"type"`
	Size         int64               `bun:"size"`
	Width        int                 `bun:"width"`
	Height       int                 `bun:"height"`
	Previews     files.Previews      `bun:"previews"`
	Attempt      int64               `bun:"attempt"`
	Conversation chat.ConversationID `bun:"conversation"`
	Seq          int64               `bun:"seq"`
	Public       int                 `bun:"public"`
	CreatedAt    chat.Millis         `bun:"created_at"`
	DeleteAt     chat.Millis         `bun:"delete_at"`
}

func (r fileRow) file() files.File {
	return files.File{
		File: chat.File{ID: r.ID, Name: r.Name, Type: r.Type, Size: r.Size, Width: r.Width, Height: r.Height},
		Site: r.Site, Owner: chat.FileOwner(r.Owner), State: r.State, Previews: r.Previews, Attempt: r.Attempt,
		Conversation: r.Conversation, Seq: r.Seq, Public: r.Public != 0, CreatedAt: r.CreatedAt, DeleteAt: r.DeleteAt,
	}
}

// everybody is the owner of a site's whole use.
const everybody = chat.FileOwner("*")

// InsertFile implements files.Store.
func (db *DB) InsertFile(ctx context.Context, f files.File, u files.Use) (files.File, error) {
	now, err := db.time(ctx)
	if err != nil {
		return f, err
	}
	f.State, f.CreatedAt, f.DeleteAt = files.Uploading, now, now+chat.Millis(u.Keep.Milliseconds())
	row := fileRow{
		ID: f.ID, Site: f.Site, Owner: []byte(f.Owner), State: f.State, Name: f.Name, Type: f.Type, Size: f.Size,
		Width: f.Width, Height: f.Height, Attempt: f.Attempt,
		CreatedAt: f.CreatedAt, DeleteAt: f.DeleteAt,
	}
	err = db.Update(ctx, func(ctx context.Context, tx bun.Tx) error {
		if err := db.addUse(ctx, tx, f, u); err != nil {
			return err
		}
		unsent, err := tx.NewSelect().Model((*fileRow)(nil)).
			Where("owner = ? AND state IN (?, ?)", row.Owner, files.Uploading, files.Complete).Count(ctx)
		if err != nil {
			return err
		}
		if u.Unsent > 0 && unsent >= int64(u.Unsent) {
			return chat.Refuse(files.TooMany, "%d files are uploaded and not sent: send them, or cancel them first", unsent)
		}
		_, err = tx.NewInsert().Model(&row).Exec(ctx)
		return err
	})
	return f, err
}

// addUse adds the file's bytes to what its site and its owner use, in this order:
// all who do both take their locks alike.
func (db *DB) addUse(ctx context.Context, tx bun.Tx, f files.File, u files.Use) error {
	for _, one := range []struct {
		owner chat.FileOwner
		most  int64
		whose string
	}{{everybody, u.SiteBytes, "this site"}, {f.Owner, u.OwnerBytes, "this person"}} {
		begin := "INSERT INTO file_use (site_id, owner, bytes) VALUES (?, ?, 0)" + db.dialect.grammar().upsert("site_id, owner", []string{"site_id"})
		if _, err := tx.NewRaw(begin, f.Site, []byte(one.owner)).Exec(ctx); err != nil {
			return err
		}
		if err := use(ctx, tx, f.Site, one.owner, f.Size); err != nil {
			return err
		}
		var used int64
		if err := tx.NewRaw("SELECT bytes FROM file_use WHERE site_id = ? AND owner = ?", f.Site, []byte(one.owner)).Scan(ctx, &used); err != nil {
			return err
		}
		if one.most > 0 && used > one.most {
			return chat.Refuse(files.QuotaReached, "the files of %s would have %d bytes together: at most %d are allowed", one.whose, used, one.most)
		}
	}
	return nil
}

func use(ctx context.Context, tx bun.Tx, site chat.SiteID, owner chat.FileOwner, more int64) error {
	_, err := tx.NewRaw("UPDATE file_use SET bytes = bytes + ? WHERE site_id = ? AND owner = ?", more, site, []byte(owner)).Exec(ctx)
	return err
}

// File implements files.Store.
func (db *DB) File(ctx context.Context, id chat.FileID) (files.File, error) {
	var row fileRow
	err := db.reading(ctx).NewSelect().Model(&row).Where("id = ?", id).Scan(ctx)
	return row.file(), found(err, "file")
}

// FilesByID implements files.Store.
func (db *DB) FilesByID(ctx context.Context, ids []chat.FileID) ([]files.File, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	return db.files(ctx, func(q *bun.SelectQuery) *bun.SelectQuery { return q.Where("id IN (?)", bun.List(ids)) })
}

// DueFiles implements files.Store.
func (db *DB) DueFiles(ctx context.Context, limit int) ([]files.File, error) {
	now, err := db.time(ctx)
	if err != nil {
		return nil, err
	}
	return db.files(ctx, func(q *bun.SelectQuery) *bun.SelectQuery {
		return q.Where("delete_at > 0 AND delete_at <= ?", now).Order("delete_at").Limit(int64(limit))
	})
}

func (db *DB) files(ctx context.Context, which func(*bun.SelectQuery) *bun.SelectQuery) ([]files.File, error) {
	var rows []fileRow
	if err := which(db.reading(ctx).NewSelect().Model(&rows)).Scan(ctx); err != nil {
		return nil, err
	}
	all := make([]files.File, len(rows))
	for i, r := range rows {
		all[i] = r.file()
	}
	return all, nil
}

// PartsOf implements files.Store.
func (db *DB) PartsOf(ctx context.Context, id chat.FileID) (parts []int, err error) {
	err = db.reading(ctx).NewRaw("SELECT number FROM file_part WHERE file_id = ? ORDER BY number", id).Scan(ctx, &parts)
	return parts, err
}

// AddPart implements files.Store.
func (db *DB) AddPart(ctx context.Context, id chat.FileID, n int) error {
	return db.onFile(ctx, id, func(ctx context.Context, tx bun.Tx, row fileRow) error {
		if row.State != files.Uploading {
			return chat.Refuse(chat.Conflict, "the upload is complete: it takes no more parts")
		}
		note := "INSERT INTO file_part (file_id, number) VALUES (?, ?)" + db.dialect.grammar().upsert("file_id, number", []string{"number"})
		_, err := tx.NewRaw(note, id, n).Exec(ctx)
		return err
	})
}

// CompleteFile implements files.Store.
func (db *DB) CompleteFile(ctx context.Context, f files.File) error {
	return db.onFile(ctx, f.ID, func(ctx context.Context, tx bun.Tx, row fileRow) error {
		if row.State != files.Uploading {
			return chat.Refuse(chat.Conflict, "the upload is not under way any more")
		}
		for _, owner := range []chat.FileOwner{everybody, chat.FileOwner(row.Owner)} {
			if err := use(ctx, tx, row.Site, owner, f.Size-row.Size); err != nil {
				return err
			}
		}
		if _, err := tx.NewRaw("DELETE FROM file_part WHERE file_id = ?", f.ID).Exec(ctx); err != nil {
			return err
		}
		row.State, row.Type, row.Size, row.Width, row.Height, row.Attempt = f.State, f.Type, f.Size, f.Width, f.Height, f.Attempt
		_, err := tx.NewUpdate().Model(&row).Column("state", "type", "size", "width", "height", "attempt").WherePK().Exec(ctx)
		return err
	})
}

// GiveUp implements files.Store.
func (db *DB) GiveUp(ctx context.Context, id chat.FileID) error {
	return db.onFile(ctx, id, func(ctx context.Context, tx bun.Tx, row fileRow) error {
		switch row.State {
		case files.Gone:
			return nil
		case files.Sent:
			return chat.Refuse(chat.Conflict, "a message has this file: recall the message instead")
		case files.Shown:
			return chat.Refuse(chat.Conflict, "this picture is shown: put another one in its place")
		}
		row.State, row.DeleteAt = files.Gone, atOnce
		_, err := tx.NewUpdate().Model(&row).Column("state", "delete_at").WherePK().Exec(ctx)
		return err
	})
}

// atOnce is a time that has come.
const atOnce = chat.Millis(1)

// ForgetFile implements files.Store.
func (db *DB) ForgetFile(ctx context.Context, id chat.FileID) error {
	err := db.onFile(ctx, id, func(ctx context.Context, tx bun.Tx, row fileRow) error {
		if row.State != files.Gone {
			return chat.Refuse(chat.Conflict, "the file is not gone")
		}
		for _, owner := range []chat.FileOwner{everybody, chat.FileOwner(row.Owner)} {
			if err := use(ctx, tx, row.Site, owner, -row.Size); err != nil {
				return err
			}
		}
		// Whoever leaves nothing behind, and visitors make themselves up, leaves no row.
		if _, err := tx.NewRaw("DELETE FROM file_use WHERE site_id = ? AND owner = ? AND bytes = 0", row.Site, row.Owner).Exec(ctx); err != nil {
			return err
		}
		for _, statement := range []string{"DELETE FROM file_part WHERE file_id = ?", "DELETE FROM file WHERE id = ?"} {
			if _, err := tx.NewRaw(statement, id).Exec(ctx); err != nil {
				return err
			}
		}
		return nil
	})
	if chat.CodeOf(err) == chat.NotFound {
		return nil
	}
	return err
}

// SetPreviews implements files.Store.
func (db *DB) SetPreviews(ctx context.Context, id chat.FileID, p files.Previews) error {
	return db.Update(ctx, func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewRaw("UPDATE file SET previews = ? WHERE id = ?", int(p), id).Exec(ctx)
		return err
	})
}

// onFile runs a change of a file under its lock. Errors: NotFound.
func (db *DB) onFile(ctx context.Context, id chat.FileID, do func(ctx context.Context, tx bun.Tx, row fileRow) error) error {
	return db.Update(ctx, func(ctx context.Context, tx bun.Tx) error {
		var row fileRow
		err := tx.NewRaw("SELECT * FROM file WHERE id = ?"+db.dialect.grammar().forUpdate, id).Scan(ctx, &row)
		if err != nil {
			return found(err, "file")
		}
		return do(ctx, tx, row)
	})
}

// FilesKey implements files.Store.
func (db *DB) FilesKey(ctx context.Context) ([]byte, error) {
	return secretKey(ctx, db.write.DB, db.dialect, "files")
}
