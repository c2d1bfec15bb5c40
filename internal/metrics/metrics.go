// Package metrics counts what this node does, for Prometheus. What is counted on
// the way of a message costs a few atomic additions; what the parts of the house
// count by themselves is read when somebody asks.
package metrics

import (
	"net/http"
	"runtime"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/wire"
	"github.com/kefu-chat/kefu/internal/ws"
)

// counts are what is counted as it happens.
type counts struct {
	build, events, commitSeconds, readSeconds, deliverySeconds, closes, requests, requestSeconds, logIns, tickets, jobRuns, jobLate, hooksMade, hooksSent family
}

func counted() counts {
	return counts{
		build:         gauge("kefu_build_info", "1, with the version of this program and of Go.", "version", "go"),
		events:        counter("kefu_events_total", "Events that this node appended to conversations, by their kind; messages are the kind `message`.", "kind"),
		commitSeconds: histogram("kefu_commit_seconds", "How long a transaction took that committed a group of changes and marks."),
		readSeconds:   histogram("kefu_read_seconds", "How long reads of conversations took, by what was read.", "kind"),
		deliverySeconds: histogram("kefu_delivery_seconds",
			"How long after its commit an event had been handed to this node's sessions. `from` is `here` for what this node committed, by its own clock; "+
				"`elsewhere` for what another node did, by the database's clock, from the time that stands in the event, which is before its commit.", "from"),
		closes:         counter("kefu_session_closes_total", "Live connections that ended, by close code; codes that the protocol does not name are `other`.", "code"),
		requests:       counter("kefu_http_requests_total", "Requests that were answered. A handshake that became a live connection is 101.", "route", "method", "status"),
		requestSeconds: histogram("kefu_http_request_seconds", "How long requests took, live connections aside."),
		logIns:         counter("kefu_log_ins_total", "Log-ins by password, by result: `ok`, `wrong` password or name, `paused` after too many of them, `failed` for any other reason.", "result"),
		tickets: counter("kefu_tickets_total", "Tickets for the doors of the legacy protocols (`push` and `chat`), by what became of them: `made`; `used`, which one in a cookie is each time; "+
			"`refused`, with those who showed none.", "door", "result"),
		jobRuns: counter("kefu_job_runs_total", "Runs of durable jobs on this node that ended, by how: `done`; `failed`, to run again later; `given_up`, which failed too often; "+
			"`released` to another node; `lost`, which was cancelled or whose lease ended.", "kind", "result"),
		jobLate:   histogram("kefu_job_late_seconds", "How long after its time a durable job was claimed by this node."),
		hooksMade: counter("kefu_webhook_made_total", "Messages to webhooks that events which this node appended gave rise to."),
		hooksSent: counter("kefu_webhook_sent_total", "Tries of this node to send a message to a webhook, with tests and replays: `delivered` or `failed`.", "result"),
	}
}

func (c counts) families() []family {
	return []family{c.build, c.events, c.commitSeconds, c.readSeconds, c.deliverySeconds, c.closes, c.requests, c.requestSeconds, c.logIns, c.tickets, c.jobRuns, c.jobLate, c.hooksMade, c.hooksSent}
}

// The upper bounds of the histograms' buckets, in seconds.
func commitBuckets() []float64 {
	return []float64{.00025, .0005, .001, .002, .004, .008, .016, .032, .064, .128, .256, .512, 1, 2.5, 5}
}

func deliveryBuckets() []float64 {
	return []float64{.0001, .00025, .0005, .001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10}
}

func requestBuckets() []float64 {
	return []float64{.001, .0025, .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10, 30}
}

func jobBuckets() []float64 { return []float64{.1, .25, .5, 1, 2, 5, 10, 30, 60, 300, 900} }

const other = "other"

// Metrics are this node's figures. Its methods are safe for concurrent use and
// never wait.
type Metrics struct {
	registry *prometheus.Registry

	events     map[chat.Kind]prometheus.Counter
	otherEvent prometheus.Counter
	commit     prometheus.Observer
	read       *prometheus.HistogramVec
	here       prometheus.Observer
	elsewhere  prometheus.Observer
	closes     map[uint16]prometheus.Counter
	otherClose prometheus.Counter
	requests   *prometheus.CounterVec
	request    prometheus.Observer
	logIns     *prometheus.CounterVec
	tickets    *prometheus.CounterVec
	jobRuns    *prometheus.CounterVec
	jobLate    prometheus.Observer
	hooksMade  prometheus.Counter
	hooksSent  *prometheus.CounterVec
}

