package storetest

import (
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/kefu-chat/kefu/internal/broadcast"
	"github.com/kefu-chat/kefu/internal/chat"
)

func (f *fixture) broadcasts() broadcast.Store {
	f.Helper()
	s, ok := f.store.(broadcast.Store)
	if !ok {
		f.Fatal("the store keeps no broadcasts")
	}
	return s
}

// word is a published broadcast with its entry in the log.
func (f *fixture) word(id broadcast.ID, text string) broadcast.Broadcast {
	f.Helper()
	s := f.broadcasts()
	b := broadcast.Broadcast{
		ID: id, Site: site, State: broadcast.Draft, CreatedAt: start, Version: 1, By: boss.Ref(),
		Content: broadcast.Content{
			Text: text, Show: broadcast.AsCard, Waves: 1, ExpiresAt: start + 1000,
			Audience: broadcast.Audience{Kind: broadcast.Segment, Language: "zh", Page: "https://shop.example/书"},
		},
	}
	f.no(s.InsertBroadcast(f.Context(), b))
	entry, err := s.AppendBroadcast(f.Context(), broadcast.Entry{Site: site, Broadcast: id, Wave: 1, At: start})
	f.no(err)
	b.State, b.Number, b.PublishedAt, b.Wave, b.Expected = broadcast.Published, entry.Number, start, 1, 7
	b, err = s.UpdateBroadcast(f.Context(), b)
	f.no(err)
	return b
}

func testBroadcastRows(f *fixture) {
	s, ctx := f.broadcasts(), f.Context()
	want := f.word(11, "<b>午安</b> 👋")
	got, err := s.Broadcast(ctx, site, 11)
	f.no(err)
	if got != want || got.Version != 2 {
		f.Errorf("stored %+v, read %+v", want, got)
	}
	_, err = s.Broadcast(ctx, site+1, 11)
	f.refused(err, chat.NotFound)
	stale := got
	stale.Version = 1
	_, err = s.UpdateBroadcast(ctx, stale)
	f.refused(err, chat.Conflict)
	f.refused(s.DeleteBroadcast(ctx, stale), chat.Conflict)

	f.word(12, "second")
	other := want
	other.ID, other.Site = 13, site+1
	f.no(s.InsertBroadcast(ctx, other))
	page, err := s.Broadcasts(ctx, site, 0, 1)
	f.no(err)
	next, err := s.Broadcasts(ctx, site, page[0].ID, 10)
	f.no(err)
	if len(page) != 1 || page[0].ID != 12 || len(next) != 1 || next[0].ID != 11 {
		f.Errorf("the pages are %+v and %+v", page, next)
	}
	for at, want := range map[chat.Millis]int{start + 999: 2, start + 1000: 0} {
		if n, err := s.ShownBroadcasts(ctx, site, at); err != nil || n != want {
			f.Errorf("at %d %d are shown, %v: want %d", at, n, err, want)
		}
	}
	draft := want
	draft.ID, draft.State = 14, broadcast.Draft
	f.no(s.InsertBroadcast(ctx, draft))
	if n, err := s.DraftBroadcasts(ctx, site); err != nil || n != 1 {
		f.Errorf("%d drafts, %v: want 1", n, err)
	}
	f.no(s.DeleteBroadcast(ctx, got))
	_, err = s.Broadcast(ctx, site, 11)
	f.refused(err, chat.NotFound)
}

func testBroadcastLog(f *fixture) {
	s, ctx := f.broadcasts(), f.Context()
	if heads, err := s.BroadcastHeads(ctx, []chat.SiteID{site}); err != nil || len(heads) != 0 {
		f.Fatalf("the heads are %v, %v: want none", heads, err)
	}
	first, second := f.word(11, "one"), f.word(12, "two")
	if first.Number != 1 || second.Number != 2 {
		f.Errorf("the numbers are %d and %d", first.Number, second.Number)
	}
	failed := errors.New("undone")
	err := s.Together(ctx, func(ctx context.Context) error {
		if _, err := s.AppendBroadcast(ctx, broadcast.Entry{Site: site, Broadcast: 12, At: start}); err != nil {
			return err
		}
		return failed
	})
	if !errors.Is(err, failed) {
		f.Errorf("together: %v", err)
	}
	var wait sync.WaitGroup
	for range 8 {
		wait.Go(func() {
			if err := s.Together(ctx, func(ctx context.Context) error {
				_, err := s.AppendBroadcast(ctx, broadcast.Entry{Site: site, Broadcast: 12, At: start})
				return err
			}); err != nil {
				f.Error(err)
			}
		})
	}
	wait.Wait()
	entries, about, err := s.BroadcastLog(ctx, site, 9)
	f.no(err)
	heads, err := s.BroadcastHeads(ctx, []chat.SiteID{site, site + 1})
	f.no(err)
	if len(entries) != 9 || len(about) != 1 || entries[0].Number != 2 || entries[8].Number != 10 || heads[site] != entries[8].Position() || len(heads) != 1 {
		f.Errorf("the log is %+v about %d, the heads are %v", entries, len(about), heads)
	}
	for i, e := range entries {
		if e.Number != int64(2+i) || e.Tag == 0 && entries[0].Tag == 0 {
			f.Errorf("entry %d is %+v", i, e)
		}
	}
}

