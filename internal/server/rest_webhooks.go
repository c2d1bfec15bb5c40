package server

import (
	"context"
	"net/http"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/webhook"
)

// Webhook is an address that is told what happens on a site, as its admins see it; its
// secret is shown only once.
type Webhook struct {
	ID       string   `json:"id"`
	Name     string   `json:"name"`
	URL      string   `json:"url"`
	Types    []string `json:"types" nullable:"false" doc:"What it is told of."`
	State    string   `json:"state" enum:"on,off,paused,resuming,deleting" doc:"Paused: it failed for three days; what happens is kept until it is resumed. Resuming and deleting end by themselves, soon."`
	Since    int64    `json:"since" doc:"Since when it is in this state."`
	PausedAt int64    `json:"paused_at,omitempty"`
	Why      string   `json:"why,omitempty" doc:"Why it is paused."`
	OldUntil int64    `json:"old_until,omitempty" doc:"Until when the secret before the present one signs, too."`
	MadeBy   string   `json:"made_by" doc:"Who made it, by the name it had then."`
	MadeAt   int64    `json:"made_at"`
	Waiting  int64    `json:"waiting" doc:"From how many conversations something waits for it."`
	Events   int64    `json:"waiting_events" doc:"How many events, at most, wait for it."`
	Oldest   int64    `json:"oldest,omitempty" doc:"About when the longest waiting of it happened."`
	NextAt   int64    `json:"next_at,omitempty" doc:"When the next of what waits is tried; absent where nothing is."`
	// What became of what was sent in the last seven days.
	DeliveredAt int64  `json:"delivered_at,omitempty" doc:"When the newest message that was delivered was, as far as the log goes."`
	FailedAt    int64  `json:"failed_at,omitempty" doc:"When the newest message that is not delivered was tried last, as far as the log goes."`
	FailedWhy   string `json:"failed_why,omitempty" doc:"Why that failed."`
	Lost        int64  `json:"lost,omitempty" doc:"How many events, at most, were removed by the site's retention before they could be sent, since it was made."`
	LostAt      int64  `json:"lost_at,omitempty" doc:"When that was noticed last."`
}

func webhookFor(w webhook.Seen) Webhook {
	out := Webhook{
		ID: idText(w.ID), Name: w.Name, URL: w.URL, Types: []string{}, State: string(w.State), Since: int64(w.Since), PausedAt: int64(w.PausedAt), Why: w.Why,
		OldUntil: int64(w.OldUntil), MadeBy: w.MadeBy.Name, MadeAt: int64(w.MadeAt),
		Waiting: w.Waiting.Conversations, Events: w.Waiting.Events, Oldest: int64(w.Waiting.Oldest),
		DeliveredAt: int64(w.Recent.Delivered), FailedAt: int64(w.Recent.Failed), FailedWhy: w.Recent.Why, Lost: w.Lost, LostAt: int64(w.LostAt),
	}
	if w.State == webhook.On {
		out.NextAt = int64(w.Waiting.Next)
	}
	for _, t := range w.Types {
		out.Types = append(out.Types, string(t))
	}
	return out
}

// WebhookDelivery is an entry of a webhook's log.
type WebhookDelivery struct {
	ID        string `json:"id"`
	MessageID string `json:"message_id" doc:"What the header webhook-id says: the same for all tries."`
	Type      string `json:"type" doc:"Or ping, a test, or lost: nothing was sent, because retention had removed the events; why says which."`
	Delivered bool   `json:"delivered"`
	Status    int    `json:"status,omitempty" doc:"Of the last answer; absent: there was none."`
	Answer    string `json:"answer,omitempty" doc:"The first 1,024 bytes of it."`
	Why       string `json:"why,omitempty" doc:"Why it failed."`
	Millis    int64  `json:"took_ms"`
	Tries     int    `json:"tries"`
	At        int64  `json:"at" doc:"Of the last try."`
	NextAt    int64  `json:"next_at,omitempty" doc:"Of the next one."`
}

func deliveryFor(d webhook.Delivery) WebhookDelivery {
	return WebhookDelivery{
		ID: idText(d.ID), MessageID: d.Message, Type: string(d.Type), Delivered: d.Delivered, Status: d.Status, Answer: d.Answer, Why: d.Why,
		Millis: d.Took.Milliseconds(), Tries: d.Tries, At: int64(d.At), NextAt: int64(d.NextAt),
	}
}

// WebhookContent is what an admin says of a webhook.
type WebhookContent struct {
	Name  string   `json:"name,omitempty" maxLength:"400"`
	URL   string   `json:"url" maxLength:"2048" doc:"Where messages are sent by POST: https, and no private address unless outbound.allow of the server's configuration allows it."`
	Types []string `json:"types" nullable:"false" minItems:"1" maxItems:"64" enum:"message.created,message.edited,message.recalled,note.created,note.edited,note.recalled,round.opened,round.reopened,round.assigned,round.released,round.returned,round.resolved,round.carried"`
	On    bool     `json:"on" doc:"False: nothing is kept for it, and what waited is dropped."`
}

