package app

import (
	"context"
	"time"

	"github.com/kefu-chat/kefu/internal/live"
)

// graceAfterSpread is how long the connections that were sent away last have for it.
const graceAfterSpread = 3 * time.Second

// Leave stops this node so that nobody notices: it is not ready at once, sends
// its connections to the other nodes while it serves them, and stops. Where no
// other node can be, it stops at once. It takes drain.delay and drain.spread, and
// at most StopWithin more.
func (a *App) Leave() error {
	if a.hub.Bus.Alone() {
		return a.Stop()
	}
	d := live.Drain{Delay: a.cfg.Drain.Delay, Spread: a.cfg.Drain.Spread, Grace: graceAfterSpread}
	ctx, cancel := context.WithTimeout(context.Background(), d.Delay+d.Spread+StopWithin)
	defer cancel()
	a.log.Info("this node goes: it sends its connections to the others", "delay", d.Delay, "spread", d.Spread)
	begun := time.Now()
	drain, cancelDrain := context.WithTimeout(ctx, d.Delay+d.Spread+StopWithin/2)
	defer cancelDrain()
	if err := a.hub.Drain(drain, d); err != nil {
		a.log.Warn("some connections did not end when they were told to", "error", err)
	}
	a.log.Info("this node has let its connections go", "took", time.Since(begun).Round(time.Millisecond))
	return a.stack.unwind(ctx)
}