func testBroadcastReaders(f *fixture) {
	s, ctx := f.broadcasts(), f.Context()
	var ids []chat.VisitorID
	for i := range 3 {
		_, by := f.conversation(i)
		ids = append(ids, chat.VisitorID(by.ID))
	}
	f.word(11, "one")
	f.word(12, "two")
	saw := func(n int64) []broadcast.Seen { return []broadcast.Seen{{Number: n, At: start + chat.Millis(n)}} }
	advance := func(delivered, read map[int64]int64, all ...broadcast.Advance) {
		f.Helper()
		_, err := s.Advance(ctx, site, all, delivered, read)
		f.no(err)
	}
	counts := func(id broadcast.ID, delivered, read int64) {
		f.Helper()
		b, err := s.Broadcast(ctx, site, id)
		f.no(err)
		if b.Delivered != delivered || b.Read != read {
			f.Errorf("broadcast %d was delivered to %d, read by %d: want %d and %d", id, b.Delivered, b.Read, delivered, read)
		}
	}
	both := []broadcast.Advance{{Visitor: ids[0], Received: 1, Seen: saw(1)}, {Visitor: ids[1], Received: 1, Seen: saw(1)}}
	advance(nil, nil, both...)
	advance(nil, nil, both...) // of another tab on another node
	counts(11, 2, 0)
	advance(map[int64]int64{1: 5}, map[int64]int64{1: 4}, broadcast.Advance{Visitor: ids[0], Received: 2, Read: 2})
	counts(11, 7, 5)
	advance(nil, nil, broadcast.Advance{Visitor: ids[0], Received: 1, Read: 1}, broadcast.Advance{Visitor: 999, Received: 2, Seen: saw(2)})
	counts(11, 7, 5)
	advance(nil, nil, broadcast.Advance{Visitor: ids[2], Received: 2, Read: 2, Seen: append(saw(1), saw(2)...), Counted: true})
	counts(11, 7, 5)
	counts(12, 0, 0)

	// Where the writer knows what the rows say nobody reads them; it may be wrong.
	none, one := broadcast.Reader{}, broadcast.Reader{Received: 1, Seen: saw(1)}
	known := []broadcast.Advance{{Visitor: ids[1], Received: 2, Read: 2, Seen: saw(2), From: &one}}
	for try := range 2 { // again: the first time's answer was lost
		otherwise, err := s.Advance(ctx, site, known, nil, nil)
		f.no(err)
		counts(11, 7, 6)
		counts(12, 1, 1)
		if want := [][]chat.VisitorID{nil, {ids[1], ids[0]}}[try]; !slices.Equal(otherwise, want) {
			f.Errorf("try %d: otherwise are the rows of %v, want %v", try, otherwise, want)
		}
		known = append(known, broadcast.Advance{Visitor: ids[0], Received: 2, From: &none})
	}
	r, err := s.ReaderOf(ctx, ids[2])
	f.no(err)
	if r.Received != 2 || r.Read != 2 || !slices.Equal(r.Seen, append(saw(1), saw(2)...)) || r.Off || r.CreatedAt == 0 {
		f.Errorf("the reader is %+v", r)
	}
	came, err := s.Came(ctx, site, ids)
	f.no(err)
	if len(came[ids[0]]) != 1 || !came[ids[0]][0].Read || !came[ids[1]][0].Read || len(came[ids[2]]) != 2 || came[ids[2]][1].Broadcast.ID != 12 {
		f.Errorf("what came is %+v", came)
	}
	if other, err := s.Came(ctx, site+1, ids); err != nil || len(other) != 0 {
		f.Errorf("of another site came %v, %v", other, err)
	}
	if n, err := s.CountVisitors(ctx, site, "", false); err != nil || n != 3 {
		f.Errorf("%d visitors, %v: want 3", n, err)
	}
	f.no(s.SetOff(ctx, ids[0], true))
	if n, err := s.CountVisitors(ctx, site, "", false); err != nil || n != 2 {
		f.Errorf("%d visitors want broadcasts, %v: want 2", n, err)
	}
	r, err = s.ReaderOf(ctx, ids[0])
	f.no(err)
	if !r.Off {
		f.Error("the visitor's wish is forgotten")
	}
	if off, err := s.OffAmong(ctx, append(slices.Clone(ids), 999)); err != nil || !slices.Equal(off, ids[:1]) {
		f.Errorf("%v want none, %v: want the first", off, err)
	}
	_, err = s.ReaderOf(ctx, 999)
	f.refused(err, chat.NotFound)
}

func testBroadcastSegment(f *fixture) {
	for i, p := range []chat.Profile{{Language: "zh-CN"}, {Language: "ZH"}, {Language: "en"}, {Name: "zh"}, {}} {
		f.begin(chat.Beginning{Site: site, SecretHash: secret(i), Profile: p}, "hello")
	}
	for language, want := range map[string]int64{"zh": 2, "zh-CN": 1, "en": 1, "de": 0, "": 5} {
		if n, err := f.broadcasts().CountVisitors(f.Context(), site, language, false); err != nil || n != want {
			f.Errorf("%d speak %q, %v: want %d", n, language, err, want)
		}
	}
}
