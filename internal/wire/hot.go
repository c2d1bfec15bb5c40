package wire

import (
	"encoding/hex"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/kefu-chat/kefu/internal/chat"
)

// Acks and events that are new texts come for every message, so they are
// written by hand, at a fifth of what reflection takes. A test holds them to it.

// appendHot writes a frame of which there are many; false: it is another one.
func appendHot(f Frame) ([]byte, bool) {
	switch f := f.(type) {
	case ServerAck:
		return appendAck(make([]byte, 0, 192), &f), true
	case ServerEvent:
		if e := &f.E; e.Rev == 0 && !e.Erased && e.Round == nil && e.Target == nil && e.Files == nil && e.Broadcast == 0 && e.Via == nil && !e.Carried && e.Origin == nil && e.To.IsNil() && e.Fallback == "" {
			return appendText(make([]byte, 0, 320+len(e.Text)), &f)
		}
	}
	return nil, false
}

func appendAck(b []byte, f *ServerAck) []byte {
	b = appendUUID(append(b, `{"t":"ack","id":"`...), f.ID)
	b = appendUUID(append(b, `","c":"`...), f.C)
	b = strconv.AppendInt(append(b, `","n":`...), f.N, 10)
	b = strconv.AppendUint(append(b, `,"tag":`...), uint64(f.Tag), 10)
	b = strconv.AppendInt(append(b, `,"at":`...), f.At, 10)
	return append(b, '}')
}

// appendText writes an event with a text, if it has one; false: a string in it is not UTF-8.
func appendText(b []byte, f *ServerEvent) ([]byte, bool) {
	e, ok := &f.E, true
	quoted := func(name, s string) {
		var err error
		b, err = jsontext.AppendQuote(append(b, name...), s)
		ok = ok && err == nil
	}
	b = appendUUID(append(b, `{"t":"event","c":"`...), f.C)
	b = strconv.AppendInt(append(b, `","e":{"n":`...), e.N, 10)
	b = strconv.AppendUint(append(b, `,"tag":`...), uint64(e.Tag), 10)
	quoted(`,"kind":`, string(e.Kind))
	b = strconv.AppendInt(append(b, `,"v":`...), int64(e.V), 10)
	b = strconv.AppendInt(append(b, `,"at":`...), e.At, 10)
	quoted(`,"by":{"kind":`, string(e.By.Kind))
	if e.By.ID != 0 {
		b = strconv.AppendInt(append(b, `,"id":"`...), e.By.ID, 10)
		b = append(b, '"')
	}
	if e.By.Name != "" {
		quoted(`,"name":`, e.By.Name)
	}
	b = append(b, '}')
	if e.ID != "" {
		quoted(`,"id":`, e.ID)
	}
	if e.Private {
		b = append(b, `,"private":true`...)
	}
	if e.Text != "" {
		quoted(`,"text":`, e.Text)
	}
	return append(b, `}}`...), ok
}

// appendUUID writes the 36 characters of the canonical form.
func appendUUID(b []byte, u chat.ClientID) []byte {
	for i, end := range [...]int{4, 6, 8, 10, 16} {
		from := 0
		if i > 0 {
			b = append(b, '-')
			from = 2 + 2*i
		}
		b = hex.AppendEncode(b, u[from:end])
	}
	return b
}
