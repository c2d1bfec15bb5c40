package server

import (
	"context"
	"encoding/base64"
	"fmt"

	"github.com/gofrs/uuid/v5"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/site"
	"github.com/kefu-chat/kefu/internal/wire"
)

type (
	// ConversationPath names a conversation of a site in a path.
	ConversationPath struct {
		SitePath
		Conversation string `path:"conversation" maxLength:"36"`
	}
	// Paging is the one way in which lists are read in pages.
	Paging struct {
		Cursor string `query:"cursor" maxLength:"200" doc:"Where to go on: next of the page before."`
		Limit  int    `query:"limit" default:"50" minimum:"1" maximum:"100"`
	}
	conversationsQuery struct {
		SitePath
		Paging
		State    string `query:"state" default:"open" enum:"waiting,assigned,open,resolved,all" doc:"Of the present round. Those that wait come longest waiting first, others newest first."`
		Assignee string `query:"assignee" maxLength:"20" doc:"Only the open rounds that this agent has: who awaits an answer first. Not with state, since or before."`
		Since    int64  `query:"since" minimum:"0" doc:"Only those in which something happened at this time or later. Not with state waiting."`
		Before   int64  `query:"before" minimum:"0" doc:"Only those in which nothing has happened since this time, to the second. Not with state waiting."`
	}
	conversationsOutput struct {
		Body struct {
			Conversations []Conversation `json:"conversations" nullable:"false"`
			Next          string         `json:"next,omitempty" doc:"The cursor of the next page; absent on the last one."`
		}
	}
	conversationOutput struct{ Body Conversation }
	eventsQuery        struct {
		ConversationPath
		Cursor string `query:"cursor" maxLength:"60" doc:"A position: next of the page before, or that of any event. The events behind it follow, or with order newest those before it."`
		Limit  int    `query:"limit" default:"50" minimum:"1" maximum:"200"`
		Order  string `query:"order" default:"oldest" enum:"oldest,newest" doc:"From which end it is read."`
	}
	eventsOutput struct {
		Body struct {
			Events    []Event `json:"events" nullable:"false" doc:"In the order that was asked for."`
			Next      string  `json:"next,omitempty" doc:"The cursor for what follows. With order oldest it is there at the end, too: what comes later will be behind it."`
			More      bool    `json:"more" doc:"More events follow now."`
			Reset     bool    `json:"reset,omitempty" doc:"The cursor is of no event of this log, which a backup was put in place of: drop your copy. The newest events are here."`
			Truncated bool    `json:"truncated,omitempty" doc:"Events behind the cursor were removed by retention: these are the first that are left."`
		}
	}
	roundsQuery struct {
		ConversationPath
		Paging
	}
	roundsOutput struct {
		Body struct {
			Rounds []PastRound `json:"rounds" nullable:"false" doc:"Newest first."`
			Next   string      `json:"next,omitempty" doc:"The cursor of the next page; absent on the last one."`
		}
	}
)

// PastRound is one of a conversation's rounds.
type PastRound struct {
	Number     int64      `json:"number"`
	OpenedAt   int64      `json:"opened_at"`
	ResolvedAt int64      `json:"resolved_at,omitempty" doc:"Absent while it is open."`
	FirstSeq   int64      `json:"first_seq" doc:"The number of its first event."`
	Agent      *AgentName `json:"agent,omitempty"`
}

// conversations are the routes by which conversations are read.
func (r *routes) conversations() {
	const all, one = "/sites/{site}/conversations", "/sites/{site}/conversations/{conversation}"
	who := onSiteOrKey(chat.RoleAgent, identity.ReadScope)
	serve(r, who, op{method: "GET", path: all, id: "list-conversations", summary: "A site's conversations by the state of their round"}, r.listConversations)
	serve(r, who, op{method: "GET", path: one, id: "get-conversation", summary: "A conversation and its present round"},
		func(ctx context.Context, c caller, in *ConversationPath) (*conversationOutput, error) {
			conv, err := r.server.conversation(c, in)
			if err != nil {
				return nil, err
			}
			state, err := r.server.parts.Hub.Store.Head(ctx, conv.ID)
			return &conversationOutput{Body: r.server.conversationFor(conv, state)}, err
		})
	serve(r, who, op{method: "GET", path: one + "/events", id: "list-events", summary: "A conversation's events, in both directions"}, r.listEvents)
	serve(r, who, op{method: "GET", path: one + "/rounds", id: "list-rounds", summary: "A conversation's rounds"}, r.listRounds)
}

// conversation is the one that a path names. Errors: NotFound.
func (s *Server) conversation(c caller, in *ConversationPath) (chat.Conversation, error) {
	id, err := uuid.FromString(in.Conversation)
	if err != nil {
		id = uuid.Nil
	}
	return s.parts.Hub.Conversation(c.site.ID, id)
}

// listPlace is where a page of conversations ends: what its order goes by.
type listPlace struct {
	list                        string // which list it is of
	waiting, unanswered, lastAt chat.Millis
	conversation                chat.ConversationID
}

func (p listPlace) cursor() string {
	return base64.RawURLEncoding.EncodeToString(fmt.Appendf(nil, "%d %d %d %d %s", p.waiting, p.unanswered, p.lastAt, p.conversation, p.list))
}

func (p listPlace) row() *chat.ListRow {
	return &chat.ListRow{State: chat.State{Conversation: p.conversation, WaitingSince: p.waiting, UnansweredSince: p.unanswered, LastAt: p.lastAt}}
}

