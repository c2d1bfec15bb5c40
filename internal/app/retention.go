package app

import (
	"context"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/faults"
	"github.com/kefu-chat/kefu/internal/jobs"
	"github.com/kefu-chat/kefu/internal/retention"
)

// makeRetention makes what removes and gives out visitors' data, and erases again whom a
// restored database has: nobody is served yet.
func (a *App) makeRetention(ctx context.Context) error {
	journal, err := a.openJournal(ctx)
	if err != nil {
		return err
	}
	a.eraser = retention.NewEraser(a.db, a.db, journal, &a.tell, a.sweepSoon, faults.Now, a.log)
	var opener retention.Opener
	if a.files != nil {
		opener = a.files
	}
	a.exporter = retention.NewExporter(a.db, a.db, opener, faults.Now)
	a.rounds = retention.NewRounds(a.db, a.db, a.sites, a.jobs, &a.tell, faults.Now, a.log)
	n, err := a.eraser.Replay(ctx)
	if n > 0 {
		a.log.WarnContext(ctx, "the database is older than some erasures: they were repeated", "visitors", n)
	}
	return err
}

// openJournal is beside the files, also where nobody may send any. Nodes that share no
// place for files have none.
func (a *App) openJournal(ctx context.Context) (retention.Journal, error) {
	if a.blobs == nil {
		if f := a.cfg.Files; f.S3Bucket == "" && !f.FolderShared && a.cfg.Bus.Kind != "memory" {
			a.log.WarnContext(ctx, "erasures of visitors are noted in the database alone: after a restore of an older copy they would have to be repeated; set files.s3_bucket or files.folder_shared")
			return nil, nil
		}
		blobs, err := a.openBlobs(ctx)
		if err != nil {
			return nil, err
		}
		a.blobs = blobs
	}
	return retention.BlobJournal{Blobs: a.blobs}, nil
}

// sweepSoon has the bytes of removed files deleted now, not when their time comes.
func (a *App) sweepSoon(ctx context.Context) error {
	if a.files == nil {
		return nil
	}
	return a.jobs.Add(ctx, jobs.Job{Kind: sweepFiles, Key: sweepKey})
}

// handleRetention removes old rounds, on one node at a time for each site.
func (a *App) handleRetention(ctx context.Context) error {
	a.jobs.Handle(retention.PlanKind, a.rounds.Plan)
	a.jobs.Handle(retention.SiteKind, a.rounds.Run)
	return a.rounds.Start(ctx)
}

// Shortened implements retention.Told.
func (t *toHub) Shortened(c chat.Conversation, s chat.State) {
	if h := t.hub.Load(); h != nil && !faults.Off("deliveries") {
		h.Shortened(c, s)
	}
}

// Erased implements retention.Told.
func (t *toHub) Erased(c chat.Conversation, secretHash []byte) {
	if h := t.hub.Load(); h != nil && !faults.Off("deliveries") {
		h.Erased(c, secretHash)
	}
}
