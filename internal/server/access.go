package server

import (
	"context"
	"fmt"
	"net/http"
	"strings"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/kefu-chat/kefu/internal/audit"
	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/site"
)

// access says who may use a route. The zero value lets nobody in.
type access struct {
	kind  string
	role  chat.Role
	scope identity.Scope // of an API key; empty: none opens the route
	also  identity.Scope // that the key needs beside it; empty: none
}

// What a route may ask for.
func anybody() access               { return access{kind: "anybody"} }
func anyAgent() access              { return access{kind: "agent"} }
func onlyOwner() access             { return access{kind: "owner"} }
func onSite(least chat.Role) access { return access{kind: "site", role: least} }

func (a access) String() string {
	text, scopes := strings.TrimSpace(a.kind+" "+a.role.String()), "scope "+string(a.scope)
	if a.also != "" {
		scopes = "scopes " + string(a.scope) + " and " + string(a.also)
	}
	switch {
	case a.kind == "key" && a.scope != "":
		text += " with " + scopes
	case a.scope != "":
		text += ", or key with " + scopes
	}
	return text
}

// takesKeys tells whether an API key may open the route.
func (a access) takesKeys() bool { return a.kind == "key" || a.scope != "" }

// security says it to OpenAPI.
func (a access) security() (ways []map[string][]string) {
	if a.kind != "anybody" && a.kind != "key" {
		ways = append(ways, map[string][]string{"log-in": {}})
	}
	if a.kind == "key" || a.scope != "" {
		ways = append(ways, map[string][]string{"api-key": {}})
	}
	return ways
}

// caller is who asks, authenticated and allowed.
type caller struct {
	agent identity.Agent
	login identity.Login
	key   identity.Key // of an application server; then there is no agent
	site  site.Site    // of routes under /sites/{site}, and the key's
	from  identity.From
	token string // of the cookie; of routes for anybody, nobody has looked at it yet
	whence
}

// by is the caller as the audit names it.
func (c caller) by() audit.By {
	if c.key.ID != 0 {
		return audit.By{Actor: c.key.Actor().Ref(), Address: c.from.Address}
	}
	return audit.By{
		Actor:   chat.ActorRef{Kind: chat.AgentActor, ID: int64(c.agent.ID), Name: c.agent.Name},
		Address: c.from.Address,
	}
}

type callerKey struct{}

func callerOf(ctx context.Context) caller {
	c, _ := ctx.Value(callerKey{}).(caller)
	return c
}

// gate is the middleware that decides about a request before its body is read.
func (s *Server) gate(api huma.API, who access) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		r, w := humago.Unwrap(ctx)
		c, err := s.admit(w, r, who)
		if err != nil {
			s.refuse(api, ctx, err)
			return
		}
		next(huma.WithValue(ctx, callerKey{}, c))
	}
}

// admit fails closed: only what a case names gets through.
func (s *Server) admit(w http.ResponseWriter, r *http.Request, who access) (caller, error) {
	c := caller{whence: whenceOf(r.Context())}
	c.from = identity.From{Address: c.address.String(), Network: c.network.String(), Browser: r.UserAgent()}
	c.token = tokenOf(r)
	if who.kind == "anybody" {
		s.freshen(r.Context())
		return c, nil
	}
	if _, bears := bearerOf(r); who.kind == "key" || who.scope != "" && bears {
		return c, s.admitKey(&c, r, who.scope, who.also)
	}
	var err error
	if c.login, c.agent, err = s.authenticate(w, r); err != nil {
		return caller{}, err
	}
	switch {
	case who.kind == "agent":
		return c, nil
	case who.kind == "owner" && c.agent.Owner:
		return c, nil
	case who.kind == "owner":
		return caller{}, chat.Refuse(chat.NotAllowed, "only an owner of this installation may do this")
	case who.kind == "site" && who.role != chat.NoRole:
		return c, s.admitToSite(&c, r.PathValue("site"), who.role)
	}
	return caller{}, fmt.Errorf("route %s has no rule of access", r.URL.Path)
}

// freshen takes over what another node has changed about people and sites:
// whoever changed it there may be sent here with the very next request.
func (s *Server) freshen(ctx context.Context) {
	if _, err := s.parts.People.Heal(ctx); err != nil {
		s.log.DebugContext(ctx, "people and sites could not be looked at anew", "error", err)
	}
}

// siteByKey finds a site by its widget key, also one that another node has just
// made. An unknown key costs a request, for it makes us ask the database; a known
// one nothing, however many visitors come from one network.
func (s *Server) siteByKey(ctx context.Context, key string) (site.Site, bool) {
	one, ok := s.parts.Sites.ByKey(key)
	if !ok && s.requests.take(whenceOf(ctx).network) == 0 {
		s.freshen(ctx)
		one, ok = s.parts.Sites.ByKey(key)
	}
	return one, ok
}

// admitToSite lets a member in. A site that is not the agent's looks as if it did not exist.
func (s *Server) admitToSite(c *caller, id string, least chat.Role) error {
	absent := chat.Refuse(chat.NotFound, "there is no such site, or you do not work on it")
	n, err := chat.ParseID(id)
	if err != nil {
		return absent
	}
	found, ok := s.parts.Sites.ByID(chat.SiteID(n))
	role := c.agent.RoleOn(chat.SiteID(n))
	switch {
	case !ok || role == chat.NoRole:
		return absent
	case role < least:
		return chat.Refuse(chat.NotAllowed, "this needs the role %s on this site, and yours is %s", least, role)
	}
	c.site = found
	return nil
}

func (s *Server) refuse(api huma.API, ctx huma.Context, err error) {
	p := problemOf(ctx.Context(), s.log, err)
	ctx.SetHeader("Content-Type", "application/json")
	retryAfter(p, ctx.SetHeader)
	ctx.SetStatus(p.status)
	if err := api.Marshal(ctx.BodyWriter(), "application/json", p); err != nil {
		s.log.DebugContext(ctx.Context(), "an answer was not taken", "error", err)
	}
}
