package metrics

import (
	"slices"
	"time"

	"github.com/prometheus/client_golang/prometheus"

	"github.com/kefu-chat/kefu/internal/bus"
	"github.com/kefu-chat/kefu/internal/live"
	"github.com/kefu-chat/kefu/internal/store"
	"github.com/kefu-chat/kefu/internal/ws"
)

// Sources are what the parts of the house count by themselves; all are required.
type Sources struct {
	Hub     func() live.Stats
	Bus     func() bus.Stats
	Sockets func() ws.Stats
	Store   func() store.Stats
	// Presence tells whether who is online is shared with the other nodes, or there are
	// none, and how many exchanges with them have failed.
	Presence func() (up bool, failures int64)
	// ChatRoom is how many connections the legacy chat room has.
	ChatRoom func() int64
	// Webhooks is from how many conversations something waits for webhooks, and how old
	// the oldest of it is.
	Webhooks func() (conversations int64, oldest time.Duration)
	// Certificate is when that of HTTPS ends; zero without one.
	Certificate func() time.Time
}

// picture is what the sources say at one moment.
type picture struct {
	hub     live.Stats
	bus     bus.Stats
	sockets ws.Stats
	store   store.Stats
	// present: who is online is shared; absences: exchanges about it that failed.
	present  bool
	absences int64
	chatRoom int64
	// hooks is from how many conversations something waits for webhooks.
	hooks       int64
	hooksOldest time.Duration
	// certificate is when it ends.
	certificate time.Time
}

type put func(value float64, labels ...string)

// figure is a metric that is read from a picture.
type figure struct {
	family
	read func(p *picture, put put)
}

// one is a figure without labels.
func one[N int | int64 | uint64](f family, value func(p *picture) N) figure {
	return figure{f, func(p *picture, put put) { put(float64(value(p))) }}
}

// figures are what is read from the sources.
func figures() []figure {
	return slices.Concat(liveFigures(), storeFigures(), busFigures(), socketFigures(), webhookFigures())
}

func liveFigures() []figure {
	return []figure{
		{gauge("kefu_sessions", "Live connections: of visitors, of agents, and of strangers, who have not said hello yet.", "kind"), func(p *picture, put put) {
			put(float64(p.hub.Visitors), "visitor")
			put(float64(p.hub.Agents), "agent")
			put(float64(p.hub.Strangers), "stranger")
		}},
		one(gauge("kefu_push_connections", "Connections that wait for pushes by id."), func(p *picture) int64 { return p.hub.PushConns }),
		one(gauge("kefu_chat_room_connections", "Connections of pages in the legacy chat room. Each of them is a session, too, in `kefu_sessions`."), func(p *picture) int64 { return p.chatRoom }),
		one(counter("kefu_pushed_total", "Texts of pushes by id that went to connections of this node."), func(p *picture) int64 { return p.hub.Pushed }),
		one(gauge("kefu_rooms", "Conversations that somebody on this node follows, or that stand in the lists of agents here."), func(p *picture) int { return p.hub.Rooms }),
		one(gauge("kefu_fills_waiting", "Conversations and sessions for which the database has yet to be read."), func(p *picture) int { return p.hub.FillsWaiting }),
		one(counter("kefu_gap_events_total", "Events that were delivered here after they had been read from the database, because a notice had told that they were there."),
			func(p *picture) int64 { return p.hub.GapEvents }),
		one(counter("kefu_catch_up_events_total", "Events that were read from the database for a session that had missed them while it said hello or was behind."),
			func(p *picture) int64 { return p.hub.CatchUpEvents }),
		one(counter("kefu_healed_conversations_total", "Conversations of which healing knew more than notices had told: many of them mean that the bus loses notices."),
			func(p *picture) int64 { return p.hub.Healed }),
		one(counter("kefu_heal_failures_total", "Looks at the database for what no notice told that failed."), func(p *picture) int64 { return p.hub.HealFailures }),
		{counter("kefu_jobs_total", "How often this node did its regular work: `rows` and `presence` told to those here, `heal`, `return` of absent agents' rounds, "+
			"`seen` written down. One that no longer rises is stuck.", "job"), func(p *picture, put put) {
			j := p.hub.Jobs
			for name, n := range map[string]int64{"rows": j.Rows, "presence": j.Presence, "heal": j.Heal, "return": j.Return, "seen": j.Seen} {
				put(float64(n), name)
			}
		}},
		{gauge("kefu_certificate_expires_timestamp_seconds", "When the certificate of HTTPS ends, in seconds since 1970; absent where Kefu has none."), func(p *picture, put put) {
			if !p.certificate.IsZero() {
				put(float64(p.certificate.Unix()))
			}
		}},
		one(counter("kefu_notices_unreadable_total", "Notices of other nodes that could not be read, or are of another version."), func(p *picture) int64 { return p.hub.Unreadable }),
	}
}

