package broadcast

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/kefu-chat/kefu/internal/audit"
	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/jobs"
)

// Told must know at once that a site's log has grown; healing finds what it missed. It
// does not block.
type Told interface {
	BroadcastChanged(on chat.SiteID)
}

// Here knows who is connected, to any node.
type Here interface {
	// Online tells which of a site's visitors are connected and meet a rule, and how many
	// more have not written yet; exact is false where some are known to another node only.
	Online(on chat.SiteID, a Audience) (known []chat.VisitorID, newcomers int64, exact bool)
}

// Broadcasts makes and publishes broadcasts. Safe for concurrent use.
type Broadcasts struct {
	store Store
	audit audit.Store
	queue jobs.Queue
	here  Here
	told  Told
	now   func() time.Time
}

// New makes a service.
func New(store Store, trail audit.Store, queue jobs.Queue, here Here, told Told, now func() time.Time) *Broadcasts {
	return &Broadcasts{store: store, audit: trail, queue: queue, here: here, told: told, now: now}
}

// By is who asks: the actor with its role on the site, and from where.
type By struct {
	Actor   chat.Actor
	Address string
}

// Make stores a draft. Errors: NotAllowed, FieldError, refusals of the text, Conflict when
// there are too many.
func (s *Broadcasts) Make(ctx context.Context, by By, on chat.SiteID, c Content) (Broadcast, error) {
	if err := MayBroadcast(by.Actor); err != nil {
		return Broadcast{}, err
	}
	now := s.now()
	c, err := c.Check(now)
	if err == nil {
		c.Audience, err = s.known(ctx, on, c.Audience)
	}
	if err != nil {
		return Broadcast{}, err
	}
	if drafts, err := s.store.DraftBroadcasts(ctx, on); err != nil {
		return Broadcast{}, err
	} else if drafts >= MaxDrafts {
		return Broadcast{}, conflict("the site has %d drafts already: send or delete some", drafts)
	}
	b := Broadcast{
		ID: ID(chat.NewID(now)), Site: on, Content: c, State: Draft, CreatedAt: chat.At(now), By: by.Actor.Ref(), Version: 1,
	}
	return b, s.store.InsertBroadcast(ctx, b)
}

// Change replaces the content of a draft; a list that is not given stays. Errors: as Make,
// and NotFound, Conflict.
func (s *Broadcasts) Change(ctx context.Context, by By, on chat.SiteID, id ID, version int64, c Content) (Broadcast, error) {
	if err := MayBroadcast(by.Actor); err != nil {
		return Broadcast{}, err
	}
	var err error
	if c.Audience, err = s.known(ctx, on, c.Audience); err != nil {
		return Broadcast{}, err
	}
	return s.change(ctx, by, on, id, version, "", func(b Broadcast) (Broadcast, error) {
		if b.State != Draft {
			return b, conflict("this broadcast is %s: only a draft can be changed", b.State)
		}
		had := b.Content.Audience
		if b.Content = c; had.Kind == Listed && c.Audience.Kind == Listed && c.Audience.List == nil {
			b.Content.Audience = had
		}
		var err error
		b.Content, err = b.Content.Check(s.now())
		return b, err
	})
}

// known is the audience with how many of its list the site does not know.
func (s *Broadcasts) known(ctx context.Context, on chat.SiteID, a Audience) (Audience, error) {
	a.Unknown = 0
	if a.Kind != Listed || a.List == nil {
		return a, nil
	}
	known, _, err := s.store.CountListed(ctx, on, a.List)
	a.Unknown = a.List.Len() - int(known)
	return a, err
}

// Delete removes a draft. Errors: NotAllowed, NotFound, Conflict.
func (s *Broadcasts) Delete(ctx context.Context, by By, on chat.SiteID, id ID, version int64) error {
	if err := MayBroadcast(by.Actor); err != nil {
		return err
	}
	return s.store.Together(ctx, func(ctx context.Context) error {
		b, err := s.store.Broadcast(ctx, on, id)
		if err != nil {
			return err
		}
		if b.State != Draft {
			return conflict("this broadcast is %s: only a draft can be deleted", b.State)
		}
		b.Version = version
		return s.store.DeleteBroadcast(ctx, b)
	})
}

