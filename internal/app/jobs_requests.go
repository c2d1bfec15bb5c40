package app

import (
	"context"
	"time"

	"github.com/kefu-chat/kefu/internal/jobs"
)

const (
	forgetRequests      = "forget_requests"
	forgetRequestsEvery = 10 * time.Minute
	forgetRequestsMost  = 1000 // at once
)

// handleRequests forgets what application servers asked for more than a day ago, on
// one node at a time.
func (a *App) handleRequests(ctx context.Context) error {
	again := jobs.Job{Kind: forgetRequests, Key: "all", In: forgetRequestsEvery}
	a.jobs.Handle(forgetRequests, func(ctx context.Context, _ jobs.Job) error {
		for n := forgetRequestsMost; n == forgetRequestsMost; {
			var err error
			if n, err = a.db.ForgetRequests(ctx, forgetRequestsMost); err != nil {
				a.log.WarnContext(ctx, "old requests of API keys could not be forgotten: it will be tried again", "error", err)
				break
			}
		}
		return a.jobs.Add(context.WithoutCancel(ctx), again) // also when the time of this run is over
	})
	return a.jobs.Add(ctx, again)
}
