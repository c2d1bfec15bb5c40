package identity

import (
	"context"
	"slices"
	"strings"
	"time"

	"github.com/kefu-chat/kefu/internal/audit"
	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/site"
)

// Scope is a door that an API key opens. The names stand in the database: they never change.
type Scope string

// The scopes.
const (
	ReadScope      Scope = "read"      // conversations, presence and settings are read
	WriteScope     Scope = "write"     // they are changed, as an agent or a bot
	PeopleScope    Scope = "people"    // what is known of visitors is read, changed and erased
	PushScope      Scope = "push"      // pushes by id
	BroadcastScope Scope = "broadcast" // a word to everybody
	LegacyScope    Scope = "legacy"    // tickets for the doors of the legacy protocols
)

// Scopes are all of them.
func Scopes() []Scope {
	return []Scope{ReadScope, WriteScope, PeopleScope, PushScope, BroadcastScope, LegacyScope}
}

// Key is an application server's right of entry to one site, until it is revoked.
// Its secret is shown once; the database has only a hash.
type Key struct {
	ID         int64
	Site       chat.SiteID
	Name       string
	Scopes     []Scope // in the order of Scopes, at least one
	MadeBy     chat.ActorRef
	MadeAt     chat.Millis
	LastUsedAt chat.Millis // 0: never; written at most once a minute
}

// May tells whether the key opens a door.
func (k Key) May(s Scope) bool { return slices.Contains(k.Scopes, s) }

// Actor is the key as rules and events name it. It has no role: what it may do, its
// scopes say.
func (k Key) Actor() chat.Actor { return chat.Actor{Kind: chat.KeyActor, ID: k.ID, Name: k.Name} }

// KeyStore remembers API keys. Its methods work in the transaction that their ctx
// carries, if Together put one there.
type KeyStore interface {
	Together(ctx context.Context, fn func(ctx context.Context) error) error
	InsertKey(ctx context.Context, k Key, hash []byte) error
	// KeyByHash finds a key that is not revoked. Errors: NotFound.
	KeyByHash(ctx context.Context, hash []byte) (Key, error)
	// Keys are a site's keys that are not revoked, newest first.
	Keys(ctx context.Context, on chat.SiteID) ([]Key, error)
	// RevokeKey revokes one of a site's keys. Errors: NotFound, also if it was revoked before.
	RevokeKey(ctx context.Context, on chat.SiteID, id int64, at chat.Millis) error
	// TouchKey writes when a key was last used.
	TouchKey(ctx context.Context, id int64, at chat.Millis) error
}

const (
	keyPrefix = "kfk_" // so that scanners of source code find one that leaked
	// MaxKeys bounds a site's keys.
	MaxKeys       = 50
	touchKeyAfter = time.Minute
	keyRemembered = 2 * time.Second // a revoked key works no longer than that on other nodes
	keysKnown     = 1024
)

// Keys makes, finds and revokes API keys. Safe for concurrent use.
type Keys struct {
	store KeyStore
	audit audit.Store
	now   func() time.Time
	known known
}

// NewKeys makes the service.
func NewKeys(store KeyStore, trail audit.Store, now func() time.Time) *Keys {
	return &Keys{store: store, audit: trail, now: now, known: known{of: map[keyHash]seenKey{}}}
}

// Make makes a key of a site; secret is what its holder sends, and is told only
// here. Errors: FieldError, TooManyKeys.
func (k *Keys) Make(ctx context.Context, by audit.By, on chat.SiteID, name string, scopes []Scope) (made Key, secret string, err error) {
	if name, err = site.CheckName("name", name); err != nil {
		return Key{}, "", err
	}
	if scopes, err = checkScopes(scopes); err != nil {
		return Key{}, "", err
	}
	token, hash := NewToken()
	now := k.now()
	made = Key{ID: chat.NewID(now), Site: on, Name: name, Scopes: scopes, MadeBy: by.Actor, MadeAt: chat.At(now)}
	err = k.store.Together(ctx, func(ctx context.Context) error {
		all, err := k.store.Keys(ctx, on)
		if err != nil {
			return err
		}
		if len(all) >= MaxKeys {
			return chat.Refuse(TooManyKeys, "a site has at most %d API keys: revoke one that is not used any more", MaxKeys)
		}
		if err := k.store.InsertKey(ctx, made, hash); err != nil {
			return err
		}
		return k.record(ctx, by, audit.APIKeyMade, made)
	})
	if err != nil {
		return Key{}, "", err
	}
	return made, keyPrefix + token, nil
}