// Publish sends a draft out now, or its first wave. Errors: NotAllowed, NotFound,
// Conflict, FieldError.
func (s *Broadcasts) Publish(ctx context.Context, by By, on chat.SiteID, id ID, version int64) (Broadcast, error) {
	expected, err := s.expect(ctx, on, id)
	if err != nil {
		return Broadcast{}, err
	}
	b, err := s.change(ctx, by, on, id, version, audit.BroadcastPublished, func(b Broadcast) (Broadcast, error) {
		b.By, b.Expected = by.Actor.Ref(), expected
		return b.published(s.now())
	})
	return s.grown(b, err)
}

// Schedule has a draft published later. Errors: as Publish.
func (s *Broadcasts) Schedule(ctx context.Context, by By, on chat.SiteID, id ID, version int64, at chat.Millis) (Broadcast, error) {
	return s.change(ctx, by, on, id, version, audit.BroadcastScheduled, func(b Broadcast) (Broadcast, error) {
		b.By = by.Actor.Ref()
		return b.scheduled(at, s.now())
	})
}

// Withdraw takes a broadcast back: visitors no longer see it; a scheduled one is a draft
// again. Errors: NotAllowed, NotFound, Conflict.
func (s *Broadcasts) Withdraw(ctx context.Context, by By, on chat.SiteID, id ID, version int64) (Broadcast, error) {
	b, err := s.change(ctx, by, on, id, version, audit.BroadcastWithdrawn, func(b Broadcast) (Broadcast, error) {
		return b.withdrawn(chat.At(s.now()))
	})
	return s.grown(b, err)
}

// expect counts for how many a broadcast is, before the transaction that publishes it:
// others may write meanwhile.
func (s *Broadcasts) expect(ctx context.Context, on chat.SiteID, id ID) (int64, error) {
	count, err := s.CountOf(ctx, on, id)
	return count.Visitors, err
}

func (s *Broadcasts) grown(b Broadcast, err error) (Broadcast, error) {
	if err == nil {
		s.told.BroadcastChanged(b.Site)
	}
	return b, err
}

// change is one transaction: the row under its version, the log, the jobs and the audit.
func (s *Broadcasts) change(ctx context.Context, by By, on chat.SiteID, id ID, version int64, what audit.What, to func(Broadcast) (Broadcast, error)) (after Broadcast, err error) {
	if err := MayBroadcast(by.Actor); err != nil {
		return Broadcast{}, err
	}
	err = s.store.Together(ctx, func(ctx context.Context) error {
		before, err := s.store.Broadcast(ctx, on, id)
		if err != nil {
			return err
		}
		if after, err = to(before); err != nil {
			return err
		}
		after.Version = version
		if after, err = s.write(ctx, before, after); err != nil || what == "" {
			return err
		}
		now := s.now()
		return s.audit.Record(ctx, audit.Entry{
			ID: chat.NewID(now), At: chat.At(now), By: by.Actor.Ref(), Address: by.Address, What: what, Site: on,
			Detail: map[string]string{"broadcast": strconv.FormatInt(int64(id), 10)},
		})
	})
	return after, err
}

// write stores a change with what follows from it.
func (s *Broadcasts) write(ctx context.Context, before, after Broadcast) (Broadcast, error) {
	if after.Wave > before.Wave || after.State == Withdrawn {
		if after.Wave == 1 && before.Wave == 0 {
			if err := s.first(ctx, after); err != nil {
				return after, err
			}
		}
		entry := Entry{Site: after.Site, Broadcast: after.ID, At: chat.At(s.now())}
		if after.State != Withdrawn {
			entry.Wave = after.Wave
		}
		entry, err := s.store.AppendBroadcast(ctx, entry)
		if err != nil {
			return after, err
		}
		if after.Number == 0 {
			after.Number = entry.Number
		}
	}
	after, err := s.store.UpdateBroadcast(ctx, after)
	if err != nil {
		return after, err
	}
	return after, s.plan(ctx, before, after)
}

