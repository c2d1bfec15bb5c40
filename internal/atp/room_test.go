package atp

import (
	"context"
	"errors"
	"log/slog"
	"strconv"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/legacy"
)

// away are names in a database that does not answer, or whose answers are lost.
type away struct {
	legacy.Names
	left int
}

var errAway = errors.New("the database does not answer")

func (a *away) EnterName(context.Context, chat.SiteID, string, string, string) (hash [32]byte, err error) {
	return hash, errAway
}

func (a *away) LeaveName(context.Context, chat.SiteID, string, string) error {
	a.left++
	return errAway
}

func newAway(t *testing.T) (*Room, *away) {
	names := &away{}
	r := &Room{
		cfg: Config{}.withDefaults(), Parts: Parts{Names: names, Log: slog.New(slog.DiscardHandler)},
		conns: map[place]*Conn{}, wake: make(chan struct{}, 1), ctx: t.Context(),
	}
	return r, names
}

// TestLeavingsWaitForTheDatabase: while it does not answer, one of them asks for all.
func TestLeavingsWaitForTheDatabase(t *testing.T) {
	r, names := newAway(t)
	r.remember(make([]*Conn, 3)...)
	for i := range r.gone {
		r.gone[i] = &Conn{}
	}
	r.pass()
	if names.left != 1 || len(r.gone) != 3 {
		t.Errorf("asked %d times, %d leavings are left: want once, and 3", names.left, len(r.gone))
	}
	r.remember(make([]*Conn, 2*maxGone)...)
	if len(r.gone) != maxGone {
		t.Errorf("%d leavings wait: at most %d may", len(r.gone), maxGone)
	}
}

// TestWhoMayBeInIsSaidToLeave: an answer that is lost leaves nobody shown as online for good.
func TestWhoMayBeInIsSaidToLeave(t *testing.T) {
	r, names := newAway(t)
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	if _, err := r.Open(ctx, Who{Site: 1, Name: "alice"}); !errors.Is(err, errAway) {
		t.Fatalf("let in with %v", err)
	}
	if names.left != 1 || len(r.gone) != 1 {
		t.Errorf("asked to leave %d times, %d are remembered: want one", names.left, len(r.gone))
	}
}

// TestTheDeskForgetsNamesThatNoListTells: names come and go for as long as the account is in.
func TestTheDeskForgetsNamesThatNoListTells(t *testing.T) {
	d := &desk{names: map[string]legacy.Name{}}
	for i := range 5 * legacy.MaxListed {
		d.learn([]legacy.Name{{Name: strconv.Itoa(i), Changed: chat.Millis(i)}})
	}
	if n := len(d.names); n > 2*legacy.MaxListed || n < legacy.MaxListed {
		t.Errorf("%d names are known", n)
	}
	for i := range legacy.MaxListed {
		if name := strconv.Itoa(5*legacy.MaxListed - 1 - i); d.names[name].Name != name {
			t.Fatalf("%s, which came after, is forgotten", name)
		}
	}
}