func storeFigures() []figure {
	return []figure{
		one(gauge("kefu_store_queued", "Changes and marks that wait for a commit."), func(p *picture) int64 { return p.store.Queued }),
		one(gauge("kefu_store_queued_bytes", "Bytes of the commands among them."), func(p *picture) int64 { return p.store.QueuedBytes }),
		one(counter("kefu_commits_total", "Groups of changes and marks that were committed."), func(p *picture) int64 { return p.store.Groups }),
		one(counter("kefu_commit_retries_total", "Transactions that were run again, because others were in their way or the connection was lost."), func(p *picture) int64 { return p.store.Retries }),
		one(counter("kefu_commit_failures_total", "Groups that were given up: their senders were told to repeat them."), func(p *picture) int64 { return p.store.Failures }),
		one(counter("kefu_read_failures_total", "Reads of conversations that failed."), func(p *picture) int64 { return p.store.ReadErrors }),
		one(counter("kefu_replica_pages_total", "Pages of conversations that the replica answered."), func(p *picture) int64 { return p.store.ReplicaPages }),
	}
}

// upOrNot is a figure that is 1 or 0.
func upOrNot(f family, value func(p *picture) bool) figure {
	return figure{f, func(p *picture, put put) {
		if value(p) {
			put(1)
		} else {
			put(0)
		}
	}}
}

func busFigures() []figure {
	return []figure{
		upOrNot(gauge("kefu_presence_up", "1 while this node tells the others who is online, and hears it from them, or is the only one."), func(p *picture) bool { return p.present }),
		one(counter("kefu_presence_failures_total", "Exchanges about who is online that failed."), func(p *picture) int64 { return p.absences }),
		upOrNot(gauge("kefu_bus_up", "1 while this node is connected to the bus."), func(p *picture) bool { return p.bus.Up }),
		{gauge("kefu_bus_queued", "Notices that wait: to be sent, `leaving`, or to be read, `arriving`.", "way"), func(p *picture, put put) {
			put(float64(p.bus.Leaving), "leaving")
			put(float64(p.bus.Arriving), "arriving")
		}},
		one(counter("kefu_bus_published_total", "Notices that were sent to other nodes."), func(p *picture) int64 { return p.bus.Published }),
		one(counter("kefu_bus_received_total", "Notices that came from other nodes."), func(p *picture) int64 { return p.bus.Received }),
		one(counter("kefu_bus_lost_total", "Notices that could not be sent, or found no room; healing does their work."), func(p *picture) int64 { return p.bus.Lost }),
		one(counter("kefu_bus_refused_total", "Notices that came but were not sealed by this cluster."), func(p *picture) int64 { return p.bus.Refused }),
		one(counter("kefu_bus_reconnects_total", "How often a lost connection to the bus came back."), func(p *picture) int64 { return p.bus.Reconnects }),
	}
}

func socketFigures() []figure {
	return []figure{
		one(gauge("kefu_websockets", "WebSocket connections that are open."), func(p *picture) int64 { return p.sockets.Open }),
		one(counter("kefu_websockets_accepted_total", "Handshakes that became a WebSocket connection."), func(p *picture) uint64 { return p.sockets.Accepted }),
		one(counter("kefu_websockets_refused_total", "Handshakes that did not."), func(p *picture) uint64 { return p.sockets.Refused }),
		one(counter("kefu_websocket_messages_received_total", "Frames that came over WebSocket connections."), func(p *picture) uint64 { return p.sockets.MessagesIn }),
		one(counter("kefu_websocket_messages_sent_total", "Frames that were sent over WebSocket connections."), func(p *picture) uint64 { return p.sockets.MessagesOut }),
		one(counter("kefu_websocket_received_bytes_total", "Bytes that came over WebSocket connections."), func(p *picture) uint64 { return p.sockets.BytesIn }),
		one(counter("kefu_websocket_sent_bytes_total", "Bytes that were sent over WebSocket connections."), func(p *picture) uint64 { return p.sockets.BytesOut }),
		one(counter("kefu_websockets_slow_total", "Connections that were closed because their queue was full: the client read too slowly."), func(p *picture) uint64 { return p.sockets.Slow }),
		one(counter("kefu_websockets_silent_total", "Connections that were closed because the client did not answer a ping."), func(p *picture) uint64 { return p.sockets.Lost }),
		one(counter("kefu_websockets_broken_total", "Connections that were closed because the client broke the protocol or a bound."), func(p *picture) uint64 { return p.sockets.Broken }),
	}
}

// Watch adds what the sources count to the figures. It is called once.
func (m *Metrics) Watch(s Sources) error { return m.registry.Register(newReader(s)) }

// reader asks the sources whenever the figures are read.
type reader struct {
	sources Sources
	figures []figure
	descs   []*prometheus.Desc
}

func newReader(s Sources) *reader {
	r := &reader{sources: s, figures: figures()}
	for _, f := range r.figures {
		r.descs = append(r.descs, f.desc())
	}
	return r
}

// Describe implements prometheus.Collector.
func (r *reader) Describe(out chan<- *prometheus.Desc) {
	for _, d := range r.descs {
		out <- d
	}
}

// Collect implements prometheus.Collector.
func (r *reader) Collect(out chan<- prometheus.Metric) {
	p := &picture{hub: r.sources.Hub(), bus: r.sources.Bus(), sockets: r.sources.Sockets(), store: r.sources.Store(), certificate: r.sources.Certificate()}
	p.present, p.absences = r.sources.Presence()
	p.chatRoom = r.sources.ChatRoom()
	p.hooks, p.hooksOldest = r.sources.Webhooks()
	for i, f := range r.figures {
		f.read(p, func(value float64, labels ...string) {
			out <- prometheus.MustNewConstMetric(r.descs[i], f.valueType(), value, labels...)
		})
	}
}