// first refuses one too many.
func (s *Broadcasts) first(ctx context.Context, b Broadcast) error {
	shown, err := s.store.ShownBroadcasts(ctx, b.Site, chat.At(s.now()))
	if err != nil {
		return err
	}
	if shown >= MaxShown {
		return conflict("visitors see %d broadcasts already: withdraw one, or let it end", shown)
	}
	return nil
}

// JobKind is the kind of the jobs that publish what is scheduled, and the next waves.
const JobKind = "broadcast"

type payload struct {
	Site chat.SiteID `json:"site,string"`
	ID   ID          `json:"id,string"`
	// Version is the broadcast's, as the job was planned: whatever changed it since has
	// planned anew, or ended it.
	Version int64 `json:"version"`
}

// plan adds or cancels the job that goes on with a broadcast.
func (s *Broadcasts) plan(ctx context.Context, before, after Broadcast) error {
	job := jobs.Job{Kind: JobKind, Key: strconv.FormatInt(int64(after.ID), 10)}
	p := payload{Site: after.Site, ID: after.ID, Version: after.Version}
	switch after.State {
	case Scheduled:
		job.RunAt = after.ScheduledAt
	case Publishing:
		job.In = time.Duration(after.Content.WaveSeconds) * time.Second
	default:
		if before.State == Scheduled || before.State == Publishing && after.State == Withdrawn {
			_, err := s.queue.Cancel(ctx, job.Kind, job.Key)
			return err
		}
		return nil
	}
	var err error
	if job.Payload, err = json.Marshal(p); err != nil {
		return fmt.Errorf("the payload of a broadcast's job: %w", err)
	}
	return s.queue.Add(ctx, job)
}

// Run does a job: it lets the wave go out that is due, if it has not. One that was
// withdrawn, changed or has ended meanwhile is left alone.
func (s *Broadcasts) Run(ctx context.Context, j jobs.Job) error {
	var p payload
	if err := json.Unmarshal(j.Payload, &p); err != nil {
		return fmt.Errorf("the payload of a broadcast's job: %w", err)
	}
	expected, err := s.expect(ctx, p.Site, p.ID)
	if err != nil && chat.CodeOf(err) != chat.NotFound {
		return err
	}
	out := false
	err = s.store.Together(ctx, func(ctx context.Context) error {
		out = false
		before, err := s.store.Broadcast(ctx, p.Site, p.ID)
		if chat.CodeOf(err) == chat.NotFound {
			return nil
		}
		now := chat.At(s.now())
		due := before.State == Scheduled || before.State == Publishing
		if err != nil || !due || before.Version != p.Version || before.StateAt(now) == Expired {
			return err
		}
		after := before.next(now)
		if after.Wave == 1 {
			after.Expected = expected
		}
		if after.Wave == 1 && chat.CodeOf(s.first(ctx, after)) == chat.Conflict {
			return s.queue.Add(ctx, jobs.Job{Kind: j.Kind, Key: j.Key, In: untilRoom, Payload: j.Payload})
		}
		out = true
		_, err = s.write(ctx, before, after)
		return err
	})
	if err == nil && out {
		s.told.BroadcastChanged(p.Site)
	}
	return err
}

// untilRoom is how long one that is due waits while visitors see as many as they may.
const untilRoom = time.Minute

// One is a broadcast of a site. Errors: NotFound.
func (s *Broadcasts) One(ctx context.Context, on chat.SiteID, id ID) (Broadcast, error) {
	return s.store.Broadcast(ctx, on, id)
}

// List is a page of a site's broadcasts, newest first.
func (s *Broadcasts) List(ctx context.Context, on chat.SiteID, before ID, limit int) ([]Broadcast, error) {
	return s.store.Broadcasts(ctx, on, before, limit)
}
