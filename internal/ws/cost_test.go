//go:build linux

package ws

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"runtime/debug"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// What a connection costs the server: run with
//
//	go test -run '^$' -bench 'Idle|EchoCPU|FanOutCPU' -benchtime 1x ./internal/ws
//
// The clients are another process, so that memory and CPU are the server's alone.

const (
	idleConns   = 10_000
	activeConns = 50
	echoesEach  = 2000
	fanOutConns = 500
	fanOutEach  = 200
)

// peers is set for the client process: "address connections echoes"; a negative
// number of echoes means messages that are only received.
const peers = "KEFU_WS_TEST_PEERS"

// runPeers is the client process. It says "ready" when all are connected, waits
// for a line, has its echoes, says "done", and stays until its input ends.
func runPeers(spec string) {
	var addr string
	var conns, echoes int
	if _, err := fmt.Sscan(spec, &addr, &conns, &echoes); err != nil {
		fatal(err)
	}
	clients := make([]*ClientConn, conns)
	for i := range clients {
		c, err := Dial(context.Background(), "ws://"+addr, DialOptions{ReadBuffer: 512, LocalAddr: fmt.Sprintf("127.0.%d.%d", i/5000+1, i%200+1)})
		if err != nil {
			fatal(err)
		}
		clients[i] = c
	}
	in := bufio.NewReader(os.Stdin)
	fmt.Fprintln(os.Stdout, "ready")
	_, _ = in.ReadString('\n')
	var wg sync.WaitGroup
	for _, c := range clients {
		wg.Go(func() { talk(c, echoes) })
	}
	wg.Wait()
	fmt.Fprintln(os.Stdout, "done")
	_, _ = io.Copy(io.Discard, in)
}

func talk(c *ClientConn, echoes int) {
	text := []byte(strings.Repeat("x", 100))
	for range max(echoes, -echoes) {
		if echoes > 0 {
			if err := c.Write(text); err != nil {
				fatal(err)
			}
		}
		if _, err := c.Read(); err != nil {
			fatal(err)
		}
	}
}

func fatal(err error) {
	fmt.Fprintln(os.Stderr, err)
	os.Exit(1)
}

// crowd is a client process and the server that it talks to.
type crowd struct {
	b    *testing.B
	s    *Server
	http *http.Server
	cmd  *exec.Cmd
	in   io.WriteCloser
	out  *bufio.Scanner
}

func newCrowd(b *testing.B, h Handler) (*crowd, string) {
	s := NewServer(Config{})
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	c := &crowd{b: b, s: s, http: &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = s.Upgrade(w, r, h)
	})}}
	go func() { _ = c.http.Serve(l) }()
	return c, l.Addr().String()
}

func (c *crowd) start(addr string, conns, echoes int) {
	c.cmd = exec.Command(os.Args[0])
	c.cmd.Env = append(os.Environ(), fmt.Sprintf("%s=%s %d %d", peers, addr, conns, echoes))
	c.cmd.Stderr = os.Stderr
	c.in, _ = c.cmd.StdinPipe()
	out, _ := c.cmd.StdoutPipe()
	c.out = bufio.NewScanner(out)
	if err := c.cmd.Start(); err != nil {
		c.b.Fatal(err)
	}
	c.wait("ready")
}

func (c *crowd) wait(word string) {
	if !c.out.Scan() || c.out.Text() != word {
		c.b.Fatalf("the clients said %q, not %q", c.out.Text(), word)
	}
}

func (c *crowd) close() {
	_ = c.in.Close()
	_ = c.cmd.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	_ = c.s.Shutdown(ctx, CodeGoingAway, "")
	_ = c.http.Close()
}

type silent struct{}

func (silent) OnMessage(*Conn, []byte)              {}
func (silent) OnClose(*Conn, uint16, string, error) {}

type echoing struct{ silent }

func (echoing) OnMessage(c *Conn, data []byte) { echo(c, data) }

// BenchmarkIdle reports the resident memory of an idle connection.
func BenchmarkIdle(b *testing.B) {
	for b.Loop() {
		c, addr := newCrowd(b, silent{})
		before := settledRSS()
		c.start(addr, idleConns, 0)
		b.ReportMetric(float64(settledRSS()-before)/idleConns, "B/conn")
		var m runtime.MemStats
		runtime.ReadMemStats(&m)
		b.ReportMetric(float64(m.StackInuse)/idleConns, "B-stack/conn")
		b.ReportMetric(float64(m.HeapInuse)/idleConns, "B-heap/conn")
		c.close()
	}
}

// BenchmarkEchoCPU reports the server's CPU time for one echo of 100 bytes.
func BenchmarkEchoCPU(b *testing.B) {
	for b.Loop() {
		c, addr := newCrowd(b, echoing{})
		c.start(addr, activeConns, echoesEach)
		before, begun := cpuTime(), time.Now()
		_, _ = io.WriteString(c.in, "go\n")
		c.wait("done")
		b.ReportMetric(float64((cpuTime()-before).Microseconds())/(activeConns*echoesEach), "cpu-µs/echo")
		b.ReportMetric(activeConns*echoesEach/time.Since(begun).Seconds(), "echoes/s")
		c.close()
	}
}

// BenchmarkFanOutCPU reports the server's CPU time for one delivery of a
// prepared message of 100 bytes.
func BenchmarkFanOutCPU(b *testing.B) {
	for b.Loop() {
		c, addr := newCrowd(b, silent{})
		c.start(addr, fanOutConns, -fanOutEach)
		until(b, "the connections", func() bool { return c.s.Stats().Open == fanOutConns })
		conns := c.s.wheel.all()
		_, _ = io.WriteString(c.in, "go\n")
		before := cpuTime()
		for range fanOutEach {
			p := Prepare([]byte(strings.Repeat("x", 100)))
			for _, to := range conns {
				if err := to.SendPrepared(p); err != nil {
					b.Fatal(err)
				}
			}
		}
		c.wait("done")
		b.ReportMetric(float64((cpuTime()-before).Microseconds())/(fanOutConns*fanOutEach), "cpu-µs/delivery")
		c.close()
	}
}

// settledRSS is the resident memory after garbage and shrunken stacks are gone.
func settledRSS() int64 {
	for range 4 {
		runtime.GC()
	}
	debug.FreeOSMemory()
	text, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	pages, _ := strconv.ParseInt(strings.Fields(string(text))[1], 10, 64)
	return pages * int64(os.Getpagesize())
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
