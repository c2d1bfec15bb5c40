package store

import (
	"bytes"
	"testing"

	"github.com/kefu-chat/kefu/internal/chat"
)

// FuzzScan reads whatever a column may hold into whatever we expect: an error or the value, never a panic.
func FuzzScan(f *testing.F) {
	f.Add(int64(1), "text", []byte("0123456789abcdef"))
	f.Add(int64(-1), "", []byte{})
	f.Fuzz(func(t *testing.T, n int64, s string, b []byte) {
		for _, v := range []any{n, s, b, nil, 1.5, true} {
			var event chat.Event
			var state chat.State
			var lastText int64
			for _, d := range append(scanEvent(&event), scanState(&state, &lastText)...) {
				_ = assign(d, v)
			}
		}
		var id clientID
		err := assign(&id, b)
		if (err == nil) != (len(b) == len(id)) || (err == nil && !bytes.Equal(id[:], b)) {
			t.Errorf("%x became %x, %v", b, id, err)
		}
		var body chat.Body
		if err := assign(&body, s); err != nil || string(body) != s {
			t.Errorf("%q became %q, %v", s, body, err)
		}
	})
}
