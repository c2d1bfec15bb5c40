package server

import (
	"context"
	"maps"
	"strings"
	"unicode/utf8"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/site"
	"github.com/kefu-chat/kefu/internal/wire"
)

// Visitor is a person on the website, with what is said of it by whom.
type Visitor struct {
	ID           string          `json:"id"`
	Conversation string          `json:"conversation,omitempty" doc:"The id of its conversation; absent before its first message."`
	CreatedAt    int64           `json:"created_at"`
	Verified     *VisitorVouched `json:"verified,omitempty" doc:"Of a verified visitor: what its website vouches for."`
	Says         VisitorSays     `json:"says" doc:"What its page said: nobody has verified that."`
	Told         *VisitorTold    `json:"told,omitempty" doc:"What application servers told by the API."`
	Language     string          `json:"language,omitempty" doc:"Of its browser."`
	Browser      string          `json:"browser,omitempty"`
}

// VisitorSays is what a visitor's page said of it.
type VisitorSays struct {
	Name   string            `json:"name,omitempty"`
	Email  string            `json:"email,omitempty"`
	Fields map[string]string `json:"fields,omitempty"`
}

// VisitorVouched is what a website said of a visitor in a token that it signed.
type VisitorVouched struct {
	ID       string            `json:"id" doc:"The person's id at the website."`
	Name     string            `json:"name,omitempty"`
	Email    string            `json:"email,omitempty"`
	Fields   map[string]string `json:"fields,omitempty"`
	Portrait string            `json:"portrait,omitempty" doc:"The address of its picture, a path on this server, which changes with the picture."`
}

// VisitorTold is what application servers told of a visitor.
type VisitorTold struct {
	Name   string            `json:"name,omitempty"`
	Email  string            `json:"email,omitempty"`
	Fields map[string]string `json:"fields,omitempty"`
	By     Actor             `json:"by" doc:"The API key that told the last of it."`
	At     int64             `json:"at"`
}

type (
	// VisitorPath names a visitor of a site in a path.
	VisitorPath struct {
		SitePath
		Visitor string `path:"visitor" maxLength:"20"`
	}
	visitorsQuery struct {
		SitePath
		Paging
		ExternalID string `query:"external_id" maxLength:"128" doc:"The verified visitor whom the website calls so."`
		Email      string `query:"email" maxLength:"254" doc:"Those for whom their website vouches for this address, or of whom their page or an application server said it. What those two say is a claim, and any may be that of several."`
	}
	visitorsOutput struct {
		Body struct {
			Visitors []Visitor `json:"visitors" nullable:"false" doc:"Newest first."`
			Next     string    `json:"next,omitempty" doc:"The cursor of the next page; absent on the last one."`
		}
	}
	visitorOutput struct{ Body Visitor }
	visitorChange struct {
		VisitorPath
		Body struct {
			Name   *string           `json:"name,omitempty" maxLength:"200" doc:"Empty: none any more."`
			Email  *string           `json:"email,omitempty" maxLength:"254" doc:"Empty: none any more."`
			Fields map[string]string `json:"fields,omitempty" doc:"Those that are to change, at most 20 in all; an empty value removes a field."`
		}
	}
)

// visitors are the routes about what is known of visitors.
func (r *routes) visitors() {
	const all, one = "/sites/{site}/visitors", "/sites/{site}/visitors/{visitor}"
	who := onSiteOrKey(chat.RoleAgent, identity.PeopleScope)
	serve(r, who, op{method: "GET", path: all, id: "list-visitors", summary: "A site's visitors, or those who match"}, r.listVisitors)
	serve(r, who, op{method: "GET", path: one, id: "get-visitor", summary: "What is known of a visitor, and by whom"},
		func(ctx context.Context, c caller, in *VisitorPath) (*visitorOutput, error) {
			v, err := r.server.visitor(ctx, c, in)
			return &visitorOutput{Body: visitorFor(v)}, err
		})
	serve(r, withKey(identity.PeopleScope), op{method: "PATCH", path: one, id: "tell-visitor", summary: "Tell a visitor's name, e-mail address and own fields", body: settingsBody},
		func(ctx context.Context, c caller, in *visitorChange) (*struct{}, error) {
			id, err := parseID[chat.VisitorID](in.Visitor)
			if err != nil {
				return nil, err
			}
			_, err = r.server.parts.Book.Tell(ctx, c.site.ID, id, func(before identity.ToldByApp) (identity.ToldByApp, error) {
				now, err := in.told(before)
				now.By, now.At = chat.Via{ID: c.key.ID, Name: c.key.Name}, chat.At(r.server.now())
				return now, err
			})
			return nil, err
		})
}

