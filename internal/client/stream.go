package client

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/kefu-chat/kefu/internal/wire"
	"github.com/kefu-chat/kefu/internal/ws"
)

const (
	// helloWithin is after how long without hello a stream is taken to be held back
	// by somebody on the way: the line polls from then on.
	helloWithin = 3 * time.Second
	// pollEvery is the least time between two polls.
	pollEvery = 100 * time.Millisecond
	// streamTries is how often a request is repeated before the line is given up.
	streamTries = 4
	streamPause = 200 * time.Millisecond
	maxUp       = 1024 // frames that wait to go up
	renewCode   = 1000 // the server's: begin the next stream
)

// stream is a line of requests: frames come down as the answer to one after the
// other, and each goes up in one of its own.
type stream struct {
	cfg          Config
	agent        bool
	address      string
	secret, site string
	name         string
	http         *http.Client
	standing     standing
	polls        atomic.Bool

	ctx    context.Context
	cancel context.CancelFunc
	tasks  sync.WaitGroup
	frames chan []byte
	up     chan []byte
	again  chan struct{}
	hello  chan struct{} // closed: the server said it
	once   sync.Once
	end    sync.Once
	err    error
}

func newStream(cfg Config, agent bool, secret, site string) (*stream, error) {
	u, err := url.Parse(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	u.Scheme = strings.Replace(u.Scheme, "ws", "http", 1)
	u.Path = strings.Replace(u.Path, "/ws/v1/", "/stream/v1/", 1)
	dialer := &net.Dialer{}
	if cfg.LocalAddr != "" {
		dialer.LocalAddr = &net.TCPAddr{IP: net.ParseIP(cfg.LocalAddr)}
	}
	l := &stream{
		cfg: cfg, agent: agent, address: u.String(), secret: secret, site: site, name: rand.Text(),
		http:   &http.Client{Transport: &http.Transport{DialContext: dialer.DialContext, DisableCompression: true}},
		frames: make(chan []byte, 64), up: make(chan []byte, maxUp), again: make(chan struct{}, 1), hello: make(chan struct{}),
	}
	l.polls.Store(cfg.Transport == Polling)
	l.ctx, l.cancel = context.WithCancel(context.Background())
	l.tasks.Go(l.sendForever)
	return l, nil
}

// Write takes a frame of the session: what is to be told changes the stream,
// the rest goes up.
func (l *stream) Write(frame []byte) error {
	if l.ctx.Err() != nil {
		return net.ErrClosed
	}
	f, t, err := wire.Decode(frame)
	if err == nil && l.standing.takes(f, t) {
		if t == "hello" {
			l.tasks.Go(l.followForever)
		} else {
			l.renew()
		}
		return nil
	}
	select {
	case l.up <- bytes.Clone(frame):
		return nil
	default:
		return errors.New("client: too many frames wait to go up")
	}
}

func (l *stream) renew() {
	select {
	case l.again <- struct{}{}:
	default:
	}
}

// Read implements line.
func (l *stream) Read() ([]byte, error) {
	late := time.NewTimer(l.cfg.AttemptTimeout)
	defer late.Stop()
	for {
		select {
		case data := <-l.frames:
			return data, nil
		default:
		}
		select {
		case data := <-l.frames:
			return data, nil
		case <-l.ctx.Done():
			l.end.Do(func() { l.err = net.ErrClosed })
			return nil, l.err
		case <-late.C:
			select {
			case <-l.hello:
			default:
				l.fail(errors.New("client: no hello in time"))
			}
		}
	}
}

func (l *stream) greeted() { l.once.Do(func() { close(l.hello) }) }

// Close implements line, and waits for the line's requests.
func (l *stream) Close() error {
	l.cancel()
	l.tasks.Wait()
	l.http.CloseIdleConnections()
	return nil
}

// fail ends the line.
func (l *stream) fail(err error) {
	l.end.Do(func() { l.err = err })
	l.cancel()
}

func (l *stream) deliver(data []byte) {
	select {
	case l.frames <- data:
	case <-l.ctx.Done():
	}
}

// request posts to the streaming door.
func (l *stream) request(ctx context.Context, path string, body []byte) (*http.Request, error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, l.address+path, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	for name, values := range l.cfg.Header {
		req.Header[name] = values
	}
	if !l.agent {
		req.Header.Set("Authorization", "Bearer "+l.secret)
		req.Header.Set("Kefu-Site", l.site)
	}
	req.Header.Set("Kefu-Stream", l.name)
	return req, nil
}

// sendForever sends one frame after the other up.
func (l *stream) sendForever() {
	for {
		select {
		case <-l.ctx.Done():
			return
		case frame := <-l.up:
			if err := l.send(frame); err != nil {
				l.fail(err)
				return
			}
		}
	}
}

// send sends one frame, and delivers its answer. Repeating it is harmless.
func (l *stream) send(frame []byte) error {
	var err error
	for try := range streamTries {
		if try > 0 && !l.rest(streamPause<<try) {
			return net.ErrClosed
		}
		var answer []byte
		var status int
		if answer, status, err = l.post(frame); err != nil || status >= 500 || status == http.StatusTooManyRequests {
			continue
		}
		switch {
		case status == http.StatusRequestEntityTooLarge:
			return &ws.CloseError{Code: ws.CodeTooBig}
		case status >= 400:
			return fmt.Errorf("client: a frame was answered with %d: %.200q", status, answer)
		case len(answer) > 0:
			l.deliver(answer)
			if typeOf(answer) == "ack" && l.standing.began() {
				l.renew()
			}
		}
		return nil
	}
	return fmt.Errorf("client: a frame could not be sent: %w", errors.Join(err, net.ErrClosed))
}

func (l *stream) post(frame []byte) (answer []byte, status int, err error) {
	ctx, cancel := context.WithTimeout(l.ctx, l.cfg.AckTimeout)
	defer cancel()
	req, err := l.request(ctx, "/frame", frame)
	if err != nil {
		return nil, 0, err
	}
	res, err := l.http.Do(req)
	if err != nil {
		return nil, 0, err
	}
	defer func() { _ = res.Body.Close() }()
	answer, err = io.ReadAll(res.Body)
	return answer, res.StatusCode, err
}

func (l *stream) rest(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-l.ctx.Done():
		return false
	}
}