func parseListPlace(cursor, list string) (p listPlace, err error) {
	text, err := base64.RawURLEncoding.DecodeString(cursor)
	if err == nil {
		_, err = fmt.Sscanf(string(text), "%d %d %d %d %s", &p.waiting, &p.unanswered, &p.lastAt, &p.conversation, &p.list)
	}
	if err != nil || p.list != list {
		return p, badCursor()
	}
	return p, nil
}

// list is the name of the list that is asked for: a cursor is of one.
func (in *conversationsQuery) list() string { return in.State + in.Assignee }

// query is what the store is asked for, or what is wrong with the question.
func (in *conversationsQuery) query(on chat.SiteID) (q chat.ListQuery, err error) {
	q = chat.ListQuery{Sites: []chat.SiteID{on}, View: chat.View(in.State), Limit: in.Limit}
	switch in.State {
	case "assigned":
		q.View, q.States = "", []chat.RoundState{chat.Assigned}
	case "all":
		q.View, q.States = "", []chat.RoundState{chat.Waiting, chat.Assigned, chat.Resolved}
	}
	timed := in.Since != 0 || in.Before != 0
	if in.Assignee != "" {
		id, err := chat.ParseID(in.Assignee)
		if err != nil {
			return q, site.Bad("assignee", "Send the id of an agent.")
		}
		q.View, q.Agent = chat.ViewMine, chat.AgentID(id)
		if timed || in.State != string(chat.ViewOpen) {
			return q, site.Bad("assignee", "Send assignee without state, since and before.")
		}
	}
	if timed && q.View == chat.ViewWaiting {
		return q, site.Bad("since", "Rounds that wait are not listed by time: send another state.")
	}
	if in.Before != 0 {
		q.After = &chat.ListRow{State: chat.State{LastAt: chat.Millis(in.Before)}}
	}
	if in.Cursor != "" {
		p, err := parseListPlace(in.Cursor, in.list())
		if err != nil {
			return q, err
		}
		q.After = p.row()
	}
	return q, nil
}

func (r *routes) listConversations(ctx context.Context, c caller, in *conversationsQuery) (*conversationsOutput, error) {
	q, err := in.query(c.site.ID)
	if err != nil {
		return nil, err
	}
	rows, err := r.server.parts.Hub.Store.List(ctx, q)
	if err != nil {
		return nil, err
	}
	out := &conversationsOutput{}
	out.Body.Conversations = []Conversation{}
	for i := range rows {
		row := &rows[i]
		if in.Since > 0 && int64(row.State.LastAt) < in.Since {
			return out, nil // the rest is older
		}
		one := r.server.conversationFor(row.Conversation, row.State)
		if last := wire.Preview(row.Last); last != nil {
			shown := eventFor(last)
			one.Last = &shown
		}
		out.Body.Conversations = append(out.Body.Conversations, one)
	}
	if len(rows) == in.Limit {
		s := &rows[len(rows)-1].State
		out.Body.Next = listPlace{in.list(), s.WaitingSince, s.UnansweredSince, s.LastAt, s.Conversation}.cursor()
	}
	return out, nil
}

func (r *routes) listEvents(ctx context.Context, c caller, in *eventsQuery) (*eventsOutput, error) {
	conv, err := r.server.conversation(c, &in.ConversationPath)
	if err != nil {
		return nil, err
	}
	at := chat.Position{}
	if in.Cursor != "" {
		if at, err = parsePosition(in.Cursor); err != nil {
			return nil, err
		}
	}
	q := chat.PageQuery{Conversation: conv.ID, Limit: in.Limit, After: &at}
	newest := in.Order == "newest"
	if newest {
		q.After, q.Before = nil, at.Number
	}
	page, err := r.server.parts.Hub.Store.Page(ctx, q)
	if err != nil {
		return nil, err
	}
	out := &eventsOutput{}
	out.Body.More, out.Body.Reset, out.Body.Truncated = page.More && !page.Reset, page.Reset, page.Truncated
	out.Body.Events = make([]Event, len(page.Events))
	for i := range page.Events {
		told, _ := wire.EventFor(&page.Events[i], wire.ForAgents, false)
		place := i
		if newest {
			place = len(page.Events) - 1 - i
		}
		out.Body.Events[place] = eventFor(&told)
	}
	switch n := len(out.Body.Events); {
	case n > 0 && (!newest || page.More):
		out.Body.Next = out.Body.Events[n-1].Position
	case n == 0 && !newest:
		out.Body.Next = positionText(at.Number, at.Tag)
	}
	return out, nil
}

func (r *routes) listRounds(ctx context.Context, c caller, in *roundsQuery) (*roundsOutput, error) {
	conv, err := r.server.conversation(c, &in.ConversationPath)
	if err != nil {
		return nil, err
	}
	var before int64
	if in.Cursor != "" {
		at, err := parsePosition(in.Cursor)
		if err != nil {
			return nil, err
		}
		before = at.Number
	}
	rounds, err := r.server.parts.Hub.Store.Rounds(ctx, conv.ID, before, in.Limit+1)
	if err != nil {
		return nil, err
	}
	out := &roundsOutput{}
	out.Body.Rounds = []PastRound{}
	for _, one := range rounds {
		if len(out.Body.Rounds) == in.Limit {
			out.Body.Next = positionText(out.Body.Rounds[in.Limit-1].Number, 0)
			return out, nil
		}
		out.Body.Rounds = append(out.Body.Rounds, PastRound{
			Number: one.Number, OpenedAt: int64(one.OpenedAt), ResolvedAt: int64(one.ResolvedAt), FirstSeq: one.FirstSeq,
			Agent: agentName(wire.AgentRef(one.Assignee, r.server.nameOf)),
		})
	}
	return out, nil
}
