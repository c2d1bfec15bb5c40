package client

import (
	"fmt"

	"github.com/go-json-experiment/json"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/wire"
)

// Event is what a session reads of an event at once; the rest on demand.
type Event struct {
	N       int64
	Tag     uint32
	Kind    chat.Kind
	By      chat.ActorKind
	Private bool
	// ID is the client_id of an event of our own.
	ID chat.ClientID

	raw  []byte
	body []byte
}

// Text is the text of a message or note.
func (e *Event) Text() string { return text(e.body) }

// Whole decodes everything.
func (e *Event) Whole() (wire.Event, error) {
	var out wire.Event
	if err := json.Unmarshal(e.raw, &out); err != nil {
		return out, fmt.Errorf("event %d: %w", e.N, err)
	}
	return out, nil
}

func readEvent(e *Event, raw []byte) {
	*e = Event{raw: raw}
	o := walk(raw)
	for {
		name, value, ok := o.member()
		if !ok {
			return
		}
		switch string(name) {
		case "n":
			e.N = number(value)
		case "tag":
			e.Tag = uint32(number(value))
		case "kind":
			e.Kind = kind(value)
		case "by":
			e.By = readKind(value)
		case "id":
			e.ID = id(value)
		case "private":
			e.Private = string(value) == "true"
		case "text":
			e.body = value
		}
	}
}

func readKind(raw []byte) chat.ActorKind {
	o := walk(raw)
	for {
		name, value, ok := o.member()
		if !ok {
			return ""
		}
		if string(name) == "kind" {
			return person(value)
		}
	}
}

// page is a page as it came, its events still raw.
type page struct {
	events                 []byte // array
	head                   wire.Position
	more, reset, truncated bool
}

func readPage(raw []byte) (p page) {
	o := walk(raw)
	for {
		name, value, ok := o.member()
		if !ok {
			return p
		}
		switch string(name) {
		case "events":
			p.events = value
		case "head":
			p.head = readPosition(value)
		case "more":
			p.more = string(value) == "true"
		case "reset":
			p.reset = string(value) == "true"
		case "truncated":
			p.truncated = string(value) == "true"
		}
	}
}

func readPosition(raw []byte) (p wire.Position) {
	o := walk(raw)
	for {
		name, value, ok := o.member()
		if !ok {
			return p
		}
		switch string(name) {
		case "n":
			p.N = number(value)
		case "tag":
			p.Tag = uint32(number(value))
		}
	}
}
