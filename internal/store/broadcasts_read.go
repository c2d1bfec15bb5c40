package store

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"

	"github.com/uptrace/bun"

	"github.com/kefu-chat/kefu/internal/broadcast"
	"github.com/kefu-chat/kefu/internal/chat"
)

// BroadcastHeads implements broadcast.Reading.
func (db *DB) BroadcastHeads(ctx context.Context, sites []chat.SiteID) (map[chat.SiteID]broadcast.Position, error) {
	heads := map[chat.SiteID]broadcast.Position{}
	if len(sites) == 0 {
		return heads, nil
	}
	var rows []struct {
		Site   chat.SiteID `bun:"site_id"`
		Number int64       `bun:"number"`
		Tag    uint32      `bun:"tag"`
	}
	err := db.reading(ctx).NewRaw("SELECT site_id, number, tag FROM broadcast_head WHERE site_id IN (?)", bun.List(sites)).Scan(ctx, &rows)
	for _, r := range rows {
		heads[r.Site] = broadcast.Position{Number: r.Number, Tag: r.Tag}
	}
	return heads, err
}

type broadcastEntryRow struct {
	bun.BaseModel `bun:"table:broadcast_entry,alias:e"`

	Site      chat.SiteID  `bun:"site_id"`
	Number    int64        `bun:"number"`
	Tag       uint32       `bun:"tag"`
	Broadcast broadcast.ID `bun:"broadcast_id"`
	Wave      int          `bun:"wave"`
	At        chat.Millis  `bun:"at"`
}

// BroadcastLog implements broadcast.Reading.
func (db *DB) BroadcastLog(ctx context.Context, on chat.SiteID, limit int) ([]broadcast.Entry, []broadcast.Broadcast, error) {
	var rows []broadcastEntryRow
	if err := db.reading(ctx).NewSelect().Model(&rows).Where("site_id = ?", on).Order("number DESC").Limit(int64(limit)).Scan(ctx); err != nil {
		return nil, nil, err
	}
	slices.Reverse(rows)
	entries := make([]broadcast.Entry, len(rows))
	about := map[broadcast.ID]bool{}
	for i, r := range rows {
		entries[i] = broadcast.Entry{Site: r.Site, Number: r.Number, Tag: r.Tag, Broadcast: r.Broadcast, Wave: r.Wave, At: r.At}
		about[r.Broadcast] = true
	}
	all, err := db.broadcastsBy(ctx, slices.Sorted(maps.Keys(about)))
	return entries, all, err
}

func (db *DB) broadcastsBy(ctx context.Context, ids []broadcast.ID) ([]broadcast.Broadcast, error) {
	if len(ids) == 0 {
		return nil, nil
	}
	var rows []broadcastRow
	if err := db.reading(ctx).NewSelect().Model(&rows).Where("id IN (?)", bun.List(ids)).Scan(ctx); err != nil {
		return nil, err
	}
	return broadcastsOf(rows)
}

type readerRow struct {
	ID        chat.VisitorID `bun:"id"`
	Received  int64          `bun:"broadcast_received"`
	Read      int64          `bun:"broadcast_read"`
	Seen      []byte         `bun:"broadcast_seen"`
	Off       bool           `bun:"broadcast_off"`
	CreatedAt chat.Millis    `bun:"created_at"`
}

const readerColumns = "id, broadcast_received, broadcast_read, broadcast_seen, broadcast_off, created_at"

func (r *readerRow) reader() (broadcast.Reader, error) {
	seen, err := broadcast.Unpack(r.Seen)
	if err != nil {
		return broadcast.Reader{}, fmt.Errorf("visitor %d: %w", r.ID, err)
	}
	return broadcast.Reader{Received: r.Received, Read: r.Read, Seen: seen, Off: r.Off, CreatedAt: r.CreatedAt}, nil
}

// ReaderOf implements broadcast.Reading.
func (db *DB) ReaderOf(ctx context.Context, id chat.VisitorID) (broadcast.Reader, error) {
	var row readerRow
	if err := db.reading(ctx).NewRaw("SELECT "+readerColumns+" FROM visitor WHERE id = ?", id).Scan(ctx, &row); err != nil {
		return broadcast.Reader{}, found(err, "visitor")
	}
	return row.reader()
}

// SetOff implements broadcast.Reading.
func (db *DB) SetOff(ctx context.Context, id chat.VisitorID, off bool) error {
	n := 0
	if off {
		n = 1
	}
	return db.change(ctx, func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.NewRaw("UPDATE visitor SET broadcast_off = ? WHERE id = ?", n, id).Exec(ctx)
		return err
	})
}

