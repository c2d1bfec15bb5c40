//go:build linux

package scenario

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
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
	came, over := make(chan string, 100), make(chan struct{})
	var held atomic.Bool
	receiver := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		came <- r.Header.Get("webhook-id")
		if strings.Contains(string(body), `"text":"one"`) && held.CompareAndSwap(false, true) {
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
	var killed *server
	for _, n := range c.nodes {
		if n.p.said("a webhook is delivered to") {
			killed = n
		}
	}
	if killed == nil {
		t.Fatal("no node says that it delivers")
	}
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
