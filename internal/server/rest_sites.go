package server

import (
	"context"
	"html"
	"net/http"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/site"
)

// Site is a site as its agents see it.
type Site struct {
	ID        string        `json:"id"`
	Name      string        `json:"name"`
	Role      string        `json:"role,omitempty" enum:"agent,supervisor,admin" doc:"Yours here; an API key has none."`
	Key       string        `json:"key" doc:"The widget key; public."`
	Settings  site.Settings `json:"settings"`
	Logo      string        `json:"logo,omitempty" doc:"The address of the logo, a path on this server; it changes with the picture."`
	Version   int64         `json:"version" doc:"Rises with each change; a change names the version that it saw."`
	CreatedAt int64         `json:"created_at"`
}

func siteFor(c caller, one site.Site) Site {
	return Site{
		ID: idText(one.ID), Name: one.Name, Role: c.agent.RoleOn(one.ID).String(), Key: one.Key,
		Settings: one.Settings, Logo: one.Logo.Address(), Version: one.Version, CreatedAt: int64(one.CreatedAt),
	}
}

type (
	siteOutput  struct{ Body Site }
	sitesOutput struct {
		Body struct {
			Sites []Site `json:"sites" nullable:"false"`
		}
	}
	newSiteInput struct {
		Body struct {
			Name string `json:"name" maxLength:"400"`
		}
	}
	// SitePath names a site in a path; the gate has resolved it.
	SitePath struct {
		Site string `path:"site" maxLength:"20"`
	}
	siteChange struct {
		SitePath
		Body struct {
			Version  int64          `json:"version" doc:"The version that the change is about."`
			Name     *string        `json:"name,omitempty" maxLength:"400"`
			Settings *site.Settings `json:"settings,omitempty" doc:"All settings; absent: as they are. An API key sends origins, verified_only, carry_over and retain_days as they are: a person changes them."`
		}
	}
	keyChange struct {
		SitePath
		Body struct {
			Version int64 `json:"version"`
		}
	}
)

// Snippet is what goes on the website, with this server's public address.
type Snippet struct {
	Origin string `json:"origin" doc:"This server as this request's browser sees it."`
	Script string `json:"script" doc:"The line to paste before the end of the body."`
	Policy string `json:"policy" doc:"What a strict Content-Security-Policy must allow."`
	Chat   string `json:"chat" doc:"The full-page chat, for links and QR codes."`
	Demo   string `json:"demo,omitempty" doc:"The demo page, while there is one for this site."`
}

type snippetOutput struct{ Body Snippet }

// sites are the routes about sites.
func (r *routes) sites() {
	sites := r.server.parts.Sites
	serve(r, anyAgent(), op{method: "GET", path: "/sites", id: "list-sites", summary: "The sites one works on, oldest first"},
		func(_ context.Context, c caller, _ *struct{}) (*sitesOutput, error) {
			out := &sitesOutput{}
			out.Body.Sites = []Site{}
			for _, one := range sites.All() {
				if c.agent.RoleOn(one.ID) != chat.NoRole {
					out.Body.Sites = append(out.Body.Sites, siteFor(c, one))
				}
			}
			return out, nil
		})
	serve(r, onlyOwner(), op{method: "POST", path: "/sites", id: "make-site", summary: "Make a site", status: http.StatusCreated},
		func(ctx context.Context, c caller, in *newSiteInput) (*siteOutput, error) {
			made, err := sites.Make(ctx, c.by(), in.Body.Name)
			return siteAnswer(c, made, err)
		})
	serve(r, onSiteOrKey(chat.RoleAgent, identity.ReadScope), op{method: "GET", path: "/sites/{site}", id: "get-site", summary: "A site and its settings"},
		func(_ context.Context, c caller, _ *SitePath) (*siteOutput, error) { return siteAnswer(c, c.site, nil) })
	serve(r, onSiteOrKey(chat.RoleAdmin, identity.WriteScope), op{method: "PATCH", path: "/sites/{site}", id: "change-site", summary: "Change a site's name and settings", body: settingsBody},
		func(ctx context.Context, c caller, in *siteChange) (*siteOutput, error) {
			want := c.site
			want.Version = in.Body.Version
			if in.Body.Name != nil {
				want.Name = *in.Body.Name
			}
			if in.Body.Settings != nil {
				want.Settings = *in.Body.Settings
			}
			after, err := sites.Update(ctx, c.by(), want)
			return siteAnswer(c, after, err)
		})
	serve(r, onSite(chat.RoleAdmin), op{method: "POST", path: "/sites/{site}/key", id: "rotate-key", summary: "Give a site a new widget key; pages with the old one lose the widget"},
		func(ctx context.Context, c caller, in *keyChange) (*siteOutput, error) {
			after, err := sites.RotateKey(ctx, c.by(), c.site.ID, in.Body.Version)
			return siteAnswer(c, after, err)
		})
	serve(r, onSite(chat.RoleAgent), op{method: "GET", path: "/sites/{site}/snippet", id: "get-snippet", summary: "What goes on the website"},
		func(_ context.Context, c caller, _ *SitePath) (*snippetOutput, error) {
			origin := c.origin()
			out := &snippetOutput{Body: Snippet{
				Origin: origin,
				Script: `<script src="` + html.EscapeString(origin) + `/widget.js" data-site="` + c.site.Key + `" async></script>`,
				Policy: "script-src " + origin + "; frame-src " + origin,
				Chat:   origin + "/chat/" + c.site.Key,
			}}
			if demo, ok := sites.Demo(); ok && demo.ID == c.site.ID {
				out.Body.Demo = origin + "/demo"
			}
			return out, nil
		})
}

func siteAnswer(c caller, one site.Site, err error) (*siteOutput, error) {
	if err != nil {
		return nil, err
	}
	return &siteOutput{Body: siteFor(c, one)}, nil
}