// OffAmong implements broadcast.Reading.
func (db *DB) OffAmong(ctx context.Context, visitors []chat.VisitorID) (off []chat.VisitorID, err error) {
	for ids := range slices.Chunk(visitors, listedPart) {
		var some []chat.VisitorID
		// The plus has SQLite look for the ids, not for all who want none.
		err := db.reading(ctx).NewRaw("SELECT id FROM visitor WHERE +broadcast_off = 1 AND id IN (?)", bun.List(ids)).Scan(ctx, &some)
		if err != nil {
			return nil, err
		}
		off = append(off, some...)
	}
	return off, nil
}

// Came implements broadcast.Reading.
func (db *DB) Came(ctx context.Context, on chat.SiteID, visitors []chat.VisitorID) (map[chat.VisitorID][]broadcast.Arrival, error) {
	came := map[chat.VisitorID][]broadcast.Arrival{}
	if len(visitors) == 0 {
		return came, nil
	}
	var rows []readerRow
	// The plus has SQLite look for the ids, not for all visitors of the site.
	err := db.reading(ctx).NewRaw("SELECT "+readerColumns+" FROM visitor WHERE +site_id = ? AND id IN (?)", on, bun.List(visitors)).Scan(ctx, &rows)
	if err != nil {
		return nil, err
	}
	readers := map[chat.VisitorID]broadcast.Reader{}
	numbers := map[int64]bool{}
	for i := range rows {
		r, err := rows[i].reader()
		if err != nil {
			return nil, err
		}
		readers[rows[i].ID] = r
		for _, s := range r.Seen {
			numbers[s.Number] = true
		}
	}
	about, err := db.broadcastsByEntry(ctx, on, slices.Sorted(maps.Keys(numbers)))
	if err != nil {
		return nil, err
	}
	for id, r := range readers {
		for _, s := range r.Seen {
			if b, ok := about[s.Number]; ok {
				came[id] = append(came[id], broadcast.Arrival{Seen: s, Broadcast: b, Read: s.Number <= r.Read})
			}
		}
	}
	return came, nil
}

// broadcastsByEntry are the broadcasts that entries of a site's log are about.
func (db *DB) broadcastsByEntry(ctx context.Context, on chat.SiteID, numbers []int64) (map[int64]broadcast.Broadcast, error) {
	if len(numbers) == 0 {
		return nil, nil
	}
	var rows []broadcastEntryRow
	err := db.reading(ctx).NewSelect().Model(&rows).Where("site_id = ? AND number IN (?)", on, bun.List(numbers)).Scan(ctx)
	if err != nil {
		return nil, err
	}
	var ids []broadcast.ID
	for _, r := range rows {
		ids = append(ids, r.Broadcast)
	}
	all, err := db.broadcastsBy(ctx, ids)
	if err != nil {
		return nil, err
	}
	byID := map[broadcast.ID]broadcast.Broadcast{}
	for _, b := range all {
		byID[b.ID] = b
	}
	out := map[int64]broadcast.Broadcast{}
	for _, r := range rows {
		out[r.Number] = byID[r.Broadcast]
	}
	return out, nil
}

// Advance implements broadcast.Reading: one transaction. The rows are read only if one of
// them is not as its advance says.
func (db *DB) Advance(ctx context.Context, on chat.SiteID, all []broadcast.Advance, delivered, read map[int64]int64) (otherwise []chat.VisitorID, err error) {
	unknown := slices.ContainsFunc(all, func(a broadcast.Advance) bool { return a.From == nil })
	if !unknown {
		if err := db.advance(ctx, on, all, delivered, read, advanceKnown); !errors.Is(err, errOtherwise) {
			return nil, err
		}
	}
	err = db.advance(ctx, on, all, delivered, read, func(ctx context.Context, tx bun.Tx, all []broadcast.Advance, delivered, read map[int64]int64) error {
		otherwise, err = advanceRows(ctx, tx, all, delivered, read, db.dialect.grammar().forUpdate)
		return err
	})
	return otherwise, err
}

