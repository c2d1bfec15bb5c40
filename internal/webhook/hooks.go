package webhook

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kefu-chat/kefu/internal/audit"
	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/jobs"
	"github.com/kefu-chat/kefu/internal/outbound"
	"github.com/kefu-chat/kefu/internal/site"
)

// Kinds of jobs: one delivers what waits for a webhook, which its key names; one sends
// an entry of the log again, one the log from an entry on; one does what a webhook's
// state asks for; one finds what was forgotten, and one removes what is old.
const (
	DeliverJob     = "webhook"
	ReplayJob      = "webhook_replay"
	ReplaySinceJob = "webhook_replay_since"
	SettleJob      = "webhook_settle"
	TendJob        = "webhook_tend"
	TrimJob        = "webhook_trim"
)

// DeliverSlots is for how many webhooks a node delivers at once.
const DeliverSlots = 16

// Watch counts, for the metrics.
type Watch interface {
	WebhooksMade(n int)
	WebhookSent(delivered bool, took time.Duration)
}

// Parts are what Hooks need.
type Parts struct {
	Store  Store
	Audit  audit.Store
	Queue  jobs.Queue
	Client *outbound.Client
	Watch  Watch
	// Data is what a message says of an event, as JSON takes it.
	Data func(e *chat.Event, in chat.ListRow) any
	// Told lets other nodes know at once that a site's webhooks are others now.
	Told func(on chat.SiteID)
	Log  *slog.Logger
	Now  func() time.Time
}

// Hooks keeps webhooks and delivers to them. Safe for concurrent use.
type Hooks struct {
	Parts
	pinging chan struct{}
	waits   atomic.Pointer[Waiting]

	mu      sync.Mutex
	told    map[ID]bool          // of whom a commit was made since the loop looked
	running map[ID]chan struct{} // of whom a run is under way here; a word in it: look again
	woken   chan struct{}
	others  chan struct{} // a word in it: another node may have changed webhooks
	stop    context.CancelFunc
	loop    sync.WaitGroup
}

// New makes a service; Start lets it hear of commits.
func New(p Parts) *Hooks {
	return &Hooks{Parts: p, pinging: make(chan struct{}, 4), told: map[ID]bool{}, running: map[ID]chan struct{}{}, woken: make(chan struct{}, 1), others: make(chan struct{}, 1)}
}

// Seen is a webhook with what waits for it, and what became of what was sent.
type Seen struct {
	Webhook
	Waiting Waiting
	Recent  Recent
}

// List are a site's webhooks, oldest first.
func (h *Hooks) List(ctx context.Context, on chat.SiteID) ([]Seen, error) {
	all, err := h.Store.Webhooks(ctx, on)
	if err != nil {
		return nil, err
	}
	return h.seen(ctx, all...)
}

// One is a webhook of a site, also one that is being deleted. Errors: NotFound.
func (h *Hooks) One(ctx context.Context, on chat.SiteID, id ID) (Seen, error) {
	w, err := h.Store.Webhook(ctx, id)
	if err == nil && w.Site != on {
		err = noWebhook()
	}
	if err != nil {
		return Seen{}, err
	}
	seen, err := h.seen(ctx, w)
	if err != nil {
		return Seen{}, err
	}
	return seen[0], nil
}

func (h *Hooks) seen(ctx context.Context, all ...Webhook) ([]Seen, error) {
	ids := make([]ID, len(all))
	for i, w := range all {
		ids[i] = w.ID
	}
	waiting, err := h.Store.WaitingFor(ctx, ids)
	if err != nil {
		return nil, err
	}
	recent, err := h.Store.RecentOf(ctx, ids)
	seen := make([]Seen, len(all))
	for i, w := range all {
		seen[i] = Seen{w, waiting[w.ID], recent[w.ID]}
	}
	return seen, err
}

func noWebhook() *chat.Refusal { return chat.Refuse(chat.NotFound, "there is no such webhook") }

