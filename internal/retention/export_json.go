package retention

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
)

// What the archive's JSON looks like. Times are RFC 3339 in UTC.
type (
	jsonVisitor struct {
		ID           chat.VisitorID  `json:"id,string"`
		CreatedAt    string          `json:"created_at"`
		External     string          `json:"external_id,omitempty"`
		Said         json.RawMessage `json:"said,omitempty"`
		Vouched      json.RawMessage `json:"vouched,omitempty"`
		Told         json.RawMessage `json:"told,omitempty"`
		NoBroadcasts bool            `json:"no_broadcasts,omitempty"`
		Names        []string        `json:"names,omitempty"`
		Logins       []jsonLogin     `json:"log_ins,omitempty"`
	}
	jsonLogin struct {
		MadeAt     string `json:"made_at"`
		LastUsedAt string `json:"last_used_at"`
	}
	jsonEvent struct {
		Number  int64      `json:"number"`
		At      string     `json:"at"`
		Kind    chat.Kind  `json:"kind"`
		Public  bool       `json:"public"`
		By      jsonPerson `json:"by"`
		Text    string     `json:"text,omitempty"`
		Edited  bool       `json:"edited,omitempty"`
		Removed bool       `json:"removed,omitempty"` // taken back, or erased
		Files   []jsonFile `json:"files,omitempty"`
	}
	jsonPerson struct {
		Kind chat.ActorKind `json:"kind"`
		Name string         `json:"name,omitempty"`
	}
	jsonFile struct {
		Name string `json:"name"`
		Type string `json:"type"`
		Size int64  `json:"size"`
		Path string `json:"path"` // in the archive
	}
)

func stamp(at chat.Millis) string { return at.Time().UTC().Format(time.RFC3339) }

func (e *Export) visitor() jsonVisitor {
	k := &e.known
	v := jsonVisitor{
		ID: e.subject.Visitor, CreatedAt: stamp(k.CreatedAt), External: k.External,
		Said: json.RawMessage(k.Said), Vouched: json.RawMessage(k.Vouched), Told: json.RawMessage(k.Told),
		NoBroadcasts: k.NoBroadcasts, Names: k.Names,
	}
	for _, l := range k.Logins {
		v.Logins = append(v.Logins, jsonLogin{stamp(l.MadeAt), stamp(l.LastUsedAt)})
	}
	return v
}

func (e *Export) number(event *chat.Event) int64 {
	if e.wish.Notes {
		return event.Seq
	}
	return event.PublicSeq
}

func (e *Export) event(event *chat.Event) (jsonEvent, error) {
	text, err := textOf(event)
	out := jsonEvent{
		Number: e.number(event), At: stamp(event.At), Kind: event.Kind, Public: event.Public,
		By: jsonPerson{event.By.Kind, event.By.Name}, Text: text.Text, Edited: event.Rev > 0, Removed: event.Erased(),
	}
	for _, f := range text.Files {
		out.Files = append(out.Files, jsonFile{f.Name, f.Type, f.Size, fileEntry(f)})
	}
	return out, err
}

// writeJSON writes {"exported_at", "visitor", "events"}, an event on each line.
func (e *Export) writeJSON(ctx context.Context, w io.Writer) error {
	visitor, err := json.Marshal(e.visitor())
	if err != nil {
		return err
	}
	if _, err := io.WriteString(w, `{"exported_at":"`+stamp(e.at)+`","visitor":`+string(visitor)+`,"events":[`); err != nil {
		return err
	}
	before := "\n"
	err = e.events(ctx, func(events []chat.Event) error {
		for i := range events {
			one, err := e.event(&events[i])
			if err != nil {
				return err
			}
			line, err := json.Marshal(one)
			if err != nil {
				return err
			}
			if _, err := io.WriteString(w, before+string(line)); err != nil {
				return err
			}
			before = ",\n"
		}
		return nil
	})
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, "\n]}\n")
	return err
}
