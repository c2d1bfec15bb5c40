package server

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"reflect"
	"strconv"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"
	"github.com/danielgtaylor/huma/v2/adapters/humago"
)

// Route is a REST route and who may use it, for the test that tries them all.
type Route struct {
	Method, Path string
	Access       string
}

const apiRoot = "/api/v1"

// smallBody bounds most requests, in bytes; settings may be larger.
const (
	smallBody    = 8 << 10
	settingsBody = 64 << 10
)

// rest registers the routes of REST on mux and describes them.
func (s *Server) rest(mux *http.ServeMux) huma.API {
	config := huma.Config{
		OpenAPI: &huma.OpenAPI{
			OpenAPI: "3.1.0",
			Info: &huma.Info{
				Title: "Kefu", Version: "1",
				Description: "People set up, log in and change settings here; their conversations go over the live connection: see docs/PROTOCOL.md. " +
					"Application servers send an API key as Authorization: Bearer; where they change something, an Idempotency-Key makes a repetition harmless. Lists come in pages: next of one is cursor of the next. " +
					"Times are UTC milliseconds since 1970; ids are decimal numbers in strings. What is not yours to see looks as if it did not exist.",
			},
			Components: &huma.Components{
				Schemas: huma.NewMapRegistry("#/components/schemas/", huma.DefaultSchemaNamer),
				SecuritySchemes: map[string]*huma.SecurityScheme{
					"log-in":  {Type: "apiKey", In: "cookie", Name: secureCookie, Description: "The cookie of POST /log-in; named " + plainCookie + " where there is no TLS."},
					"api-key": {Type: "http", Scheme: "bearer", Description: "A key of POST /sites/{site}/api-keys, for application servers; each opens what its scopes say, on its own site."},
				},
			},
		},
		Formats:       map[string]huma.Format{"application/json": strictJSON(), "json": strictJSON()},
		DefaultFormat: "application/json",
	}
	api := humago.New(mux, config)
	r := &routes{server: s, api: api}
	r.setup()
	r.me()
	r.people()
	r.sites()
	r.members()
	r.apiKeys()
	r.trail()
	r.broadcasts()
	r.webhooks()
	r.pushes()
	r.widget()
	r.visitorLogins()
	r.signingKeys()
	r.pictures()
	r.conversations()
	r.commands()
	r.marksAndPresence()
	r.visitors()
	r.retention()
	addExamples(api.OpenAPI())
	s.routes = r.all
	return api
}

type routes struct {
	server *Server
	api    huma.API
	all    []Route
}

// op is a route's method, path below apiRoot, name and one-line description.
type op struct {
	method, path, id, summary string
	status                    int   // 0: 200, or 204 without a body
	body                      int64 // bound of the request's body; 0: smallBody
	picture                   bool  // the body is one
	repeats                   repeats
}

// serve registers a route: the gate, then the checks of its input, then handle.
func serve[I, O any](r *routes, who access, o op, handle func(ctx context.Context, c caller, in *I) (*O, error)) {
	r.register(who, o, reflect.TypeFor[I](), reflect.TypeFor[O](), func(ctx context.Context, in any) (any, error) {
		out, err := handle(ctx, callerOf(ctx), in.(*I))
		if err != nil || out == nil {
			return nil, err
		}
		return out, nil
	})
}

func (r *routes) register(who access, o op, input, output reflect.Type, handle func(ctx context.Context, in any) (any, error)) {
	if o.body == 0 {
		o.body = smallBody
	}
	one := &operation{server: r.server, api: r.api, handle: handle, named: who.takesKeys() && o.method != http.MethodGet, repeats: o.repeats}
	one.Operation = huma.Operation{
		OperationID: o.id, Method: o.method, Path: apiRoot + o.path, Summary: o.summary,
		Description: "For: " + who.String() + ".", Security: who.security(),
		DefaultStatus: o.status, MaxBodyBytes: o.body,
		Responses: map[string]*huma.Response{"default": {
			Description: "What was wrong, and what to do",
			Content: map[string]*huma.MediaType{"application/json": {
				Schema: r.api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[Problem](), true, "Problem"),
			}},
		}},
	}
	through := huma.Middlewares{r.server.gate(r.api, who)}
	if o.body > settingsBody {
		one.BodyReadTimeout = r.server.cfg.RequestTimeout // smallBodyWithin is for small ones
	}
	if o.picture {
		one.BodyReadTimeout = -1 // it has bounds of its own
		through = append(through, r.server.takesPicture(r.api))
	}
	one.describe(input, output)
	r.all = append(r.all, Route{Method: o.method, Path: one.Path, Access: who.String()})
	r.api.Adapter().Handle(&one.Operation, through.Handler(one.serve))
}

func retryAfter(p *Problem, set func(name, value string)) {
	if p.RetryAfter > 0 {
		set("Retry-After", strconv.FormatInt((p.RetryAfter+999)/1000, 10))
	}
}

// strictJSON refuses what encoding/json would quietly repair.
func strictJSON() huma.Format {
	return huma.Format{
		Marshal: func(w io.Writer, v any) error {
			enc := json.NewEncoder(w)
			enc.SetEscapeHTML(false)
			return enc.Encode(v)
		},
		Unmarshal: func(data []byte, v any) error {
			if !utf8.Valid(data) {
				return errors.New("the body is not valid UTF-8: send well-formed Unicode")
			}
			return json.Unmarshal(data, v)
		},
	}
}

// problemJSON answers a problem outside of huma.
func problemJSON(w http.ResponseWriter, p *Problem) {
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	retryAfter(p, w.Header().Set)
	w.WriteHeader(p.status)
	_ = json.NewEncoder(w).Encode(p) // the client may be gone
}