// New makes figures that begin at zero.
func New(version string) *Metrics {
	m := &Metrics{registry: prometheus.NewRegistry(), events: map[chat.Kind]prometheus.Counter{}, closes: map[uint16]prometheus.Counter{}}
	c := counted()
	commit, delivery := c.commitSeconds.histogramVec(commitBuckets()), c.deliverySeconds.histogramVec(deliveryBuckets())
	m.read = c.readSeconds.histogramVec(commitBuckets())
	request := c.requestSeconds.histogramVec(requestBuckets())
	kinds, codes := c.events.counterVec(), c.closes.counterVec()
	m.requests, m.logIns, m.tickets, m.jobRuns = c.requests.counterVec(), c.logIns.counterVec(), c.tickets.counterVec(), c.jobRuns.counterVec()
	late := c.jobLate.histogramVec(jobBuckets())
	made := c.hooksMade.counterVec()
	m.hooksSent = c.hooksSent.counterVec()
	info := prometheus.NewGaugeVec(prometheus.GaugeOpts{Name: c.build.name, Help: c.build.help}, c.build.labels)
	info.WithLabelValues(version, runtime.Version()).Set(1)
	m.registry.MustRegister(info, kinds, commit, m.read, delivery, codes, m.requests, request, m.logIns, m.tickets, m.jobRuns, late, made, m.hooksSent,
		collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))

	m.commit, m.request, m.jobLate = commit.WithLabelValues(), request.WithLabelValues(), late.WithLabelValues()
	m.hooksMade = made.WithLabelValues()
	m.hooksSent.WithLabelValues(hookDelivered)
	m.hooksSent.WithLabelValues(hookFailed)
	m.here, m.elsewhere = delivery.WithLabelValues("here"), delivery.WithLabelValues("elsewhere")
	for _, k := range chat.Kinds() {
		m.events[k] = kinds.WithLabelValues(string(k))
	}
	m.otherEvent = kinds.WithLabelValues(other)
	for _, code := range closeCodes() {
		m.closes[code] = codes.WithLabelValues(strconv.Itoa(int(code)))
	}
	m.otherClose = codes.WithLabelValues(other)
	for _, result := range []string{"ok", "wrong", "paused", "failed"} {
		m.logIns.WithLabelValues(result)
	}
	for _, door := range []string{"push", "chat"} {
		for _, result := range []string{"made", "used", "refused"} {
			m.tickets.WithLabelValues(door, result)
		}
	}
	return m
}

// closeCodes are those that may end a connection, the peer's or ours.
func closeCodes() []uint16 {
	all := []uint16{
		ws.CodeNormal, ws.CodeProtocolError, ws.CodeUnsupported, ws.CodeNone, ws.CodeAbnormal, ws.CodeInvalidData, ws.CodePolicy, ws.CodeInternal,
	}
	for _, c := range wire.CloseCodes() {
		all = append(all, uint16(c))
	}
	return all
}

// Committed counts the events that this node appended.
func (m *Metrics) Committed(changes []chat.Changed) {
	for i := range changes {
		for j := range changes[i].Events {
			c, ok := m.events[changes[i].Events[j].Kind]
			if !ok {
				c = m.otherEvent
			}
			c.Inc()
		}
	}
}

// StoreTook is how long the store took for a commit, or a read of some kind; it
// is store.Config.Took.
func (m *Metrics) StoreTook(what string, took time.Duration, _ int) {
	if what == "commit" {
		m.commit.Observe(took.Seconds())
		return
	}
	m.read.WithLabelValues(what).Observe(took.Seconds())
}

// Delivered is how long after its commit, here, an event was handed over.
func (m *Metrics) Delivered(d time.Duration) { m.here.Observe(d.Seconds()) }

// DeliveredFrom is the same for an event of another node.
func (m *Metrics) DeliveredFrom(d time.Duration) { m.elsewhere.Observe(d.Seconds()) }

// Request counts a request that was answered. route must be of a bounded set; took
// is 0 for a live connection.
func (m *Metrics) Request(method, route string, status int, took time.Duration) {
	m.requests.WithLabelValues(route, knownMethod(method), strconv.Itoa(status)).Inc()
	if took > 0 {
		m.request.Observe(took.Seconds())
	}
}

// knownMethod keeps words that somebody made up out of the labels.
func knownMethod(method string) string {
	switch method {
	case http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions:
		return method
	}
	return other
}

// Closed counts a live connection that ended.
func (m *Metrics) Closed(code uint16) {
	c, ok := m.closes[code]
	if !ok {
		c = m.otherClose
	}
	c.Inc()
}

// LogIn counts a log-in by password: ok, wrong, paused or failed.
func (m *Metrics) LogIn(result string) { m.logIns.WithLabelValues(result).Inc() }

// Ticket counts a ticket for a legacy door: made, used or refused.
func (m *Metrics) Ticket(door, result string) { m.tickets.WithLabelValues(door, result).Inc() }

// JobRan counts a run of a durable job; kind and result must be of a bounded set.
func (m *Metrics) JobRan(kind, result string, late time.Duration) {
	m.jobRuns.WithLabelValues(kind, result).Inc()
	m.jobLate.Observe(late.Seconds())
}

// scrapes and scrapeTime bound who reads the figures.
const (
	scrapes    = 4
	scrapeTime = 10 * time.Second
)

// Handler answers with all figures.
func (m *Metrics) Handler() http.Handler {
	return promhttp.HandlerFor(m.registry, promhttp.HandlerOpts{MaxRequestsInFlight: scrapes, Timeout: scrapeTime})
}
