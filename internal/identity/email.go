package identity

import (
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/kefu-chat/kefu/internal/site"
)

const maxEmail = 254 // bytes, RFC 5321

// NormalEmail is how an e-mail address is stored and compared: trimmed, lower case, NFC.
func NormalEmail(s string) string {
	return norm.NFC.String(strings.ToLower(norm.NFC.String(strings.TrimSpace(s))))
}

// CheckEmail is the address in its normal form. Errors: FieldError for "email".
func CheckEmail(s string) (string, error) {
	valid := utf8.ValidString(s) // before bad bytes are replaced
	s = NormalEmail(s)
	at := strings.LastIndexByte(s, '@')
	switch {
	case s == "":
		return "", site.Bad("email", "An e-mail address is needed.")
	case at < 1 || at == len(s)-1:
		return "", site.Bad("email", "An e-mail address has a name, an @ and a host, such as name@example.com.")
	case len(s) > maxEmail:
		return "", site.Bad("email", "An e-mail address has at most %d bytes.", maxEmail)
	case !valid || !addressText(s):
		return "", site.Bad("email", "An e-mail address contains no spaces, commas or control characters.")
	case !completeHost(s[at+1:]):
		return "", site.Bad("email", "The part after @ is not complete. Add the ending, such as .com.")
	}
	return s, nil
}

func addressText(s string) bool {
	for _, r := range s {
		if unicode.IsSpace(r) || unicode.IsControl(r) || unicode.Is(unicode.Cf, r) || strings.ContainsRune(`<>()[],;:"\`, r) {
			return false
		}
	}
	return strings.Count(s, "@") == 1
}

func completeHost(host string) bool {
	labels := strings.Split(host, ".")
	for _, l := range labels {
		if l == "" || strings.HasPrefix(l, "-") || strings.HasSuffix(l, "-") {
			return false
		}
	}
	return len(labels) > 1 || host == "localhost"
}