func (db *DB) advance(ctx context.Context, on chat.SiteID, all []broadcast.Advance, delivered, read map[int64]int64,
	rows func(ctx context.Context, tx bun.Tx, all []broadcast.Advance, delivered, read map[int64]int64) error) error {
	return db.Update(ctx, func(ctx context.Context, tx bun.Tx) error {
		more, seen := map[int64]int64{}, map[int64]int64{}
		maps.Copy(more, delivered)
		maps.Copy(seen, read)
		if err := rows(ctx, tx, all, more, seen); err != nil {
			return err
		}
		numbers := map[int64]bool{}
		for n := range more {
			numbers[n] = true
		}
		for n := range seen {
			numbers[n] = true
		}
		for _, n := range slices.Sorted(maps.Keys(numbers)) {
			_, err := tx.NewRaw("UPDATE broadcast SET delivered_count = delivered_count + ?, read_count = read_count + ? "+
				"WHERE id = (SELECT broadcast_id FROM broadcast_entry WHERE site_id = ? AND number = ?)", more[n], seen[n], on, n).Exec(ctx)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// errOtherwise is when rows are not as the writer of advances thought.
var errOtherwise = errors.New("a visitor's row is another one by now")

// advanceKnown is advanceRows without reading: each row must be as its advance says it
// is. Errors: errOtherwise.
func advanceKnown(ctx context.Context, tx bun.Tx, all []broadcast.Advance, delivered, read map[int64]int64) error {
	type step struct{ from, to readerEnd }
	alike := map[step][]chat.VisitorID{}
	for i := range all {
		a := &all[i]
		after, came, saw := a.From.Apply(*a)
		s := step{endOf(a.From), endOf(&after)}
		if s.from == s.to {
			continue
		}
		alike[s] = append(alike[s], a.Visitor)
		for _, n := range came {
			delivered[n]++
		}
		for _, n := range saw {
			read[n]++
		}
	}
	for s, ids := range alike {
		were := "broadcast_seen IS NULL"
		args := append(s.to.args(), bun.List(ids), s.from.received, s.from.read)
		if s.from.seen != "" {
			were, args = "broadcast_seen = ?", append(args, []byte(s.from.seen))
		}
		slices.Sort(ids)
		result, err := tx.NewRaw("UPDATE visitor SET broadcast_received = ?, broadcast_read = ?, broadcast_seen = ? "+
			"WHERE id IN (?) AND broadcast_received = ? AND broadcast_read = ? AND "+were, args...).Exec(ctx)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n != int64(len(ids)) {
			return errors.Join(errOtherwise, err)
		}
	}
	return nil
}

// advanceRows brings the visitors' rows forward and adds what is new to the counts.
// Those that end alike are written together.
func advanceRows(ctx context.Context, tx bun.Tx, all []broadcast.Advance, delivered, read map[int64]int64, forUpdate string) (otherwise []chat.VisitorID, err error) {
	if len(all) == 0 {
		return nil, nil
	}
	ids := make([]chat.VisitorID, len(all))
	for i := range all {
		ids[i] = all[i].Visitor
	}
	var rows []readerRow
	err = tx.NewRaw("SELECT "+readerColumns+" FROM visitor WHERE id IN (?) ORDER BY id"+forUpdate, bun.List(ids)).Scan(ctx, &rows)
	if err != nil {
		return nil, err
	}
	readers := map[chat.VisitorID]broadcast.Reader{}
	for i := range rows {
		if readers[rows[i].ID], err = rows[i].reader(); err != nil {
			return nil, err
		}
	}
	changed := map[chat.VisitorID]bool{}
	for _, a := range all {
		r, ok := readers[a.Visitor]
		if !ok {
			continue
		}
		if a.From != nil && endOf(a.From) != endOf(&r) {
			otherwise = append(otherwise, a.Visitor)
		}
		after, came, saw := r.Apply(a)
		changed[a.Visitor] = changed[a.Visitor] || after.Received != r.Received || after.Read != r.Read || len(after.Seen) != len(r.Seen) || len(came) > 0
		readers[a.Visitor] = after
		for _, n := range came {
			delivered[n]++
		}
		for _, n := range saw {
			read[n]++
		}
	}
	return otherwise, writeReaders(ctx, tx, readers, changed)
}

// readerEnd is what a visitor's row says of broadcasts, so that equal ones are equal.
type readerEnd struct {
	received, read int64
	seen           string
}

func endOf(r *broadcast.Reader) readerEnd {
	return readerEnd{r.Received, r.Read, string(broadcast.Pack(r.Seen))}
}

// args are the three columns. Nothing seen is NULL: SQLite's driver reads an empty value
// as NULL, and a move compares.
func (e readerEnd) args() []any {
	if e.seen == "" {
		return []any{e.received, e.read, nil}
	}
	return []any{e.received, e.read, []byte(e.seen)}
}

func writeReaders(ctx context.Context, tx bun.Tx, readers map[chat.VisitorID]broadcast.Reader, changed map[chat.VisitorID]bool) error {
	alike := map[readerEnd][]chat.VisitorID{}
	for id := range changed {
		if r := readers[id]; changed[id] {
			e := endOf(&r)
			alike[e] = append(alike[e], id)
		}
	}
	for e, ids := range alike {
		_, err := tx.NewRaw("UPDATE visitor SET broadcast_received = ?, broadcast_read = ?, broadcast_seen = ? WHERE id IN (?)",
			append(e.args(), bun.List(ids))...).Exec(ctx)
		if err != nil {
			return err
		}
	}
	return nil
}
