// Package engines starts the real servers that tests need: databases, brokers,
// proxies. Each runs in a folder and on ports of its own, is shared by the tests
// of one process, and ends with that process, however it ends.
package engines

import (
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"runtime"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// startWithin bounds how long an engine may take until it answers.
const startWithin = 60 * time.Second

// Missing leaves a test out because an engine is not installed; where nothing may
// be left out (CI=true) it fails.
func Missing(t testing.TB, what string) {
	t.Helper()
	if os.Getenv("CI") == "true" {
		t.Fatalf("%s is not installed", what)
	}
	t.Skipf("%s is not installed: test/run installs it", what)
}

// Find is the path of a program, looked for in PATH and in the folders given; the
// test is left out when there is none.
func Find(t testing.TB, program string, folders ...string) string {
	t.Helper()
	if path, err := exec.LookPath(program); err == nil {
		return path
	}
	for _, pattern := range folders {
		found, _ := filepath.Glob(filepath.Join(pattern, program))
		if len(found) > 0 {
			return found[len(found)-1]
		}
	}
	Missing(t, program)
	return ""
}

// FreePort is a free port below those that the system gives to outgoing connections:
// one of these might take it before a server has started, or while it is restarted.
// beside are ports that are to be free too, by their distance. None is given twice.
func FreePort(t testing.TB, beside ...int) int {
	t.Helper()
	port, err := FindPort(beside...)
	if err != nil {
		t.Fatal(err)
	}
	return port
}

// FindPort is FreePort where there is no test.
func FindPort(beside ...int) (int, error) {
	const first, last = 12_000, 32_000
	for range 100 {
		port := first + rand.N(last-first)
		if !free(port) || slices.ContainsFunc(beside, func(distance int) bool { return !free(port + distance) }) {
			continue
		}
		if _, given := givenPorts.LoadOrStore(port, true); !given {
			return port, nil
		}
	}
	return 0, errors.New("no free port was found")
}

var givenPorts sync.Map // port: true

func free(port int) bool {
	l, err := net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
	if err != nil {
		return false
	}
	_ = l.Close() // it was only tried
	return true
}

// Process is a server's process. It is killed when this process ends.
type Process struct {
	name  string
	spec  Spec
	cmd   *exec.Cmd
	ended chan struct{}
	told  atomic.Bool // it was told to end
	log   logTail
}

// Spec is how a server is started, and started again.
type Spec struct {
	Path string
	Args []string
	Dir  string   // its working folder
	Env  []string // beside this process's
	// User is who runs it where this process is root: some servers refuse root.
	User string
	// Ready is nil when the server answers; it is asked until then.
	Ready func(ctx context.Context) error
	// Within bounds how long that may take; a minute if it is 0.
	Within time.Duration
}

// Start starts a server and waits until it is ready. Stop it when done.
func Start(name string, spec Spec) (*Process, error) {
	p := &Process{name: name, spec: spec}
	return p, p.Restart()
}

// Restart starts a server that has ended, with the same command.
func (p *Process) Restart() error {
	cmd := exec.Command(p.spec.Path, p.spec.Args...)
	p.told.Store(false)
	cmd.Dir, cmd.Stdout, cmd.Stderr = p.spec.Dir, &p.log, &p.log
	cmd.Env = append(os.Environ(), p.spec.Env...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL, Setpgid: true}
	if err := runAs(cmd.SysProcAttr, p.spec.User); err != nil {
		return err
	}
	ended, begun := make(chan struct{}), make(chan error, 1)
	go func() {
		// The kernel kills the child when the thread that started it ends.
		runtime.LockOSThread()
		defer runtime.UnlockOSThread()
		err := cmd.Start()
		begun <- err
		if err == nil {
			p.hasEnded(cmd.Wait())
		}
		close(ended)
	}()
	if err := <-begun; err != nil {
		return fmt.Errorf("start %s: %w", p.name, err)
	}
	p.cmd, p.ended = cmd, ended
	return p.awaitReady()
}

// hasEnded says that a server ended by itself: the tests that share it fail with
// "connection refused", of which nobody could tell the cause.
func (p *Process) hasEnded(how error) {
	if !p.told.Load() {
		fmt.Fprintf(os.Stderr, "%s ended, and nobody had told it to: %v\n%s\n", p.name, how, p.log.String())
	}
}

func (p *Process) awaitReady() error {
	ctx, cancel := context.WithTimeout(context.Background(), cmp.Or(p.spec.Within, startWithin))
	defer cancel()
	for {
		err := p.spec.Ready(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-p.ended:
			return fmt.Errorf("%s ended while it started:\n%s", p.name, p.log.String())
		case <-ctx.Done():
			p.Kill()
			return fmt.Errorf("%s was not ready in time: %w\n%s", p.name, err, p.log.String())
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// awaitAnswer waits until a group of servers answers.
func awaitAnswer(name string, answers func(ctx context.Context) error) error {
	ctx, cancel := context.WithTimeout(context.Background(), startWithin)
	defer cancel()
	for {
		err := answers(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return fmt.Errorf("%s was not ready in time: %w", name, err)
		case <-time.After(20 * time.Millisecond):
		}
	}
}

// Signal sends a signal to the server's processes.
func (p *Process) Signal(s syscall.Signal) {
	if s == syscall.SIGKILL || s == syscall.SIGTERM {
		p.told.Store(true)
	}
	_ = syscall.Kill(-p.cmd.Process.Pid, s)
}

// Kill ends the server at once (SIGKILL) and waits until it has gone.
func (p *Process) Kill() {
	p.Signal(syscall.SIGKILL)
	<-p.ended
}

// Stop asks the server to end and waits; after ten seconds it is killed.
func (p *Process) Stop() {
	p.Signal(syscall.SIGTERM)
	select {
	case <-p.ended:
	case <-time.After(10 * time.Second):
		p.Kill()
	}
}

// Log is the end of what the server printed.
func (p *Process) Log() string { return p.log.String() }

// Listening is a Spec.Ready for a server that is ready when it accepts connections.
func Listening(port int) func(ctx context.Context) error {
	return func(ctx context.Context) error {
		var d net.Dialer
		conn, err := d.DialContext(ctx, "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			return err
		}
		return conn.Close()
	}
}

func runAs(attr *syscall.SysProcAttr, name string) error {
	if name == "" || os.Getuid() != 0 {
		return nil
	}
	u, err := user.Lookup(name)
	if err != nil {
		return err
	}
	uid, _ := strconv.ParseUint(u.Uid, 10, 32)
	gid, _ := strconv.ParseUint(u.Gid, 10, 32)
	attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return nil
}

// folderFor makes a folder that the user may write, removed when the process ends
// through Main.
func folderFor(name, owner string) (string, error) {
	dir, err := os.MkdirTemp("", "kefu-"+name+"-")
	if err != nil {
		return "", err
	}
	atEnd(func() { _ = os.RemoveAll(dir) })
	if owner == "" || os.Getuid() != 0 {
		return dir, nil
	}
	u, err := user.Lookup(owner)
	if err != nil {
		return "", err
	}
	uid, _ := strconv.Atoi(u.Uid)
	gid, _ := strconv.Atoi(u.Gid)
	return dir, os.Chown(dir, uid, gid)
}

// logTail keeps the end of what is written to it.
type logTail struct {
	mu  sync.Mutex
	buf bytes.Buffer
}

const logKept = 16 << 10

func (l *logTail) Write(b []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.buf.Write(b)
	if over := l.buf.Len() - logKept; over > 0 {
		l.buf.Next(over)
	}
	return len(b), nil
}

func (l *logTail) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.TrimSpace(l.buf.String())
}

var ends struct {
	mu  sync.Mutex
	all []func()
}

// atEnd adds what Main does when the tests have ended, the last one first.
func atEnd(do func()) {
	ends.mu.Lock()
	defer ends.mu.Unlock()
	ends.all = append(ends.all, do)
}

// Main is a TestMain that ends what the tests started: engines.Main(m) instead of m.Run.
func Main(m *testing.M) int {
	code := m.Run()
	End()
	return code
}

// End ends all engines that this process shares between its tests.
func End() {
	ends.mu.Lock()
	all := ends.all
	ends.all = nil
	ends.mu.Unlock()
	for i := len(all) - 1; i >= 0; i-- {
		all[i]()
	}
}

// shared is an engine that the tests of this process share: started by the first
// test that asks for it, ended by End.
type shared[T any] struct {
	once   sync.Once
	engine T
	err    error
}

func (s *shared[T]) get(t testing.TB, start func() (T, error)) T {
	t.Helper()
	s.once.Do(func() { s.engine, s.err = start() })
	if s.err != nil {
		t.Fatal(s.err)
	}
	return s.engine
}

// run runs a command to its end, as the user. It waits for no disk either.
func run(owner string, path string, args ...string) error {
	cmd := exec.Command(path, args...)
	cmd.Env = append(os.Environ(), unsynced(nil)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{}
	if err := runAs(cmd.SysProcAttr, owner); err != nil {
		return err
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return errors.Join(fmt.Errorf("%s: %w", filepath.Base(path), err), errors.New(string(out)))
	}
	return nil
}
