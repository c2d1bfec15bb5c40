package chat

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// MaxTextCodePoints bounds the text of a message and a note, unless configured lower.
const MaxTextCodePoints = 20000

// CheckText refuses what may not become the text of a message or note. What
// passes is stored as it came: nothing is trimmed or replaced.
func CheckText(text string, maxCodePoints int) error {
	if !utf8.ValidString(text) {
		return Refuse(BadText, "the text is not valid UTF-8: send well-formed Unicode")
	}
	if strings.IndexByte(text, 0) >= 0 {
		return Refuse(BadText, "the text contains U+0000: remove it")
	}
	if len(text) > maxCodePoints {
		if n := utf8.RuneCountInString(text); n > maxCodePoints {
			return Refuse(TextTooLong, "the text has %d characters: at most %d are allowed", n, maxCodePoints)
		}
	}
	if blank(text) {
		return Refuse(BlankText, "the text is blank: write something")
	}
	return nil
}

// blank looks past what no reader can see: white space, controls, and the
// zero-width characters, fillers and marks of direction that a paste leaves behind.
func blank(text string) bool {
	for _, r := range text {
		if !unicode.IsSpace(r) && !invisible(r) {
			return false
		}
	}
	return true
}

func invisible(r rune) bool {
	const brailleBlank = '\u2800'
	return r == brailleBlank ||
		unicode.In(r, unicode.Cc, unicode.Cf, unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector)
}

// OneLine drops what would change the words around a text that agents see among
// others: control characters, and those that turn the direction of writing until
// something ends it. Marks of direction (U+200E, U+200F, U+061C) stay.
func OneLine(s string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsControl(r) || r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' {
			return -1
		}
		return r
	}, s)
}

// IsOneLine tells whether a text can stand among others as it is: OneLine would drop
// nothing of it, and all of it is valid UTF-8.
func IsOneLine(s string) bool { return OneLine(s) == s }
