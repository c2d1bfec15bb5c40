package server

import (
	"context"
	"net/http"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
)

// APIKey is an API key as its site's admins see it; its secret is shown only once.
type APIKey struct {
	ID         string   `json:"id"`
	Name       string   `json:"name"`
	Scopes     []string `json:"scopes" nullable:"false" doc:"What it opens: push, broadcast, legacy."`
	MadeBy     string   `json:"made_by" doc:"Who made it, by the name it had then."`
	MadeAt     int64    `json:"made_at"`
	LastUsedAt int64    `json:"last_used_at,omitempty" doc:"To the minute; absent: never."`
}

func apiKeyFor(k identity.Key) APIKey {
	shown := APIKey{ID: idText(k.ID), Name: k.Name, Scopes: []string{}, MadeBy: k.MadeBy.Name, MadeAt: int64(k.MadeAt), LastUsedAt: int64(k.LastUsedAt)}
	for _, s := range k.Scopes {
		shown.Scopes = append(shown.Scopes, string(s))
	}
	return shown
}

type (
	apiKeysOutput struct {
		Body struct {
			Keys []APIKey `json:"keys" nullable:"false" doc:"Newest first."`
		}
	}
	newAPIKey struct {
		SitePath
		Body struct {
			Name   string   `json:"name" maxLength:"400" doc:"What uses it."`
			Scopes []string `json:"scopes" nullable:"false" maxItems:"20" enum:"read,write,people,push,broadcast,legacy"`
		}
	}
	madeAPIKey struct {
		Body struct {
			Key    APIKey `json:"key"`
			Secret string `json:"secret" doc:"For the header Authorization: Bearer; it is told only here."`
		}
	}
	ownKeyOutput struct {
		Body struct {
			Site string `json:"site" doc:"The id of the site that it is of."`
			Key  APIKey `json:"key"`
		}
	}
	// APIKeyPath names an API key of a site.
	APIKeyPath struct {
		SitePath
		APIKey string `path:"api_key" maxLength:"20"`
	}
)

// apiKeys are the routes about a site's API keys.
func (r *routes) apiKeys() {
	keys := func() *identity.Keys { return r.server.parts.Keys }
	serve(r, anyKey(), op{method: "GET", path: "/api-key", id: "get-own-api-key", summary: "The API key that the request carries: whether it works, and what it opens"},
		func(_ context.Context, c caller, _ *struct{}) (*ownKeyOutput, error) {
			out := &ownKeyOutput{}
			out.Body.Site, out.Body.Key = idText(c.site.ID), apiKeyFor(c.key)
			return out, nil
		})
	serve(r, onSite(chat.RoleAdmin), op{method: "GET", path: "/sites/{site}/api-keys", id: "list-api-keys", summary: "The API keys of a site that are valid"},
		func(ctx context.Context, c caller, _ *SitePath) (*apiKeysOutput, error) {
			all, err := keys().List(ctx, c.site.ID)
			if err != nil {
				return nil, err
			}
			out := &apiKeysOutput{}
			out.Body.Keys = []APIKey{}
			for _, k := range all {
				out.Body.Keys = append(out.Body.Keys, apiKeyFor(k))
			}
			return out, nil
		})
	serve(r, onSite(chat.RoleAdmin), op{method: "POST", path: "/sites/{site}/api-keys", id: "make-api-key", summary: "Make an API key for an application server", status: http.StatusCreated},
		func(ctx context.Context, c caller, in *newAPIKey) (*madeAPIKey, error) {
			var scopes []identity.Scope
			for _, name := range in.Body.Scopes {
				scopes = append(scopes, identity.Scope(name))
			}
			made, secret, err := keys().Make(ctx, c.by(), c.site.ID, in.Body.Name, scopes)
			if err != nil {
				return nil, err
			}
			out := &madeAPIKey{}
			out.Body.Key, out.Body.Secret = apiKeyFor(made), secret
			return out, nil
		})
	serve(r, onSite(chat.RoleAdmin), op{method: "DELETE", path: "/sites/{site}/api-keys/{api_key}", id: "revoke-api-key", summary: "Revoke an API key: it opens nothing after 2 s at most"},
		func(ctx context.Context, c caller, in *APIKeyPath) (*struct{}, error) {
			id, err := parseID[int64](in.APIKey)
			if err != nil {
				return nil, err
			}
			return nil, keys().Revoke(ctx, c.by(), c.site.ID, id)
		})
}
