package wire

import (
	"fmt"
	"slices"
	"strings"
	"unicode/utf8"

	"github.com/kefu-chat/kefu/internal/chat"
)

// Bounds of what stands in frames, beside the text (chat.CheckText) and the
// frame itself (its connection).
const (
	MaxNumber = 1<<53 - 1 // of events and requests: what a JavaScript number holds exactly
	MaxDepth  = 16        // of objects and arrays in a frame
	MaxPage   = 200       // events of a page

	MaxURLBytes      = 2048 // longer page data is cut
	MaxTitleBytes    = 512
	MaxLanguageBytes = 35
	MaxClientBytes   = 64
	MaxKeyBytes      = 64 // of a site

	MaxName       = 200 // code points; longer says are refused
	MaxEmailBytes = 254
	MaxFields     = 20
	MaxFieldKey   = 64  // code points
	MaxFieldValue = 500 // code points
)

func (f *ClientHello) check(*envelope) string {
	f.Client = cut(f.Client, MaxClientBytes)
	switch {
	case len(f.Site) > MaxKeyBytes || len(f.Secret) > MaxKeyBytes || hasNUL(f.Site, f.Secret, f.Client):
		return "site, secret or client is longer than any can be, or contains U+0000"
	case len(f.Continues) > MaxKeyBytes || hasNUL(f.Continues):
		return "continues is longer than any can be, or contains U+0000"
	case len(f.Language) > MaxLanguageBytes || hasNUL(f.Language):
		return fmt.Sprintf("language is no language tag of at most %d bytes", MaxLanguageBytes)
	case f.Presence != "" && !isPresence(f.Presence):
		return "presence is neither online nor away"
	}
	return first(f.At.check("at"), f.Broadcasts.check("broadcasts"), f.Page.check(), f.Says.check())
}

func (f *ClientText) check(e *envelope) string {
	if reason := checkCommand(e, f.ID, f.C); reason != "" {
		return reason
	}
	if reason := f.checkFiles(); reason != "" {
		return reason
	}
	if f.Broadcast < 0 {
		return "broadcast is no id: want a positive decimal number as a string"
	}
	if f.T == "edit" {
		return checkNumber("n", f.N, 1)
	}
	return checkNumber("n", f.N, 0)
}

func (f *ClientText) checkFiles() string {
	switch {
	case f.T == "edit" && f.Files != nil:
		return `files are of "send" and "note": an edit changes the text only`
	case len(f.Files) > chat.MaxFiles:
		return fmt.Sprintf("files names %d files: at most %d", len(f.Files), chat.MaxFiles)
	}
	for i, id := range f.Files {
		if slices.Contains(f.Files[:i], id) {
			return "files names a file twice"
		}
	}
	return ""
}

func (f *ClientCommand) check(e *envelope) string {
	if reason := checkCommand(e, f.ID, f.C); reason != "" {
		return reason
	}
	switch {
	case f.T == "assign" && f.Agent <= 0:
		return `agent is missing: "assign" needs the id of an agent as a string`
	case f.Agent < 0:
		return "agent is no id: want a positive decimal number as a string"
	case f.T == "recall":
		return checkNumber("n", f.N, 1)
	}
	return checkNumber("n", f.N, 0)
}

func (f *ClientMark) check(e *envelope) string {
	return first(checkUUID("c", e.c, f.C), checkNumber("received", f.Received, 0), checkNumber("read", f.Read, 0))
}

func (f *ClientTyping) check(e *envelope) string { return checkUUID("c", e.c, f.C) }

func (f *ClientPresence) check(*envelope) string {
	if !isPresence(f.Presence) {
		return "presence is neither online nor away"
	}
	return f.Page.check()
}

func (f *ClientSays) check(*envelope) string { return f.Says.check() }

func (f *ClientOpen) check(e *envelope) string {
	if f.C.IsNil() {
		return "c is missing: want the conversation's UUID"
	}
	return first(checkUUID("c", e.c, f.C), checkNumber("r", f.R, 0), f.At.check("at"))
}