// of is a webhook that something can be done with.
func (h *Hooks) of(ctx context.Context, on chat.SiteID, id ID) (Webhook, error) {
	w, err := h.Store.Webhook(ctx, id)
	if err == nil && (w.Site != on || w.State == Deleting) {
		err = noWebhook()
	}
	return w, err
}

// check is Content.Check with what is known of the address.
func (h *Hooks) check(c Content) (Content, error) {
	if _, err := h.Client.Check(c.URL); err != nil {
		return c, site.Bad("url", "%s", outbound.Why(err))
	}
	return c.Check()
}

// Make makes a webhook; its secret is in what it returns. Errors: FieldError, Conflict
// when the site has MaxWebhooks.
func (h *Hooks) Make(ctx context.Context, by audit.By, on chat.SiteID, c Content) (Webhook, error) {
	c, err := h.check(c)
	if err != nil {
		return Webhook{}, err
	}
	now := h.Now()
	w := Webhook{ID: ID(chat.NewID(now)), Site: on, Secret: NewSecret(), MadeBy: by.Actor, MadeAt: chat.At(now)}
	w = w.with(c, w.MadeAt)
	err = h.Store.Together(ctx, func(ctx context.Context) error {
		all, err := h.Store.Webhooks(ctx, on)
		if err != nil {
			return err
		}
		all = slices.DeleteFunc(all, func(w Webhook) bool { return w.State == Deleting })
		if len(all) >= MaxWebhooks {
			return chat.Refuse(chat.Conflict, "the site has %d webhooks already: delete one, or change it", len(all))
		}
		if err := h.Store.InsertWebhook(ctx, w); err != nil {
			return err
		}
		return h.record(ctx, by, audit.WebhookMade, w)
	})
	return w, h.refreshed(ctx, on, err)
}

// with is the webhook with a content, since now.
func (w Webhook) with(c Content, now chat.Millis) Webhook {
	w.Name, w.URL, w.Types = c.Name, c.URL, c.Types
	switch {
	case !c.On:
		w = w.in(Off, now)
	case w.State != Paused && w.State != Resuming:
		w = w.in(On, now)
	}
	return w
}

// in is the webhook in a state.
func (w Webhook) in(state State, now chat.Millis) Webhook {
	if w.State != state {
		w.State, w.Since = state, now
	}
	w.PausedAt, w.Why = 0, ""
	return w
}

// Change replaces the content of a webhook; a paused one stays so, unless it is turned
// off. Errors: NotFound, FieldError, Busy when it is turned on before all is removed that
// waited when it was turned off.
func (h *Hooks) Change(ctx context.Context, by audit.By, on chat.SiteID, id ID, c Content) (Webhook, error) {
	c, err := h.check(c)
	if err != nil {
		return Webhook{}, err
	}
	w, err := h.of(ctx, on, id)
	if err == nil && w.State == Off && c.On {
		_, err = h.Store.Settle(ctx, id) // the next step now, and it may be the last
	}
	if err != nil {
		return w, err
	}
	w, err = h.change(ctx, by, on, id, audit.WebhookChanged, func(w Webhook) Webhook { return w.with(c, chat.At(h.Now())) })
	if err != nil || w.State != Off {
		return w, err
	}
	return w, h.settle(ctx, w)
}

// cleared is Busy as long as something waits for a webhook that is off.
func (h *Hooks) cleared(ctx context.Context, id ID) error {
	_, waits, err := h.Store.NextDue(ctx, id)
	if err == nil && waits {
		err = chat.Refuse(chat.Busy, "what waited for it when it was turned off is still being removed: try again in some seconds")
	}
	return err
}

// Rotate gives a webhook another secret; the one before signs for OldLasts, too.
func (h *Hooks) Rotate(ctx context.Context, by audit.By, on chat.SiteID, id ID) (Webhook, error) {
	until := chat.At(h.Now().Add(OldLasts))
	return h.change(ctx, by, on, id, audit.WebhookRotated, func(w Webhook) Webhook {
		w.Old, w.OldUntil, w.Secret = w.Secret, until, NewSecret()
		return w
	})
}

