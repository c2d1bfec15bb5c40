package server

import (
	"net/http"
	"net/netip"
	"strings"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/wire"
)

// Wrong keys of one network: at once, and then a second.
const (
	wrongKeyBurst     = 20
	wrongKeyPerSecond = 0.2
)

// anyKey lets an application server in by any API key, and withKey by one of that
// scope; the caller's site is the key's.
func anyKey() access                      { return access{kind: "key"} }
func withKey(scope identity.Scope) access { return access{kind: "key", scope: scope} }

// onSiteOrKey lets in who has a role on the site, or an API key of the site of that scope.
func onSiteOrKey(least chat.Role, scope identity.Scope) access {
	return access{kind: "site", role: least, scope: scope}
}

// bearerOf is the secret that a request carries, an API key or a visitor's, if it carries any.
func bearerOf(r *http.Request) (secret string, there bool) {
	scheme, secret, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	return strings.TrimSpace(secret), strings.EqualFold(scheme, "Bearer")
}

// apiKey is the key by which a request comes in, if it has all scopes that the door asks for; an empty one asks for nothing. After some
// wrong ones of a network, more of them are not looked at for a while; a key that
// was right lately is. Errors: BadKey, NotAllowed, RateLimited.
func (s *Server) apiKey(r *http.Request, scopes ...identity.Scope) (identity.Key, error) {
	secret, there := bearerOf(r)
	if !there {
		return identity.Key{}, chat.Refuse(identity.BadKey, "this needs an API key: send Authorization: Bearer kfk_…; a site's admins make them in the console")
	}
	network := whenceOf(r.Context()).network
	_, known := s.parts.Keys.Known(secret)
	if !known {
		if wait := s.wrongKeys.take(network); wait > 0 {
			p := problem(wire.RateLimited, "Too many wrong API keys came from this address. Try again after the pause.")
			p.RetryAfter = max(1, wait.Milliseconds())
			return identity.Key{}, p
		}
	}
	key, err := s.parts.Keys.Find(r.Context(), secret)
	if !known && chat.CodeOf(err) != identity.BadKey {
		s.wrongKeys.giveBack(network)
	}
	if err != nil {
		return identity.Key{}, err
	}
	for _, scope := range scopes {
		if scope != "" && !key.May(scope) {
			return identity.Key{}, chat.Refuse(chat.NotAllowed, "this API key has not the scope %s: make one that has it", scope)
		}
	}
	return key, nil
}

// takeRequest counts a request for its address, or for its API key where that was
// right lately: a server may ask more often than a person, and for many.
func (s *Server) takeRequest(r *http.Request, network netip.Prefix) (wait time.Duration) {
	if secret, there := bearerOf(r); there {
		if id, known := s.parts.Keys.Known(secret); known {
			return s.byKey.take(id)
		}
	}
	return s.requests.take(network)
}

// admitKey lets a key in, to its own site: another one looks as if it did not exist.
func (s *Server) admitKey(c *caller, r *http.Request, scopes ...identity.Scope) error {
	key, err := s.apiKey(r, scopes...)
	if err != nil {
		return err
	}
	one, ok := s.parts.Sites.ByID(key.Site)
	if asked := r.PathValue("site"); !ok || asked != "" && asked != idText(key.Site) {
		return chat.Refuse(chat.NotFound, "there is no such site, or this API key is not of it")
	}
	c.key, c.site = key, one
	return nil
}
