package wire

import "bytes"

// envelope is what one quick pass over a frame finds before it is decoded: the
// raw values of a few members of the outermost object, and how deep it nests.
// The pass judges nothing: whether the frame is valid JSON, decoding tells.
type envelope struct {
	t, id, c, after, r []byte // strings without their quotes, escapes untouched
	depth              int
}

func (e *envelope) slot(name []byte) *[]byte {
	switch string(name) {
	case "t":
		return &e.t
	case "id":
		return &e.id
	case "c":
		return &e.c
	case "after":
		return &e.after
	case "r":
		return &e.r
	}
	return nil
}

// scan reads the envelope. Names that are written with escapes are not found.
func scan(data []byte) envelope {
	var e envelope
	var name []byte
	depth, value := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; c {
		case '{', '[':
			depth++
			e.depth = max(e.depth, depth)
		case '}', ']':
			depth--
		case ':':
			value = value || depth == 1
		case ',':
			value = value && depth != 1
		case '"':
			end := stringEnd(data, i+1)
			if depth == 1 {
				name = e.keep(name, data[i+1:end], value)
			}
			i = end
		case '-', '0', '1', '2', '3', '4', '5', '6', '7', '8', '9':
			end := numberEnd(data, i)
			if depth == 1 && value && string(name) == "r" {
				e.r = data[i:end]
			}
			i = end - 1
		}
	}
	return e
}

// keep takes a string of the outermost object: a name, or the value of the last name.
func (e *envelope) keep(name, text []byte, value bool) []byte {
	if !value {
		return text
	}
	if slot := e.slot(name); slot != nil && string(name) != "r" {
		*slot = text
	}
	return name
}

// stringEnd is the index of the quote that ends the string starting at i, or len(data).
func stringEnd(data []byte, i int) int {
	for start := i; ; {
		n := bytes.IndexByte(data[i:], '"')
		if n < 0 {
			return len(data)
		}
		end := i + n
		escapes := 0
		for k := end - 1; k >= start && data[k] == '\\'; k-- {
			escapes++
		}
		if escapes%2 == 0 {
			return end
		}
		i = end + 1
	}
}

// numberEnd is the index behind the number at i, whatever its form.
func numberEnd(data []byte, i int) int {
	for i < len(data) && bytes.IndexByte([]byte("+-.0123456789Ee"), data[i]) >= 0 {
		i++
	}
	return i
}

// canonical tells whether a string that parses as a UUID is written in the one
// form that the answer will have: 36 characters, lower case.
func canonical(raw []byte) bool {
	for _, c := range raw {
		if (c < '0' || c > '9') && (c < 'a' || c > 'f') && c != '-' {
			return false
		}
	}
	return len(raw) == 36
}
