package ws

import "unicode/utf8"

// utf8Stream checks text that arrives in pieces. It fails at the first byte
// that no valid text can contain, not at the end of the message.
type utf8Stream struct {
	tail [utf8.UTFMax]byte // the start of a character that the pieces cut
	n    int
}

// push reports whether the text so far, with piece, can still become valid.
func (s *utf8Stream) push(piece []byte) bool {
	for s.n > 0 && len(piece) > 0 {
		s.tail[s.n] = piece[0]
		s.n++
		piece = piece[1:]
		if !utf8.FullRune(s.tail[:s.n]) {
			continue
		}
		if r, size := utf8.DecodeRune(s.tail[:s.n]); r == utf8.RuneError && size == 1 {
			return false
		}
		s.n = 0
	}
	if cut := cutRune(piece); cut > 0 {
		s.n = copy(s.tail[:], piece[len(piece)-cut:])
		piece = piece[:len(piece)-cut]
	}
	return utf8.Valid(piece)
}

// whole reports whether no character is cut at the end.
func (s *utf8Stream) whole() bool { return s.n == 0 }

// cutRune returns the length of the incomplete, so far valid character at the
// end of b.
func cutRune(b []byte) int {
	for n := 1; n <= min(len(b), utf8.UTFMax-1); n++ {
		if c := b[len(b)-n]; utf8.RuneStart(c) {
			if utf8.FullRune(b[len(b)-n:]) {
				return 0
			}
			return n
		}
	}
	return 0
}
