package live_test

import (
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/files"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/wire"
)

// TestAPortraitIsSeenAtOnce by agents of every node, whichever has fetched it.
func TestAPortraitIsSeenAtOnce(t *testing.T) {
	w := newWorld(t, 3)
	hash := w.nodes[0].hash(1)
	vouched := chat.Vouched{ID: "4711", Name: "Lin"}
	logIn := identity.NewVisitorLogin{
		Login: identity.VisitorLogin{ID: 1, Site: shop, Visitor: identity.VerifiedVisitor{ID: 2, Hash: [32]byte(hash), Vouched: vouched}},
		Hash:  hash, JTI: "1", ExchangeHash: hash, Picture: "https://shop.example/lin.png",
	}
	if _, err := w.db.AddVisitorLogin(t.Context(), logIn); err != nil {
		t.Fatal(err)
	}
	before := w.nodes[2].visitor(1)
	name := before.send(chat.ConversationUUID{}, "hello").C
	before.leave()
	w.mu.Lock()
	verified := w.visitors[string(hash)]
	verified.Profile.Vouched = &vouched
	w.visitors[string(hash)] = verified
	w.mu.Unlock()
	w.nodes[1].visitor(1)
	agents := []*peer{w.nodes[0].agent(ann), w.nodes[1].agent(bob)}
	for _, a := range agents {
		a.watch()
		a.say(wire.ClientVisitors{R: 9, On: true})
		await(a, "visitors", yes[wire.ServerVisitors])
	}
	address := w.portray(verified.ID, logIn.Picture)
	w.nodes[0].Portrayed(shop, hash, address)
	shows := func(v wire.Visitor) bool {
		return v.Vouched != nil && v.Vouched.Portrait == address && v.Vouched.Name == "Lin"
	}
	for _, a := range agents {
		await(a, "visitors", func(s wire.ServerVisitors) bool { return len(s.Put) > 0 && shows(s.Put[0]) })
		a.put(name, func(r wire.Row, _ wire.Counts) bool { return shows(r.Visitor) })
	}
}

// portray keeps a picture as the one that was made of a website's, and gives its address.
func (w *world) portray(id chat.VisitorID, of string) string {
	w.t.Helper()
	f, err := w.db.InsertFile(w.t.Context(), files.File{File: chat.File{ID: 501, Name: "picture", Type: "image/png", Size: 10}, Attempt: 7}, files.Use{Keep: time.Hour})
	if err != nil {
		w.t.Fatal(err)
	}
	made := chat.Picture{File: f.ID, Key: f.Attempt}
	if err := w.db.ShowVisitorPortrait(w.t.Context(), id, of, made); err != nil {
		w.t.Fatal(err)
	}
	return made.Address()
}
