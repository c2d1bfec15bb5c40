package broadcast

import (
	"encoding/binary"
	"net/url"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/site"
)

// Bounds.
const (
	MaxText        = 4000 // code points
	MaxPage        = 2048 // bytes
	MaxLanguage    = 35
	MaxWaves       = 100
	MinWavePause   = 10 // seconds
	MaxWavePause   = 24 * 60 * 60
	MaxShown       = 20  // broadcasts of a site that visitors may see at the same time
	MaxDrafts      = 200 // of a site, the scheduled ones included
	LogWindow      = 500 // entries of a site's log that visitors are still told of
	MaxAhead       = 366 * 24 * time.Hour
	MaxLasting     = 10 * MaxAhead // pages cannot write down what lies much farther away
	OnlineGrace    = 30 * time.Second
	minLanguageTag = 2
)

// Conflict is the refusal of a change that the state does not allow.
func conflict(format string, args ...any) error { return chat.Refuse(chat.Conflict, format, args...) }

// MayBroadcast says whether an actor may write to many at once: supervisors and admins
// of the site, and API keys, whose scope the door has checked. Errors: NotAllowed.
func MayBroadcast(a chat.Actor) error {
	if a.Kind == chat.KeyActor || a.Kind == chat.AgentActor && a.Role >= chat.RoleSupervisor {
		return nil
	}
	return chat.Refuse(chat.NotAllowed, "only supervisors and admins of the site may broadcast")
}

// Check is the content as it is stored. Errors: FieldError, or a refusal of the text.
func (c Content) Check(now time.Time) (Content, error) {
	if err := chat.CheckText(c.Text, MaxText); err != nil {
		return c, err
	}
	if c.Waves == 0 {
		c.Waves = 1
	}
	if c.Waves == 1 {
		c.WaveSeconds = 0
	}
	switch {
	case c.Show != AsMessage && c.Show != AsCard:
		return c, site.Bad("show", "Choose message or card.")
	case c.ExpiresAt != 0 && !c.ExpiresAt.Time().After(now):
		return c, site.Bad("expires_at", "The end lies in the past: choose a later one, or none.")
	case c.ExpiresAt.Time().Sub(now) > MaxLasting:
		return c, site.Bad("expires_at", "The end is more than ten years away: choose an earlier one, or none.")
	case c.Waves < 1 || c.Waves > MaxWaves:
		return c, site.Bad("waves", "Send in 1 to %d waves.", MaxWaves)
	case c.Waves > 1 && (c.WaveSeconds < MinWavePause || c.WaveSeconds > MaxWavePause):
		return c, site.Bad("wave_seconds", "The pause between two waves is %d to %d seconds.", MinWavePause, MaxWavePause)
	}
	var err error
	c.Audience, err = c.Audience.check()
	return c, err
}

func (a Audience) check() (Audience, error) {
	switch a.Kind {
	case Everybody, WhoIsHere:
		return Audience{Kind: a.Kind}, nil
	case Listed:
		if a.List != nil {
			a.Size = a.List.Len()
		}
		if a.Size == 0 {
			return a, site.Bad("audience.ids", "A list names at least one visitor.")
		}
		return Audience{Kind: a.Kind, Size: a.Size, Unknown: a.Unknown, List: a.List}, nil
	case Segment:
	default:
		return a, site.Bad("audience.kind", "Choose one of all, online, segment, list.")
	}
	a = Audience{Kind: a.Kind, Language: strings.TrimSpace(a.Language), Page: strings.TrimSpace(a.Page), Verified: a.Verified}
	switch {
	case a.Language == "" && a.Page == "" && !a.Verified:
		return a, site.Bad("audience", "A segment needs a language, a page, verified, or several of them.")
	case a.Language != "" && !languageTag(a.Language):
		return a, site.Bad("audience.language", "A language is a tag such as zh, zh-CN or en.")
	case a.Page != "" && !webAddress(a.Page):
		return a, site.Bad("audience.page", "A page is the beginning of an address: https://…, at most %d bytes.", MaxPage)
	}
	return a, nil
}

func languageTag(s string) bool {
	if len(s) < minLanguageTag || len(s) > MaxLanguage {
		return false
	}
	for _, r := range s {
		if (r < 'a' || r > 'z') && (r < 'A' || r > 'Z') && (r < '0' || r > '9') && r != '-' {
			return false
		}
	}
	return true
}

