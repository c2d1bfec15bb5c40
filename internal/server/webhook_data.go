package server

import (
	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/wire"
)

// WebhookData is what a message to a webhook says of an event: as the routes of
// conversations and visitors show it.
type WebhookData struct {
	Site         string         `json:"site"`
	Conversation Conversation   `json:"conversation"`
	Visitor      WebhookVisitor `json:"visitor"`
	Event        Event          `json:"event"`
	// Changed is what an edit or a recall changed, as it is now.
	Changed *Event `json:"changed,omitempty"`
}

// WebhookVisitor is a visitor as far as the event's conversation knows it.
type WebhookVisitor struct {
	ID       string          `json:"id"`
	Verified *VisitorVouched `json:"verified,omitempty"`
	Says     VisitorSays     `json:"says"`
	Language string          `json:"language,omitempty"`
}

// DataForWebhooks words events for webhooks; names are those of agents now.
func DataForWebhooks(names wire.NameOf) func(e *chat.Event, in chat.ListRow) any {
	return func(e *chat.Event, in chat.ListRow) any {
		seen, _ := wire.EventFor(e, wire.ForAgents, false)
		p := in.Profile
		data := WebhookData{
			Site: idText(in.Conversation.Site), Conversation: conversationWith(names, in.Conversation, in.State), Event: eventFor(&seen),
			Visitor: WebhookVisitor{
				ID: idText(in.Conversation.Visitor), Language: p.Language,
				Says: VisitorSays{Name: p.Name, Email: p.Email, Fields: p.Fields},
			},
		}
		if w := p.Vouched; w != nil {
			data.Visitor.Verified = &VisitorVouched{ID: w.ID, Name: w.Name, Email: w.Email, Fields: w.Fields, Portrait: w.Portrait}
		}
		if seen.Target != nil {
			changed := eventFor(seen.Target)
			data.Changed = &changed
		}
		return data
	}
}
