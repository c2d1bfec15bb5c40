package server

import (
	"context"
	"errors"
	"net/http"

	"github.com/kefu-chat/kefu/internal/broadcast"
	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/site"
)

// listBody bounds a request that may name visitors, in bytes: an id takes at most 22.
const listBody = settingsBody + 22*broadcast.MaxListed

// Broadcast is a word to many as supervisors see it.
type Broadcast struct {
	ID          string            `json:"id"`
	Text        string            `json:"text"`
	Show        string            `json:"show" enum:"message,card" doc:"In the conversation, or as a card by itself."`
	Audience    BroadcastAudience `json:"audience"`
	ExpiresAt   int64             `json:"expires_at,omitempty" doc:"Visitors do not see it from then on."`
	Waves       int               `json:"waves"`
	WaveSeconds int               `json:"wave_seconds,omitempty"`
	State       string            `json:"state" enum:"draft,scheduled,publishing,published,withdrawn,expired"`
	Wave        int               `json:"wave,omitempty" doc:"How many waves are out."`
	CreatedAt   int64             `json:"created_at"`
	ScheduledAt int64             `json:"scheduled_at,omitempty"`
	PublishedAt int64             `json:"published_at,omitempty"`
	WithdrawnAt int64             `json:"withdrawn_at,omitempty"`
	By          BroadcastAuthor   `json:"by"`
	Version     int64             `json:"version" doc:"Rises with each change; a change names the version that it saw."`
	Expected    int64             `json:"expected" doc:"For how many visitors it was when it was published."`
	Delivered   int64             `json:"delivered" doc:"To how many visitors it was sent so far."`
	Read        int64             `json:"read" doc:"How many of them have seen it so far."`
}

// BroadcastAuthor is who sent it.
type BroadcastAuthor struct {
	Kind string `json:"kind" enum:"agent,key"`
	ID   string `json:"id"`
	Name string `json:"name,omitempty"`
}

// BroadcastAudience says who gets it.
type BroadcastAudience struct {
	Kind     string   `json:"kind" enum:"all,online,segment,list"`
	Language string   `json:"language,omitempty" maxLength:"35" doc:"Of a segment: a language tag, or the beginning of one."`
	Page     string   `json:"page,omitempty" maxLength:"2048" doc:"Of a segment: the beginning of the address of the page that the visitor is on."`
	Verified bool     `json:"verified,omitempty" doc:"Of a segment: only visitors for whom the website vouches."`
	IDs      []string `json:"ids,omitempty" nullable:"false" doc:"Of a list: the visitors' ids, at most 100,000, as agents' frames have them in visitor.id. They are given when the draft is made or changed, and not sent back; a change without them leaves them as they are."`
	Size     int      `json:"size,omitempty" doc:"Of a list, in answers: how many visitors it names."`
	Unknown  int      `json:"unknown,omitempty" doc:"Of a list, in answers: how many of them were no visitors of the site when it was given."`
}

// BroadcastContent is what a draft says.
type BroadcastContent struct {
	Text        string            `json:"text" maxLength:"16000"`
	Show        string            `json:"show" enum:"message,card"`
	Audience    BroadcastAudience `json:"audience"`
	ExpiresAt   int64             `json:"expires_at,omitempty" minimum:"0"`
	Waves       int               `json:"waves,omitempty" minimum:"0" maximum:"100" doc:"In how many parts the visitors get it; 1 by default."`
	WaveSeconds int               `json:"wave_seconds,omitempty" minimum:"0" maximum:"86400"`
}

func (c BroadcastContent) content() (broadcast.Content, error) {
	a, err := c.Audience.audience()
	return broadcast.Content{
		Text: c.Text, Show: broadcast.Show(c.Show), Audience: a, ExpiresAt: chat.Millis(c.ExpiresAt),
		Waves: c.Waves, WaveSeconds: c.WaveSeconds,
	}, err
}

func (a BroadcastAudience) audience() (broadcast.Audience, error) {
	to := broadcast.Audience{Kind: broadcast.AudienceKind(a.Kind), Language: a.Language, Page: a.Page, Verified: a.Verified}
	if to.Kind != broadcast.Listed || a.IDs == nil {
		return to, nil
	}
	var err error
	to.List, err = broadcast.ReadList(a.IDs)
	return to, err
}

