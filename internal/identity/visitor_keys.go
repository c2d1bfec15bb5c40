package identity

import (
	"context"
	"slices"
	"strconv"
	"time"

	"github.com/kefu-chat/kefu/internal/audit"
	"github.com/kefu-chat/kefu/internal/chat"
)

// SigningKey is by which a website signs what it says of its visitors. A site has at
// most MaxSigningKeys, so that one can take the place of the other without a gap.
type SigningKey struct {
	ID         int64 // "kid" of the tokens, in decimal
	Site       chat.SiteID
	MadeBy     chat.ActorRef
	MadeAt     chat.Millis
	LastUsedAt chat.Millis // 0: never; written at most once a minute
}

// KID is how tokens name the key.
func (k SigningKey) KID() string { return strconv.FormatInt(k.ID, 10) }

const (
	signingPrefix = "kfs_" // so that scanners of source code find one that leaked
	// MaxSigningKeys is how many of a site are valid at the same time.
	MaxSigningKeys = 2
)

// SigningKeyStore remembers signing keys with their secrets: what is signed cannot be
// checked by a hash. Its methods work in the transaction that their ctx carries.
type SigningKeyStore interface {
	Together(ctx context.Context, fn func(ctx context.Context) error) error
	// InsertSigningKey stores a key. Errors: TooManyKeys where the site has two.
	InsertSigningKey(ctx context.Context, k SigningKey, secret []byte) error
	// SigningKeys are a site's, newest first.
	SigningKeys(ctx context.Context, on chat.SiteID) ([]SigningKey, error)
	// SigningKey finds one of a site with its secret. Errors: NotFound.
	SigningKey(ctx context.Context, on chat.SiteID, id int64) (SigningKey, []byte, error)
	// TouchSigningKey writes when a key was last used.
	TouchSigningKey(ctx context.Context, on chat.SiteID, id int64, at chat.Millis) error
	// DeleteSigningKey removes one of a site's keys with its secret. Errors: NotFound.
	DeleteSigningKey(ctx context.Context, on chat.SiteID, id int64) error
	// EndLoginsOf makes all log-ins void, now, that began with tokens of a key, also those
	// that begin with one at this moment.
	EndLoginsOf(ctx context.Context, on chat.SiteID, id int64) error
	// HasLogins tells whether there are log-ins that began with tokens of a key, which may
	// be no more, or they have been ended already.
	HasLogins(ctx context.Context, on chat.SiteID, id int64) (bool, error)
}

// SigningKeys makes and revokes the keys of websites.
type SigningKeys struct {
	store SigningKeyStore
	audit audit.Store
	now   func() time.Time
}

// NewSigningKeys makes the service.
func NewSigningKeys(store SigningKeyStore, trail audit.Store, now func() time.Time) *SigningKeys {
	return &SigningKeys{store: store, audit: trail, now: now}
}

// Make makes a key of a site. The secret's own bytes, as text, are the key of HS256;
// it is told only here. Errors: TooManyKeys.
func (s *SigningKeys) Make(ctx context.Context, by audit.By, on chat.SiteID) (made SigningKey, secret string, err error) {
	token, _ := NewToken()
	secret = signingPrefix + token
	now := s.now()
	made = SigningKey{ID: chat.NewID(now), Site: on, MadeBy: by.Actor, MadeAt: chat.At(now)}
	err = s.store.Together(ctx, func(ctx context.Context) error {
		if err := s.store.InsertSigningKey(ctx, made, []byte(secret)); err != nil {
			return err
		}
		return s.record(ctx, by, audit.SigningKeyMade, made)
	})
	if err != nil {
		return SigningKey{}, "", err
	}
	return made, secret, nil
}

// List are a site's keys, newest first.
func (s *SigningKeys) List(ctx context.Context, on chat.SiteID) ([]SigningKey, error) {
	return s.store.SigningKeys(ctx, on)
}

// Revoke ends a key of a site at once, on all nodes. logIns also makes the log-ins void
// that began with its tokens, however many: for a key that others may know. That may be
// asked for again, and of a key that was revoked before. Errors: NotFound.
func (s *SigningKeys) Revoke(ctx context.Context, by audit.By, on chat.SiteID, id int64, logIns bool) error {
	return s.store.Together(ctx, func(ctx context.Context) error {
		all, err := s.store.SigningKeys(ctx, on)
		if err != nil {
			return err
		}
		one := SigningKey{ID: id, Site: on}
		valid := slices.ContainsFunc(all, func(k SigningKey) bool { return k.ID == id })
		if valid {
			if err := s.store.DeleteSigningKey(ctx, on, id); err != nil {
				return err
			}
			if err := s.record(ctx, by, audit.SigningKeyRevoked, one); err != nil || !logIns {
				return err
			}
		}
		if logIns && !valid {
			if valid, err = s.store.HasLogins(ctx, on, id); err != nil {
				return err
			}
		}
		if !valid {
			return notFound()
		}
		if err := s.store.EndLoginsOf(ctx, on, id); err != nil {
			return err
		}
		return s.record(ctx, by, audit.VisitorLoginsEnded, one)
	})
}

func (s *SigningKeys) record(ctx context.Context, by audit.By, what audit.What, one SigningKey) error {
	now := s.now()
	return s.audit.Record(ctx, audit.Entry{
		ID: chat.NewID(now), At: chat.At(now), By: by.Actor, Address: by.Address, What: what, Site: one.Site,
		Detail: map[string]string{"kid": one.KID()},
	})
}