// checkScopes puts them in order, each once.
func checkScopes(scopes []Scope) ([]Scope, error) {
	var checked []Scope
	for _, s := range Scopes() {
		if slices.Contains(scopes, s) {
			checked = append(checked, s)
		}
	}
	unknown := slices.ContainsFunc(scopes, func(s Scope) bool { return !slices.Contains(Scopes(), s) })
	if len(checked) == 0 || unknown {
		return nil, site.Bad("scopes", "Choose at least one of %s.", joinScopes(Scopes(), ", "))
	}
	return checked, nil
}

func joinScopes(scopes []Scope, with string) string {
	words := make([]string, len(scopes))
	for i, s := range scopes {
		words[i] = string(s)
	}
	return strings.Join(words, with)
}

// List are a site's keys, newest first.
func (k *Keys) List(ctx context.Context, on chat.SiteID) ([]Key, error) { return k.store.Keys(ctx, on) }

// Revoke ends a key of a site: here at once, on the other nodes within 2 s. Errors: NotFound.
func (k *Keys) Revoke(ctx context.Context, by audit.By, on chat.SiteID, id int64) error {
	err := k.store.Together(ctx, func(ctx context.Context) error {
		all, err := k.store.Keys(ctx, on)
		if err != nil {
			return err
		}
		i := slices.IndexFunc(all, func(one Key) bool { return one.ID == id })
		if i < 0 {
			return notFound()
		}
		if err := k.store.RevokeKey(ctx, on, id, chat.At(k.now())); err != nil {
			return err
		}
		return k.record(ctx, by, audit.APIKeyRevoked, all[i])
	})
	if err == nil {
		k.known.forget(id)
	}
	return err
}

func (k *Keys) record(ctx context.Context, by audit.By, what audit.What, one Key) error {
	now := k.now()
	return k.audit.Record(ctx, audit.Entry{
		ID: chat.NewID(now), At: chat.At(now), By: by.Actor, Address: by.Address, What: what, Site: one.Site,
		Detail: map[string]string{"name": one.Name, "scopes": joinScopes(one.Scopes, " ")},
	})
}

// Known is the id of a key that was right lately on this node, without asking the
// database: such a one need not wait for others' wrong ones. It may be revoked since.
func (k *Keys) Known(secret string) (id int64, known bool) {
	hash, ok := hashKey(secret)
	if !ok {
		return 0, false
	}
	return k.known.has(hash)
}

// Find finds the key of a secret, which is at most 2 s old, and remembers that it
// was used. Errors: BadKey.
func (k *Keys) Find(ctx context.Context, secret string) (Key, error) {
	hash, ok := hashKey(secret)
	if !ok {
		return Key{}, badKey()
	}
	now := k.now()
	if one, fresh := k.known.get(hash, now); fresh {
		return one, nil
	}
	one, err := k.store.KeyByHash(ctx, hash[:])
	if isNotFound(err) {
		k.known.drop(hash)
		return Key{}, badKey()
	}
	if err != nil {
		return Key{}, err
	}
	if now.Sub(one.LastUsedAt.Time()) >= touchKeyAfter {
		one.LastUsedAt = chat.At(now)
		if err := k.store.TouchKey(ctx, one.ID, one.LastUsedAt); err != nil {
			return Key{}, err
		}
	}
	k.known.put(hash, one, now)
	return one, nil
}

func badKey() error {
	return chat.Refuse(BadKey, "there is no such API key, or it was revoked: send one as Authorization: Bearer %s…", keyPrefix)
}

// hashKey is the hash under which a key is found: of how it is compared nothing can
// be learned.
func hashKey(secret string) (hash keyHash, ok bool) {
	token, ok := strings.CutPrefix(secret, keyPrefix)
	if !ok {
		return hash, false
	}
	sum, ok := HashToken(token)
	if ok {
		hash = keyHash(sum)
	}
	return hash, ok
}
