package client

import (
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"
	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/wire"
)

// What the scanner finds in an event is what decoding finds.
func TestScannedEventsAreDecodedEvents(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		want := wire.Event{
			N: rapid.Int64Range(1, wire.MaxNumber).Draw(t, "n"), Tag: rapid.Uint32().Draw(t, "tag"),
			Kind: rapid.SampledFrom([]chat.Kind{chat.Message, chat.Note, chat.Opened, chat.AssignedTo, "wave"}).Draw(t, "kind"),
			By: wire.Person{
				Kind: rapid.SampledFrom([]chat.ActorKind{chat.VisitorActor, chat.AgentActor, chat.SystemActor}).Draw(t, "by"),
				ID:   7, Name: rapid.String().Draw(t, "name"),
			},
			Private: rapid.Bool().Draw(t, "private"), Text: rapid.String().Draw(t, "text"),
			Round: &wire.RoundChange{Number: 3, Agent: &wire.Agent{ID: 4, Name: `"}]\`}},
		}
		if rapid.Bool().Draw(t, "own") {
			want.ID = NewID().String()
		}
		frame, err := wire.Encode(wire.ServerEvent{C: NewID(), E: want})
		if err != nil {
			t.Skip(err)
		}
		if rapid.Bool().Draw(t, "spaced") {
			frame = spaced(t, frame)
		}
		if got := typeOf(frame); got != "event" {
			t.Fatalf("type %q of %s", got, frame)
		}
		var e Event
		o := walk(frame)
		for name, value, ok := o.member(); ok; name, value, ok = o.member() {
			if string(name) == "e" {
				readEvent(&e, value)
			}
		}
		got := wire.Event{N: e.N, Tag: e.Tag, Kind: e.Kind, By: wire.Person{Kind: e.By}, Private: e.Private, Text: e.Text()}
		if !e.ID.IsNil() {
			got.ID = e.ID.String()
		}
		whole, err := e.Whole()
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(want, whole); diff != "" {
			t.Fatal(diff)
		}
		want.By, want.Round = wire.Person{Kind: want.By.Kind}, nil
		if diff := cmp.Diff(want, got); diff != "" {
			t.Fatal(diff)
		}
	})
}

func spaced(t *rapid.T, frame []byte) []byte {
	value := jsontext.Value(frame)
	if err := value.Indent(); err != nil {
		t.Fatal(err)
	}
	return value
}

// No bytes make the scanner panic or go on for ever.
func FuzzScan(f *testing.F) {
	f.Add([]byte(`{"t":"event","c":"x","e":{"n":1,"text":"\""}}`))
	f.Add([]byte(`{"t":"page","page":{"events":[{},{"n":[`))
	f.Fuzz(func(t *testing.T, data []byte) {
		_ = typeOf(data)
		var e Event
		readEvent(&e, data)
		_ = e.Text()
		p := readPage(data)
		events := walk(p.events)
		for n := 0; ; n++ {
			if _, ok := events.element(); !ok {
				return
			}
			if n > len(data) {
				t.Fatal("an array has more elements than bytes")
			}
		}
	})
}

// What is written by hand is what the server's decoder reads.
func TestFramesWrittenByHandDecode(t *testing.T) {
	agent := &Session{agent: true}
	visitor := &Session{}
	c := NewID()
	rapid.Check(t, func(t *rapid.T) {
		name := rapid.SampledFrom([]string{"send", "note", "edit", "recall", "take", "assign", "release", "resolve"}).Draw(t, "t")
		s := rapid.SampledFrom([]*Session{agent, visitor}).Draw(t, "who")
		item := &Item{ID: NewID(), T: name, Text: rapid.String().Draw(t, "text"), Target: 3, Agent: 9, c: &Conversation{s: s, id: c}}
		f, got, err := wire.Decode(appendItem(nil, item))
		if err != nil {
			t.Fatal(err)
		}
		if got != name {
			t.Fatalf("decoded as %q, want %q", got, name)
		}
		wantC := c
		if !s.agent {
			wantC = chat.ConversationUUID{}
		}
		switch f := f.(type) {
		case *wire.ClientText:
			if f.ID != item.ID || f.Text != item.Text || f.C != wantC {
				t.Fatalf("decoded as %+v", f)
			}
		case *wire.ClientCommand:
			if f.ID != item.ID || f.C != wantC {
				t.Fatalf("decoded as %+v", f)
			}
		}
	})
	f, _, err := wire.Decode(appendMark(nil, &Conversation{s: agent, id: c, at: wire.Position{N: 12}}))
	if diff := cmp.Diff(&wire.ClientMark{T: "mark", C: c, Received: 12, Read: 12}, f); err != nil || diff != "" {
		t.Fatal(err, diff)
	}
}

func BenchmarkEvent(b *testing.B) {
	frame, err := wire.Encode(wire.ServerEvent{C: NewID(), E: wire.Event{
		N: 1, Tag: 4068859264, Kind: chat.Message, V: 1, At: 1750000006000,
		By: wire.Person{Kind: chat.AgentActor, ID: 126871239800000101, Name: "Ada"}, Text: "Hello, how can I help you today?",
	}})
	if err != nil {
		b.Fatal(err)
	}
	b.Run("scan", func(b *testing.B) {
		s := &Session{own: &Conversation{follow: true, known: true}}
		s.own.s = s
		b.ReportAllocs()
		for b.Loop() {
			s.own.at = wire.Position{}
			s.frame(nil, frame)
		}
	})
	b.Run("decode", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			var e wire.ServerEvent
			if err := json.Unmarshal(frame, &e); err != nil {
				b.Fatal(err)
			}
		}
	})
}