func (c WebhookContent) content() webhook.Content {
	out := webhook.Content{Name: c.Name, URL: c.URL, On: c.On}
	for _, t := range c.Types {
		out.Types = append(out.Types, webhook.Type(t))
	}
	return out
}

type (
	webhookOutput  struct{ Body Webhook }
	webhooksOutput struct {
		Body struct {
			Webhooks []Webhook `json:"webhooks" nullable:"false" doc:"Oldest first, at most ten."`
		}
	}
	madeWebhook struct {
		Body struct {
			Webhook Webhook `json:"webhook"`
			Secret  string  `json:"secret" doc:"With which messages are signed as Standard Webhooks says; it is told only here."`
		}
	}
	newWebhook struct {
		SitePath
		Body WebhookContent
	}
	// WebhookPath names a webhook of a site.
	WebhookPath struct {
		SitePath
		Webhook string `path:"webhook" maxLength:"20"`
	}
	webhookChange struct {
		WebhookPath
		Body WebhookContent
	}
	deliveriesQuery struct {
		WebhookPath
		Paging
		Failed bool `query:"failed" doc:"Only those that are not delivered."`
	}
	deliveriesOutput struct {
		Body struct {
			Deliveries []WebhookDelivery `json:"deliveries" nullable:"false" doc:"Newest first."`
			Next       string            `json:"next,omitempty" doc:"The cursor of the next page; absent on the last one."`
		}
	}
	deliveryOutput struct{ Body WebhookDelivery }
	// DeliveryPath names an entry of a webhook's log.
	DeliveryPath struct {
		WebhookPath
		Delivery string `path:"delivery" maxLength:"20"`
	}
	replayInput struct {
		WebhookPath
		Body struct {
			Since string `json:"since" maxLength:"20" doc:"The id of the first entry of the log that is sent once more."`
		}
	}
	replayOutput struct {
		Body struct {
			Conversations int `json:"conversations" doc:"From how many conversations something is sent once more."`
		}
	}
)

// webhooks are the routes about a site's webhooks.
func (r *routes) webhooks() {
	const all, one = "/sites/{site}/webhooks", "/sites/{site}/webhooks/{webhook}"
	admin, h := onSite(chat.RoleAdmin), r.server.parts.Webhooks
	serve(r, admin, op{method: "GET", path: all, id: "list-webhooks", summary: "A site's webhooks, with what waits for them"},
		func(ctx context.Context, c caller, _ *SitePath) (*webhooksOutput, error) {
			found, err := h.List(ctx, c.site.ID)
			out := &webhooksOutput{}
			out.Body.Webhooks = []Webhook{}
			for _, w := range found {
				out.Body.Webhooks = append(out.Body.Webhooks, webhookFor(w))
			}
			return out, err
		})
	serve(r, admin, op{method: "POST", path: all, id: "make-webhook", summary: "Make a webhook: it is told of what happens from now on", status: http.StatusCreated},
		func(ctx context.Context, c caller, in *newWebhook) (*madeWebhook, error) {
			return madeWebhookAnswer(h.Make(ctx, c.by(), c.site.ID, in.Body.content()))
		})
	serve(r, admin, op{method: "GET", path: one, id: "get-webhook", summary: "A webhook, with what waits for it"},
		func(ctx context.Context, c caller, in *WebhookPath) (*webhookOutput, error) {
			return r.webhook(ctx, c, in)
		})
	serve(r, admin, op{method: "PUT", path: one, id: "change-webhook", summary: "Change a webhook; a paused one stays so until it is resumed or turned off"},
		func(ctx context.Context, c caller, in *webhookChange) (*webhookOutput, error) {
			id, err := parseID[webhook.ID](in.Webhook)
			if err == nil {
				_, err = h.Change(ctx, c.by(), c.site.ID, id, in.Body.content())
			}
			if err != nil {
				return nil, err
			}
			return r.webhook(ctx, c, &in.WebhookPath)
		})
	serve(r, admin, op{method: "DELETE", path: one, id: "delete-webhook", summary: "Delete a webhook, with its log and what waits for it; where that is much, it is deleting for a while"},
		func(ctx context.Context, c caller, in *WebhookPath) (*struct{}, error) {
			id, err := parseID[webhook.ID](in.Webhook)
			if err != nil {
				return nil, err
			}
			return nil, h.Delete(ctx, c.by(), c.site.ID, id)
		})
	r.webhookSteps(admin, one)
	r.webhookLog(admin, one)
}

