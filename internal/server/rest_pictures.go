package server

import (
	"context"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/files"
	"github.com/kefu-chat/kefu/internal/wire"
)

// How many portraits and logos one agent may upload: at once, and then a second.
const (
	pictureBurst     = 10
	picturePerSecond = 0.1
)

// maxAsked bounds the agents whose portraits are asked for at once.
const maxAsked = 50

type (
	pictureInput struct {
		RawBody []byte `contentType:"application/octet-stream"`
	}
	logoInput struct {
		SitePath
		RawBody []byte `contentType:"application/octet-stream"`
	}
	portraitsInput struct {
		WidgetPath
		Agents string `query:"agents" required:"true" maxLength:"1100" doc:"The ids of at most 50 agents, as in the events' by, with commas between them."`
	}
	portraitsOutput struct {
		CacheControl string `header:"Cache-Control"`
		Vary         string `header:"Vary"`
		AllowOrigin  string `header:"Access-Control-Allow-Origin"`
		Body         Portraits
	}
)

// Portraits are the portraits of agents.
type Portraits struct {
	Portraits map[string]string `json:"portraits" doc:"By agent: the address of its portrait, a path on this server, which changes with the picture. Who has none, or does not work on the site, is left out."`
}

// pictures are the routes about portraits and logos.
func (r *routes) pictures() {
	s, people, sites := r.server, r.server.parts.People, r.server.parts.Sites
	serve(r, anyAgent(), op{method: "PUT", path: "/me/portrait", id: "put-my-portrait", summary: "Upload one's portrait: a JPEG, PNG, GIF or WebP, of which the middle is shown", body: files.MaxPictureBytes, picture: true},
		func(ctx context.Context, c caller, in *pictureInput) (*meOutput, error) {
			return s.setMyPortrait(ctx, c, func() (chat.Picture, error) { return s.take(ctx, c, 0, files.Portrait, in.RawBody) })
		})
	serve(r, anyAgent(), op{method: "DELETE", path: "/me/portrait", id: "remove-my-portrait", summary: "Have no portrait any more", status: http.StatusOK},
		func(ctx context.Context, c caller, _ *struct{}) (*meOutput, error) {
			return s.setMyPortrait(ctx, c, noPicture)
		})
	serve(r, onlyOwner(), op{method: "DELETE", path: "/people/{agent}/portrait", id: "remove-portrait", summary: "Take an agent's portrait away", status: http.StatusOK},
		func(ctx context.Context, c caller, in *PersonPath) (*personOutput, error) {
			id, err := parseID[chat.AgentID](in.Agent)
			if err != nil {
				return nil, err
			}
			a, err := people.SetPortrait(ctx, c.by(), id, chat.Picture{})
			if err != nil {
				return nil, err
			}
			return &personOutput{Body: s.person(a)}, nil
		})
	serve(r, onSite(chat.RoleAdmin), op{method: "PUT", path: "/sites/{site}/logo", id: "put-logo", summary: "Upload a site's logo: a JPEG, PNG, GIF or WebP", body: files.MaxPictureBytes, picture: true},
		func(ctx context.Context, c caller, in *logoInput) (*siteOutput, error) {
			logo, err := s.take(ctx, c, c.site.ID, files.Logo, in.RawBody)
			if err != nil {
				return nil, err
			}
			after, err := sites.SetLogo(ctx, c.by(), c.site.ID, logo)
			return siteAnswer(c, after, err)
		})
	serve(r, onSite(chat.RoleAdmin), op{method: "DELETE", path: "/sites/{site}/logo", id: "remove-logo", summary: "Have no logo on a site any more", status: http.StatusOK},
		func(ctx context.Context, c caller, _ *SitePath) (*siteOutput, error) {
			after, err := sites.SetLogo(ctx, c.by(), c.site.ID, chat.Picture{})
			return siteAnswer(c, after, err)
		})
	serve(r, anybody(), op{method: "GET", path: "/widget/{key}/portraits", id: "get-portraits", summary: "The portraits of agents of a site, by its widget key; for the site's origins"}, r.portraits)
}

func noPicture() (chat.Picture, error) { return chat.Picture{}, nil }

func (s *Server) setMyPortrait(ctx context.Context, c caller, take func() (chat.Picture, error)) (*meOutput, error) {
	portrait, err := take()
	if err != nil {
		return nil, err
	}
	a, err := s.parts.People.SetPortrait(ctx, c.by(), c.agent.ID, portrait)
	if err != nil {
		return nil, err
	}
	return &meOutput{Body: s.me(a, c.login)}, nil
}

// take makes a picture of an upload.
func (s *Server) take(ctx context.Context, c caller, on chat.SiteID, shape files.Shape, upload []byte) (chat.Picture, error) {
	if s.parts.Files == nil {
		return chat.Picture{}, chat.Refuse(wire.Unavailable, "this server keeps no files")
	}
	return s.parts.Files.TakePicture(ctx, chat.AgentFiles(c.agent.ID), on, shape, upload)
}

