package wire

import (
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/gofrs/uuid/v5"
	"pgregory.net/rapid"

	"github.com/kefu-chat/kefu/internal/chat"
)

// What is written by hand is what reflection writes.
func TestHotFramesAreTheirTypes(t *testing.T) {
	uuids := rapid.Custom(func(t *rapid.T) (u uuid.UUID) {
		copy(u[:], rapid.SliceOfN(rapid.Byte(), 16, 16).Draw(t, "uuid"))
		return u
	})
	texts := rapid.OneOf(rapid.String(), rapid.SampledFrom([]string{"", `"\/<>&'`, "\u2028\u2029", "\x00\x1f\x7f", "客服", "\xff"}))
	hot := 0
	rapid.Check(t, func(t *rapid.T) {
		var f Frame = ServerAck{
			ID: uuids.Draw(t, "id"), C: uuids.Draw(t, "c"), N: rapid.Int64().Draw(t, "n"), Tag: rapid.Uint32().Draw(t, "tag"), At: rapid.Int64().Draw(t, "at"),
		}
		if rapid.Bool().Draw(t, "event") {
			f = ServerEvent{C: uuids.Draw(t, "c"), E: eventOf(t, texts)}
		}
		want, failed := json.Marshal(f.typed())
		got, err := Encode(f)
		if (err != nil) != (failed != nil) || err == nil && string(got) != string(want) {
			t.Fatalf("%v\n got %s, %v\nwant %s, %v", f, got, err, want, failed)
		}
		if _, ok := appendHot(f); ok {
			hot++
		}
	})
	if hot == 0 {
		t.Error("none of the frames was written by hand")
	}
}

func eventOf(t *rapid.T, texts *rapid.Generator[string]) Event {
	e := Event{
		N: rapid.Int64().Draw(t, "n"), Tag: rapid.Uint32().Draw(t, "tag"), Kind: chat.Kind(texts.Draw(t, "kind")), V: rapid.Int().Draw(t, "v"),
		At: rapid.Int64().Draw(t, "at"), ID: texts.Draw(t, "id"), Private: rapid.Bool().Draw(t, "private"), Text: texts.Draw(t, "text"),
		By: Person{Kind: chat.ActorKind(texts.Draw(t, "by")), ID: rapid.Int64().Draw(t, "who"), Name: texts.Draw(t, "name")},
	}
	switch rapid.IntRange(0, 9).Draw(t, "more") {
	case 0:
		e.Rev = 1
	case 1:
		e.Erased = true
	case 2:
		e.Round = &RoundChange{Number: 1}
	case 3:
		e.Target = &Event{N: 1}
	case 5:
		e.Broadcast = rapid.Int64().Draw(t, "broadcast")
	case 4:
		e.Fallback = texts.Draw(t, "fallback")
	}
	return e
}

func BenchmarkEncode(b *testing.B) {
	id := uuid.Must(uuid.NewV7())
	event := ServerEvent{C: id, E: Event{
		N: 12, Tag: 4125628825, Kind: chat.Message, V: 1, At: 1750000002000, By: Person{Kind: chat.AgentActor, ID: 126871239812399999, Name: "Ada"},
		ID: id.String(), Text: "Is the blue one still there? I would take two of them.",
	}}
	for name, f := range map[string]Frame{"event": event, "ack": ServerAck{ID: id, C: id, N: 12, Tag: 4125628825, At: 1750000002000}} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				if _, err := Encode(f); err != nil {
					b.Fatal(err)
				}
			}
		})
		b.Run(name+"/reflected", func(b *testing.B) {
			b.ReportAllocs()
			for range b.N {
				if _, err := json.Marshal(f.typed()); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
