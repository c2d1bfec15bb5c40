package site

import (
	"cmp"
	"context"
	"crypto/rand"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kefu-chat/kefu/internal/audit"
	"github.com/kefu-chat/kefu/internal/chat"
)

// Told must know at once that a site changed; healing finds what it missed.
type Told interface {
	SiteChanged(id chat.SiteID)
}

// Sites makes and changes sites, and holds this node's picture of them. Who may
// do which is decided by its caller. Safe for concurrent use.
type Sites struct {
	store Store
	audit audit.Store
	told  Told
	now   func() time.Time

	reading sync.Mutex // serialises Refresh
	picture atomic.Pointer[picture]
}

type picture struct {
	all   []Site // oldest first
	byID  map[chat.SiteID]Site
	byKey map[string]Site
}

// New makes a service with an empty picture: Refresh fills it. told may be nil.
func New(store Store, trail audit.Store, told Told, now func() time.Time) *Sites {
	s := &Sites{store: store, audit: trail, told: told, now: now}
	s.picture.Store(&picture{})
	return s
}

// Refresh reads all sites from the store.
func (s *Sites) Refresh(ctx context.Context) error {
	s.reading.Lock() // of two at once, the one that read later wins
	defer s.reading.Unlock()
	all, err := s.store.Sites(ctx)
	if err != nil {
		return fmt.Errorf("read the sites: %w", err)
	}
	slices.SortFunc(all, func(a, b Site) int { return cmp.Compare(a.ID, b.ID) })
	p := &picture{all: all, byID: make(map[chat.SiteID]Site, len(all)), byKey: make(map[string]Site, len(all))}
	for _, one := range all {
		p.byID[one.ID], p.byKey[one.Key] = one, one
	}
	s.picture.Store(p)
	return nil
}

// All are the sites, oldest first.
func (s *Sites) All() []Site { return s.picture.Load().all }

// ByID finds a site.
func (s *Sites) ByID(id chat.SiteID) (Site, bool) {
	found, ok := s.picture.Load().byID[id]
	return found, ok
}

// ByKey finds a site by its widget key.
func (s *Sites) ByKey(key string) (Site, bool) {
	found, ok := s.picture.Load().byKey[key]
	return found, ok
}

// Demo is the site of the demo page: the first one, as long as it has no
// origin of its own.
func (s *Sites) Demo() (Site, bool) {
	all := s.All()
	if len(all) == 0 || len(all[0].Settings.Origins) > 0 {
		return Site{}, false
	}
	return all[0], true
}

// Draft is a new site with a key, not stored yet. Errors: FieldError.
func (s *Sites) Draft(field, name string) (Site, error) {
	name, err := CheckName(field, name)
	if err != nil {
		return Site{}, err
	}
	now := s.now()
	return Site{
		ID: chat.SiteID(chat.NewID(now)), Name: name, Key: NewKey(),
		Settings: DefaultSettings(), Version: 1, CreatedAt: chat.At(now),
	}, nil
}

// Insert stores a draft in the transaction of ctx; the caller refreshes after the commit.
func (s *Sites) Insert(ctx context.Context, by audit.By, draft Site) error {
	if err := s.store.InsertSite(ctx, draft); err != nil {
		return err
	}
	return s.record(ctx, by, audit.SiteMade, draft.ID, map[string]string{"name": draft.Name})
}

// Make makes a site. Errors: FieldError.
func (s *Sites) Make(ctx context.Context, by audit.By, name string) (Site, error) {
	draft, err := s.Draft("name", name)
	if err != nil {
		return Site{}, err
	}
	err = s.store.Together(ctx, func(ctx context.Context) error { return s.Insert(ctx, by, draft) })
	return s.changed(ctx, draft, err)
}

// Update writes a site's name and settings if it still has want.Version.
// Errors: FieldError, also with NotAllowed, NotFound, Conflict.
func (s *Sites) Update(ctx context.Context, by audit.By, want Site) (Site, error) {
	var err error
	if want.Name, err = CheckName("name", want.Name); err != nil {
		return Site{}, err
	}
	if want.Settings, err = want.Settings.Check(); err != nil {
		return Site{}, err
	}
	before, _ := s.ByID(want.ID)
	var after Site
	err = s.store.Together(ctx, func(ctx context.Context) error {
		if err := s.decidedByPeople(ctx, by, want); err != nil {
			return err
		}
		if after, err = s.store.UpdateSite(ctx, want); err != nil {
			return err
		}
		return s.record(ctx, by, audit.SiteChanged, want.ID, map[string]string{"fields": differences(before, after)})
	})
	return s.changed(ctx, after, err)
}

