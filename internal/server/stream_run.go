package server

import (
	"context"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"strings"
	"time"
)

const (
	// renewCode ends a stream that has lasted long enough: its client begins the next one at once.
	renewCode uint16 = 1000
	// gather is how long a poll waits for what comes together with its first news.
	gather = 30 * time.Millisecond
	// writeWithin bounds each write, and endWithin those behind a stream's time: a
	// client that reads nothing is not shown as here for longer.
	writeWithin = 10 * time.Second
	endWithin   = time.Second
	// padding makes browsers and proxies that look at the first bytes of an answer let it through.
	padding = 1 << 10
)

// run answers the stream's request: hello, what comes, and why it ended.
func (one *stream) run(ctx context.Context, w http.ResponseWriter) {
	lasts := one.server.cfg.StreamLasts
	if one.begin.poll {
		lasts = one.server.cfg.PollLasts
	}
	one.until = time.Now().Add(lasts)
	one.out = &streamWriter{w: w, control: http.NewResponseController(w), until: one.until.Add(endWithin)}
	head := w.Header()
	head.Set("Content-Type", "application/x-ndjson")
	head.Set("Cache-Control", "no-store, no-transform")
	head.Set("X-Accel-Buffering", "no")
	if one.begin.poll {
		one.poll(ctx)
		return
	}
	one.out.write([]byte(strings.Repeat(" ", padding-1) + "\n"))
	for i := range one.begin.frames {
		one.frame(i)
		if one.flush() {
			return
		}
	}
	one.follow(ctx)
}

// frame gives the session one frame of the request. When it has said hello, it
// takes the place of the stream before.
func (one *stream) frame(i int) {
	one.session.Frame(one.begin.frames[i])
	if i == 0 && one.conn.open() {
		one.server.streams.takeOver(one)
	}
}

// follow writes what comes until the stream has lasted long enough.
func (one *stream) follow(ctx context.Context) {
	last := time.NewTimer(time.Until(one.until))
	defer last.Stop()
	beats := time.NewTicker(one.server.cfg.StreamBeat)
	defer beats.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-last.C:
			one.conn.Close(renewCode, "begin the next one")
		case <-beats.C:
			one.out.write([]byte("\n"))
			one.out.flush()
		case <-one.conn.some:
		}
		if one.flush() {
			return
		}
	}
}

// flush writes what waits, and tells whether the stream has ended.
func (one *stream) flush() (ended bool) {
	lines, code, reason := one.conn.take()
	for _, line := range lines {
		one.out.write(line)
	}
	if code != 0 {
		one.out.end(streamEnd{End: code, Reason: reason})
	}
	one.out.flush()
	return code != 0 || one.out.err != nil
}

// poll answers at once if the beginning is not what the client has seen, else
// when something comes, or with nothing after a while.
func (one *stream) poll(ctx context.Context) {
	for i := range one.begin.frames {
		one.frame(i)
	}
	lines, code, reason := one.conn.take()
	seen := digest(lines)
	if code == 0 && seen == one.begin.seen {
		lines = nil
		if one.news(ctx) {
			lines, code, reason = one.conn.take()
		}
	}
	for _, line := range lines {
		one.out.write(line)
	}
	if code == 0 {
		code, reason = renewCode, "ask again"
	}
	one.out.end(streamEnd{End: code, Reason: reason, Seen: seen})
	one.out.flush()
}

// news waits for something to answer.
func (one *stream) news(ctx context.Context) bool {
	timer := time.NewTimer(time.Until(one.until))
	defer timer.Stop()
	for !one.conn.waits() {
		select {
		case <-ctx.Done():
			return false
		case <-timer.C:
			return false
		case <-one.conn.some:
		}
	}
	timer.Reset(gather)
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
	return true
}

// digest names what a poll begins with, apart from what is another thing each time.
func digest(lines [][]byte) string {
	sum := sha256.New()
	for _, line := range lines {
		var hello struct {
			T string `json:"t"`
		}
		if json.Unmarshal(line, &hello) == nil && hello.T == "hello" {
			line = withoutMembers(line, "session", "now", "continues")
		}
		sum.Write(line)
	}
	return base64.RawURLEncoding.EncodeToString(sum.Sum(nil)[:12])
}

// withoutMembers is the object without some of its members, in the order of their names.
func withoutMembers(object []byte, names ...string) []byte {
	var members map[string]json.RawMessage
	if json.Unmarshal(object, &members) != nil {
		return object
	}
	for _, name := range names {
		delete(members, name)
	}
	rest, _ := json.Marshal(members) // it was just read
	return rest
}

// streamEnd is the last line of a stream: a close code, as WebSocket has them;
// after 1000 the client goes on at once.
type streamEnd struct {
	End    uint16 `json:"end"`
	Reason string `json:"reason,omitempty"`
	Seen   string `json:"seen,omitempty"`
}

// streamWriter writes lines within a time each, and all of them until another;
// after an error nothing more.
type streamWriter struct {
	w       http.ResponseWriter
	control *http.ResponseController
	until   time.Time
	err     error
}

func (o *streamWriter) write(line []byte) {
	if o.err != nil {
		return
	}
	deadline := time.Now().Add(writeWithin)
	if o.until.Before(deadline) {
		deadline = o.until
	}
	_ = o.control.SetWriteDeadline(deadline) // where there is none, the server's holds
	_, o.err = o.w.Write(line)
}

func (o *streamWriter) flush() {
	if o.err == nil {
		o.err = o.control.Flush()
	}
}

func (o *streamWriter) end(e streamEnd) {
	line, _ := json.Marshal(e) // a number and strings always encode
	o.write(append(line, '\n'))
}