type (
	broadcastOutput  struct{ Body Broadcast }
	broadcastsOutput struct {
		Body struct {
			Broadcasts []Broadcast `json:"broadcasts" nullable:"false" doc:"Newest first."`
		}
	}
	broadcastsQuery struct {
		SitePath
		Before string `query:"before" maxLength:"20" doc:"The id of the last one of the page before."`
		Limit  int    `query:"limit" default:"50" minimum:"1" maximum:"100"`
	}
	// BroadcastPath names a broadcast in a path.
	BroadcastPath struct {
		SitePath
		Broadcast string `path:"broadcast" maxLength:"20"`
	}
	newBroadcast struct {
		SitePath
		Body BroadcastContent
	}
	broadcastChange struct {
		BroadcastPath
		Body struct {
			Version int64            `json:"version" doc:"The version that the change is about."`
			Content BroadcastContent `json:"content"`
		}
	}
	broadcastVersion struct {
		BroadcastPath
		Body struct {
			Version int64 `json:"version"`
		}
	}
	broadcastSchedule struct {
		BroadcastPath
		Body struct {
			Version int64 `json:"version"`
			At      int64 `json:"at" doc:"When it is published."`
		}
	}
	broadcastDelete struct {
		BroadcastPath
		Version int64 `query:"version" required:"true"`
	}
	countInput struct {
		SitePath
		Body struct {
			Audience  *BroadcastAudience `json:"audience,omitempty"`
			Broadcast string             `json:"broadcast,omitempty" maxLength:"20" doc:"The id of a broadcast whose audience is meant, instead of audience."`
		}
	}
	countOutput struct {
		Body BroadcastCount
	}
)

// BroadcastCount says for how many a broadcast would be.
type BroadcastCount struct {
	Visitors int64 `json:"visitors" doc:"Whom the site knows, and newcomers who are connected."`
	Online   int64 `json:"online" doc:"Those of them who are connected now."`
	Unknown  int64 `json:"unknown,omitempty" doc:"Those of a list who are no visitors of the site; not among visitors."`
	Exact    bool  `json:"exact" doc:"False: about so many."`
}

// author is the caller as broadcasts name it.
func (c caller) author() broadcast.By {
	if c.key.ID != 0 {
		return broadcast.By{Actor: c.key.Actor(), Address: c.from.Address}
	}
	return broadcast.By{Actor: c.agent.Actor(c.site.ID), Address: c.from.Address}
}

// broadcasts are the routes about words to many.
func (r *routes) broadcasts() {
	const all, one = "/sites/{site}/broadcasts", "/sites/{site}/broadcasts/{broadcast}"
	who, s := onSiteOrKey(chat.RoleSupervisor, identity.BroadcastScope), r.server.parts.Broadcasts
	serve(r, who, op{method: "GET", path: all, id: "list-broadcasts", summary: "A site's broadcasts, with their counts"},
		func(ctx context.Context, c caller, in *broadcastsQuery) (*broadcastsOutput, error) {
			before, err := optionalID[broadcast.ID](in.Before)
			if err != nil {
				return nil, err
			}
			page, err := s.List(ctx, c.site.ID, before, in.Limit)
			out := &broadcastsOutput{}
			out.Body.Broadcasts = make([]Broadcast, len(page))
			for i := range page {
				out.Body.Broadcasts[i] = r.broadcast(&page[i])
			}
			return out, err
		})
	serve(r, who, op{method: "POST", path: all, id: "make-broadcast", summary: "Make a draft", status: http.StatusCreated, body: listBody},
		func(ctx context.Context, c caller, in *newBroadcast) (*broadcastOutput, error) {
			content, err := in.Body.content()
			if err != nil {
				return nil, err
			}
			return r.broadcastAnswer(s.Make(ctx, c.author(), c.site.ID, content))
		})
	serve(r, who, op{method: "POST", path: all + "/count", id: "count-broadcast", summary: "For how many visitors a broadcast would be", body: listBody, repeats: itself}, r.countBroadcast)
	serve(r, who, op{method: "GET", path: one, id: "get-broadcast", summary: "A broadcast, with its counts"},
		func(ctx context.Context, c caller, in *BroadcastPath) (*broadcastOutput, error) {
			id, err := parseID[broadcast.ID](in.Broadcast)
			if err != nil {
				return nil, err
			}
			return r.broadcastAnswer(s.One(ctx, c.site.ID, id))
		})
	serve(r, who, op{method: "PUT", path: one, id: "change-broadcast", summary: "Change a draft", body: listBody},
		func(ctx context.Context, c caller, in *broadcastChange) (*broadcastOutput, error) {
			id, err := parseID[broadcast.ID](in.Broadcast)
			if err != nil {
				return nil, err
			}
			content, err := in.Body.Content.content()
			if err != nil {
				return nil, err
			}
			return r.broadcastAnswer(s.Change(ctx, c.author(), c.site.ID, id, in.Body.Version, content))
		})
	serve(r, who, op{method: "DELETE", path: one, id: "delete-broadcast", summary: "Delete a draft"},
		func(ctx context.Context, c caller, in *broadcastDelete) (*struct{}, error) {
			id, err := parseID[broadcast.ID](in.Broadcast)
			if err != nil {
				return nil, err
			}
			return nil, s.Delete(ctx, c.author(), c.site.ID, id, in.Version)
		})
	r.broadcastSteps(who, one)
}