// decidedByPeople refuses a program what opens the site to others, or what cannot be
// undone. It compares with what is stored: this node's picture may be an older one.
func (s *Sites) decidedByPeople(ctx context.Context, by audit.By, want Site) error {
	if by.Actor.Kind != chat.KeyActor {
		return nil
	}
	all, err := s.store.Sites(ctx)
	if err != nil {
		return err
	}
	i := slices.IndexFunc(all, func(one Site) bool { return one.ID == want.ID })
	if i < 0 || all[i].Version != want.Version {
		return nil // the update refuses it
	}
	is, wants := all[i].Settings, want.Settings
	for _, one := range []struct {
		field string
		same  bool
	}{
		{"origins", slices.Equal(is.Origins, wants.Origins)},
		{"verified_only", is.VerifiedOnly == wants.VerifiedOnly},
		{"carry_over", is.CarryOver == wants.CarryOver},
		{"retain_days", is.RetainDays == wants.RetainDays},
	} {
		if !one.same {
			return &FieldError{Field: "settings." + one.field, Code: chat.NotAllowed,
				Text: "An API key may not change " + one.field + ": a person decides that, an admin in the console. Send it as it is."}
		}
	}
	return nil
}

// RotateKey gives a site a new widget key: pages with the old one no longer
// show the widget. Errors: NotFound, Conflict.
func (s *Sites) RotateKey(ctx context.Context, by audit.By, id chat.SiteID, version int64) (Site, error) {
	var after Site
	err := s.store.Together(ctx, func(ctx context.Context) (err error) {
		if after, err = s.store.SetSiteKey(ctx, id, version, NewKey()); err != nil {
			return err
		}
		return s.record(ctx, by, audit.KeyRotated, id, nil)
	})
	return s.changed(ctx, after, err)
}

// SetLogo shows a picture as a site's logo, in place of the one before; the zero
// one: none. Errors: NotFound.
func (s *Sites) SetLogo(ctx context.Context, by audit.By, id chat.SiteID, logo chat.Picture) (Site, error) {
	err := s.store.Together(ctx, func(ctx context.Context) error {
		if err := s.store.SetLogo(ctx, id, logo.File); err != nil {
			return err
		}
		return s.record(ctx, by, audit.SiteChanged, id, map[string]string{"fields": "logo"})
	})
	if _, err = s.changed(ctx, Site{ID: id}, err); err != nil {
		return Site{}, err
	}
	after, _ := s.ByID(id)
	return after, nil
}

// changed renews the picture after a commit and tells of it. The change stands
// even where the picture could not be renewed: healing renews it.
func (s *Sites) changed(ctx context.Context, after Site, err error) (Site, error) {
	if err != nil {
		return Site{}, err
	}
	err = s.Refresh(context.WithoutCancel(ctx))
	if s.told != nil {
		s.told.SiteChanged(after.ID)
	}
	return after, err
}

func (s *Sites) record(ctx context.Context, by audit.By, what audit.What, id chat.SiteID, detail map[string]string) error {
	now := s.now()
	return s.audit.Record(ctx, audit.Entry{
		ID: chat.NewID(now), At: chat.At(now), By: by.Actor, Address: by.Address,
		What: what, Site: id, Detail: detail,
	})
}

// differences names the fields that a change touched.
func differences(a, b Site) string {
	var names []string
	for name, same := range map[string]bool{
		"name": a.Name == b.Name, "origins": slices.Equal(a.Settings.Origins, b.Settings.Origins),
		"look": a.Settings.Look == b.Settings.Look, "answer_goal_seconds": a.Settings.AnswerGoalSeconds == b.Settings.AnswerGoalSeconds,
		"one_connection": a.Settings.OneConnection == b.Settings.OneConnection,
		"file_types":     slices.Equal(a.Settings.FileTypes, b.Settings.FileTypes),
		"verified_only":  a.Settings.VerifiedOnly == b.Settings.VerifiedOnly,
		"carry_over":     a.Settings.CarryOver == b.Settings.CarryOver,
		"retain_days":    a.Settings.RetainDays == b.Settings.RetainDays,
	} {
		if !same {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return strings.Join(names, " ")
}

const keyAlphabet = "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789" // without those that look alike

// NewKey makes a widget key: 20 random letters and digits, 116 bits.
func NewKey() string {
	key := make([]byte, 0, 20)
	var random [64]byte
	for len(key) < 20 {
		_, _ = rand.Read(random[:]) // never fails since Go 1.24
		for _, b := range random {
			if i := int(b >> 2); i < len(keyAlphabet) && len(key) < 20 {
				key = append(key, keyAlphabet[i])
			}
		}
	}
	return string(key)
}
