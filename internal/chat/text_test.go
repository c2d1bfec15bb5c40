package chat_test

import (
	"strings"
	"testing"

	"github.com/kefu-chat/kefu/internal/chat"
)

func TestCheckText(t *testing.T) {
	for name, tc := range map[string]struct {
		text string
		code chat.Code // empty: passes
	}{
		"a word":                  {"hello", ""},
		"kept as it is":           {"  \n你好\t ", ""},
		"20,000 emoji":            {strings.Repeat("😀", 20000), ""},
		"20,001 emoji":            {strings.Repeat("😀", 20001), chat.TextTooLong},
		"20,000 letters":          {strings.Repeat("a", 20000), ""},
		"20,001 letters":          {strings.Repeat("a", 20001), chat.TextTooLong},
		"20,001 blanks":           {strings.Repeat(" ", 20001), chat.TextTooLong},
		"nothing":                 {"", chat.BlankText},
		"white space":             {" \t\r\n\v\f\u0085\u00a0\u1680\u2003\u2028\u2029\u202f\u3000", chat.BlankText},
		"zero width":              {"\u200b\u200c\u200d\u2060\ufeff\u00ad", chat.BlankText},
		"marks of direction":      {"\u200e\u200f\u202a\u202e\u2066\u2069\u061c", chat.BlankText},
		"fillers":                 {"\u115f\u1160\u3164\uffa0\u2800\u034f", chat.BlankText},
		"variation selectors":     {"\ufe0f\U000e0100", chat.BlankText},
		"controls":                {"\x01\x1b\x7f", chat.BlankText},
		"zero width in a word":    {"a\u200bb", ""},
		"an emoji with a joiner":  {"👩\u200d💻", ""},
		"one dot":                 {".", ""},
		"U+0000":                  {"a\x00b", chat.BadText},
		"U+0000 alone":            {"\x00", chat.BadText},
		"bad UTF-8":               {"a\xff", chat.BadText},
		"half an emoji":           {"😀"[:3], chat.BadText},
		"a surrogate":             {"\xed\xa0\xbd", chat.BadText},
		"an overlong U+0000":      {"\xc0\x80", chat.BadText},
		"the replacement is fine": {"\ufffd", ""},
	} {
		t.Run(name, func(t *testing.T) {
			err := chat.CheckText(tc.text, chat.MaxTextCodePoints)
			if tc.code == "" {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			if err == nil || chat.CodeOf(err) != tc.code {
				t.Errorf("got %v, want %s", err, tc.code)
			}
		})
	}
}

func TestOneLine(t *testing.T) {
	for text, want := range map[string]string{
		"": "", "Lin 林 👩‍🔧": "Lin 林 👩‍🔧", "a\nb\tc\u0085": "abc", "\u202eevil\u2069": "evil", "\u200e\u200f\u061cx": "\u200e\u200f\u061cx", "a\x00b\x7f": "ab", "bad\xff": "bad\ufffd",
	} {
		if got := chat.OneLine(text); got != want {
			t.Errorf("%q becomes %q, want %q", text, got, want)
		}
		if got := chat.IsOneLine(text); got != (text == want) {
			t.Errorf("%q is one line: %t", text, got)
		}
	}
}
