package files

import (
	"path"
	"slices"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/gabriel-vasile/mimetype"

	"github.com/kefu-chat/kefu/internal/chat"
)

// HeadBytes is how much of a file tells its type.
const HeadBytes = 3072

const unknownType = "application/octet-stream"

// TypeOf is the content type that bytes have, from the first HeadBytes of them,
// without parameters; the name is never asked.
func TypeOf(head []byte) string {
	text, _, _ := strings.Cut(mimetype.Detect(head).String(), ";")
	return strings.TrimSpace(text)
}

// Allowed tells whether a list of types names one: itself, or its beginning with "*".
func Allowed(list []string, typ string) bool {
	return slices.ContainsFunc(list, func(one string) bool {
		begin, open := strings.CutSuffix(one, "*")
		return one == typ || open && strings.HasPrefix(typ, begin)
	})
}

// IsPicture tells whether files of this type may be pictures that are shown inline.
func IsPicture(typ string) bool {
	switch typ {
	case "image/jpeg", "image/png", "image/gif", "image/webp":
		return true
	}
	return false
}

// Inline tells whether a browser may show a file in a page; it downloads all others.
func Inline(f chat.File) bool {
	return IsPicture(f.Type) && f.Width > 0 || f.Type == "video/mp4"
}

// Bounds of a name.
const (
	maxName      = 120 // code points
	maxExtension = 16  // bytes, the dot included
)

// CleanName is a name that harms nobody who saves it or reads it among other
// words: one line, without path, control characters, characters that turn the
// direction of writing, and those that some systems take for more than a letter.
func CleanName(name string) string {
	name = strings.ToValidUTF8(name, "_")
	name = name[strings.LastIndexAny(name, `/\`)+1:]
	name = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsControl(r), turnsDirection(r), r == '\u2028', r == '\u2029', r == '\ufeff', r == utf8.RuneError:
			return -1
		case strings.ContainsRune(`<>:"|?*`, r):
			return '_'
		}
		return r
	}, name)
	name = strings.Trim(name, " .\u00a0\u3000")
	if utf8.RuneCountInString(name) > maxName {
		name = shorten(name)
	}
	if name == "" {
		return "file"
	}
	return name
}

// shorten keeps the extension, by which people's programs know what a file is.
func shorten(name string) string {
	extension := path.Ext(name)
	if len(extension) > maxExtension {
		extension = ""
	}
	runes := []rune(strings.TrimSuffix(name, extension))
	return string(runes[:maxName-utf8.RuneCountInString(extension)]) + extension
}

func turnsDirection(r rune) bool {
	return r >= '\u202a' && r <= '\u202e' || r >= '\u2066' && r <= '\u2069' || r == '\u200e' || r == '\u200f' || r == '\u061c'
}

// announcedType is what an uploader said, if it looks like a type at all.
func announcedType(typ string) string {
	for _, c := range typ {
		if (c < 'a' || c > 'z') && (c < '0' || c > '9') && !strings.ContainsRune("/+.-", c) {
			return unknownType
		}
	}
	if strings.Count(typ, "/") != 1 || len(typ) > 100 {
		return unknownType
	}
	return typ
}

// MayOpen is whether somebody may open a file, apart from how it was asked for.
// An agent of the site opens what any of its events has, and what it uploads
// itself; a visitor what a public event of its conversation has.
func (f File) MayOpen(r Reader) bool {
	switch {
	case f.State != Sent && f.State != Complete:
		return false
	case r.Owner != "" && r.Owner == f.Owner && f.State == Complete:
		return true
	case f.State != Sent:
		return false
	case r.OfSite(f.Site):
		return true
	}
	return f.Public && f.Conversation == r.Conversation && r.Conversation != 0
}

// Reader is who wants to open files.
type Reader struct {
	// OfSite tells whether it is an agent of the site.
	OfSite func(chat.SiteID) bool
	Owner  chat.FileOwner
	// Conversation is a visitor's own.
	Conversation chat.ConversationID
}
