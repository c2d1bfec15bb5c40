package app

import (
	"context"
	"time"

	"github.com/kefu-chat/kefu/internal/broadcast"
	"github.com/kefu-chat/kefu/internal/jobs"
)

// makeJobs makes the queue of work for later; what has such work gets it as a jobs.Queue.
func (a *App) makeJobs(context.Context) error {
	a.jobs = jobs.New(jobs.Config{
		Log: a.log,
		Ran: func(kind string, result jobs.Result, late time.Duration) {
			a.figures.JobRan(kind, string(result), late)
		},
	}, a.db)
	return nil
}

// handleJobs says who does which kind of job: one line for each.
func (a *App) handleJobs() {
	a.handleWitnesses()
	a.jobs.Handle(broadcast.JobKind, a.broadcasts.Run)
	a.handlePortraits()
}

// startJobs begins to run what is due, when everything that does it is there.
func (a *App) startJobs(ctx context.Context) error {
	a.handleJobs()
	if err := a.handleFiles(ctx); err != nil {
		return err
	}
	if err := a.handleWebhooks(ctx); err != nil {
		return err
	}
	if err := a.handleRetention(ctx); err != nil {
		return err
	}
	if err := a.handleRequests(ctx); err != nil {
		return err
	}
	if err := a.handleEntries(ctx); err != nil {
		return err
	}
	a.jobs.Start()
	a.stack.push("jobs", a.jobs.Stop)
	return nil
}