func webAddress(s string) bool {
	u, err := url.Parse(s)
	return err == nil && len(s) <= MaxPage && utf8.ValidString(s) && (u.Scheme == "https" || u.Scheme == "http") && u.Host != ""
}

// Who is what a rule may know of a visitor.
type Who struct {
	Language string
	Page     string
	// Key tells visitors apart, those too who have not written yet: at least 8 bytes.
	Key []byte
	ID  chat.VisitorID // 0: it has not written yet
	// Verified: its website says who it is.
	Verified bool
}

// Has tells whether a visitor is one of the audience; of a list, that has been read.
func (a *Audience) Has(w Who) bool {
	switch a.Kind {
	case Listed:
		return a.List != nil && a.List.Has(w.ID)
	case Segment:
	default:
		return true
	}
	return (a.Language == "" || speaks(w.Language, a.Language)) && strings.HasPrefix(w.Page, a.Page) && (w.Verified || !a.Verified)
}

// speaks tells whether a tag is another one or below it.
func speaks(tag, want string) bool {
	tag, want = strings.ToLower(tag), strings.ToLower(want)
	return tag == want || strings.HasPrefix(tag, want+"-")
}

// waveOf is in which of so many waves a visitor is: 1, 2, …
func (b *Broadcast) waveOf(w Who) int {
	if b.Content.Waves <= 1 {
		return 1
	}
	mixed := (binary.BigEndian.Uint64(w.Key) ^ uint64(b.ID)) * 0x9E3779B97F4A7C15 // Fibonacci hashing: other people first each time
	return 1 + int((mixed>>32)%uint64(b.Content.Waves))
}

// Reaches tells whether a visitor gets the broadcast by this entry of the log, which
// it comes to at a moment, connected when it was written or not.
func (b *Broadcast) Reaches(e Entry, w Who, now chat.Millis, connected bool) bool {
	if e.Wave == 0 || !b.Shown(now) || e.Wave != b.waveOf(w) || !b.Content.Audience.Has(w) {
		return false
	}
	return b.Content.Audience.Kind != WhoIsHere || connected || now-e.At <= chat.Millis(OnlineGrace.Milliseconds())
}

// next is the broadcast with its next wave out.
func (b Broadcast) next(now chat.Millis) Broadcast {
	b.Wave++
	b.State, b.ScheduledAt = Publishing, 0
	if b.Wave >= b.Content.Waves {
		b.State = Published
	}
	if b.Wave == 1 {
		b.PublishedAt = now
	}
	return b
}

// published is the draft with its first wave out. Errors: Conflict, FieldError.
func (b Broadcast) published(now time.Time) (Broadcast, error) {
	if b.State != Draft && b.State != Scheduled {
		return b, conflict("this broadcast is %s: only a draft can be published", b.State)
	}
	if _, err := b.Content.Check(now); err != nil { // its end may have come
		return b, err
	}
	return b.next(chat.At(now)), nil
}

// scheduled is the draft that is published later. Errors: Conflict, FieldError.
func (b Broadcast) scheduled(at chat.Millis, now time.Time) (Broadcast, error) {
	switch {
	case b.State != Draft && b.State != Scheduled:
		return b, conflict("this broadcast is %s: only a draft can be scheduled", b.State)
	case !at.Time().After(now):
		return b, site.Bad("at", "The time lies in the past: choose a later one, or publish it now.")
	case at.Time().Sub(now) > MaxAhead:
		return b, site.Bad("at", "The time is more than a year away.")
	case b.Content.ExpiresAt != 0 && b.Content.ExpiresAt <= at:
		return b, site.Bad("at", "The broadcast ends before it is published.")
	}
	b.State, b.ScheduledAt = Scheduled, at
	return b, nil
}

// withdrawn is the broadcast taken back: a scheduled one is a draft again. Errors: Conflict.
func (b Broadcast) withdrawn(now chat.Millis) (Broadcast, error) {
	switch b.StateAt(now) {
	case Scheduled:
		b.State, b.ScheduledAt = Draft, 0
	case Publishing, Published:
		b.State, b.WithdrawnAt = Withdrawn, now
	default:
		return b, conflict("this broadcast is %s: only one that is scheduled or out can be withdrawn", b.StateAt(now))
	}
	return b, nil
}
