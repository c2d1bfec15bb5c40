package live

import (
	"context"
	"maps"
	"slices"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
)

// healChunk is how many conversations are compared with one query and one deadline;
// a quarter of them after that took too long.
const healChunk = 256

// conversations compares the heads that changed with what was delivered here.
// What cannot be compared hides nothing else, and is tried again in the next pass.
func (d *healer) conversations() {
	if d.late {
		d.chunk = max(d.chunk/4, 1)
	} else {
		d.chunk = min(d.chunk*2, healChunk)
	}
	d.late = false
	before := d.h.stats.healed.Load()
	heads := d.changed()
	again := slices.Collect(maps.Keys(d.undone))
	clear(d.undone)
	d.each("the heads of conversations could not be read", again, func(ctx context.Context, ids []chat.ConversationID) error {
		found, err := d.h.Store.Heads(ctx, ids)
		heads = append(heads, found...)
		return err
	})
	d.compare(heads)
	if d.h.stats.healed.Load() > before {
		d.suspect()
	}
	if d.recount = d.recount || len(heads) > 0; d.recount {
		d.recount = !d.h.counts.refresh(d.h, d.h.counts.known())
	}
}

// foreignPasses are more than commits of this node's own that healing found first.
const foreignPasses = 3

// suspect says, once, that another node must be there whose notices never come.
func (d *healer) suspect() {
	if d.foreign++; d.foreign == foreignPasses && d.h.Bus.Alone() {
		d.h.Log.Warn("another node writes to this database, and no bus connects it with this one: what happens there is seen here seconds later; " +
			"set bus.kind to the same on all nodes, such as mesh")
	}
}

// changed reads the heads that changed since the last pass. If that cannot be
// known, they are those of all open rounds, and all rooms of this node are to be compared.
func (d *healer) changed() []chat.State {
	sites := d.h.sitesHere()
	ctx, cancel := d.h.reading()
	defer cancel()
	now := time.Now()
	heads, database, err := d.h.Store.ChangedSince(ctx, sites, d.heads.span(d.h, now))
	if err != nil {
		d.warn("what changed could not be read", err)
		return nil
	}
	d.h.stats.compareClocks(now, time.Now(), database)
	if d.heads.lost(now, database) {
		open, err := d.h.Store.OpenRounds(ctx, sites)
		if err != nil {
			d.warn("the open rounds could not be read", err)
			return heads
		}
		heads = append(heads, open...)
		for _, r := range d.h.everyRoom() {
			d.undone[r.conv.ID] = true
		}
		d.recount = true
	}
	d.heads.to(now, database)
	return heads
}

// each has conversations read, many at once and, where that fails, one by one.
// Those that could not be read are undone. When one read has taken too long, the
// rest waits for the next pass.
func (d *healer) each(failed string, ids []chat.ConversationID, read func(ctx context.Context, ids []chat.ConversationID) error) {
	for part := range slices.Chunk(ids, d.chunk) {
		if err := d.readPart(part, read); err != nil {
			d.warn(failed, err)
		}
	}
}

func (d *healer) readPart(part []chat.ConversationID, read func(ctx context.Context, ids []chat.ConversationID) error) (err error) {
	ctx, cancel := d.h.reading()
	defer cancel()
	if !d.late {
		if err = read(ctx, part); err == nil {
			return nil
		}
	}
	for i, id := range part {
		d.late = d.late || ctx.Err() != nil
		if d.late || len(part) == 1 || read(ctx, part[i:i+1]) != nil {
			d.undone[id] = true
		}
	}
	return err
}

// compare makes this node know what the database knows of conversations.
func (d *healer) compare(heads []chat.State) {
	h := d.h
	states := make(map[chat.ConversationID]chat.State, len(heads))
	rooms := map[chat.ConversationID]chat.Conversation{}
	var unknown, marked []chat.ConversationID
	for _, s := range heads {
		if s.Seq >= states[s.Conversation].Seq {
			states[s.Conversation] = s
		}
	}
	for id, s := range states {
		r, known := h.enterKnown(id)
		if !known {
			if h.site(s.Site).hasAgents() {
				unknown = append(unknown, id)
			}
			continue
		}
		c, wanted, cold := r.conv, r.marksRead || r.followed(), r.cold
		r.mu.Unlock()
		if h.hearHead(c, s) && !cold {
			h.stats.healed.Add(1)
		}
		if wanted { // otherwise whoever needs them reads them
			rooms[id], marked = c, append(marked, id)
		}
	}
	d.each("conversations could not be read", unknown, func(ctx context.Context, ids []chat.ConversationID) error {
		found, err := h.Store.Conversations(ctx, ids)
		for _, c := range found {
			h.hearHead(c, states[c.ID])
		}
		return err
	})
	d.each("marks could not be read", marked, func(ctx context.Context, ids []chat.ConversationID) error {
		marks, err := h.Store.MarksOf(ctx, ids)
		if err != nil {
			return err
		}
		for _, id := range ids {
			h.takeMarks(rooms[id], marks[id])
		}
		return nil
	})
}
