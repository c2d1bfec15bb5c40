package site

import (
	"net"
	"net/netip"
	"net/url"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"

	"github.com/kefu-chat/kefu/internal/chat"
)

// The bounds of a site's settings.
const (
	MaxName      = 80 // code points
	MaxTitle     = 80
	MaxGreeting  = 1000
	MaxOrigins   = 50
	maxOriginLen = 300
	MaxFileTypes = 100
	minGoal      = 10
	maxGoal      = 24 * 60 * 60
	// MinRetainDays is as long as a client repeats a message by itself whose answer was
	// lost: it is known again by the one that was kept.
	MinRetainDays = 7
	MaxRetainDays = 3650
)

var brandForm = regexp.MustCompile(`^#[0-9a-f]{6}$`)

// CheckName is the name as it is stored. Errors: FieldError for field.
func CheckName(field, name string) (string, error) {
	name = norm.NFC.String(strings.TrimSpace(name))
	switch {
	case name == "":
		return "", Bad(field, "A name is needed.")
	case !chat.IsOneLine(name):
		return "", Bad(field, "A name is one line of readable characters.")
	case utf8.RuneCountInString(name) > MaxName:
		return "", Bad(field, "A name has at most %d characters.", MaxName)
	}
	return name, nil
}

// Check is the settings as they are stored: origins normalised, words trimmed.
// Errors: FieldError with the path of the field.
func (s Settings) Check() (Settings, error) {
	origins, err := checkOrigins(s.Origins)
	if err != nil {
		return s, err
	}
	s.Origins = origins
	if s.Look, err = s.Look.check(); err != nil {
		return s, err
	}
	if s.AnswerGoalSeconds < minGoal || s.AnswerGoalSeconds > maxGoal {
		return s, Bad("settings.answer_goal_seconds", "The goal is %d to %d seconds.", minGoal, maxGoal)
	}
	if s.FileTypes, err = checkFileTypes(s.FileTypes); err != nil {
		return s, err
	}
	if s.RetainDays != 0 && (s.RetainDays < MinRetainDays || s.RetainDays > MaxRetainDays) {
		return s, Bad("settings.retain_days", "Rounds are kept for %d to %d days, or for ever: 0.", MinRetainDays, MaxRetainDays)
	}
	return s, nil
}

var fileTypeForm = regexp.MustCompile(`^[a-z0-9][a-z0-9.+-]{0,60}/([a-z0-9][a-z0-9.+-]{0,80}\*?|\*)$`)

// checkFileTypes is the list in lower case, each once. What runs in a browser by
// itself may stand in it: such a file is never opened there.
func checkFileTypes(types []string) ([]string, error) {
	if len(types) > MaxFileTypes {
		return nil, Bad("settings.file_types", "At most %d types are allowed.", MaxFileTypes)
	}
	if types == nil { // a client that does not know of files leaves them as they are for most
		return DefaultFileTypes(), nil
	}
	kept := make([]string, 0, len(types))
	for i, one := range types {
		one = strings.ToLower(strings.TrimSpace(one))
		if !fileTypeForm.MatchString(one) {
			return nil, Bad("settings.file_types["+strconv.Itoa(i)+"]", "A type is a content type such as application/pdf, or its beginning with * such as image/*.")
		}
		if !slices.Contains(kept, one) {
			kept = append(kept, one)
		}
	}
	return kept, nil
}

