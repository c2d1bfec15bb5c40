//go:build linux

package scenario

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/kefu-chat/kefu/test/engines"
)

// process is a running server.
type process struct {
	cmd    *exec.Cmd
	ready  chan struct{} // closed when it has said so
	link   string        // what it printed behind /setup#
	exited chan struct{}
	mu     sync.Mutex
	log    bytes.Buffer
	lines  chan struct{} // a signal for each line of the log, dropped when nobody waits
}

// launch starts the program in a process of its own.
func launch(program string, env []string, args ...string) (*process, error) {
	p := &process{ready: make(chan struct{}), exited: make(chan struct{}), lines: make(chan struct{}, 1)}
	p.cmd = exec.Command(program, args...)
	p.cmd.Env = append(withoutKefu(os.Environ()), env...)
	stdout, err := p.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	stderr, err := p.cmd.StderrPipe()
	if err != nil {
		return nil, err
	}
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	var readers sync.WaitGroup
	readers.Go(func() { p.read(stdout) })
	readers.Go(func() { p.read(stderr) })
	go func() {
		defer close(p.exited)
		readers.Wait()
		_ = p.cmd.Wait()
	}()
	return p, nil
}

func withoutKefu(env []string) (out []string) {
	for _, line := range env {
		if !strings.HasPrefix(line, "KEFU_") {
			out = append(out, line)
		}
	}
	return out
}

func (p *process) read(r io.Reader) {
	scanner := bufio.NewScanner(r)
	scanner.Buffer(nil, 1<<20)
	ready := false
	for scanner.Scan() {
		line := scanner.Text()
		p.mu.Lock()
		if p.log.Len() < 1<<20 {
			p.log.WriteString(line + "\n")
		}
		if _, secret, ok := strings.Cut(line, "/setup#"); ok {
			p.link = strings.TrimSpace(secret)
		}
		p.mu.Unlock()
		// The last line of the announcement: whatever it prints before has been read.
		if strings.Contains(line, "/console/") && !ready {
			ready = true
			close(p.ready)
		}
		select {
		case p.lines <- struct{}{}:
		default:
		}
	}
}

// said tells whether the log holds a text.
func (p *process) said(text string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return strings.Contains(p.log.String(), text)
}

func (p *process) output() string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.log.String()
}

// awaitReady waits until the server has said that it is ready.
func (p *process) awaitReady() error {
	select {
	case <-p.ready:
		return nil
	case <-p.exited:
		return fmt.Errorf("the server ended: %s", p.output())
	case <-time.After(patience):
		return fmt.Errorf("the server does not get ready: %s", p.output())
	}
}

// kill is kill -9.
func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	<-p.exited
}

// stop asks for an orderly end.
func (p *process) stop() error {
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.exited:
	case <-time.After(patience):
		p.kill()
		return fmt.Errorf("the server does not stop: %s", p.output())
	}
	if code := p.cmd.ProcessState.ExitCode(); code != 0 {
		return fmt.Errorf("the server stopped with %d: %s", code, p.output())
	}
	return nil
}

// freeAddress is an address of this machine that nobody uses.
func freeAddress() (string, error) {
	port, err := engines.FindPort()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(port)), err
}
