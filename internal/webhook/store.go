package webhook

import (
	"context"
	"errors"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
)

// ErrMoved says that an outbox row is not as it was: another node went on with it.
var ErrMoved = errors.New("the outbox row is another node's now, or gone")

// Store keeps webhooks. The rows of the outbox are made by it, in the transactions
// that append events. Its time is the database's.
type Store interface {
	// Together runs fn in one transaction, which its ctx carries to the others.
	Together(ctx context.Context, fn func(ctx context.Context) error) error
	InsertWebhook(ctx context.Context, w Webhook) error
	// UpdateWebhook replaces all but Site, MadeBy and MadeAt. What waits for one that is
	// Off is removed. Errors: NotFound.
	UpdateWebhook(ctx context.Context, w Webhook) error
	// DeleteWebhook removes it with all that is of it. Errors: NotFound.
	DeleteWebhook(ctx context.Context, on chat.SiteID, id ID) error
	// Webhook finds one. Errors: NotFound.
	Webhook(ctx context.Context, id ID) (Webhook, error)
	// Webhooks are a site's, oldest first.
	Webhooks(ctx context.Context, on chat.SiteID) ([]Webhook, error)
	// WaitingFor is what waits for each.
	WaitingFor(ctx context.Context, ids []ID) (map[ID]Waiting, error)
	// PauseWebhook pauses one that is on; RetryWebhook has all that waits for it tried now.
	PauseWebhook(ctx context.Context, id ID, why string) error
	RetryWebhook(ctx context.Context, id ID) error

	// RefreshWishes reads what the path of each message knows of webhooks, if people,
	// sites or webhooks have changed; Wishes is what it knows of a site, nil for nothing.
	RefreshWishes(ctx context.Context) error
	Wishes(on chat.SiteID) []Wish

	// DueQueues are outbox rows of a webhook whose time has come, the longest due first.
	DueQueues(ctx context.Context, id ID, limit int) ([]Queue, error)
	// NextDue is in how long the next row is due, 0 or less: now; there: any row is.
	NextDue(ctx context.Context, id ID) (in time.Duration, there bool, err error)
	// OverdueWebhooks are those that are on with a row that is due since a while.
	OverdueWebhooks(ctx context.Context, since time.Duration) ([]ID, error)
	// Occurred are events of a conversation from one number to another, at most limit,
	// with their targets, and the conversation as it is now. Errors: NotFound.
	Occurred(ctx context.Context, id chat.ConversationID, from, to int64, limit int) ([]chat.Event, chat.ListRow, error)

	// Passed goes on behind seq in a row: what was delivered, if anything, is d. left
	// tells whether more waits there. Errors: ErrMoved.
	Passed(ctx context.Context, q Queue, seq int64, at chat.Millis, d *Delivery) (left bool, err error)
	// Failed lets the row's next event be tried again after a while. Errors: ErrMoved.
	Failed(ctx context.Context, q Queue, after time.Duration, d Delivery) error

	// Log writes an entry, or again with what became of another try.
	Log(ctx context.Context, d Delivery) error
	// Deliveries are a page of a webhook's log, newest first.
	Deliveries(ctx context.Context, id ID, before int64, failedOnly bool, limit int) ([]Delivery, error)
	// DeliveryOf finds an entry. Errors: NotFound.
	DeliveryOf(ctx context.Context, id ID, delivery int64) (Delivery, error)
	// ReplaySince puts the logged events of a webhook back into its outbox, from an entry
	// on, and tells of how many conversations.
	ReplaySince(ctx context.Context, id ID, since int64) (conversations int, err error)
	// Trim removes what the log and the outbox need no more.
	Trim(ctx context.Context, keep time.Duration, most int) error
	// AllWaiting is what waits for all webhooks.
	AllWaiting(ctx context.Context) (Waiting, error)
}
