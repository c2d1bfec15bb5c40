package client

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/kefu-chat/kefu/internal/wire"
	"github.com/kefu-chat/kefu/internal/ws"
)

// lastLine ends a stream.
type lastLine struct {
	End    uint16 `json:"end"`
	Reason string `json:"reason"`
	Seen   string `json:"seen"`
}

// followForever begins one stream after the other.
func (l *stream) followForever() {
	seen, failures := "0", 0
	for l.ctx.Err() == nil {
		begun := time.Now()
		end, err := l.follow(seen)
		switch {
		case err == nil && end.End == renewCode:
			failures = 0
			if end.Seen != "" {
				seen = end.Seen
			}
		case err == nil && end.End != uint16(wire.CloseRestart) && end.End != uint16(wire.CloseGoingAway):
			l.fail(&ws.CloseError{Code: end.End, Reason: end.Reason})
			return
		default:
			if failures++; failures >= streamTries || l.refused(err) {
				l.fail(errOr(err, end))
				return
			}
			if !l.rest(streamPause << failures) {
				return
			}
		}
		if l.polls.Load() && !l.rest(max(0, pollEvery-time.Since(begun))) {
			return
		}
	}
}

func errOr(err error, end lastLine) error {
	if err != nil {
		return err
	}
	return &ws.CloseError{Code: end.End, Reason: end.Reason}
}

// refused tells an answer that trying again would not change.
func (l *stream) refused(err error) bool {
	var d *ws.DialError
	return errors.As(err, &d) && d.Status != http.StatusTooManyRequests && d.Status < 500
}

// follow runs one stream or poll until it ends, or another one has to begin.
func (l *stream) follow(seen string) (end lastLine, err error) {
	ctx, cancel := context.WithCancel(l.ctx)
	defer cancel()
	select {
	case <-l.again: // what it asks for is in this one
	default:
	}
	body, err := l.standing.body()
	if err != nil {
		return end, err
	}
	req, err := l.request(ctx, "", body)
	if err != nil {
		return end, err
	}
	polls := l.polls.Load()
	if polls {
		req.Header.Set("Kefu-Poll", seen)
	}
	heard, done := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(done)
		end, err = l.read(req, heard)
	}()
	late := time.NewTimer(helloWithin)
	defer late.Stop()
	for {
		select {
		case <-done:
			return end, err
		case <-l.again:
			cancel()
			<-done
			return lastLine{End: renewCode}, nil
		case <-heard:
			heard = nil
			late.Stop()
		case <-late.C:
			if polls {
				continue
			}
			l.polls.Store(true)
			cancel()
			<-done
			return lastLine{End: renewCode}, nil
		}
	}
}

// read delivers what comes down.
func (l *stream) read(req *http.Request, heard chan struct{}) (end lastLine, err error) {
	res, err := l.http.Do(req)
	if err != nil {
		return end, err
	}
	defer func() { _ = res.Body.Close() }()
	if res.StatusCode != http.StatusOK {
		text, _ := io.ReadAll(io.LimitReader(res.Body, 4096))
		return end, &ws.DialError{Status: res.StatusCode, Body: string(text)}
	}
	lines := bufio.NewReaderSize(res.Body, max(l.cfg.ReadBuffer, 4096))
	for {
		data, err := lines.ReadBytes('\n')
		if err != nil {
			return end, fmt.Errorf("client: a stream broke: %w", err)
		}
		if data = data[:len(data)-1]; typeOf(data) == "" {
			if json.Unmarshal(data, &end) == nil && end.End != 0 {
				return end, nil
			}
			continue // padding, or a sign of life
		}
		if err := l.take(req.Context(), data, &heard); err != nil {
			return end, err
		}
	}
}

// take delivers one frame. An agent's session is told by its first hello only:
// what it asked for is in the stream's request, and answered behind it.
func (l *stream) take(ctx context.Context, data []byte, heard *chan struct{}) error {
	if ctx.Err() != nil {
		return net.ErrClosed
	}
	f, err := l.standing.reads(data, l.agent)
	if err != nil {
		return fmt.Errorf("client: the server sent %.80q: %w", data, err)
	}
	switch {
	case f.T == "move":
		l.renew()
		return nil
	case f.T == "hello" && *heard != nil:
		close(*heard)
		*heard = nil
		select {
		case <-l.hello:
			if l.agent {
				data, err = wire.Encode(wire.ServerAgents{Agents: f.Agents})
			}
		default:
		}
	}
	if err == nil {
		l.deliver(data)
	}
	return err
}
