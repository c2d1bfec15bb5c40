package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strings"
	"syscall"
	"time"
)

// limit is how long anything may take.
const limit = time.Minute

// server is a running server over a folder of its own.
type server struct {
	cmd     *exec.Cmd
	data    string
	Address string
	setup   string // the secret of the link that makes the owner
	read    chan struct{}
}

var (
	consoleLine = regexp.MustCompile(`Console\s+http://localhost:(\d+)/`)
	setupLine   = regexp.MustCompile(`Set it up\s+\S+#(\S+)`)
)

func startServer(ctx context.Context, program string) (*server, error) {
	data, err := os.MkdirTemp("", "kefu-world-")
	if err != nil {
		return nil, err
	}
	s := &server{data: data, read: make(chan struct{})}
	s.cmd = exec.CommandContext(ctx, program, "serve", "--listen", "127.0.0.1:0", "--data", data, "--outbound-allow", "127.0.0.0/8", "--log-level", "warn")
	s.cmd.Env = slices.DeleteFunc(os.Environ(), func(one string) bool { return strings.HasPrefix(one, "KEFU_") })
	s.cmd.Stderr = os.Stderr
	out, err := s.cmd.StdoutPipe()
	if err == nil {
		err = s.cmd.Start()
	}
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(data))
	}
	found := make(chan struct{})
	go s.listen(out, found)
	late := time.NewTimer(limit)
	defer late.Stop()
	select {
	case <-found:
		return s, nil
	case <-s.read:
		err = errors.New("the server ended before it was ready")
	case <-late.C:
		err = fmt.Errorf("the server was not ready after %s", limit)
	}
	return nil, errors.Join(err, s.end())
}

// listen closes found when the server has said where it is, and read when it has ended.
func (s *server) listen(out io.Reader, found chan<- struct{}) {
	defer close(s.read)
	for lines := bufio.NewScanner(out); lines.Scan(); {
		if m := consoleLine.FindStringSubmatch(lines.Text()); m != nil {
			s.Address = "http://127.0.0.1:" + m[1]
		}
		if m := setupLine.FindStringSubmatch(lines.Text()); m != nil {
			s.setup = m[1]
		}
		if s.Address != "" && s.setup != "" && found != nil {
			close(found)
			found = nil
		}
	}
}

// end stops the server and removes its folder.
func (s *server) end() error {
	_ = s.cmd.Process.Signal(syscall.SIGTERM) // it may have ended by itself
	<-s.read
	return errors.Join(s.cmd.Wait(), os.RemoveAll(s.data))
}
