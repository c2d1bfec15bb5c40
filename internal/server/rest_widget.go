package server

import (
	"context"
	"slices"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/site"
)

// Widget is what the widget has to know of a site before it connects.
type Widget struct {
	Name    string       `json:"name"`
	Look    site.Look    `json:"look"`
	Limits  WidgetLimits `json:"limits"`
	Version int64        `json:"version" doc:"Rises with each change of the site."`
}

// WidgetLimits are the bounds of what a visitor writes.
type WidgetLimits struct {
	TextCodePoints int `json:"text_code_points"`
}

type (
	widgetInput struct {
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

// widget is the only route for other people's pages: those on the site's list.
func (r *routes) widget() {
	s := r.server
	serve(r, anybody(), op{method: "GET", path: "/widget/{key}", id: "get-widget", summary: "A site's look, by its widget key; for the site's origins"},
		func(_ context.Context, c caller, in *widgetInput) (*widgetOutput, error) {
			one, ok := s.parts.Sites.ByKey(in.Key)
			foreign := in.Origin != "" && in.Origin != c.origin()
			if !ok || foreign && !slices.Contains(one.Settings.Origins, in.Origin) {
				return nil, chat.Refuse(chat.NotFound, "there is no site with this widget key for this page")
			}
			out := &widgetOutput{CacheControl: "public, max-age=60", Vary: "Origin"}
			if foreign {
				out.AllowOrigin = in.Origin
			}
			out.Body = Widget{
				Name: one.Name, Look: one.Settings.Look, Version: one.Version,
				Limits: WidgetLimits{TextCodePoints: s.cfg.TextCodePoints},
			}
			return out, nil
		})
}
