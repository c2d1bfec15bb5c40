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
	// UpdateWebhook replaces all but Site, MadeBy, MadeAt and Lost. Errors: NotFound.
	UpdateWebhook(ctx context.Context, w Webhook) error
	// Settle does one bounded step of what a webhook's state asks for, and tells whether
	// that was the last: what waits for one that is Resuming is to be tried now, and it is
	// On; what waits for one that is Off is removed, and of one that is Deleting all.
	Settle(ctx context.Context, id ID) (settled bool, err error)
	// Unsettled are those of which steps are left.
	Unsettled(ctx context.Context) ([]ID, error)
	// Webhook finds one. Errors: NotFound.
	Webhook(ctx context.Context, id ID) (Webhook, error)
	// Webhooks are a site's, oldest first.
	Webhooks(ctx context.Context, on chat.SiteID) ([]Webhook, error)
	// WaitingFor is what waits for each, and RecentOf what became of the last messages.
	WaitingFor(ctx context.Context, ids []ID) (map[ID]Waiting, error)
	RecentOf(ctx context.Context, ids []ID) (map[ID]Recent, error)
	// PauseWebhook pauses one that is on.
	PauseWebhook(ctx context.Context, id ID, why string) error

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

	// Aside lets a row that could not be read be read again after a while.
	Aside(ctx context.Context, q Queue, after time.Duration) error

	// Gaps are rows of a webhook, of conversations behind one, some of whose events were
	// removed; Lost goes on behind those, counts them, and writes an entry about as many
	// conversations and events as there were. Idle are the webhooks that may have such rows.
	Idle(ctx context.Context) ([]ID, error)
	Gaps(ctx context.Context, id ID, after chat.ConversationID, limit int) (gaps []Gap, err error)
	Lost(ctx context.Context, id ID, gaps []Gap, entry func(conversations int, events int64) Delivery) error

	// Log writes an entry of a webhook that is there; LogAgain what became of another try
	// of an entry that is there.
	Log(ctx context.Context, d Delivery) error
	LogAgain(ctx context.Context, d Delivery) error
	// Deliveries are a page of a webhook's log, newest first.
	Deliveries(ctx context.Context, id ID, before int64, failedOnly bool, limit int) ([]Delivery, error)
	// DeliveryOf finds an entry. Errors: NotFound.
	DeliveryOf(ctx context.Context, id ID, delivery int64) (Delivery, error)
	// Replayable tells of how many conversations there are logged events from an entry on,
	// and the last entry of all.
	Replayable(ctx context.Context, id ID, since int64) (conversations int, until int64, err error)
	// Replay puts logged events, from an entry to another, back into a webhook's outbox, a
	// bounded number of conversations behind one, and gives the last; 0: there were no more.
	Replay(ctx context.Context, id ID, since, until int64, after chat.ConversationID) (last chat.ConversationID, err error)
	// Trim removes what the log and the outbox need no more.
	Trim(ctx context.Context, keep time.Duration, most int) error
	// AllWaiting is what waits for all webhooks.
	AllWaiting(ctx context.Context) (Waiting, error)
}
