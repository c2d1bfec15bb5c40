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
		!strings.ContainsFunc(name, unseen) && (name == AgentName || !looksLikeAgent(name))
}

// The joiners stand in emoji and in Persian words; every other invisible letter only hides something.
const (
	nonJoiner = '\u200c'
	joiner    = '\u200d'
)

func unseen(r rune) bool {
	return r == utf8.RuneError || r != joiner && r != nonJoiner && unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}

// looksLikeAgent tells whether a person would read AgentName: in other cases, widths and
// accents, with spaces or hyphens, or in the letters of other alphabets that look the same.
func looksLikeAgent(name string) bool {
	plain := strings.Map(func(r rune) rune {
		if unicode.In(r, unicode.Mn, unicode.Cf, unicode.Zs, unicode.Pc, unicode.Pd) {
			return -1
		}
		return alike(unicode.ToLower(r))
	}, norm.NFKD.String(name))
	return plain == "superadmin"
}

// alike is the Latin letter that looks like this one of another alphabet, or this digit,
// among those of AgentName.
func alike(r rune) rune {
	switch r {
	case 'ѕ', '5', '$':
		return 's'
	case 'υ', 'ս':
		return 'u'
	case 'р', 'ρ':
		return 'p'
	case 'е', '3':
		return 'e'
	case 'г':
		return 'r'
	case 'а', 'α', '4', '@':
		return 'a'
	case 'ԁ':
		return 'd'
	case 'м', 'μ':
		return 'm'
	case 'і', 'ı', 'ι', '1', '|', '!', 'l':
		return 'i'
	case 'п', 'η':
		return 'n'
	}
	return r
}
