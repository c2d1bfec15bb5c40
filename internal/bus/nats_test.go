package bus_test

import (
	"log/slog"
	"strings"
	"syscall"
	"testing"

	"github.com/nats-io/nats.go"

	"github.com/kefu-chat/kefu/internal/bus"
	"github.com/kefu-chat/kefu/internal/bus/bustest"
	"github.com/kefu-chat/kefu/internal/bus/seal"
	"github.com/kefu-chat/kefu/test/engines"
)

// natsBroker is an external nats-server.
type natsBroker struct{ server *engines.NATS }

func (b natsBroker) Bus(t *testing.T, sealer *seal.Sealer, node string, log *slog.Logger) bus.Bus {
	t.Helper()
	made, err := bus.NewNATS(bus.NATSConfig{URL: []string{b.server.URL()}}, sealer, node, log)
	if err != nil {
		t.Fatal(err)
	}
	return made
}

func (b natsBroker) Stop(*testing.T) { b.server.Kill() }

func (b natsBroker) Restart(t *testing.T) {
	t.Helper()
	if err := b.server.Restart(); err != nil {
		t.Fatal(err)
	}
}

func (b natsBroker) Freeze(*testing.T) { b.server.Signal(syscall.SIGSTOP) }
func (b natsBroker) Thaw(*testing.T)   { b.server.Signal(syscall.SIGCONT) }

func (b natsBroker) Inject(t *testing.T, topic string, raw []byte) {
	t.Helper()
	conn, err := nats.Connect(b.server.URL())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	if err := conn.Publish("kefu."+strings.ReplaceAll(topic, "/", "."), raw); err != nil {
		t.Fatal(err)
	}
	if err := conn.Flush(); err != nil {
		t.Fatal(err)
	}
}

func TestNATS(t *testing.T) {
	bustest.RunNetwork(t, func(t *testing.T) bustest.Broker {
		t.Helper()
		return natsBroker{engines.StartNATS(t)}
	})
}

func TestNATSConfigIsChecked(t *testing.T) {
	sealer := bustest.NewSealer(t, bustest.NewKeys())
	url := []string{"nats://localhost"}
	for _, c := range []struct {
		config bus.NATSConfig
		says   string
	}{
		{bus.NATSConfig{}, "nats.url is empty"},
		{bus.NATSConfig{URL: []string{"nats://a", "u:hunter2@b:4222"}}, "nats.url: entry 2"},
		{bus.NATSConfig{URL: []string{"nats://u:hunter2@b:port"}}, "nats.url: entry 1"},
		{bus.NATSConfig{URL: []string{"http://u:hunter2@b"}}, "nats.url: entry 1"},
		{bus.NATSConfig{URL: url, Credentials: "/nowhere/x.creds"}, "nats.credentials"},
		{bus.NATSConfig{URL: url, Authority: "/nowhere/x.pem"}, "nats.authority"},
		{bus.NATSConfig{URL: url, Prefix: "a b"}, "nats.prefix"},
		{bus.NATSConfig{URL: url, Prefix: "a."}, "nats.prefix"},
	} {
		_, err := bus.NewNATS(c.config, sealer, "node", slog.New(slog.DiscardHandler))
		if err == nil || !strings.Contains(err.Error(), c.says) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%+v: %v, want %q and no password", c.config, err, c.says)
		}
	}
	if _, err := bus.NewNATS(bus.NATSConfig{URL: url}, sealer, "", slog.New(slog.DiscardHandler)); err == nil {
		t.Error("a node without a name is accepted")
	}
	if _, err := bus.NewNATS(bus.NATSConfig{URL: url}, nil, "node", slog.New(slog.DiscardHandler)); err == nil {
		t.Error("a bus without keys is accepted")
	}
}

// TestNATSLetsIn: with user and password, and keeps trying where it is not let in.
func TestNATSLetsIn(t *testing.T) {
	server := engines.StartNATS(t, "--user", "kefu", "--pass", "hunter2")
	url := func(password string) []string {
		return []string{strings.Replace(server.URL(), "nats://", "nats://kefu:"+password+"@", 1)}
	}
	sealer, lines := bustest.NewSealer(t, bustest.NewKeys()), bustest.NewLines()
	in, err := bus.NewNATS(bus.NATSConfig{URL: url("hunter2")}, sealer, "in", lines.Log())
	if err != nil {
		t.Fatal(err)
	}
	out, err := bus.NewNATS(bus.NATSConfig{URL: url("hunter3")}, sealer, "out", lines.Log())
	if err != nil {
		t.Fatal(err)
	}
	for _, b := range []bus.Bus{in, out} {
		if err := b.Start(func(string, []byte) {}); err != nil {
			t.Fatal(err)
		}
		defer b.Close()
	}
	bustest.Await(t, "one is let in", func() bool { return in.Stats().Up })
	bustest.Await(t, "the other one says that it is not", func() bool { return lines.Count("cannot be reached") == 1 })
	if out.Stats().Up || lines.Count("hunter") > 0 {
		t.Errorf("let in with a wrong password, or it is shown:\n%s", lines)
	}
}
