package chat

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// What is read without the decoder is what the decoder reads.
func TestPlainTextsAreReadAsTheDecoderReadsThem(t *testing.T) {
	parts := rapid.SampledFrom([]string{"hello", "客服", `"`, `\"`, `\\`, `\u003c`, "\xff", "\x00", "\n", "\x7f", "}", `{"text":"`, `"}`, `","b":"`, " "})
	plain := 0
	rapid.Check(t, func(t *rapid.T) {
		inner := ""
		for range rapid.IntRange(0, 4).Draw(t, "parts") {
			inner += parts.Draw(t, "part")
		}
		body := Body(`{"text":"` + inner + `"}`)
		want, failed := readBody[Text](body)
		got, err := body.Text()
		if (err != nil) != (failed != nil) || err == nil && !cmp.Equal(got, want) {
			t.Fatalf("%q: %v, %v; the decoder reads %v, %v", body, got, err, want, failed)
		}
		if _, ok := body.plainText(); ok {
			plain++
		}
	})
	if plain == 0 {
		t.Error("no body was read without the decoder")
	}
	for _, b := range []Body{nil, Body(`{}`), Body(`{"text":"`), Body(`{"text":"}`), Body(`[]`)} {
		want, failed := readBody[Text](b)
		if got, err := b.Text(); !cmp.Equal(got, want) || (err != nil) != (failed != nil) {
			t.Errorf("%q: %v, %v; want %v, %v", b, got, err, want, failed)
		}
	}
}