func madeWebhookAnswer(w webhook.Webhook, err error) (*madeWebhook, error) {
	if err != nil {
		return nil, err
	}
	out := &madeWebhook{}
	out.Body.Webhook, out.Body.Secret = webhookFor(webhook.Seen{Webhook: w}), w.Secret
	return out, nil
}

// webhook answers a webhook as it is now.
func (r *routes) webhook(ctx context.Context, c caller, in *WebhookPath) (*webhookOutput, error) {
	id, err := parseID[webhook.ID](in.Webhook)
	if err != nil {
		return nil, err
	}
	w, err := r.server.parts.Webhooks.One(ctx, c.site.ID, id)
	if err != nil {
		return nil, err
	}
	return &webhookOutput{webhookFor(w)}, nil
}

// webhookSteps are what an admin does with one.
func (r *routes) webhookSteps(admin access, one string) {
	h := r.server.parts.Webhooks
	serve(r, admin, op{method: "POST", path: one + "/secret", id: "rotate-webhook-secret", summary: "Give a webhook another secret; for a day the one before signs, too"},
		func(ctx context.Context, c caller, in *WebhookPath) (*madeWebhook, error) {
			id, err := parseID[webhook.ID](in.Webhook)
			if err != nil {
				return nil, err
			}
			return madeWebhookAnswer(h.Rotate(ctx, c.by(), c.site.ID, id))
		})
	serve(r, admin, op{method: "POST", path: one + "/resume", id: "resume-webhook", summary: "Have a paused webhook go on where it stopped, and try at once what waits"},
		func(ctx context.Context, c caller, in *WebhookPath) (*webhookOutput, error) {
			id, err := parseID[webhook.ID](in.Webhook)
			if err == nil {
				_, err = h.Resume(ctx, c.by(), c.site.ID, id)
			}
			if err != nil {
				return nil, err
			}
			return r.webhook(ctx, c, in)
		})
	serve(r, admin, op{method: "POST", path: one + "/ping", id: "ping-webhook", summary: "Send a test, and wait up to 10 s for what becomes of it"},
		func(ctx context.Context, c caller, in *WebhookPath) (*deliveryOutput, error) {
			id, err := parseID[webhook.ID](in.Webhook)
			if err != nil {
				return nil, err
			}
			d, err := h.Ping(ctx, c.site.ID, id)
			if err != nil {
				return nil, err
			}
			return &deliveryOutput{deliveryFor(d)}, nil
		})
	serve(r, admin, op{method: "POST", path: one + "/replay", id: "replay-webhook", summary: "Send once more, in order, what the log has from an entry on"},
		func(ctx context.Context, c caller, in *replayInput) (*replayOutput, error) {
			id, err := parseID[webhook.ID](in.Webhook)
			if err != nil {
				return nil, err
			}
			since, err := parseID[int64](in.Body.Since)
			if err != nil {
				return nil, err
			}
			out := &replayOutput{}
			out.Body.Conversations, err = h.ReplaySince(ctx, c.by(), c.site.ID, id, since)
			return out, err
		})
}

// webhookLog are the routes about what was sent.
func (r *routes) webhookLog(admin access, one string) {
	h := r.server.parts.Webhooks
	serve(r, admin, op{method: "GET", path: one + "/deliveries", id: "list-webhook-deliveries", summary: "What was sent to a webhook in the last seven days, and what became of it"},
		func(ctx context.Context, c caller, in *deliveriesQuery) (*deliveriesOutput, error) {
			id, err := parseID[webhook.ID](in.Webhook)
			if err != nil {
				return nil, err
			}
			before := int64(0)
			if in.Cursor != "" {
				if before, err = chat.ParseID(in.Cursor); err != nil {
					return nil, badCursor()
				}
			}
			found, err := h.Deliveries(ctx, c.site.ID, id, before, in.Failed, in.Limit+1)
			if err != nil {
				return nil, err
			}
			out := &deliveriesOutput{}
			out.Body.Deliveries = []WebhookDelivery{}
			for i, d := range found {
				if i == in.Limit {
					out.Body.Next = idText(found[i-1].ID)
					break
				}
				out.Body.Deliveries = append(out.Body.Deliveries, deliveryFor(d))
			}
			return out, nil
		})
	serve(r, admin, op{method: "POST", path: one + "/deliveries/{delivery}/replay", id: "replay-webhook-delivery", summary: "Send once more what an entry of the log is about; what comes of it stands there soon", status: http.StatusAccepted},
		func(ctx context.Context, c caller, in *DeliveryPath) (*struct{}, error) {
			id, err := parseID[webhook.ID](in.Webhook)
			if err != nil {
				return nil, err
			}
			delivery, err := parseID[int64](in.Delivery)
			if err != nil {
				return nil, err
			}
			return nil, h.Replay(ctx, c.by(), c.site.ID, id, delivery)
		})
}
