package bench

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// program is what is measured: as a rule, this very file.
type program struct {
	path string
	env  []string
}

// ownProgram is the running program's file, free of settings from the environment.
func ownProgram() (program, error) {
	path, err := os.Executable()
	if err != nil {
		return program{}, fmt.Errorf("find this program's file: %w", err)
	}
	return program{path: path, env: withoutSettings(os.Environ())}, nil
}

func withoutSettings(env []string) (out []string) {
	for _, line := range env {
		if !strings.HasPrefix(line, "KEFU_") {
			out = append(out, line)
		}
	}
	return out
}

// server is a process of the program that serves, started here.
type server struct {
	cmd     *exec.Cmd
	address string // 127.0.0.1:port
	said    *tail
	exited  chan struct{}

	began, answered time.Time
}

// Bounds of a server's start and stop.
const (
	startWithin = 30 * time.Second
	stopWithin  = 20 * time.Second
	pollEvery   = 500 * time.Microsecond
)

// begin starts a server, and does not wait for it.
func (p program) begin(ctx context.Context, args ...string) (*server, error) {
	address, err := freeAddress(ctx)
	if err != nil {
		return nil, err
	}
	s := &server{address: address, said: &tail{}, exited: make(chan struct{})}
	s.cmd = exec.Command(p.path, append([]string{"serve", "--listen", address, "--log-level", "warn", "--drain-delay", "0s", "--drain-spread", "0s"}, args...)...) //nolint:noctx // stop ends it in order
	s.cmd.Env, s.cmd.Stdout, s.cmd.Stderr = p.env, s.said, s.said
	s.began = time.Now()
	if err := s.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the server: %w", err)
	}
	go func() {
		defer close(s.exited)
		_ = s.cmd.Wait() // how it ended is read from its state
	}()
	return s, nil
}

// start starts a server and waits until it is ready.
func (p program) start(ctx context.Context, args ...string) (*server, error) {
	s, err := p.begin(ctx, args...)
	if err != nil {
		return nil, err
	}
	if err := s.await(ctx); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	return s, nil
}

// announced is in what a server says last at its start.
const announced = "/console/"

// firstAnswer is how long the start took.
func (s *server) firstAnswer() time.Duration { return s.answered.Sub(s.began) }

// await waits until the server answers a request, and has said where it is.
func (s *server) await(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, startWithin)
	defer cancel()
	ticks := time.NewTicker(pollEvery)
	defer ticks.Stop()
	for {
		if s.answered.IsZero() && answers(ctx, s.address) {
			s.answered = time.Now()
		}
		if !s.answered.IsZero() && strings.Contains(s.said.String(), announced) {
			return nil
		}
		select {
		case <-s.exited:
			return fmt.Errorf("the server ended at once and said: %s", s.said)
		case <-ctx.Done():
			return fmt.Errorf("the server does not answer: %w; it said: %s", ctx.Err(), s.said)
		case <-ticks.C:
		}
	}
}

// answers asks whether a server is there, over a connection of its own.
func answers(ctx context.Context, address string) bool {
	var d net.Dialer
	nc, err := d.DialContext(ctx, "tcp", address)
	if err != nil {
		return false
	}
	defer nc.Close()
	_ = nc.SetDeadline(time.Now().Add(startWithin))
	_, err = io.WriteString(nc, "HEAD / HTTP/1.1\r\nHost: "+address+"\r\nConnection: close\r\n\r\n")
	if err != nil {
		return false
	}
	proto := make([]byte, len("HTTP/1.1"))
	_, err = io.ReadFull(nc, proto)
	return err == nil && string(proto) == "HTTP/1.1"
}

func (s *server) pid() int { return s.cmd.Process.Pid }

func (s *server) base() string { return "http://" + s.address }

// stop ends the server in order, and by force if that takes too long.
func (s *server) stop() error {
	if err := s.cmd.Process.Signal(os.Interrupt); err != nil && !errors.Is(err, os.ErrProcessDone) {
		_ = s.cmd.Process.Kill()
	}
	late := time.NewTimer(stopWithin)
	defer late.Stop()
	select {
	case <-s.exited:
	case <-late.C:
		_ = s.cmd.Process.Kill()
		<-s.exited
		return fmt.Errorf("the server did not stop within %s", stopWithin)
	}
	if code := s.cmd.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("the server stopped with %d and said: %s", code, s.said)
	}
	return nil
}

// freeAddress is one of this machine that nobody uses.
func freeAddress(ctx context.Context) (string, error) {
	var config net.ListenConfig
	l, err := config.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return l.Addr().String(), l.Close()
}

// tail keeps the last of what a process said.
type tail struct {
	mu   sync.Mutex
	text []byte
}

const tailSize = 4 << 10 // bytes

func (t *tail) Write(b []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.text = append(t.text, b...)
	if len(t.text) > tailSize {
		t.text = append([]byte(nil), t.text[len(t.text)-tailSize:]...)
	}
	return len(b), nil
}

func (t *tail) String() string {
	t.mu.Lock()
	defer t.mu.Unlock()
	return strings.TrimSpace(string(t.text))
}

// settle waits until the process's memory rests: no change over 1% for three
// seconds, or until the time is over. It returns what it holds then.
func settle(ctx context.Context, pid int, within time.Duration) (Memory, error) {
	const step, quiet = 250 * time.Millisecond, 12
	ticks := time.NewTicker(step)
	defer ticks.Stop()
	last, err := memoryOf(pid)
	for unchanged, left := 0, within; err == nil && unchanged < quiet && left > 0; left -= step {
		select {
		case <-ctx.Done():
			return last, ctx.Err()
		case <-ticks.C:
		}
		var now Memory
		if now, err = memoryOf(pid); err != nil {
			break
		}
		if change := now.RSS - last.RSS; change*100 > last.RSS || change*-100 > last.RSS {
			last, unchanged = now, 0
			continue
		}
		unchanged++
	}
	if err != nil {
		return last, err
	}
	return memoryOf(pid)
}

func newHTTP() *http.Client {
	return &http.Client{Timeout: startWithin, Transport: &http.Transport{MaxIdleConnsPerHost: 1}}
}
