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
		Edited  bool       `json:"edited,omitempty"`  // then "earlier" may follow
		Carried bool       `json:"carried,omitempty"` // the text went along to the log-in's conversation
		Removed bool       `json:"removed,omitempty"` // taken back, or erased
		Files   []jsonFile `json:"files,omitempty"`
	}
	jsonEarlier struct {
		ReplacedAt string `json:"replaced_at"`
		Text       string `json:"text"`
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

func (p *part) visitor() jsonVisitor {
	k := &p.known
	v := jsonVisitor{
		ID: p.subject.Visitor, CreatedAt: stamp(k.CreatedAt), External: k.External,
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
		By: jsonPerson{event.By.Kind, event.By.Name}, Text: text.Text, Edited: event.Rev > 0, Removed: event.Erased(), Carried: text.Carried,
	}
	for _, f := range text.Files {
		out.Files = append(out.Files, jsonFile{f.Name, f.Type, f.Size, fileEntry(f)})
	}
	return out, err
}

// writeJSON writes {"exported_at", "visitor", "events", "before"}, an event on each line;
// before are those that the visitor was, {"visitor", "events"} each.
func (e *Export) writeJSON(ctx context.Context, w io.Writer) error {
	if _, err := io.WriteString(w, `{"exported_at":"`+stamp(e.at)+`",`); err != nil {
		return err
	}
	if err := e.writePart(ctx, w, &e.part); err != nil {
		return err
	}
	between, end := `,"before":[{`, "}\n"
	err := e.eachBefore(ctx, func(p *part) error {
		_, err := io.WriteString(w, between)
		between, end = `},{`, "}]}\n"
		if err == nil {
			err = e.writePart(ctx, w, p)
		}
		return err
	})
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, end)
	return err
}

// writePart writes the members "visitor" and "events".
func (e *Export) writePart(ctx context.Context, w io.Writer, p *part) error {
	visitor, err := json.Marshal(p.visitor())
	if err != nil {
		return err
	}
	if _, err := io.WriteString(w, `"visitor":`+string(visitor)+`,"events":[`); err != nil {
		return err
	}
	before := "\n"
	err = e.events(ctx, p, func(events []chat.Event) error {
		for i := range events {
			if _, err := io.WriteString(w, before); err != nil {
				return err
			}
			if err := e.writeEvent(ctx, w, p, &events[i]); err != nil {
				return err
			}
			before = ",\n"
		}
		return nil
	})
	if err != nil {
		return err
	}
	_, err = io.WriteString(w, "\n]")
	return err
}

// writeEvent writes an event, with "earlier", the texts that it had before, as its last
// member: there may be many.
func (e *Export) writeEvent(ctx context.Context, w io.Writer, p *part, event *chat.Event) error {
	one, err := e.event(event)
	if err != nil {
		return err
	}
	line, err := json.Marshal(one)
	if err != nil {
		return err
	}
	if _, err := w.Write(line[:len(line)-1]); err != nil {
		return err
	}
	between, end := `,"earlier":[`, "}"
	err = e.earlier(ctx, p, event, func(was Earlier, text string) error {
		said, err := json.Marshal(jsonEarlier{stamp(was.ReplacedAt), text})
		if err == nil {
			_, err = io.WriteString(w, between+string(said))
		}
		between, end = ",", "]}"
		return err
	})
	if err == nil {
		_, err = io.WriteString(w, end)
	}
	return err
}
