package store

import (
	"context"
	"fmt"

	"github.com/uptrace/bun"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/files"
)

// shows is a table of who shows which picture.
type shows struct{ table, whose string }

func portraits() shows { return shows{"portrait", "agent_id"} }
func logos() shows     { return shows{"logo", "site_id"} }

// SetPortrait makes a picture an agent's portrait; 0: none. Refusals: NotFound
// when the picture has been deleted, or was somebody's.
func (db *DB) SetPortrait(ctx context.Context, agent chat.AgentID, file chat.FileID) error {
	return db.changePeople(ctx, func(ctx context.Context, tx bun.Tx) error {
		return db.show(ctx, tx, portraits(), int64(agent), file)
	})
}

// show puts a picture in place of the one that was shown, which is then deleted.
// Of several at the same time each knows which one it replaces: the row that
// Together locks comes first.
func (db *DB) show(ctx context.Context, tx bun.Tx, in shows, whose int64, file chat.FileID) error {
	var before []chat.FileID
	read := fmt.Sprintf("SELECT file_id FROM %s WHERE %s = ?", in.table, in.whose)
	if err := tx.NewRaw(read, whose).Scan(ctx, &before); err != nil {
		return err
	}
	if _, err := tx.NewRaw(fmt.Sprintf("DELETE FROM %s WHERE %s = ?", in.table, in.whose), whose).Exec(ctx); err != nil {
		return err
	}
	for _, id := range before {
		if _, err := tx.NewRaw("UPDATE file SET state = ?, delete_at = ? WHERE id = ? AND state = ?", files.Gone, atOnce, id, files.Shown).Exec(ctx); err != nil {
			return err
		}
	}
	if file == 0 {
		return nil
	}
	result, err := tx.NewRaw("UPDATE file SET state = ?, delete_at = 0 WHERE id = ? AND state = ?", files.Shown, file, files.Uploading).Exec(ctx)
	if err := touched(result, err, chat.Refuse(chat.NotFound, "the picture is not there any more: upload it again")); err != nil {
		return err
	}
	_, err = tx.NewRaw(fmt.Sprintf("INSERT INTO %s (%s, file_id) VALUES (?, ?)", in.table, in.whose), whose, file).Exec(ctx)
	return err
}

// shown are the pictures by whose they are.
func (db *DB) shown(ctx context.Context, from bun.IDB, in shows) (map[int64]chat.Picture, error) {
	var rows []struct {
		Whose   int64       `bun:"whose"`
		File    chat.FileID `bun:"file_id"`
		Attempt int64       `bun:"attempt"`
	}
	query := fmt.Sprintf("SELECT p.%s AS whose, p.file_id AS file_id, f.attempt AS attempt FROM %s AS p JOIN file AS f ON f.id = p.file_id WHERE f.state = ?", in.whose, in.table)
	if err := from.NewRaw(query, files.Shown).Scan(ctx, &rows); err != nil {
		return nil, err
	}
	of := make(map[int64]chat.Picture, len(rows))
	for _, r := range rows {
		of[r.Whose] = chat.Picture{File: r.File, Key: r.Attempt}
	}
	return of, nil
}
