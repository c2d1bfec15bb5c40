package app

import (
	"context"
	"time"

	"github.com/kefu-chat/kefu/internal/jobs"
)

const (
	forgetEntries      = "forget_entries"
	forgetEntriesEvery = time.Minute
	forgetTicketsMost  = 500 // at once
)

// handleEntries removes visitors' log-ins and tickets that let nobody in any more, on
// one node at a time.
func (a *App) handleEntries(ctx context.Context) error {
	again := jobs.Job{Kind: forgetEntries, Key: "all", In: forgetEntriesEvery}
	a.jobs.Handle(forgetEntries, func(ctx context.Context, _ jobs.Job) error {
		if err := a.forgetEntries(ctx); err != nil {
			a.log.WarnContext(ctx, "log-ins and tickets that have ended could not be forgotten: it will be tried again", "error", err)
		}
		return a.jobs.Add(context.WithoutCancel(ctx), again) // also when the time of this run is over
	})
	return a.jobs.Add(ctx, again)
}

func (a *App) forgetEntries(ctx context.Context) error {
	for n := forgetTicketsMost; n == forgetTicketsMost; {
		var err error
		if n, err = a.db.ForgetTickets(ctx, forgetTicketsMost); err != nil {
			return err
		}
	}
	return a.visitors.Forget(ctx)
}
