package bench

import (
	"context"
	"os"
	"time"

	"github.com/kefu-chat/kefu/internal/store"
)

// Yardstick is what the bare store did on this disk.
type Yardstick struct {
	InFlight  int     `json:"in_flight"`
	Events    int     `json:"events"`
	PerSecond float64 `json:"per_second"`
	// CPU is this process's, in microseconds an event.
	CPU    float64 `json:"cpu_us_per_event"`
	Commit Latency `json:"commit"`
}

// Bounds of one yardstick: a few events tell how many fill the time.
const (
	probeCommits     = 40
	maxYardstick     = 2_000_000 // events
	yardstickSeconds = 2
)

// measureStore runs the bare loop with so many events a commit for some seconds
// in a new database.
func (p place) measureStore(ctx context.Context, inFlight int, seconds float64) (y Yardstick, err error) {
	t, err := p.temporary()
	if err != nil {
		return y, err
	}
	defer func() {
		if removed := t.close(); err == nil {
			err = removed
		}
	}()
	where, err := t.make(ctx, "probe")
	if err != nil {
		return y, err
	}
	probe, err := store.Yardstick(ctx, where, probeCommits*inFlight, inFlight)
	if err != nil {
		return y, err
	}
	if where, err = t.make(ctx, "kefu"); err != nil {
		return y, err
	}
	n := min(max(int(probe.PerSecond()*seconds), probe.Events), maxYardstick)
	before, errBefore := cpuOf(os.Getpid())
	m, err := store.Yardstick(ctx, where, n, inFlight)
	if err != nil {
		return y, err
	}
	y = Yardstick{InFlight: inFlight, Events: m.Events, PerSecond: m.PerSecond(), Commit: latencyOf(m.Commits)}
	if after, err := cpuOf(os.Getpid()); err == nil && errBefore == nil {
		y.CPU = float64((after-before)/time.Microsecond) / float64(m.Events)
	}
	return y, nil
}

// StoreReport is "bench store".
type StoreReport struct {
	Machine    Machine     `json:"machine"`
	Database   string      `json:"database"`
	Yardsticks []Yardstick `json:"yardsticks"`
}

func runStore(ctx context.Context, p place, inFlight []int, seconds float64) (StoreReport, error) {
	r := StoreReport{Machine: machineOf(p.folder), Database: p.kind()}
	for _, n := range inFlight {
		y, err := p.measureStore(ctx, n, seconds)
		if err != nil {
			return r, err
		}
		r.Yardsticks = append(r.Yardsticks, y)
	}
	return r, nil
}