func (f *ClientPage) check(e *envelope) string {
	switch {
	case f.Limit < 0 || f.Limit > MaxPage:
		return fmt.Sprintf("limit is %d: want 1 to %d, or none", f.Limit, MaxPage)
	case f.After != nil && f.Before != 0:
		return "after and before exclude one another"
	}
	return first(checkUUID("c", e.c, f.C), checkNumber("r", f.R, 1), f.After.check("after"), checkNumber("before", f.Before, 0))
}

func (f *ClientList) check(e *envelope) string {
	switch f.View {
	case chat.ViewWaiting, chat.ViewMine, chat.ViewOpen, chat.ViewResolved:
	default:
		return "view is none of waiting, mine, open, resolved"
	}
	return first(checkUUID("after", e.after, f.After), checkNumber("r", f.R, 1))
}

func (f *ClientVisitors) check(*envelope) string {
	if f.On {
		return checkNumber("r", f.R, 1)
	}
	return checkNumber("r", f.R, 0)
}

func (f *ClientPing) check(*envelope) string { return "" }

func (p *Position) check(name string) string {
	if p == nil {
		return ""
	}
	return checkNumber(name+".n", p.N, 0)
}

// check cuts what is too long, and drops an address that no page on the web
// has: agents click on it.
func (p *PageInfo) check() string {
	if p == nil {
		return ""
	}
	if hasNUL(p.URL, p.Title, p.Referrer) {
		return "page contains U+0000: remove it"
	}
	p.URL, p.Referrer = webAddress(p.URL), webAddress(p.Referrer)
	p.Title = chat.OneLine(cut(p.Title, MaxTitleBytes))
	return ""
}

func (s *Says) check() string {
	switch {
	case s == nil:
		return ""
	case utf8.RuneCountInString(s.Name) > MaxName:
		return fmt.Sprintf("says.name is too long: at most %d characters", MaxName)
	case len(s.Email) > MaxEmailBytes:
		return fmt.Sprintf("says.email is too long: at most %d bytes", MaxEmailBytes)
	case len(s.Fields) > MaxFields:
		return fmt.Sprintf("says.fields has %d fields: at most %d", len(s.Fields), MaxFields)
	case hasNUL(s.Name, s.Email):
		return "says contains U+0000: remove it"
	}
	for key, value := range s.Fields {
		if key == "" || utf8.RuneCountInString(key) > MaxFieldKey || utf8.RuneCountInString(value) > MaxFieldValue || hasNUL(key, value) {
			return fmt.Sprintf("says.fields has an empty name, one over %d or a value over %d characters, or U+0000", MaxFieldKey, MaxFieldValue)
		}
	}
	s.Name, s.Email = chat.OneLine(s.Name), chat.OneLine(s.Email)
	for key, value := range s.Fields {
		s.Fields[key] = chat.OneLine(value)
	}
	return ""
}

func checkCommand(e *envelope, id chat.ClientID, c chat.ConversationUUID) string {
	if id.IsNil() || !canonical(e.id) {
		return "id is no UUID of 36 characters in lower case, or is zero: each command has its own"
	}
	return checkUUID("c", e.c, c)
}

// checkUUID refuses the other ways to write a UUID, which the decoder takes.
func checkUUID(name string, raw []byte, id chat.ConversationUUID) string {
	if !id.IsNil() && !canonical(raw) {
		return name + " is no UUID of 36 characters in lower case"
	}
	return ""
}

func checkNumber(name string, n, least int64) string {
	if n < least || n > MaxNumber {
		return fmt.Sprintf("%s is %d: want %d to 2^53-1", name, n, least)
	}
	return ""
}

func first(reasons ...string) string {
	for _, reason := range reasons {
		if reason != "" {
			return reason
		}
	}
	return ""
}

func isPresence(p Presence) bool { return p == Online || p == Away }

func hasNUL(texts ...string) bool {
	for _, s := range texts {
		if strings.IndexByte(s, 0) >= 0 {
			return true
		}
	}
	return false
}

func webAddress(url string) string {
	if !strings.HasPrefix(url, "https://") && !strings.HasPrefix(url, "http://") {
		return ""
	}
	return cut(url, MaxURLBytes)
}

// cut shortens s to at most n bytes without breaking a code point.
func cut(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n]
}
