package bus

import (
	"errors"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/kefu-chat/kefu/test/engines"
)

// stuck is a receiver that stands still until it is freed.
type stuck struct {
	ups  chan bool
	free chan struct{}
}

func (s stuck) came(string, []byte) { <-s.free }
func (s stuck) up(kept bool)        { s.ups <- kept }
func (s stuck) down(error)          {}

// TestNATSCountsWhatItLetsFall, also after the topic was left.
func TestNATSCountsWhatItLetsFall(t *testing.T) {
	server := engines.StartNATS(t)
	line := newNATSLine("kefu", "node", quiet(), []nats.Option{func(o *nats.Options) error { o.Servers = []string{server.URL()}; return nil }})
	to := stuck{make(chan bool, 10), make(chan struct{})}
	if err := line.open(to); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(line.close)
	<-to.ups
	if err := line.join(t.Context(), []string{"all"}); err != nil {
		t.Fatal(err)
	}
	if err := line.conn.Load().Flush(); err != nil { // the server knows of it
		t.Fatal(err)
	}
	other, err := nats.Connect(server.URL())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(other.Close)
	const over = 1000
	for range natsWaiting + 1 + over {
		if err := other.Publish("kefu.all", []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	if err := other.Flush(); err != nil {
		t.Fatal(err)
	}
	// The one that the receiver holds makes a difference of one.
	counted := func() bool { return line.dropped() == over || line.dropped() == over+1 }
	await(t, "all that fell are counted", counted)
	if err := line.leave(t.Context(), []string{"all"}); err != nil {
		t.Fatal(err)
	}
	if !counted() {
		t.Errorf("%d are counted after the topic was left, want %d", line.dropped(), over)
	}
	close(to.free)
}

// TestNATSJoinsOnTheConnectionThereIs: one that is replaced while a topic is being
// joined leaves an entry behind that was made on the old one.
func TestNATSJoinsOnTheConnectionThereIs(t *testing.T) {
	server := engines.StartNATS(t)
	line := newNATSLine("kefu", "node", quiet(), nil)
	for range 2 {
		conn, err := nats.Connect(server.URL())
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(conn.Close)
		late := line.joined["all"]
		line.use(conn)
		if late.on != nil {
			line.joined["all"] = late
			late.on.Close()
		}
		if err := line.join(t.Context(), []string{"all"}); err != nil {
			t.Fatal(err)
		}
	}
	conn := line.conn.Load()
	if err := errors.Join(conn.Publish("kefu.all", []byte("x")), conn.Flush()); err != nil {
		t.Fatal(err)
	}
	select {
	case <-line.came:
	case <-time.After(5 * time.Second):
		t.Error("nothing comes on the new connection")
	}
}
