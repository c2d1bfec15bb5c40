//go:build linux

package scenario

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/kefu-chat/kefu/internal/client"
	"github.com/kefu-chat/kefu/internal/wire"
	"github.com/kefu-chat/kefu/test/checker"
)

// An agent that stops reading is closed with the code to come back, while
// others get their acks and events; when it reads again, it misses nothing.
func TestSlowAgent(t *testing.T) {
	s := newServer(t, loose...)
	s.start()
	acked := make(chan *client.Item, 1)
	v := s.visitor("visitor", client.NewSecret(), client.Observer{Settled: func(i *client.Item) { acked <- i }}, nil)
	v.Send("Hello")
	c := await(t, "an ack", acked).AckedIn

	stop, read := make(chan struct{}), make(chan struct{})
	lost := make(chan uint16, 10)
	slow := s.agent(s.in.agents[0], client.Observer{
		Event: func(_ *client.Conversation, e *client.Event) {
			if e.N > 2 {
				select {
				case <-stop:
				default:
					close(stop)
				}
				<-read
			}
		},
		Lost: func(code uint16, _ error) { lost <- code },
	}, nil)
	sc := slow.Open(c, true)
	quick := s.agent(s.in.agents[1], client.Observer{}, nil)
	qc := quick.Open(c, true)
	eventually(t, behind(sc, 2))
	eventually(t, behind(qc, 2))

	// Longer and longer the queue: first in the kernel, until it takes no more, then in the server.
	long := strings.Repeat("很长的消息", 3900)
	inKernel, since, sent := int64(-1), 0, 0
	for ; since <= 1<<20+200_000; sent++ {
		if sent > 1000 {
			t.Fatal("1000 long messages do not fill the queue of who does not read")
		}
		v.Send(fmt.Sprintf("%d %s", sent, long))
		await(t, "an ack for the visitor, whoever else does not read", acked)
		eventually(t, behind(qc, int64(3+sent))) // and its events for the other agent
		if sent == 0 {
			await(t, "the agent to stop reading", stop)
		}
		if now := queued(t, s.address, slow.Conn().NetConn().LocalAddr().String()); now != inKernel {
			inKernel, since = now, 0
		} else {
			since += len(long)
		}
	}
	t.Logf("%d messages of %d bytes, %d bytes in the kernel", sent, len(long), inKernel)
	close(read)
	if code := await(t, "the slow agent's close code", lost); code != uint16(wire.CloseSlow) {
		t.Errorf("the slow agent was closed with %d, want %d", code, wire.CloseSlow)
	}
	eventually(t, behind(sc, int64(2+sent)))
	v.Close()
	slow.Close()
	quick.Close()
	s.stop()
	s.mustHold(checker.Expect{Settled: true, CaughtUp: true})
}

func behind(c *client.Conversation, n int64) func() string {
	return func() string {
		if at := c.At().N; at < n {
			return fmt.Sprintf("a copy stands at %d of %d", at, n)
		}
		return ""
	}
}

// queued is how many bytes the kernel holds, sent and received, from one address to another.
func queued(t *testing.T, from, to string) (total int64) {
	t.Helper()
	file, err := os.Open("/proc/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	server, peer := hexAddress(t, from), hexAddress(t, to)
	lines := bufio.NewScanner(file)
	for lines.Scan() {
		f := strings.Fields(lines.Text())
		if len(f) < 5 {
			continue
		}
		tx, rx, _ := strings.Cut(f[4], ":")
		text := ""
		switch {
		case f[1] == server && f[2] == peer:
			text = tx
		case f[1] == peer && f[2] == server:
			text = rx
		default:
			continue
		}
		n, err := strconv.ParseInt(text, 16, 64)
		if err != nil {
			t.Fatal(err)
		}
		total += n
	}
	return total
}

// hexAddress is how /proc/net/tcp writes an address.
func hexAddress(t *testing.T, s string) string {
	t.Helper()
	a, err := netip.ParseAddrPort(s)
	if err != nil {
		t.Fatal(err)
	}
	b := a.Addr().As4()
	return fmt.Sprintf("%08X:%04X", binary.LittleEndian.Uint32(b[:]), a.Port())
}
