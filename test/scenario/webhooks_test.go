//go:build linux

package scenario

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/client"
)

// A node is killed after a webhook's receiver has taken a message, before it has
// answered: another node sends the same again, and then what came meanwhile, in order.
func TestNodeKilledWhileItDeliversToAWebhook(t *testing.T) {
	t.Parallel()
	databases := []string{"postgres"}
	if wholeMatrix() {
		databases = append(databases, "mariadb")
	}
	for _, database := range databases {
		t.Run(database, func(t *testing.T) {
			t.Parallel()
			killedWhileItDelivers(t, newCluster(t, pair{database, "mesh"}, 3, "--outbound-allow=127.0.0.0/8"))
		})
	}
}

func killedWhileItDelivers(t *testing.T, c *cluster) {
	t.Helper()
	came, over, from := make(chan string, 100), make(chan struct{}), make(chan string, 1)
	var held atomic.Bool
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		came <- r.Header.Get("webhook-id")
		if strings.Contains(string(body), `"text":"one"`) && held.CompareAndSwap(false, true) {
			from <- r.RemoteAddr
			<-over // it is never answered
		}
	}))
	t.Cleanup(func() {
		close(over)
		receiver.Close()
	})
	hook := map[string]any{"url": receiver.URL, "types": []string{"message.created"}, "on": true}
	if _, err := rest(http.MethodPost, c.nodes[0].base()+"/api/v1/sites/"+c.in.site+"/webhooks", c.in.owner.cookie, hook, nil); err != nil {
		t.Fatal(err)
	}
	for _, n := range c.nodes {
		hears(t, n, came)
	}

	v := c.visitor("visitor", client.NewSecret(), client.Observer{}, nil)
	id := say(t, v.Send("one")).AckedIn
	want := func(n int) string { return fmt.Sprintf("%s.%d", id, n) }
	next := func() string { // of this conversation
		for {
			if got := await(t, "a message", came); strings.HasPrefix(got, id.String()) {
				return got
			}
		}
	}
	if got := next(); got != want(2) {
		t.Errorf("%s came first, want %s", got, want(2))
	}
	killed := whoseConnection(t, c.nodes, <-from)
	begun := time.Now()
	killed.p.kill()
	killed.p = nil
	say(t, v.Send("two"))
	say(t, v.Send("three"))
	var got []string
	for range 3 {
		got = append(got, next())
	}
	if have, all := strings.Join(got, " "), strings.Join([]string{want(2), want(3), want(4)}, " "); have != all {
		t.Errorf("after the kill came %s, want %s", have, all)
	}
	t.Logf("what was under way was sent again and the rest delivered %s after the kill", time.Since(begun).Round(time.Millisecond))
	v.Close()
	c.stopAll()
}

// whoseConnection is the node that a connection to 127.0.0.1 comes from: the kernel knows
// the socket, and which process has it.
func whoseConnection(t *testing.T, nodes []*server, address string) *server {
	t.Helper()
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		t.Fatal(err)
	}
	number, err := strconv.Atoi(port)
	if err != nil {
		t.Fatal(err)
	}
	table, err := os.ReadFile("/proc/net/tcp")
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(table)) {
		f := strings.Fields(line) // sl local_address rem_address st queues tr retrnsmt uid timeout inode …
		if len(f) < 10 || f[1] != fmt.Sprintf("0100007F:%04X", number) {
			continue
		}
		for _, n := range nodes {
			folder := fmt.Sprintf("/proc/%d/fd", n.p.cmd.Process.Pid)
			open, err := os.ReadDir(folder)
			if err != nil {
				t.Fatal(err)
			}
			for _, one := range open {
				if to, err := os.Readlink(folder + "/" + one.Name()); err == nil && to == "socket:["+f[9]+"]" {
					return n
				}
			}
		}
	}
	t.Fatalf("no node has the connection from %s", address)
	return nil
}

// hears waits until a node has heard of the webhook: a message that is written there is
// told.
func hears(t *testing.T, n *server, came <-chan string) {
	t.Helper()
	v := n.visitor("listener", client.NewSecret(), client.Observer{}, nil)
	defer v.Close()
	eventually(t, func() string {
		say(t, v.Send("Do they hear me?"))
		select {
		case <-came:
			return ""
		case <-time.After(500 * time.Millisecond):
			return "a node has not heard of the webhook"
		}
	})
}
