//go:build linux

package scenario

import (
	"errors"
	"net/http"
	"testing"

	"github.com/kefu-chat/kefu/internal/client"
	"github.com/kefu-chat/kefu/internal/wire"
	"github.com/kefu-chat/kefu/internal/ws"
	"github.com/kefu-chat/kefu/test/checker"
	"github.com/kefu-chat/kefu/test/engines"
)

// behindNginx is what clients see of two nodes of which every request meets
// another one, where no WebSocket gets through.
func behindNginx(c *cluster, deaf bool) *server {
	c.t.Helper()
	var nodes []string
	for _, n := range c.nodes {
		nodes = append(nodes, n.address)
	}
	front := *c.server
	front.address = engines.StartNginx(c.t, engines.NginxSpec{Nodes: nodes, Deaf: deaf}).Address()
	front.transport = client.Streaming
	return &front
}

// Where WebSocket is blocked, what is promised holds over streams and, where the
// proxy holds answers back, over long polls.
func TestPeopleWhereWebSocketIsBlocked(t *testing.T) {
	for name, deaf := range map[string]bool{"streaming": false, "polling": true} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, pairs()[0], 2)
			front := behindNginx(c, deaf)
			blocked(t, front)
			peopleOnDifferentNodes(t, c, front, front, front)
		})
	}
}

// blocked makes sure that the test is about what it says.
func blocked(t *testing.T, front *server) {
	t.Helper()
	_, err := ws.Dial(t.Context(), "ws://"+front.address+"/ws/v1/visitor", ws.DialOptions{Subprotocols: []string{wire.Subprotocol}})
	var refused *ws.DialError
	if !errors.As(err, &refused) || refused.Status != http.StatusForbidden {
		t.Fatalf("a WebSocket through nginx ended with %v, want a refusal", err)
	}
}

// A crowd writes over streams while one node after the other is killed.
func TestCrowdOverStreams(t *testing.T) {
	for name, deaf := range map[string]bool{"streaming": false, "polling": true} {
		t.Run(name, func(t *testing.T) {
			c := newCluster(t, pairs()[0], 2)
			front := behindNginx(c, deaf)
			crowd := newCrowd(front, 12, 3, nil)
			for _, n := range []*server{c.nodes[0], c.nodes[1]} {
				crowd.await(100)
				n.p.kill()
				crowd.await(50)
				n.start()
			}
			crowd.await(100)
			crowd.rest()
			crowd.close()
			c.stopAll()
			c.mustHold(checker.Expect{Settled: true, CaughtUp: true})
		})
	}
}
