package webhook

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/outbound"
)

// try sends a message once, and says in the entry what became of it. answer is nil where
// there was none.
func (h *Hooks) try(ctx context.Context, w Webhook, d Delivery, body []byte) (_ Delivery, answer *outbound.Answer) {
	begun := time.Now()
	got, err := h.Client.Do(ctx, outbound.Request{
		Method: http.MethodPost, URL: w.URL, Header: w.signed(d.Message, body, h.Now()), Body: body,
	})
	d.Took, d.Tries = time.Since(begun), d.Tries+1
	d.Delivered, d.Why, d.NextAt = false, "", 0
	d.Status, d.Answer = got.Status, string(got.Body[:min(len(got.Body), MaxAnswer)])
	if got.Status != 0 {
		answer = &got
	}
	switch {
	case got.Status >= 200 && got.Status < 300: // what it says beside does not matter, nor whether it came whole
		d.Delivered = true
	case got.Status != 0:
		d.Why = fmt.Sprintf("it answered %d", got.Status)
	default:
		d.Why = outbound.Why(err)
	}
	if ctx.Err() == nil {
		h.Watch.WebhookSent(d.Delivered, d.Took)
	}
	return d, answer
}

// entry begins the log's entry about an event.
func (h *Hooks) entry(w Webhook, e *chat.Event, in chat.ListRow) Delivery {
	return Delivery{
		ID: chat.NewID(h.Now()), Webhook: w.ID, Message: MessageID(in.Conversation.UUID, e.Seq),
		Conversation: e.Conversation, Seq: e.Seq, Type: TypeOf(e),
	}
}

// Ping sends a test, and waits for what becomes of it. A webhook that is off or paused
// is tested, too. Errors: NotFound, Busy.
func (h *Hooks) Ping(ctx context.Context, on chat.SiteID, id ID) (Delivery, error) {
	w, err := h.of(ctx, on, id)
	if err != nil {
		return Delivery{}, err
	}
	select {
	case h.pinging <- struct{}{}:
		defer func() { <-h.pinging }()
	default:
		return Delivery{}, chat.Refuse(chat.Busy, "other tests are under way: try again in some seconds")
	}
	now := h.Now()
	body, err := pingBody(w, now)
	if err != nil {
		return Delivery{}, err
	}
	number := chat.NewID(now)
	d, _ := h.try(ctx, w, Delivery{ID: number, Webhook: id, Message: fmt.Sprintf("ping.%d", number), Type: Ping}, body)
	d.At = chat.At(now)
	return d, h.Store.Log(context.WithoutCancel(ctx), d)
}