func (l Look) check() (Look, error) {
	l.Brand = strings.ToLower(strings.TrimSpace(l.Brand))
	if !brandForm.MatchString(l.Brand) {
		return l, Bad("settings.look.brand", "A colour is # and six hexadecimal digits, such as #2a4fd6.")
	}
	var err error
	if l.Title, err = words("settings.look.title", l.Title, MaxTitle, false); err != nil {
		return l, err
	}
	if l.Greeting, err = words("settings.look.greeting", l.Greeting, MaxGreeting, true); err != nil {
		return l, err
	}
	for _, choice := range []struct {
		field, value string
		among        []string
	}{
		{"settings.look.placement", l.Placement, []string{"right", "left"}},
		{"settings.look.language", l.Language, []string{"auto", "zh-CN", "en"}},
		{"settings.look.theme", l.Theme, []string{"auto", "light", "dark"}},
	} {
		if !slices.Contains(choice.among, choice.value) {
			return l, Bad(choice.field, "Choose one of %s.", strings.Join(choice.among, ", "))
		}
	}
	return l, nil
}

func words(field, text string, most int, lines bool) (string, error) {
	text = norm.NFC.String(strings.TrimSpace(text))
	switch {
	case !plain(text, lines):
		return "", Bad(field, "The text contains characters that cannot be read.")
	case utf8.RuneCountInString(text) > most:
		return "", Bad(field, "The text has at most %d characters.", most)
	}
	return text, nil
}

// plain tells whether a text is valid and free of control characters, line ends aside.
func plain(text string, lines bool) bool {
	if !utf8.ValidString(text) {
		return false
	}
	for _, r := range text {
		if unicode.IsControl(r) && (!lines || r != '\n') {
			return false
		}
	}
	return true
}

func checkOrigins(origins []string) ([]string, error) {
	if len(origins) > MaxOrigins {
		return nil, Bad("settings.origins", "At most %d addresses are allowed.", MaxOrigins)
	}
	kept := make([]string, 0, len(origins))
	for i, o := range origins {
		field := "settings.origins[" + strconv.Itoa(i) + "]"
		norm, ok := NormalOrigin(o)
		if !ok {
			return nil, Bad(field, "An address is http:// or https://, a host, and a port if it has one, such as https://www.example.com.")
		}
		if !slices.Contains(kept, norm) {
			kept = append(kept, norm)
		}
	}
	return kept, nil
}

// NormalOrigin is an origin as browsers send it: lower case, without the
// scheme's own port, an international host in its ASCII form as typed. A
// trailing slash is forgiven; a path, a wildcard, a user are not.
func NormalOrigin(s string) (string, bool) {
	s = strings.TrimSuffix(strings.TrimSpace(s), "/")
	if s == "" || len(s) > maxOriginLen {
		return "", false
	}
	u, err := url.Parse(s)
	if err != nil || !bareOrigin(u) || strings.ContainsAny(s, "?#") {
		return "", false
	}
	scheme := strings.ToLower(u.Scheme)
	host, known := normalHost(u.Hostname())
	port, fits := normalPort(scheme, u.Port())
	switch {
	case !known || !fits || strings.HasSuffix(u.Host, ":"):
		return "", false
	case port != "":
		return scheme + "://" + net.JoinHostPort(host, port), true
	case strings.Contains(host, ":"):
		return scheme + "://[" + host + "]", true
	}
	return scheme + "://" + host, true
}

// bareOrigin tells whether the address is a scheme with host and port and nothing else.
func bareOrigin(u *url.URL) bool {
	return u.User == nil && u.Path == "" && u.RawQuery == "" && u.Fragment == "" && u.Opaque == ""
}

// normalPort is the port as an origin shows it, "" for the scheme's own.
func normalPort(scheme, port string) (string, bool) {
	own, known := map[string]string{"http": "80", "https": "443"}[scheme]
	if port == "" || port == own {
		return "", known
	}
	n, err := strconv.Atoi(port)
	return port, known && err == nil && n >= 1 && n <= 65535 && strconv.Itoa(n) == port
}

var hostForm = regexp.MustCompile(`^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?(\.[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?)*$`)

func normalHost(host string) (string, bool) {
	host = strings.ToLower(host)
	if a, err := netip.ParseAddr(host); err == nil {
		return a.String(), a.Zone() == ""
	}
	return host, len(host) <= 253 && hostForm.MatchString(host)
}
