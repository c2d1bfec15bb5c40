package client

import (
	"bytes"
	"strconv"

	"github.com/go-json-experiment/json/jsontext"

	"github.com/kefu-chat/kefu/internal/chat"
)

// object walks over the members of a JSON object, or the elements of an array,
// which the server is trusted to have written well: what is no JSON ends the walk.
type object struct {
	b []byte
	i int
}

func walk(b []byte) object {
	i := space(b, 0)
	if i >= len(b) || b[i] != '{' && b[i] != '[' {
		return object{}
	}
	return object{b: b, i: i + 1}
}

// member is the next name, without quotes, and its raw value.
func (o *object) member() (name, value []byte, ok bool) {
	i := o.start()
	if i >= len(o.b) || o.b[i] != '"' {
		return nil, nil, false
	}
	end := stringEnd(o.b, i)
	if end > len(o.b) {
		return nil, nil, false
	}
	name = o.b[i+1 : end-1]
	i = space(o.b, end)
	if i >= len(o.b) || o.b[i] != ':' {
		return nil, nil, false
	}
	i = space(o.b, i+1)
	end = valueEnd(o.b, i)
	value, o.i = o.b[i:end], end
	return name, value, len(value) > 0
}

// element is the next raw value of an array.
func (o *object) element() (value []byte, ok bool) {
	i := o.start()
	if i >= len(o.b) || o.b[i] == ']' {
		return nil, false
	}
	end := valueEnd(o.b, i)
	value, o.i = o.b[i:end], end
	return value, len(value) > 0
}

// start skips the comma before the next member.
func (o *object) start() int {
	i := space(o.b, o.i)
	if i < len(o.b) && o.b[i] == ',' {
		i = space(o.b, i+1)
	}
	return i
}

func space(b []byte, i int) int {
	for i < len(b) && (b[i] == ' ' || b[i] == '\n' || b[i] == '\t' || b[i] == '\r') {
		i++
	}
	return i
}

// stringEnd is the index behind the closing quote of the string at i, or beyond the end.
func stringEnd(b []byte, i int) int {
	for j := i + 1; ; {
		n := bytes.IndexByte(b[min(j, len(b)):], '"')
		if n < 0 {
			return len(b) + 1
		}
		quote := j + n
		k := quote
		for k > i+1 && b[k-1] == '\\' {
			k--
		}
		if (quote-k)%2 == 0 {
			return quote + 1
		}
		j = quote + 1
	}
}

// valueEnd is the index behind the value at i.
func valueEnd(b []byte, i int) int {
	depth := 0
	for i < len(b) {
		switch b[i] {
		case '"':
			i = min(stringEnd(b, i), len(b))
			if depth == 0 {
				return i
			}
			continue
		case '{', '[':
			depth++
		case '}', ']':
			if depth == 0 {
				return i
			}
			if depth--; depth == 0 {
				return i + 1
			}
		case ',', ' ', '\n', '\r', '\t':
			if depth == 0 {
				return i
			}
		}
		i++
	}
	return i
}

// text is the content of a raw JSON string, "" for anything else.
func text(raw []byte) string {
	if len(raw) < 2 || raw[0] != '"' {
		return ""
	}
	if bytes.IndexByte(raw, '\\') < 0 {
		return string(raw[1 : len(raw)-1])
	}
	out, err := jsontext.AppendUnquote(nil, raw)
	if err != nil {
		return ""
	}
	return string(out)
}

// inner is a raw JSON string without its quotes; escapes stay.
func inner(raw []byte) []byte {
	if len(raw) < 2 || raw[0] != '"' {
		return nil
	}
	return raw[1 : len(raw)-1]
}

func number(raw []byte) int64 {
	var n int64
	for _, c := range raw {
		if c < '0' || c > '9' {
			n, _ := strconv.ParseInt(string(raw), 10, 64)
			return n
		}
		n = n*10 + int64(c-'0')
	}
	return n
}

// id reads a UUID; the zero one for anything else.
func id(raw []byte) (u chat.ClientID) {
	_ = u.UnmarshalText(inner(raw))
	return u
}

// kinds and persons keep one string for each name that comes all the time.
func kind(raw []byte) chat.Kind {
	switch k := inner(raw); chat.Kind(k) {
	case chat.Message:
		return chat.Message
	case chat.Note:
		return chat.Note
	case chat.Opened:
		return chat.Opened
	case chat.AssignedTo:
		return chat.AssignedTo
	default:
		return chat.Kind(k)
	}
}

func person(raw []byte) chat.ActorKind {
	switch k := inner(raw); chat.ActorKind(k) {
	case chat.VisitorActor:
		return chat.VisitorActor
	case chat.AgentActor:
		return chat.AgentActor
	default:
		return chat.ActorKind(k)
	}
}
