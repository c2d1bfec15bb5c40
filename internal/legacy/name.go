package legacy

import (
	"strings"
	"unicode"
	"unicode/utf8"
)

// AgentName is the name of the one account that answers; every other one is a customer's.
const AgentName = "super_admin"

// MaxName bounds a name, in bytes.
const MaxName = 64

// GoodName tells whether this can be a name: text that a person can read, neither
// empty nor with spaces around it.
func GoodName(name string) bool {
	return name != "" && len(name) <= MaxName && utf8.ValidString(name) && strings.TrimSpace(name) == name &&
		!strings.ContainsFunc(name, func(r rune) bool { return unicode.IsControl(r) || r == utf8.RuneError })
}
