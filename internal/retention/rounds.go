package retention

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/kefu-chat/kefu/internal/audit"
	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/jobs"
	"github.com/kefu-chat/kefu/internal/site"
)

// Kinds of the jobs: one looks at all sites, one removes a site's old rounds.
const (
	PlanKind = "retention"
	SiteKind = "retention_site"
)

const (
	// planEvery is how often the sites are looked at.
	planEvery = time.Hour
	// planKey is the one key of the job that does.
	planKey = "all"
	// runFor is how long one run removes before it lets another one go on.
	runFor = 2 * time.Minute
	// foundAtOnce is how many rounds are looked for at once.
	foundAtOnce = 200
	day         = 24 * time.Hour
)

// Sites are asked how long rounds are kept.
type Sites interface {
	All() []site.Site
	ByID(id chat.SiteID) (site.Site, bool)
}

// Rounds removes what a site keeps no longer. Safe for concurrent use.
type Rounds struct {
	store RoundStore
	sites Sites
	queue jobs.Queue
	told  Told
	deeds deeds
	log   *slog.Logger
}

// NewRounds makes the remover of old rounds.
func NewRounds(store RoundStore, trail audit.Store, sites Sites, queue jobs.Queue, told Told, now func() time.Time, log *slog.Logger) *Rounds {
	return &Rounds{store: store, sites: sites, queue: queue, told: told, deeds: deeds{trail, now}, log: log}
}

// Start adds the job that looks at all sites, soon, and then each hour.
func (r *Rounds) Start(ctx context.Context) error {
	return r.queue.Add(ctx, jobs.Job{Kind: PlanKind, Key: planKey, In: time.Minute})
}

// Plan is the handler of PlanKind: it adds a job for each site that does not keep its
// rounds for ever.
func (r *Rounds) Plan(ctx context.Context, _ jobs.Job) error {
	for _, one := range r.sites.All() {
		if one.Settings.RetainDays == 0 {
			continue
		}
		if err := r.queue.Add(ctx, siteJob(one.ID)); err != nil {
			return err
		}
	}
	return r.queue.Add(ctx, jobs.Job{Kind: PlanKind, Key: planKey, In: planEvery})
}

func siteJob(id chat.SiteID) jobs.Job {
	return jobs.Job{Kind: SiteKind, Key: strconv.FormatInt(int64(id), 10)}
}

// progress is how far the search through a site has come: the payload of the job that
// goes on with it. The hourly plan lets it begin anew, for what has grown old since.
type progress struct {
	At        Place               `json:"at"`
	RoundsEnd bool                `json:"rounds_end,omitempty"` // all rounds were looked at
	Rest      chat.ConversationID `json:"rest,omitempty"`
}

// Run is the handler of SiteKind. What it has not come to in its time is left to the
// next run, which it adds, and which goes on from there.
func (r *Rounds) Run(ctx context.Context, j jobs.Job) error {
	id, err := chat.ParseID(j.Key)
	if err != nil {
		return fmt.Errorf("the key of a job %s: %w", SiteKind, err)
	}
	on, ok := r.sites.ByID(chat.SiteID(id))
	if !ok || on.Settings.RetainDays == 0 {
		return nil
	}
	var from progress
	if len(j.Payload) > 0 {
		if err := json.Unmarshal(j.Payload, &from); err != nil {
			return fmt.Errorf("the payload of a job %s: %w", SiteKind, err)
		}
	}
	to, all, err := r.remove(ctx, on.ID, time.Duration(on.Settings.RetainDays)*day, from)
	if err != nil || all {
		return err
	}
	next := siteJob(on.ID)
	if next.Payload, err = json.Marshal(to); err != nil {
		return err
	}
	return r.queue.Add(ctx, next)
}

// remove removes a site's rounds that were resolved longer ago than age, and whatever
// was written in them since as long ago; all is false when there was no time for all of
// them: then to is where to go on.
func (r *Rounds) remove(ctx context.Context, on chat.SiteID, age time.Duration, from progress) (to progress, all bool, err error) {
	before, err := r.store.Cutoff(ctx, age)
	if err != nil {
		return from, false, err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*runFor)
	defer cancel()
	one := run{Rounds: r, before: before, until: r.deeds.now().Add(runFor), progress: from}
	all, err = one.search(ctx, on)
	if one.removed == (Removed{}) {
		return one.progress, all, err
	}
	r.log.InfoContext(ctx, "old rounds were removed", "site", on, "conversations", one.conversations, "rounds", one.removed.Rounds, "events", one.removed.Events, "files", one.removed.Files)
	recorded := r.deeds.record(context.WithoutCancel(ctx), audit.By{Actor: chat.System().Ref()}, audit.RoundsRemoved, on, map[string]string{
		"days": strconv.Itoa(int(age / day)), "conversations": decimal(one.conversations), "rounds": decimal(one.removed.Rounds),
		"events": decimal(one.removed.Events), "files": decimal(one.removed.Files),
	})
	if err == nil {
		err = recorded
	}
	return one.progress, all, err
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }

// run is one search through a site.
type run struct {
	*Rounds
	progress
	before        chat.Millis
	until         time.Time
	removed       Removed
	conversations int64
}

func (r *run) late() bool { return r.deeds.now().After(r.until) }

func (r *run) search(ctx context.Context, on chat.SiteID) (all bool, err error) {
	if !r.RoundsEnd {
		if r.RoundsEnd, err = r.rounds(ctx, on); err != nil || !r.RoundsEnd {
			return false, err
		}
	}
	return r.rest(ctx, on)
}

func (r *run) rounds(ctx context.Context, on chat.SiteID) (all bool, err error) {
	for {
		found, err := r.store.OldRounds(ctx, on, r.before, r.At, foundAtOnce)
		if err != nil {
			return false, err
		}
		done := map[chat.ConversationID]bool{}
		for _, one := range found {
			if one.Left && !done[one.Conversation] {
				done[one.Conversation] = true
				if err := r.conversation(ctx, one.Conversation); err != nil {
					return false, err
				}
			}
			if r.late() { // its conversation may have more to go
				return false, nil
			}
			r.At = one.Place
		}
		if len(found) < foundAtOnce {
			return true, nil
		}
	}
}

// rest is for what belongs to no round: it was written after a conversation's last one
// had gone.
func (r *run) rest(ctx context.Context, on chat.SiteID) (all bool, err error) {
	for {
		found, err := r.store.OldRest(ctx, on, r.before, r.Rest, foundAtOnce)
		if err != nil {
			return false, err
		}
		for _, id := range found {
			if err := r.conversation(ctx, id); err != nil {
				return false, err
			}
			if r.late() {
				return false, nil
			}
			r.Rest = id
		}
		if len(found) < foundAtOnce {
			return true, nil
		}
	}
}

// conversation removes what is old of one, step by step; one that was erased meanwhile
// needs nothing.
func (r *run) conversation(ctx context.Context, id chat.ConversationID) error {
	some := false
	for more := true; more && !r.late(); {
		step, err := r.store.RemoveOld(ctx, id, r.before)
		if chat.CodeOf(err) == chat.NotFound {
			return nil
		}
		if err != nil {
			return fmt.Errorf("remove old rounds of conversation %d: %w", id, err)
		}
		more = step.More
		if step.Removed != (Removed{}) {
			some = true
			r.removed.Add(step.Removed)
			r.told.Shortened(step.Conversation, step.State)
		}
	}
	if some {
		r.conversations++
	}
	return nil
}
