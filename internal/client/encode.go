package client

import (
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/kefu-chat/kefu/internal/wire"
)

// appendItem writes a command's frame. Messages and notes, which come all the
// time, are written by hand; a test holds them to wire.Encode.
func appendItem(b []byte, i *Item) []byte {
	c := i.c.id
	if !i.c.s.agent {
		c = [16]byte{}
	}
	if i.T == "send" || i.T == "note" {
		b = append(b, `{"t":"`...)
		b = append(b, i.T...)
		b = append(b, `","id":"`...)
		b = append(b, i.ID.String()...)
		if !c.IsNil() {
			b = append(b, `","c":"`...)
			b = append(b, c.String()...)
		}
		b = append(b, `","text":`...)
		b, err := jsontext.AppendQuote(b, i.Text)
		if err != nil {
			return b // not UTF-8: what AppendQuote made of it is sent, and refused or kept as such
		}
		return append(b, '}')
	}
	var frame wire.Frame = wire.ClientCommand{T: i.T, ID: i.ID, C: c, N: i.Target, Agent: i.Agent}
	if i.T == "edit" {
		frame = wire.ClientText{T: i.T, ID: i.ID, C: c, N: i.Target, Text: i.Text}
	}
	out, err := wire.Encode(frame)
	if err != nil {
		return append(b, `{"t":"bad"}`...) // a text that is not UTF-8: let the server refuse it
	}
	return append(b, out...)
}

func appendMark(b []byte, c *Conversation) []byte {
	b = append(b, `{"t":"mark"`...)
	if c.s.agent {
		b = append(b, `,"c":"`...)
		b = append(b, c.id.String()...)
		b = append(b, '"')
	}
	b = append(b, `,"received":`...)
	b = strconv.AppendInt(b, c.at.N, 10)
	b = append(b, `,"read":`...)
	b = strconv.AppendInt(b, c.at.N, 10)
	return append(b, '}')
}
