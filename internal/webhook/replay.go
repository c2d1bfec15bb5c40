package webhook

import (
	"context"
	"fmt"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/kefu-chat/kefu/internal/audit"
	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/jobs"
)

// replayed names an entry of a log in a job's payload.
type replayed struct {
	Webhook  ID    `json:"webhook"`
	Delivery int64 `json:"delivery"`
}

// Replay sends what an entry of the log is about once more, soon, whatever waits: as it
// is now, under the same id. Errors: NotFound, Conflict for a webhook that is off, and for a
// ping.
func (h *Hooks) Replay(ctx context.Context, by audit.By, on chat.SiteID, id ID, delivery int64) error {
	return h.Store.Together(ctx, func(ctx context.Context) error {
		w, err := h.of(ctx, on, id)
		if err != nil {
			return err
		}
		d, err := h.Store.DeliveryOf(ctx, id, delivery)
		switch {
		case err != nil:
			return err
		case w.State == Off:
			return chat.Refuse(chat.Conflict, "this webhook is off: turn it on")
		case d.Conversation == 0:
			return chat.Refuse(chat.Conflict, "this was a test: send another one")
		}
		payload, err := json.Marshal(replayed{id, delivery})
		if err != nil {
			return err
		}
		if err := h.Queue.Add(ctx, jobs.Job{Kind: ReplayJob, Key: fmt.Sprintf("%d.%d", id, delivery), Payload: payload}); err != nil {
			return err
		}
		return h.record(ctx, by, audit.WebhookReplayed, w)
	})
}

// ReplayOne is the handler of ReplayJob. Its one try is the replay, whatever becomes of it.
func (h *Hooks) ReplayOne(ctx context.Context, j jobs.Job) error {
	var what replayed
	if json.Unmarshal(j.Payload, &what) != nil {
		return nil // none of ours: nothing to repeat
	}
	w, err := h.Store.Webhook(ctx, what.Webhook)
	if err != nil || w.State == Off {
		return gone(err)
	}
	d, err := h.Store.DeliveryOf(ctx, w.ID, what.Delivery)
	if err != nil {
		return gone(err)
	}
	events, in, err := h.Store.Occurred(ctx, d.Conversation, d.Seq, d.Seq, 1)
	if err != nil || len(events) == 0 {
		return gone(err)
	}
	body, err := h.bodyOf(&events[0], in)
	if err != nil {
		return err
	}
	if d, _ = h.try(ctx, w, d, body); ctx.Err() != nil && !d.Delivered {
		return ctx.Err()
	}
	keep, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	return h.Store.Log(keep, d)
}

// gone leaves the absence of what was to be sent again without a word.
func gone(err error) error {
	if isNotFound(err) {
		return nil
	}
	return err
}

// ReplaySince sends all that is in the log from an entry on once more, in order, and
// tells of how many conversations. Errors: NotFound, Conflict for a webhook that is off.
func (h *Hooks) ReplaySince(ctx context.Context, by audit.By, on chat.SiteID, id ID, since int64) (conversations int, err error) {
	err = h.Store.Together(ctx, func(ctx context.Context) error {
		w, err := h.of(ctx, on, id)
		if err != nil {
			return err
		}
		if w.State == Off {
			return chat.Refuse(chat.Conflict, "this webhook is off: turn it on")
		}
		if conversations, err = h.Store.ReplaySince(ctx, id, since); err != nil {
			return err
		}
		return h.record(ctx, by, audit.WebhookReplayed, w)
	})
	if err != nil || conversations == 0 {
		return 0, err
	}
	return conversations, h.plan(ctx, id, 0)
}
