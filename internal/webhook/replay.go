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
		case d.Type == Lost:
			return chat.Refuse(chat.Conflict, "what this entry is about was removed: there is nothing to send")
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

// payloadOf reads a job's payload. What is none of ours is nothing to repeat.
func payloadOf[T any](j jobs.Job) (what T, ours bool) {
	ours = json.Unmarshal(j.Payload, &what) == nil
	return what, ours
}

// ReplayOne is the handler of ReplayJob. Its one try is the replay, whatever becomes of it.
func (h *Hooks) ReplayOne(ctx context.Context, j jobs.Job) error {
	what, ours := payloadOf[replayed](j)
	if !ours {
		return nil
	}
	w, err := h.Store.Webhook(ctx, what.Webhook)
	if err != nil || w.State == Off || w.State == Deleting {
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
	return h.Store.LogAgain(keep, d) // the entry may be gone: somebody was erased meanwhile
}

// gone leaves the absence of what was to be sent again without a word.
func gone(err error) error {
	if isNotFound(err) {
		return nil
	}
	return err
}

// replayedSince is how far a replay of all has come.
type replayedSince struct {
	Webhook ID                  `json:"webhook"`
	Since   int64               `json:"since"` // entries
	Until   int64               `json:"until"`
	After   chat.ConversationID `json:"after"`
}

// ReplaySince sends all that is in the log from an entry on once more, in order, and
// tells of how many conversations. Errors: NotFound, Conflict for a webhook that is off.
func (h *Hooks) ReplaySince(ctx context.Context, by audit.By, on chat.SiteID, id ID, since int64) (conversations int, err error) {
	all := replayedSince{Webhook: id, Since: since}
	err = h.Store.Together(ctx, func(ctx context.Context) error {
		w, err := h.of(ctx, on, id)
		if err != nil {
			return err
		}
		if w.State == Off {
			return chat.Refuse(chat.Conflict, "this webhook is off: turn it on")
		}
		if conversations, all.Until, err = h.Store.Replayable(ctx, id, since); err != nil {
			return err
		}
		return h.record(ctx, by, audit.WebhookReplayed, w)
	})
	if err != nil || conversations == 0 {
		return 0, err
	}
	return conversations, h.replaySome(ctx, all)
}

// replaySome does one step of a replay, and leaves the rest to a job.
func (h *Hooks) replaySome(ctx context.Context, all replayedSince) (err error) {
	if all.After, err = h.Store.Replay(ctx, all.Webhook, all.Since, all.Until, all.After); err != nil {
		return err
	}
	if all.After != 0 {
		payload, err := json.Marshal(all)
		if err != nil {
			return err
		}
		if err := h.Queue.Add(ctx, jobs.Job{Kind: ReplaySinceJob, Key: fmt.Sprintf("%d.%d", all.Webhook, all.Since), Payload: payload}); err != nil {
			return err
		}
	}
	return h.plan(ctx, all.Webhook, 0)
}

// ReplayRest is the handler of ReplaySinceJob: the next step. One that is repeated sends
// the same once more.
func (h *Hooks) ReplayRest(ctx context.Context, j jobs.Job) error {
	all, ours := payloadOf[replayedSince](j)
	if !ours {
		return nil
	}
	w, err := h.Store.Webhook(ctx, all.Webhook)
	if err != nil || w.State == Off || w.State == Deleting {
		return gone(err)
	}
	return h.replaySome(ctx, all)
}
