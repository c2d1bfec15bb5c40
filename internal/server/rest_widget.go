package server

import (
	"context"
	"slices"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/site"
)

// Widget is what the widget has to know of a site before it connects.
type Widget struct {
	Name string    `json:"name"`
	Look site.Look `json:"look"`
	// Logo and Portraits are shown beside the words of the site and of its agents.
	Logo      string       `json:"logo,omitempty" doc:"The address of the site's logo, a path on this server; it changes with the picture."`
	Portraits bool         `json:"portraits,omitempty" doc:"Some agent of the site has a portrait: GET /widget/{key}/portraits gives them."`
	Limits    WidgetLimits `json:"limits"`
	Version   int64        `json:"version" doc:"Rises with each change of the site."`
}

// WidgetLimits are the bounds of what a visitor writes.
type WidgetLimits struct {
	TextCodePoints int `json:"text_code_points"`
}

type (
	// WidgetPath names a site by its widget key, from a page.
	WidgetPath struct {
		Key    string `path:"key" maxLength:"40"`
		Origin string `header:"Origin" maxLength:"400"`
	}
	widgetOutput struct {
		CacheControl string `header:"Cache-Control"`
		Vary         string `header:"Vary"`
		AllowOrigin  string `header:"Access-Control-Allow-Origin"`
		Body         Widget
	}
)

// widget is the route by which other people's pages begin: those on the site's list.
func (r *routes) widget() {
	s := r.server
	serve(r, anybody(), op{method: "GET", path: "/widget/{key}", id: "get-widget", summary: "A site's look, by its widget key; for the site's origins"},
		func(_ context.Context, c caller, in *WidgetPath) (*widgetOutput, error) {
			one, foreign, err := s.siteOfPage(c, *in)
			if err != nil {
				return nil, err
			}
			out := &widgetOutput{CacheControl: "public, max-age=60", Vary: "Origin"}
			if foreign {
				out.AllowOrigin = in.Origin
			}
			out.Body = Widget{
				Name: one.Name, Look: one.Settings.Look, Logo: one.Logo.Address(), Portraits: s.havePortraits(one.ID), Version: one.Version,
				Limits: WidgetLimits{TextCodePoints: s.cfg.TextCodePoints},
			}
			return out, nil
		})
}

// siteOfPage finds the site whose widget a page shows, ours or one on the site's
// list; foreign: it is not ours.
func (s *Server) siteOfPage(c caller, in WidgetPath) (one site.Site, foreign bool, err error) {
	one, ok := s.parts.Sites.ByKey(in.Key)
	foreign = in.Origin != "" && in.Origin != c.origin()
	if !ok || foreign && !slices.Contains(one.Settings.Origins, in.Origin) {
		err = chat.Refuse(chat.NotFound, "there is no site with this widget key for this page")
	}
	return one, foreign, err
}
