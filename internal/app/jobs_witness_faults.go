//go:build faults

package app

import (
	"context"
	"fmt"

	"github.com/kefu-chat/kefu/internal/jobs"
)

// handleWitnesses handles the jobs by which a test sees what became of them: the
// first run of each lasts until its node dies, a later one writes down once who ran
// it, which attempt it was, and the database's time in ms.
func (a *App) handleWitnesses() {
	a.jobs.Handle("witness", func(ctx context.Context, j jobs.Job) error {
		a.log.Info("a witness runs", "key", j.Key, "attempt", j.Attempts)
		if j.Attempts == 1 {
			<-ctx.Done()
			return ctx.Err()
		}
		_, version, now, err := a.db.KeptCertificate(ctx, "witness/"+j.Key)
		if err != nil {
			return err
		}
		kept, err := a.db.KeepCertificate(ctx, "witness/"+j.Key, fmt.Appendf(nil, "%d %d", j.Attempts, now), version)
		if err == nil && !kept {
			return fmt.Errorf("the witness %s is written by another run", j.Key)
		}
		return err
	})
}
