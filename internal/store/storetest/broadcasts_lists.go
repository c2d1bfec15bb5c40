package storetest

import (
	"slices"

	"github.com/kefu-chat/kefu/internal/broadcast"
	"github.com/kefu-chat/kefu/internal/chat"
)

func testBroadcastLists(f *fixture) {
	s, ctx := f.broadcasts(), f.Context()
	var ids []chat.VisitorID
	for i := range 3 {
		_, by := f.conversation(i)
		ids = append(ids, chat.VisitorID(by.ID))
	}
	elsewhere := f.begin(chat.Beginning{Site: site + 1, SecretHash: secret(9)}, "hello").Conversation.Visitor
	f.no(s.SetOff(ctx, ids[1], true))
	long := append([]chat.VisitorID{elsewhere, 1<<63 - 1}, ids...)
	for i := range 10_000 { // more than one row holds
		long = append(long, chat.VisitorID(1+i*i))
	}
	whole := broadcast.ListOf(long)
	known, wanting, err := s.CountListed(ctx, site, whole)
	if err != nil || known != 3 || wanting != 2 {
		f.Errorf("of the list %d are known and %d want it, %v: want 3 and 2", known, wanting, err)
	}
	if known, wanting, err := s.CountListed(ctx, site, broadcast.ListOf(nil)); err != nil || known != 0 || wanting != 0 {
		f.Errorf("of nobody %d are known and %d want it, %v", known, wanting, err)
	}

	list := func(id broadcast.ID, want *broadcast.List) {
		f.Helper()
		got, err := s.BroadcastList(ctx, id)
		if want == nil {
			f.refused(err, chat.NotFound)
			return
		}
		f.no(err)
		if !slices.EqualFunc(got.Parts(100), want.Parts(100), slices.Equal) {
			f.Errorf("the list of %d has %d ids, want %d", id, got.Len(), want.Len())
		}
	}
	of := func(id broadcast.ID, l *broadcast.List) broadcast.Broadcast {
		f.Helper()
		b := broadcast.Broadcast{ID: id, Site: site, State: broadcast.Draft, CreatedAt: start, Version: 1, By: boss.Ref(), Content: broadcast.Content{
			Text: "named", Show: broadcast.AsCard, Waves: 1, Audience: broadcast.Audience{Kind: broadcast.Listed, Size: l.Len(), Unknown: 2, List: l},
		}}
		f.no(s.InsertBroadcast(ctx, b))
		return b
	}
	update := func(b broadcast.Broadcast, change func(*broadcast.Broadcast)) broadcast.Broadcast {
		f.Helper()
		change(&b)
		b, err := s.UpdateBroadcast(ctx, b)
		f.no(err)
		return b
	}
	b := of(11, whole)
	of(12, broadcast.ListOf(ids[:1]))
	list(11, whole)
	list(12, broadcast.ListOf(ids[:1]))
	got, err := s.Broadcast(ctx, site, 11)
	f.no(err)
	if a := got.Content.Audience; a.Kind != broadcast.Listed || a.Size != whole.Len() || a.Unknown != 2 || a.List != nil {
		f.Errorf("the audience is %+v", a)
	}
	b = update(b, func(b *broadcast.Broadcast) { b.Content.Audience.List = nil }) // it stays
	list(11, whole)
	short := broadcast.ListOf(ids)
	b = update(b, func(b *broadcast.Broadcast) { b.Content.Audience.List = short })
	list(11, short)
	stale := b
	stale.Version, stale.Content.Audience.List = 1, whole
	_, err = s.UpdateBroadcast(ctx, stale)
	f.refused(err, chat.Conflict)
	stale.Content.Audience = broadcast.Audience{Kind: broadcast.Everybody}
	f.refused(s.DeleteBroadcast(ctx, stale), chat.Conflict)
	list(11, short)
	update(b, func(b *broadcast.Broadcast) { b.State, b.Wave, b.Content.Audience.List = broadcast.Published, 1, whole }) // frozen
	list(11, short)

	other := of(13, short)
	other = update(other, func(b *broadcast.Broadcast) { b.Content.Audience = broadcast.Audience{Kind: broadcast.Everybody} })
	list(13, nil)
	other = update(other, func(b *broadcast.Broadcast) {
		b.Content.Audience = broadcast.Audience{Kind: broadcast.Listed, Size: 3, List: short}
	})
	f.no(s.DeleteBroadcast(ctx, other))
	list(13, nil)
	list(12, broadcast.ListOf(ids[:1]))
}
