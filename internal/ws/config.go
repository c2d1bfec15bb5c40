package ws

import "time"

// Config bounds what a connection may cost. A zero or negative value means the
// default named beside the field.
type Config struct {
	// Subprotocols lists what the server speaks, best first. When it is not
	// empty, a client that offers none of them is refused with 400.
	Subprotocols []string

	// ReadLimit bounds one message, in bytes (256 KiB); longer ones close the
	// connection with 1009. Conn.SetReadLimit changes it for one connection.
	ReadLimit int64
	// MaxFrames bounds the fragments of one message (1024); more close with 1008.
	MaxFrames int
	// MaxControl bounds the control frames taken per second (64); more close
	// with 1008.
	MaxControl int
	// MessageTimeout bounds the time from the first byte of a message to its
	// last (60 s), checked once each PingEvery; a later one closes with 1008.
	MessageTimeout time.Duration
	// AllowBinary accepts binary messages; without it they close with 1003.
	AllowBinary bool

	// PingEvery is how long a connection may be silent before it is pinged (20 s).
	PingEvery time.Duration
	// PongWait is how long after the ping any byte may take to come (8 s).
	PongWait time.Duration

	// WriteTimeout bounds each write of up to 64 KiB, and all that is still
	// flushed after Close (10 s).
	WriteTimeout time.Duration
	// CloseWait bounds the wait for the peer's close frame and for its end of
	// the connection (2 s).
	CloseWait time.Duration
	// HandshakeTimeout bounds the writing of the 101 answer (5 s). The reading of
	// the request is bounded by http.Server's ReadHeaderTimeout.
	HandshakeTimeout time.Duration

	// QueueBytes and QueueFrames bound what waits to be written to one
	// connection (1 MiB, 1024). One frame is always taken when nothing waits,
	// whatever its size.
	QueueBytes  int
	QueueFrames int
	// ComeBackCode is the close code for a peer that reads too slowly (1013, "try
	// again later"), SilentCode for one that does not answer pings (ComeBackCode).
	ComeBackCode uint16
	SilentCode   uint16
}

func (c Config) withDefaults() Config {
	orDefault(&c.ReadLimit, 256<<10)
	orDefault(&c.MaxFrames, 1024)
	orDefault(&c.MaxControl, 64)
	orDefault(&c.MessageTimeout, time.Minute)
	orDefault(&c.PingEvery, 20*time.Second)
	orDefault(&c.PongWait, 8*time.Second)
	orDefault(&c.WriteTimeout, 10*time.Second)
	orDefault(&c.CloseWait, 2*time.Second)
	orDefault(&c.HandshakeTimeout, 5*time.Second)
	orDefault(&c.QueueBytes, 1<<20)
	orDefault(&c.QueueFrames, 1024)
	orDefault(&c.ComeBackCode, CodeTryAgainLater)
	orDefault(&c.SilentCode, c.ComeBackCode)
	return c
}

func orDefault[T int | int64 | uint16 | time.Duration](v *T, d T) {
	if *v <= 0 {
		*v = d
	}
}

// tick is the step of the server's coarse clock: fine enough that a lost peer
// is found within PingEvery + PongWait + two ticks.
func (c Config) tick() time.Duration {
	return min(max(c.PongWait/32, time.Millisecond), 250*time.Millisecond)
}

// ticks says how many steps of the coarse clock cover d; at least one.
func (c Config) ticks(d time.Duration) uint32 {
	t := c.tick()
	return uint32(max((d+t-1)/t, 1))
}
