// Package site holds websites: their widget key, allowed origins, look and
// settings.
package site

import (
	"context"
	"encoding/json"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
)

// Site is a website whose visitors talk with its agents.
type Site struct {
	ID   chat.SiteID
	Name string
	// Key is the widget key: 20 letters and digits that stand in the website's
	// HTML. It is public, and names the site for visitors.
	Key      string
	Settings Settings
	Logo     chat.Picture
	// Version is raised by each change, so that caches and sessions see it.
	Version   int64
	CreatedAt chat.Millis
}

// Settings are what a site's admin may change.
type Settings struct {
	// Origins may embed the widget: scheme://host[:port], as browsers send them.
	// Empty: only Kefu's own pages.
	Origins []string `json:"origins" nullable:"false"`
	Look    Look     `json:"look"`
	// AnswerGoalSeconds is after how long an unanswered visitor has waited too long.
	AnswerGoalSeconds int `json:"answer_goal_seconds"`
	// OneConnection allows a person one connection at a time, tabs included: the
	// newest. For an agent one of its sites that asks for it is enough.
	OneConnection bool `json:"one_connection" required:"false"`
	// FileTypes are the content types of files that visitors and agents may send, such
	// as application/pdf or image/*. Empty: nobody may send any; null: the default ones.
	FileTypes []string `json:"file_types" required:"false" nullable:"false"`
	// RetainDays is how long a round is kept after it was resolved, and what was written in
	// it since, after that. 0: for ever.
	RetainDays int `json:"retain_days" required:"false" doc:"After so many days a resolved round is removed. Of a round that nobody resolves nothing is, however old it is. 0: never."`
	// VerifiedOnly keeps out visitors for whom the website does not vouch.
	VerifiedOnly bool `json:"verified_only" required:"false"`
	// CarryOver lets a visitor who logs in take along the open round that it had without
	// a log-in in the same browser. Where it is not said: yes.
	CarryOver bool `json:"carry_over" required:"false" default:"true"`
}

// Look is how the widget looks on this site. An empty text: the widget's own words.
type Look struct {
	Brand     string `json:"brand"` // #rrggbb
	Title     string `json:"title,omitzero"`
	Greeting  string `json:"greeting,omitzero"`
	Placement string `json:"placement"` // right or left
	Language  string `json:"language"`  // auto, zh-CN or en
	Theme     string `json:"theme"`     // auto, light or dark
}

// DefaultSettings are those of a new site: two minutes to answer, the product's own look.
func DefaultSettings() Settings {
	return Settings{
		Origins:           []string{},
		Look:              Look{Brand: "#2a4fd6", Placement: "right", Language: "auto", Theme: "auto"},
		AnswerGoalSeconds: int((2 * time.Minute).Seconds()),
		FileTypes:         DefaultFileTypes(),
		CarryOver:         true,
	}
}

// UnmarshalJSON reads settings; what an earlier program or client did not know of has
// the value of a new site.
func (s *Settings) UnmarshalJSON(data []byte) error {
	type plain Settings
	read := plain(*s)
	read.CarryOver = true
	if err := json.Unmarshal(data, &read); err != nil {
		return err
	}
	*s = Settings(read)
	return nil
}

// DefaultFileTypes are what people send one another: pictures, sound, video, texts
// and documents, but nothing that a double click runs.
func DefaultFileTypes() []string {
	return []string{
		"image/jpeg", "image/png", "image/gif", "image/webp", "image/heic", "image/heif", "image/bmp", "image/tiff",
		"audio/*", "video/*", "text/plain", "text/csv", "application/pdf", "application/json", "application/zip", "application/rtf",
		"application/msword", "application/vnd.ms-excel", "application/vnd.ms-powerpoint",
		"application/vnd.openxmlformats-officedocument.*", "application/vnd.oasis.opendocument.*",
	}
}

// Store remembers sites. Errors: chat.NotFound refusals where none is found.
type Store interface {
	// Together runs fn in one transaction, which its ctx carries to the other
	// methods; an error of fn undoes all of it.
	Together(ctx context.Context, fn func(ctx context.Context) error) error
	Sites(ctx context.Context) ([]Site, error)
	InsertSite(ctx context.Context, s Site) error
	// UpdateSite writes name and settings, and raises Version, if the row still
	// has s.Version; else a chat.Conflict refusal.
	UpdateSite(ctx context.Context, s Site) (Site, error)
	// SetLogo makes a picture a site's logo, and raises Version; 0: none. Refusals:
	// NotFound, also when the picture has been deleted, or was somebody's.
	SetLogo(ctx context.Context, id chat.SiteID, file chat.FileID) error
	// SetSiteKey writes the widget key under the same condition.
	SetSiteKey(ctx context.Context, id chat.SiteID, version int64, key string) (Site, error)
}