// Resume has a paused webhook go on where it stopped, and what waits for one that is on
// tried at once: now, or soon where much waits. Errors: NotFound, Conflict for one that is
// off.
func (h *Hooks) Resume(ctx context.Context, by audit.By, on chat.SiteID, id ID) (w Webhook, err error) {
	err = h.Store.Together(ctx, func(ctx context.Context) error {
		if w, err = h.of(ctx, on, id); err != nil {
			return err
		}
		if w.State == Off {
			return chat.Refuse(chat.Conflict, "this webhook is off: turn it on")
		}
		w = w.in(Resuming, chat.At(h.Now()))
		if err := h.Store.UpdateWebhook(ctx, w); err != nil {
			return err
		}
		return h.record(ctx, by, audit.WebhookResumed, w)
	})
	if err == nil {
		err = h.settle(ctx, w)
	}
	return w, err
}

// Delete removes a webhook with its log and what waits for it: now, or soon where that
// is much. Errors: NotFound.
func (h *Hooks) Delete(ctx context.Context, by audit.By, on chat.SiteID, id ID) error {
	w, err := h.change(ctx, by, on, id, audit.WebhookDeleted, func(w Webhook) Webhook { return w.in(Deleting, chat.At(h.Now())) })
	if err != nil {
		return err
	}
	return h.settle(ctx, w)
}

func (h *Hooks) change(ctx context.Context, by audit.By, on chat.SiteID, id ID, what audit.What, how func(Webhook) Webhook) (w Webhook, err error) {
	err = h.Store.Together(ctx, func(ctx context.Context) error {
		if w, err = h.of(ctx, on, id); err != nil {
			return err
		}
		was := w.State
		w = how(w)
		if was == Off && w.State == On {
			if err := h.cleared(ctx, id); err != nil {
				return err
			}
		}
		if err := h.Store.UpdateWebhook(ctx, w); err != nil {
			return err
		}
		return h.record(ctx, by, what, w)
	})
	return w, h.refreshed(ctx, on, err)
}

// refreshed renews what this node's commits know, after a change, and tells other nodes.
// The change stands where that fails: the loop renews it.
func (h *Hooks) refreshed(ctx context.Context, on chat.SiteID, err error) error {
	if err != nil {
		return err
	}
	if err := h.Store.RefreshWishes(context.WithoutCancel(ctx)); err != nil {
		h.Log.WarnContext(ctx, "what webhooks want could not be read: it will be again", "error", err)
	}
	h.Told(on)
	return nil
}

func (h *Hooks) record(ctx context.Context, by audit.By, what audit.What, w Webhook) error {
	now := h.Now()
	return h.Audit.Record(ctx, audit.Entry{
		ID: chat.NewID(now), At: chat.At(now), By: by.Actor, Address: by.Address, What: what, Site: w.Site,
		Detail: map[string]string{"name": w.Name, "id": strconv.FormatInt(int64(w.ID), 10)},
	})
}

// plan has a webhook delivered to after a while.
func (h *Hooks) plan(ctx context.Context, id ID, in time.Duration) error {
	return h.Queue.Add(ctx, jobs.Job{Kind: DeliverJob, Key: keyOf(id), In: max(in, 0)})
}

// Deliveries are a page of a webhook's log, newest first. Errors: NotFound.
func (h *Hooks) Deliveries(ctx context.Context, on chat.SiteID, id ID, before int64, failedOnly bool, limit int) ([]Delivery, error) {
	if _, err := h.of(ctx, on, id); err != nil {
		return nil, err
	}
	return h.Store.Deliveries(ctx, id, before, failedOnly, limit)
}

// isNotFound tells whether what was looked for is gone.
func isNotFound(err error) bool { return errors.Is(err, chat.Refuse(chat.NotFound, "")) }
