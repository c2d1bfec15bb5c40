//go:build linux

package scenario

import (
	"cmp"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/client"
	"github.com/kefu-chat/kefu/internal/wire"
)

// place is where a console shows somebody's presence.
type place string

const (
	among  place = "among the colleagues"
	opened place = "in the open conversation"
	online place = "in the list of visitors"
	listed place = "in the list of conversations"
)

// sight is somebody at a place: an agent by its id, a visitor by its conversation.
type sight struct {
	who   string
	where place
}

func agentSight(id chat.AgentID) sight { return sight{fmt.Sprint("agent ", id), among} }

// console is an agent's, with everything open: what it shows of others, and
// since when and how long at most it has shown each as offline.
type console struct {
	t  *testing.T
	on *server
	me access
	a  *client.Agent

	mu      sync.Mutex
	shows   map[sight]wire.Presence
	keys    map[string]string // of visitors: whose conversation
	since   map[sight]time.Time
	longest map[sight]time.Duration
	count   int64
}

// newConsole begins an agent's console that is told of everything; it asks anew
// who is online all the time, besides being told of changes.
func newConsole(t *testing.T, on *server, me access, open ...chat.ConversationUUID) *console {
	k := &console{t: t, on: on, me: me, shows: map[sight]wire.Presence{}, keys: map[string]string{}}
	k.forget()
	k.a = on.agent(me, client.Observer{Frame: k.frame}, nil)
	k.a.Watch(chat.ViewOpen)
	for _, id := range open {
		k.a.Open(id, true)
	}
	var asking sync.WaitGroup
	asking.Go(k.ask)
	t.Cleanup(func() {
		k.a.Close()
		asking.Wait()
	})
	return k
}

// ask samples the list of visitors until the console ends.
func (k *console) ask() {
	tick := time.NewTicker(200 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
			_, _ = k.a.Visitors(k.t.Context()) // frame sees the answer
		case <-k.a.Done():
			return
		}
	}
}

// forget begins to measure anew.
func (k *console) forget() {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.since, k.longest = map[sight]time.Time{}, map[sight]time.Duration{}
}

// anyFrame is what of all frames is about presence.
type anyFrame struct {
	R            int64                 `json:"r"`
	C            chat.ConversationUUID `json:"c"`
	Who          *wire.Person          `json:"who"`
	Presence     wire.Presence         `json:"presence"`
	Agents       []wire.AgentInfo      `json:"agents"`
	Visitor      wire.Visitor          `json:"visitor"`
	Conversation struct {
		C chat.ConversationUUID `json:"c"`
	} `json:"conversation"`
	Rows   []wire.Row   `json:"rows"`
	Counts *wire.Counts `json:"counts"`
}

// frame notes what a frame says of presence.
func (k *console) frame(kind string, data []byte) {
	k.mu.Lock()
	defer k.mu.Unlock()
	var err error
	switch kind {
	case "visitors":
		var f wire.ServerVisitors
		if err = json.Unmarshal(data, &f); err == nil {
			k.visitors(&f)
		}
	case "rows":
		var f wire.ServerRows
		if err = json.Unmarshal(data, &f); err == nil {
			k.rows(f.Put)
			k.count = f.Counts.Visitors
		}
	case "hello", "agents", "presence", "conversation", "list":
		var f anyFrame
		if err = json.Unmarshal(data, &f); err == nil {
			k.say(kind, &f)
		}
	}
	if err != nil {
		k.t.Errorf("a frame %q could not be read: %v", kind, err)
	}
}

func (k *console) say(kind string, f *anyFrame) {
	switch {
	case kind == "conversation":
		k.see(sight{f.Conversation.C.String(), opened}, f.Visitor.Presence)
	case kind == "list":
		k.rows(f.Rows)
		k.count = f.Counts.Visitors
	case kind != "presence":
		for _, a := range f.Agents {
			k.see(agentSight(a.ID), a.Presence)
		}
	case !f.C.IsNil():
		k.see(sight{f.C.String(), opened}, f.Presence)
	case f.Who != nil:
		k.see(agentSight(chat.AgentID(f.Who.ID)), f.Presence)
	}
}

func (k *console) rows(all []wire.Row) {
	for _, row := range all {
		k.see(sight{row.C.String(), listed}, row.Visitor.Presence)
	}
}

// visitors takes a snapshot, or changes.
func (k *console) visitors(f *wire.ServerVisitors) {
	now := map[string]bool{}
	for _, v := range f.Put {
		if !v.C.IsNil() {
			now[v.C.String()], k.keys[v.Key] = true, v.C.String()
			k.see(sight{v.C.String(), online}, v.Presence)
		}
	}
	for _, key := range f.Drop {
		if c := k.keys[key]; c != "" && !now[c] {
			k.see(sight{c, online}, "offline")
		}
	}
	if f.R == 0 {
		return
	}
	for s := range k.shows {
		if s.where == online && !now[s.who] {
			k.see(s, "offline")
		}
	}
}

// see notes what is shown, and how long somebody was shown as offline; k.mu is held.
func (k *console) see(s sight, p wire.Presence) {
	k.shows[s] = p
	since, off := k.since[s]
	switch {
	case p == "offline" && !off:
		k.since[s] = time.Now()
	case p != "offline" && off:
		k.longest[s] = max(k.longest[s], time.Since(since))
		delete(k.since, s)
	}
}

// people are agents, and visitors by their conversations.
type people struct {
	agents   []chat.AgentID
	visitors []chat.ConversationUUID
}

// sights are where this console should show them; of itself it shows nothing.
func (k *console) sights(p people) (all []sight) {
	for _, id := range p.agents {
		if id != k.me.id {
			all = append(all, agentSight(id))
		}
	}
	for _, c := range p.visitors {
		all = append(all, sight{c.String(), opened}, sight{c.String(), online}, sight{c.String(), listed})
	}
	return all
}

// wants says who is not shown as wanted, everywhere; count is how many visitors are here.
func (k *console) wants(here, gone people, count int64) string {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, s := range k.sights(here) {
		if k.shows[s] != "online" {
			return fmt.Sprintf("%s shows %s %s as %q, want online", k.me.name, s.who, s.where, k.shows[s])
		}
	}
	for _, s := range k.sights(gone) {
		if is := cmp.Or(k.shows[s], "offline"); is != "offline" {
			return fmt.Sprintf("%s shows %s %s as %q, want offline", k.me.name, s.who, s.where, is)
		}
	}
	if k.count != count {
		return fmt.Sprintf("%s counts %d visitors, want %d", k.me.name, k.count, count)
	}
	return ""
}

// offlineFor is how long at most one of them was shown as offline since forget, and who.
func (k *console) offlineFor(p people) (worst sight, long time.Duration) {
	k.mu.Lock()
	defer k.mu.Unlock()
	for _, s := range k.sights(p) {
		d := k.longest[s]
		if since, off := k.since[s]; off {
			d = max(d, time.Since(since))
		}
		if d > long {
			worst, long = s, d
		}
	}
	return worst, long
}