// portraits gives the portraits of agents whose words a visitor sees. Of others it
// tells nothing: nobody learns here who works on the site.
func (r *routes) portraits(_ context.Context, c caller, in *portraitsInput) (*portraitsOutput, error) {
	one, foreign, err := r.server.siteOfPage(c, in.WidgetPath)
	if err != nil {
		return nil, err
	}
	ids := strings.Split(in.Agents, ",")
	if len(ids) > maxAsked {
		return nil, badField("agents", "Ask for at most 50 agents at once.")
	}
	out := &portraitsOutput{CacheControl: "public, max-age=60", Vary: "Origin", Body: Portraits{Portraits: map[string]string{}}}
	if foreign {
		out.AllowOrigin = in.Origin
	}
	for _, text := range ids {
		id, err := chat.ParseID(text)
		if err != nil {
			return nil, badField("agents", "Name agents by their ids, with commas between them.")
		}
		a, _ := r.server.parts.People.Agent(chat.AgentID(id))
		if a.Portrait != (chat.Picture{}) && a.RoleOn(one.ID) != chat.NoRole {
			out.Body.Portraits[idText(a.ID)] = a.Portrait.Address()
		}
	}
	return out, nil
}

// havePortraits tells whether some agent of a site has a portrait.
func (s *Server) havePortraits(on chat.SiteID) bool {
	for _, a := range s.parts.People.All() {
		if a.Portrait != (chat.Picture{}) && a.RoleOn(on) != chat.NoRole {
			return true
		}
	}
	return false
}

// takesPicture is the middleware of uploads in one body: few from each agent, a
// bounded number at the same time, and none need be fast.
func (s *Server) takesPicture(api huma.API) func(huma.Context, func(huma.Context)) {
	return func(ctx huma.Context, next func(huma.Context)) {
		if wait := s.pictures.take(callerOf(ctx.Context()).agent.ID); wait > 0 {
			p := problem(wire.RateLimited, "You uploaded many pictures just now. Try again after the pause.")
			p.RetryAfter = max(1, wait.Milliseconds())
			s.refuse(api, ctx, p)
			return
		}
		network := whenceOf(ctx.Context()).network
		if !s.bodies.take(network) {
			p := problem(wire.TooMany, "Too many bodies of requests are under way from this address.")
			p.RetryAfter = seatPause
			s.refuse(api, ctx, p)
			return
		}
		defer s.bodies.leave(network)
		r, w := humago.Unwrap(ctx)
		control := http.NewResponseController(w)
		r.Body = &patientBody{
			patientReader: patientReader{in: r.Body, control: control, until: time.Now().Add(pictureWithin)},
			Closer:        r.Body, answer: s.cfg.RequestTimeout,
		}
		next(ctx)
	}
}

// pictureWithin is how long an upload of a picture may take as a whole.
const pictureWithin = 2 * time.Minute

// patientBody also leaves time for the answer, from its last bytes.
type patientBody struct {
	patientReader
	io.Closer
	answer time.Duration
}

func (p *patientBody) Read(b []byte) (int, error) {
	n, err := p.patientReader.Read(b)
	_ = p.control.SetWriteDeadline(time.Now().Add(p.answer)) // where there is none, the server's holds
	return n, err
}

// showPicture gives a portrait or a logo to anybody, for good: another picture has
// another address. Of a visitor, who may be erased, no proxy keeps it, and no browser
// for long.
func (s *Server) showPicture(w http.ResponseWriter, r *http.Request) {
	network := whenceOf(r.Context()).network
	if !s.downloads.take(network) {
		p := problem(wire.TooMany, "Too many files are being taken from this address.")
		p.RetryAfter = seatPause
		problemJSON(w, p)
		return
	}
	defer s.downloads.leave(network)
	picture, err := chat.ParsePicture(r.PathValue("name"))
	if err != nil {
		problemJSON(w, problem(chat.NotFound, "There is no such picture, or it was replaced."))
		return
	}
	blob, shown, err := s.parts.Files.Shown(r.Context(), picture)
	if err != nil {
		problemJSON(w, problemOf(r.Context(), s.log, err))
		return
	}
	defer blob.Close()
	head := w.Header()
	head.Set("Content-Type", shown.Type)
	head.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	head.Set("Cross-Origin-Resource-Policy", "cross-origin")
	head.Set("Referrer-Policy", "no-referrer")
	head.Set("Cache-Control", "public, max-age=31536000, immutable")
	if shown.Owner.Visitor() {
		head.Set("Cache-Control", "private, max-age=3600")
	}
	r.Header.Del("Range") // it is small
	http.ServeContent(&patientWriter{w, http.NewResponseController(w)}, r, "", time.Time{}, blob)
}
