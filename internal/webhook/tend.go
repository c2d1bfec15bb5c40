package webhook

import (
	"context"
	"errors"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/jobs"
)

const (
	// refreshes is how often a node looks whether webhooks have changed.
	refreshes = 2 * time.Second
	// counts is how many of these looks there are for each that counts what waits.
	counts = 5
	// gathers is how long commits are gathered before runs are planned for them.
	gathers = 50 * time.Millisecond
	tends   = 15 * time.Second
	// trims is how often what is old is removed.
	trims = 2 * time.Minute
	// overdue is how late rows are whose run was forgotten: a node died after its commit.
	overdue = 5 * time.Second
)

// Committed plans deliveries of what was appended. It does not block.
func (h *Hooks) Committed(changes []chat.Changed) {
	made := 0
	for i := range changes {
		c := &changes[i]
		if c.Repeat {
			continue
		}
		for _, wish := range h.Store.Wishes(c.Conversation.Site) {
			wanted := 0
			for j := range c.Events {
				if wish.Wants(&c.Events[j]) {
					wanted++
				}
			}
			if made += wanted; wanted > 0 && !wish.Idle {
				h.tell(wish.ID)
			}
		}
	}
	if made > 0 {
		h.Watch.WebhooksMade(made)
	}
}

func (h *Hooks) tell(id ID) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if words := h.running[id]; words != nil {
		select {
		case words <- struct{}{}:
		default:
		}
		return
	}
	h.told[id] = true
	h.wake()
}

func (h *Hooks) wake() {
	select {
	case h.woken <- struct{}{}:
	default:
	}
}

// Heard says that another node may have changed webhooks. It does not block.
func (h *Hooks) Heard() {
	select {
	case h.others <- struct{}{}:
	default:
	}
}

// Start begins to hear of commits and of changed webhooks; Stop ends it.
func (h *Hooks) Start() {
	ctx, stop := context.WithCancel(context.Background())
	h.stop = stop
	h.loop.Go(func() { h.listen(ctx) })
}

// Stop ends what Start began. What was told and is not planned yet, Tend finds.
func (h *Hooks) Stop() {
	h.stop()
	h.loop.Wait()
}

func (h *Hooks) listen(ctx context.Context) {
	ticks := time.NewTicker(refreshes)
	defer ticks.Stop()
	for look := 0; ; {
		select {
		case <-ctx.Done():
			return
		case <-ticks.C:
			h.look(ctx, look%counts == 0)
			look++
			continue
		case <-h.others:
			h.look(ctx, false)
			continue
		case <-h.woken:
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(gathers):
		}
		h.mu.Lock()
		told := h.told
		h.told = map[ID]bool{}
		h.mu.Unlock()
		for id := range told {
			if err := h.plan(ctx, id, 0); err != nil && ctx.Err() == nil {
				h.Log.Warn("a webhook's deliveries could not be planned: they are late", "webhook", id, "error", err)
			}
		}
	}
}

// look renews what this node knows of webhooks.
func (h *Hooks) look(ctx context.Context, count bool) {
	err := h.Store.RefreshWishes(ctx)
	if err == nil && count {
		var waits Waiting
		if waits, err = h.Store.AllWaiting(ctx); err == nil {
			h.waits.Store(&waits)
		}
	}
	if err != nil && ctx.Err() == nil {
		h.Log.Warn("what webhooks want could not be read: it will be again", "error", err)
	}
}

// Tend is the handler of TendJob, which one node runs: it plans what was forgotten, and
// its own next run.
func (h *Hooks) Tend(ctx context.Context, _ jobs.Job) error {
	ids, err := h.Store.OverdueWebhooks(ctx, overdue)
	for _, id := range ids {
		if err == nil {
			err = h.plan(ctx, id, 0)
		}
	}
	if err == nil {
		ids, err = h.Store.Unsettled(ctx)
	}
	for _, id := range ids {
		if err == nil {
			err = h.Queue.Add(ctx, jobs.Job{Kind: SettleJob, Key: keyOf(id)})
		}
	}
	if err != nil {
		h.Log.WarnContext(ctx, "webhooks could not be looked after: they will be again", "error", err)
	}
	return h.again(ctx, TendJob, tends)
}

// Trim is the handler of TrimJob: it removes what is old, notes what paused webhooks lost
// to retention, and plans its own next run.
func (h *Hooks) Trim(ctx context.Context, _ jobs.Job) error {
	idle, err := h.Store.Idle(ctx)
	for _, id := range idle {
		h.noteLost(ctx, id)
	}
	if err == nil {
		err = h.Store.Trim(ctx, KeepLogged, MaxLogged)
	}
	if err != nil {
		h.Log.WarnContext(ctx, "the logs of webhooks could not be trimmed: they will be", "error", err)
	}
	return h.again(ctx, TrimJob, trims)
}

func (h *Hooks) again(ctx context.Context, kind string, in time.Duration) error {
	return h.Queue.Add(context.WithoutCancel(ctx), jobs.Job{Kind: kind, Key: "all", In: in})
}

// TendSoon plans Tend and Trim.
func (h *Hooks) TendSoon(ctx context.Context) error {
	return errors.Join(h.again(ctx, TendJob, tends), h.again(ctx, TrimJob, trims))
}

// Waits is from how many conversations something waits for webhooks, and since when the
// longest waiting of it, as this node saw it some seconds ago; zero for nothing.
func (h *Hooks) Waits() (conversations int64, oldest time.Duration) {
	w := h.waits.Load()
	if w == nil || w.Conversations == 0 {
		return 0, 0
	}
	return w.Conversations, max(0, h.Now().Sub(w.Oldest.Time()))
}
