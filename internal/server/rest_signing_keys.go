package server

import (
	"context"
	"net/http"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
)

// SigningKey is a key with which a website signs tokens, as its admins see it; its
// secret is shown only once.
type SigningKey struct {
	ID         string `json:"id" doc:"The kid of the tokens that it signs."`
	MadeBy     string `json:"made_by" doc:"Who made it, by the name it had then."`
	MadeAt     int64  `json:"made_at"`
	LastUsedAt int64  `json:"last_used_at,omitempty" doc:"To the minute; absent: never."`
}

func signingKeyFor(k identity.SigningKey) SigningKey {
	return SigningKey{ID: k.KID(), MadeBy: k.MadeBy.Name, MadeAt: int64(k.MadeAt), LastUsedAt: int64(k.LastUsedAt)}
}

type (
	signingKeysOutput struct {
		Body struct {
			Keys []SigningKey `json:"keys" nullable:"false" doc:"Newest first, at most two."`
		}
	}
	madeSigningKey struct {
		Body struct {
			Key    SigningKey `json:"key"`
			Secret string     `json:"secret" doc:"Its bytes, as they stand here, are the key of HS256; it is told only here."`
		}
	}
	// SigningKeyPath names a signing key of a site.
	SigningKeyPath struct {
		SitePath
		SigningKey string `path:"signing_key" maxLength:"20"`
		LogIns     bool   `query:"log_ins" doc:"Also end the log-ins that began with its tokens, however many: for a key that others may know. May be asked for again, and of a key that was revoked before."`
	}
)

// signingKeys are the routes about the keys with which a website vouches for its visitors.
func (r *routes) signingKeys() {
	keys := func() *identity.SigningKeys { return r.server.parts.SigningKeys }
	serve(r, onSite(chat.RoleAdmin), op{method: "GET", path: "/sites/{site}/signing-keys", id: "list-signing-keys", summary: "The keys by which a site's tokens are checked"},
		func(ctx context.Context, c caller, _ *SitePath) (*signingKeysOutput, error) {
			all, err := keys().List(ctx, c.site.ID)
			if err != nil {
				return nil, err
			}
			out := &signingKeysOutput{}
			out.Body.Keys = []SigningKey{}
			for _, k := range all {
				out.Body.Keys = append(out.Body.Keys, signingKeyFor(k))
			}
			return out, nil
		})
	serve(r, onSite(chat.RoleAdmin), op{method: "POST", path: "/sites/{site}/signing-keys", id: "make-signing-key", summary: "Make a key with which the website signs who its visitors are", status: http.StatusCreated},
		func(ctx context.Context, c caller, _ *SitePath) (*madeSigningKey, error) {
			made, secret, err := keys().Make(ctx, c.by(), c.site.ID)
			if err != nil {
				return nil, err
			}
			out := &madeSigningKey{}
			out.Body.Key, out.Body.Secret = signingKeyFor(made), secret
			return out, nil
		})
	serve(r, onSite(chat.RoleAdmin), op{method: "DELETE", path: "/sites/{site}/signing-keys/{signing_key}", id: "revoke-signing-key", summary: "Revoke a signing key: its tokens are refused at once; log-ins that began with them stay, unless asked otherwise"},
		func(ctx context.Context, c caller, in *SigningKeyPath) (*struct{}, error) {
			id, err := parseID[int64](in.SigningKey)
			if err != nil {
				return nil, err
			}
			return nil, keys().Revoke(ctx, c.by(), c.site.ID, id, in.LogIns)
		})
}
