package webhook

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/jobs"
)

// gapsOnce bounds how many conversations are asked at once for what was removed.
const gapsOnce = 500

// settle begins what the state of a webhook that was just changed asks for: one step at
// once, which for most is all, and the rest by a job.
func (h *Hooks) settle(ctx context.Context, w Webhook) error {
	settled, err := h.Store.Settle(ctx, w.ID)
	if err != nil {
		h.Log.WarnContext(ctx, "a webhook's change could not be carried through: it will be", "webhook", w.ID, "state", w.State, "error", err)
	}
	if !settled {
		return h.refreshed(ctx, w.Site, h.Queue.Add(ctx, jobs.Job{Kind: SettleJob, Key: keyOf(w.ID)}))
	}
	return h.settled(ctx, w)
}

func keyOf(id ID) string { return strconv.FormatInt(int64(id), 10) }

// namedBy is the webhook that a job's key names. What is none of ours is nothing to repeat.
func namedBy(j jobs.Job) (id ID, ours bool) {
	n, err := chat.ParseID(j.Key)
	return ID(n), err == nil
}

// settled lets a webhook go on whose state is what was asked for.
func (h *Hooks) settled(ctx context.Context, w Webhook) error {
	if w.State == Resuming {
		h.noteLost(ctx, w.ID)
	}
	if err := h.refreshed(ctx, w.Site, nil); err != nil || w.State != Resuming {
		return err
	}
	return h.plan(ctx, w.ID, 0)
}

// Settle is the handler of SettleJob: it takes step after step.
func (h *Hooks) Settle(ctx context.Context, j jobs.Job) error {
	id, ours := namedBy(j)
	if !ours {
		return nil
	}
	w, err := h.Store.Webhook(ctx, id)
	if err != nil {
		return gone(err)
	}
	for until := time.Now().Add(runFor); ; {
		settled, err := h.Store.Settle(ctx, w.ID)
		switch {
		case err != nil:
			return err
		case settled:
			return h.settled(ctx, w)
		case ctx.Err() != nil:
			return ctx.Err()
		case time.Now().After(until):
			return h.Queue.Add(ctx, jobs.Job{Kind: SettleJob, Key: j.Key}) // others have their turn
		}
	}
}

// noteLost writes down what was removed from what waits for a webhook.
func (h *Hooks) noteLost(ctx context.Context, id ID) {
	for after := chat.ConversationID(0); ; {
		gaps, err := h.Store.Gaps(ctx, id, after, gapsOnce)
		if err == nil && len(gaps) > 0 {
			err = h.lost(ctx, id, gaps)
		}
		if err != nil {
			h.Log.WarnContext(ctx, "what a webhook lost could not be written down: it will be", "webhook", id, "error", err)
			return
		}
		if len(gaps) < gapsOnce {
			return
		}
		after = gaps[len(gaps)-1].Conversation
	}
}

// lost goes on behind events that were removed before they could be sent, and says so in
// the log: one entry for all of them.
func (h *Hooks) lost(ctx context.Context, id ID, gaps []Gap) error {
	return h.Store.Lost(ctx, id, gaps, func(conversations int, events int64) Delivery {
		now := h.Now()
		d := Delivery{ID: chat.NewID(now), Webhook: id, Type: Lost}
		d.Message = fmt.Sprintf("lost.%d", d.ID)
		if len(gaps) == 1 {
			g := gaps[0]
			d.Conversation, d.Seq, d.Message = g.Conversation, g.Next, MessageID(g.Name, g.Next)
			d.Why = fmt.Sprintf("events %d to %d of conversation %s were removed before they could be sent", g.Next, g.To(), g.Name)
			return d
		}
		d.Why = fmt.Sprintf("up to %d events of %d conversations were removed before they could be sent", events, conversations)
		return d
	})
}
