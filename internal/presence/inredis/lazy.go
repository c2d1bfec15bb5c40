package inredis

import (
	"context"
	"sync"

	"github.com/redis/rueidis"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/presence"
)

// Lazy is a Place that connects when it is first asked, and asks again until that
// succeeds: a node starts also while Redis is away. Close ends its connection.
type Lazy struct {
	option rueidis.ClientOption
	prefix string

	mu     sync.Mutex
	client rueidis.Client
	closed bool
}

var _ presence.Place = (*Lazy)(nil)

// Open makes a place that is not connected yet.
func Open(option rueidis.ClientOption, prefix string) *Lazy {
	option.DisableCache = true // nothing here is read twice
	return &Lazy{option: option, prefix: prefix}
}

func (l *Lazy) place() (*Place, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.closed {
		return nil, rueidis.ErrClosing
	}
	if l.client == nil {
		client, err := rueidis.NewClient(l.option)
		if err != nil {
			return nil, err
		}
		l.client = client
	}
	return New(l.client, l.prefix), nil
}

// Exchange implements presence.Place.
func (l *Lazy) Exchange(ctx context.Context, ask *presence.Ask) (*presence.Answer, error) {
	p, err := l.place()
	if err != nil {
		return nil, err
	}
	return p.Exchange(ctx, ask)
}

// Leave implements presence.Place.
func (l *Lazy) Leave(ctx context.Context, name string, sites []chat.SiteID) error {
	p, err := l.place()
	if err != nil {
		return err
	}
	return p.Leave(ctx, name, sites)
}

// Close ends the connection.
func (l *Lazy) Close() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.closed = true
	if l.client != nil {
		l.client.Close()
	}
}
