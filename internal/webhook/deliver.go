package webhook

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/jobs"
)

// Bounds of a run.
const (
	atOnce    = 8                // conversations
	runFor    = 30 * time.Second // then other webhooks have their turn
	looksFor  = time.Second      // how often rows that other nodes made are looked for
	readsOnce = 50               // events
	asideMost = 5                // of the schedule: after that, what cannot be read is read each hour
)

// run delivers what waits for one webhook.
type run struct {
	*Hooks
	id    ID
	words chan struct{} // from this node's commits
	until time.Time

	hook Webhook
	busy map[chat.ConversationID]bool
	done chan ended
	work sync.WaitGroup
}

// ended says that the work on a conversation's next event is over; err: nothing was
// written down, and the same would be met again.
type ended struct {
	conversation chat.ConversationID
	err          error
}

// Deliver is the handler of DeliverJob.
func (h *Hooks) Deliver(ctx context.Context, j jobs.Job) error {
	id, ours := namedBy(j)
	if !ours {
		return nil
	}
	r := &run{
		Hooks: h, id: id, words: make(chan struct{}, 1), until: time.Now().Add(runFor),
		busy: map[chat.ConversationID]bool{}, done: make(chan ended, atOnce),
	}
	h.mu.Lock()
	h.running[r.id] = r.words
	h.mu.Unlock()
	defer r.leave()
	h.Log.DebugContext(ctx, "a webhook is delivered to", "webhook", id)
	return r.drain(ctx)
}

// leave lets commits plan runs again. A word that came too late for this one does.
func (r *run) leave() {
	r.work.Wait()
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.running[r.id] == r.words {
		delete(r.running, r.id)
	}
	select {
	case <-r.words:
		r.told[r.id] = true
		r.wake()
	default:
	}
}

// drain delivers until nothing is due, and plans the next run. Rows that others make
// meanwhile are seen: they plan a run after their commit, this one looks after its plan.
func (r *run) drain(ctx context.Context) error {
	for {
		on, err := r.some(ctx)
		if err != nil || !on || ctx.Err() != nil {
			return err
		}
		in, there, err := r.Store.NextDue(ctx, r.id)
		if err != nil || !there {
			return err
		}
		if err := r.plan(ctx, r.id, in); err != nil || time.Now().After(r.until) {
			return err
		}
		if in, there, err = r.Store.NextDue(ctx, r.id); err != nil || !there || in > 0 {
			return err
		}
	}
}

// some delivers until nothing is due or the time is over. on: the webhook still is.
func (r *run) some(ctx context.Context) (on bool, err error) {
	defer r.work.Wait()
	looks := time.NewTicker(looksFor)
	defer looks.Stop()
	for {
		over := ctx.Err() != nil || time.Now().After(r.until)
		if !over {
			r.hook, err = r.Store.Webhook(ctx, r.id)
			if isNotFound(err) || err == nil && r.hook.State != On {
				return false, nil
			}
			if err != nil {
				return false, err
			}
			if err := r.begin(ctx); err != nil {
				return false, err
			}
		}
		if len(r.busy) == 0 {
			return true, nil
		}
		select {
		case e := <-r.done:
			delete(r.busy, e.conversation)
			if e.err != nil {
				return false, e.err // the queue tries again, ever later
			}
		case <-r.words:
		case <-looks.C:
		}
	}
}

// begin starts on conversations whose time has come.
func (r *run) begin(ctx context.Context) error {
	queues, err := r.Store.DueQueues(ctx, r.id, atOnce+len(r.busy))
	if err != nil {
		return err
	}
	for _, q := range queues {
		if r.busy[q.Conversation] || len(r.busy) >= atOnce {
			continue
		}
		r.busy[q.Conversation] = true
		hook := r.hook
		r.work.Go(func() {
			err := r.deliver(ctx, hook, q)
			if errors.Is(err, ErrMoved) {
				err = nil
			}
			r.done <- ended{q.Conversation, err}
		})
	}
	return nil
}

// deliver sends the next event of a conversation that is wanted, and goes on behind it.
// One at a time: each time the webhook and the event are read as they are then.
func (r *run) deliver(ctx context.Context, hook Webhook, q Queue) error {
	events, in, err := r.Store.Occurred(ctx, q.Conversation, q.Next, q.Last, readsOnce)
	keep := context.WithoutCancel(ctx) // what was sent is written down also when the node stops
	if isNotFound(err) {
		_, err = r.Store.Passed(keep, q, q.Last, q.Since, nil)
		return err
	}
	if err != nil {
		return r.aside(ctx, q, err)
	}
	first := q.Last + 1 // that is left: the log has no gaps but at its beginning
	if len(events) > 0 {
		first = events[0].Seq
	}
	if first > q.Next {
		return r.lost(keep, r.id, []Gap{{q, in.Conversation.UUID, first}})
	}
	wish := hook.Wish()
	for i := range events {
		if wish.Wants(&events[i]) {
			body, err := r.bodyOf(&events[i], in)
			if err != nil {
				return r.aside(ctx, q, err)
			}
			return r.sendOne(ctx, hook, q, body, r.entry(hook, &events[i], in), events[i].At)
		}
	}
	passed := q.Last
	if len(events) == readsOnce {
		passed = events[len(events)-1].Seq
	}
	_, err = r.Store.Passed(keep, q, passed, q.Since, nil)
	return err
}

// aside lets a conversation that cannot be read wait, ever longer, while others go on.
// Nothing is wrong with the receiver: the webhook is not paused for it.
func (r *run) aside(ctx context.Context, q Queue, why error) error {
	if ctx.Err() != nil {
		return ctx.Err()
	}
	pauses := schedule()
	wait := pauses[min(q.Aside, asideMost)]
	r.Log.ErrorContext(ctx, "a conversation could not be read for a webhook: it is set aside", "webhook", r.id, "conversation", q.Conversation, "from", q.Next, "again", wait, "error", why)
	return r.Store.Aside(ctx, q, wait)
}

// sendOne sends what d is about, which happened at a time.
func (r *run) sendOne(ctx context.Context, hook Webhook, q Queue, body []byte, d Delivery, at chat.Millis) error {
	if q.Delivery != 0 {
		d.ID = q.Delivery
	}
	d.Tries = q.Tries
	d, answer := r.try(ctx, hook, d, body)
	if ctx.Err() != nil && !d.Delivered {
		return ctx.Err() // cut short: no failure of the receiver's
	}
	keep, cancel := context.WithTimeout(context.WithoutCancel(ctx), 5*time.Second)
	defer cancel()
	if d.Delivered {
		_, err := r.Store.Passed(keep, q, d.Seq, at, &d)
		return err
	}
	wait := pauseAfter(d.Tries, answer)
	gone := answer != nil && answer.Status == http.StatusGone
	if gone {
		wait = 0
	}
	if err := r.Store.Failed(keep, q, wait, d); err != nil || wait > 0 {
		return err
	}
	why := "it failed for three days; the last time: " + d.Why
	if gone {
		why = "it answered 410: it wants nothing more"
	}
	r.Log.WarnContext(ctx, "a webhook is paused until an admin resumes it", "webhook", r.id, "site", hook.Site, "why", why)
	return r.refreshed(keep, hook.Site, r.Store.PauseWebhook(keep, r.id, why))
}