// broadcastSteps are those that a draft takes.
func (r *routes) broadcastSteps(who access, one string) {
	s := r.server.parts.Broadcasts
	serve(r, who, op{method: "POST", path: one + "/publish", id: "publish-broadcast", summary: "Send a draft out now"},
		func(ctx context.Context, c caller, in *broadcastVersion) (*broadcastOutput, error) {
			id, err := parseID[broadcast.ID](in.Broadcast)
			if err != nil {
				return nil, err
			}
			return r.broadcastAnswer(s.Publish(ctx, c.author(), c.site.ID, id, in.Body.Version))
		})
	serve(r, who, op{method: "POST", path: one + "/schedule", id: "schedule-broadcast", summary: "Send a draft out later"},
		func(ctx context.Context, c caller, in *broadcastSchedule) (*broadcastOutput, error) {
			id, err := parseID[broadcast.ID](in.Broadcast)
			if err != nil {
				return nil, err
			}
			return r.broadcastAnswer(s.Schedule(ctx, c.author(), c.site.ID, id, in.Body.Version, chat.Millis(in.Body.At)))
		})
	serve(r, who, op{method: "POST", path: one + "/withdraw", id: "withdraw-broadcast", summary: "Take a broadcast back; a scheduled one is a draft again"},
		func(ctx context.Context, c caller, in *broadcastVersion) (*broadcastOutput, error) {
			id, err := parseID[broadcast.ID](in.Broadcast)
			if err != nil {
				return nil, err
			}
			return r.broadcastAnswer(s.Withdraw(ctx, c.author(), c.site.ID, id, in.Body.Version))
		})
}

// countBroadcast counts an audience, or that of a broadcast that was made before.
func (r *routes) countBroadcast(ctx context.Context, c caller, in *countInput) (*countOutput, error) {
	s := r.server.parts.Broadcasts
	var n broadcast.Count
	id, err := optionalID[broadcast.ID](in.Body.Broadcast)
	switch {
	case err != nil:
	case (id != 0) == (in.Body.Audience != nil):
		err = site.Bad("audience", "Name an audience, or the broadcast whose audience is meant.")
	case id != 0:
		n, err = s.CountOf(ctx, c.site.ID, id)
	default:
		var a broadcast.Audience
		if a, err = in.Body.Audience.audience(); err == nil {
			n, err = s.Count(ctx, c.site.ID, a)
		}
	}
	return &countOutput{Body: BroadcastCount{Visitors: n.Visitors, Online: n.Online, Unknown: n.Unknown, Exact: n.Exact}}, err
}

// optionalID is an id, or 0 where there is none.
func optionalID[T ~int64](text string) (T, error) {
	if text == "" {
		return 0, nil
	}
	return parseID[T](text)
}

func (r *routes) broadcastAnswer(b broadcast.Broadcast, err error) (*broadcastOutput, error) {
	if err != nil {
		return nil, fieldOfText(err)
	}
	return &broadcastOutput{Body: r.broadcast(&b)}, nil
}

// fieldOfText names the field that a refusal of the text is about.
func fieldOfText(err error) error {
	var refusal *chat.Refusal
	if !errors.As(err, &refusal) {
		return err
	}
	switch refusal.Code {
	case chat.BadText, chat.BlankText, chat.TextTooLong:
		return site.Bad("text", "%s", sentence(refusal.Reason))
	}
	return err
}

func (r *routes) broadcast(b *broadcast.Broadcast) Broadcast {
	a := b.Content.Audience
	return Broadcast{
		ID: idText(b.ID), Text: b.Content.Text, Show: string(b.Content.Show),
		Audience:  BroadcastAudience{Kind: string(a.Kind), Language: a.Language, Page: a.Page, Verified: a.Verified, Size: a.Size, Unknown: a.Unknown},
		ExpiresAt: int64(b.Content.ExpiresAt), Waves: b.Content.Waves, WaveSeconds: b.Content.WaveSeconds,
		State: string(b.StateAt(chat.At(r.server.now()))), Wave: b.Wave,
		CreatedAt: int64(b.CreatedAt), ScheduledAt: int64(b.ScheduledAt), PublishedAt: int64(b.PublishedAt), WithdrawnAt: int64(b.WithdrawnAt),
		By:      BroadcastAuthor{Kind: string(b.By.Kind), ID: idText(b.By.ID), Name: b.By.Name},
		Version: b.Version, Expected: b.Expected, Delivered: b.Delivered, Read: b.Read,
	}
}
