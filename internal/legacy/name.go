package legacy

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

// AgentName is the name of the one account that answers; every other one is a customer's.
const AgentName = "super_admin"

// MaxName bounds a name, in bytes.
const MaxName = 64

// GoodName tells whether this can be a name: text that a person can read, neither
// empty nor with spaces around it, and not what looks like AgentName and is not.
func GoodName(name string) bool {
	return name != "" && len(name) <= MaxName && utf8.ValidString(name) && strings.TrimSpace(name) == name &&
		!hides(name) && (name == AgentName || !looksLikeAgent(name))
}

// The joiners stand in emoji and in Persian and Indian words, and the last one makes an
// emoji of a sign; every other invisible letter only hides something.
const (
	nonJoiner  = '\u200c'
	joiner     = '\u200d'
	emojiStyle = '\ufe0f'
)

// brailleBlank has a width, and nothing to see.
const brailleBlank = '\u2800'

// hides tells whether there is something in a name that nobody sees.
func hides(name string) bool {
	before := rune(0)
	for _, r := range name {
		switch {
		case r == joiner || r == nonJoiner || r == emojiStyle:
			if before == 0 || before < utf8.RuneSelf || unicode.In(before, unicode.Latin, unicode.Greek, unicode.Cyrillic, unicode.Han) {
				return true // it does nothing there
			}
		case r == utf8.RuneError || r == brailleBlank, unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp,
			unicode.Other_Default_Ignorable_Code_Point, unicode.Variation_Selector):
			return true
		}
		before = r
	}
	return false
}

// looksLikeAgent tells whether a person would read AgentName: in other cases, widths and
// accents, among spaces, hyphens and signs, or in letters of other alphabets that look the same.
func looksLikeAgent(name string) bool {
	plain := func(alike func(rune) rune) string {
		return strings.Map(func(r rune) rune {
			if r = alike(unicode.ToLower(r)); !unicode.In(r, unicode.L, unicode.N) {
				return -1
			}
			return r
		}, norm.NFKD.String(name))
	}
	return plain(alike) == "superadmin" || plain(func(r rune) rune { return alike(signAlike(r)) }) == "superadmin"
}

// signAlike is the letter that is written with this sign.
func signAlike(r rune) rune {
	switch r {
	case '$':
		return 's'
	case '@':
		return 'a'
	case '|', '!':
		return 'i'
	}
	return r
}

// alike is the Latin letter that looks like this one, of another alphabet, this small
// capital or this digit, among those of AgentName.
func alike(r rune) rune {
	switch r {
	case 'ѕ', 'ꜱ', 'ʂ', 'ꮪ', 'ꓢ', '5':
		return 's'
	case 'υ', 'ս', 'ᴜ', 'ʋ', 'ᥙ', 'ꭎ', 'ꭒ', 'ꓴ':
		return 'u'
	case 'р', 'ρ', 'ⲣ', 'ᴘ', 'ꮲ', 'ꓑ':
		return 'p'
	case 'е', 'ε', 'ҽ', 'ᴇ', 'ꭼ', 'ꓰ', '3':
		return 'e'
	case 'г', 'ʀ', 'ɾ', 'ᴦ', 'ꭱ', 'ꮢ', 'ꓣ':
		return 'r'
	case 'а', 'α', 'ɑ', 'ᴀ', 'ꭺ', 'ꓮ', '4':
		return 'a'
	case 'ԁ', 'ɗ', 'đ', 'ᴅ', 'ꭰ', 'ꓓ':
		return 'd'
	case 'м', 'μ', 'ᴍ', 'ꮇ', 'ꓟ':
		return 'm'
	case 'і', 'ı', 'ι', 'ɩ', 'ɪ', 'ӏ', 'ꭵ', 'ꓲ', '1', 'l':
		return 'i'
	case 'п', 'η', 'ո', 'ɴ', 'ᴎ', 'ꓠ':
		return 'n'
	}
	return r
}
