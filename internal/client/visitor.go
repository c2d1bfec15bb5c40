package client

import (
	"context"
	"crypto/rand"
	"encoding/base64"

	"github.com/kefu-chat/kefu/internal/wire"
)

// Visitor is a visitor's session.
type Visitor struct{ *Session }

// NewSecret makes a visitor's secret.
func NewSecret() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return base64.RawURLEncoding.EncodeToString(b[:])
}

// StartVisitor begins a visitor's session on the site with this widget key. It
// ends with ctx, by Close, or when the server says so.
func StartVisitor(ctx context.Context, cfg Config, site, secret string) *Visitor {
	s := newSession(ctx, cfg)
	s.site, s.secret = site, secret
	s.own = &Conversation{s: s, follow: true}
	go s.run()
	return &Visitor{s}
}

// Conversation is the visitor's only one.
func (v *Visitor) Conversation() *Conversation { return v.own }

// Send queues a message.
func (v *Visitor) Send(text string) *Item {
	return v.own.Put(&Item{T: "send", Text: text})
}

// Typing says that the visitor writes, or has stopped.
func (v *Visitor) Typing(on bool) error { return v.send(wire.ClientTyping{On: on}) }

// Says tells what the page says of the visitor; nobody has verified it.
func (v *Visitor) Says(what wire.Says) error { return v.send(wire.ClientSays{Says: what}) }