// visitor is the one that a path names. Errors: NotFound.
func (s *Server) visitor(ctx context.Context, c caller, in *VisitorPath) (identity.Listed, error) {
	id, err := parseID[chat.VisitorID](in.Visitor)
	if err != nil {
		return identity.Listed{}, err
	}
	found, err := s.parts.Book.Listed(ctx, identity.BookQuery{Site: c.site.ID, ID: id, Limit: 1})
	if err == nil && len(found) == 0 {
		err = chat.Refuse(chat.NotFound, "there is no such visitor, or it is not yours to see")
	}
	if err != nil {
		return identity.Listed{}, err
	}
	return found[0], nil
}

func (r *routes) listVisitors(ctx context.Context, c caller, in *visitorsQuery) (*visitorsOutput, error) {
	q := identity.BookQuery{Site: c.site.ID, ExternalID: in.ExternalID, Email: in.Email, Limit: in.Limit + 1}
	if in.ExternalID != "" && in.Email != "" {
		return nil, site.Bad("email", "Ask for external_id or for email, not both.")
	}
	if in.Cursor != "" {
		last, err := chat.ParseID(in.Cursor)
		if err != nil {
			return nil, badCursor()
		}
		q.Before = chat.VisitorID(last)
	}
	found, err := r.server.parts.Book.Listed(ctx, q)
	if err != nil {
		return nil, err
	}
	out := &visitorsOutput{}
	if len(found) > in.Limit {
		found = found[:in.Limit]
		out.Body.Next = idText(found[in.Limit-1].ID)
	}
	out.Body.Visitors = make([]Visitor, len(found))
	for i, v := range found {
		out.Body.Visitors[i] = visitorFor(v)
	}
	return out, nil
}

func visitorFor(v identity.Listed) Visitor {
	out := Visitor{
		ID: idText(v.ID), CreatedAt: int64(v.CreatedAt), Language: v.Profile.Language, Browser: v.Profile.Browser,
		Says: VisitorSays{Name: v.Profile.Name, Email: v.Profile.Email, Fields: v.Profile.Fields},
	}
	if v.Conversation.ID != 0 {
		out.Conversation = v.Conversation.UUID.String()
	}
	if w := v.Profile.Vouched; w != nil {
		out.Verified = &VisitorVouched{ID: w.ID, Name: w.Name, Email: w.Email, Fields: w.Fields, Portrait: w.Portrait}
	}
	if t := v.Told; t != nil {
		out.Told = &VisitorTold{
			Name: t.Name, Email: t.Email, Fields: t.Fields, By: Actor{Kind: string(chat.KeyActor), ID: idText(t.By.ID), Name: t.By.Name}, At: int64(t.At),
		}
	}
	return out
}

// told is what is told of a visitor after a change. Errors: FieldError.
func (in *visitorChange) told(t identity.ToldByApp) (identity.ToldByApp, error) {
	if in.Body.Name != nil {
		t.Name = strings.TrimSpace(*in.Body.Name)
	}
	if in.Body.Email != nil {
		t.Email = strings.TrimSpace(*in.Body.Email)
	}
	t.Fields = maps.Clone(t.Fields)
	for name, value := range in.Body.Fields {
		if t.Fields == nil {
			t.Fields = map[string]string{}
		}
		switch {
		case name == "" || utf8.RuneCountInString(name) > wire.MaxFieldKey || !chat.IsOneLine(name):
			return t, site.Bad("fields", "The name of a field is one line of 1 to %d characters.", wire.MaxFieldKey)
		case utf8.RuneCountInString(value) > wire.MaxFieldValue || !chat.IsOneLine(value):
			return t, site.Bad("fields", "The value of a field is one line of at most %d characters.", wire.MaxFieldValue)
		case value == "":
			delete(t.Fields, name)
		default:
			t.Fields[name] = value
		}
	}
	switch {
	case len(t.Fields) > wire.MaxFields:
		return t, site.Bad("fields", "A visitor has at most %d fields: remove one with an empty value.", wire.MaxFields)
	case !chat.IsOneLine(t.Name):
		return t, site.Bad("name", "A name is one line of readable characters.")
	case len(t.Email) > wire.MaxEmailBytes || !chat.IsOneLine(t.Email):
		return t, site.Bad("email", "An e-mail address is one line of at most %d bytes.", wire.MaxEmailBytes)
	}
	return t, nil
}
