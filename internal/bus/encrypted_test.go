package bus_test

import (
	"strconv"
	"strings"
	"testing"

	"github.com/kefu-chat/kefu/internal/bus"
	"github.com/kefu-chat/kefu/internal/bus/bustest"
	"github.com/kefu-chat/kefu/internal/bus/seal"
	"github.com/kefu-chat/kefu/test/engines"
)

// talks starts two buses and waits until one hears the other.
func talks(t *testing.T, here, there bus.Bus) {
	t.Helper()
	heard := make(chan struct{}, 1)
	receive := func(string, []byte) {
		select {
		case heard <- struct{}{}:
		default:
		}
	}
	for _, b := range []bus.Bus{here, there} {
		if err := b.Start(receive); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(b.Close)
	}
	there.Join("all")
	bustest.Await(t, "a notice comes", func() bool {
		here.Publish("all", nil)
		select {
		case <-heard:
			return true
		default:
			return false
		}
	})
}

// staysOut starts a bus that nobody lets in.
func staysOut(t *testing.T, b bus.Bus, lines bustest.Lines) {
	t.Helper()
	if err := b.Start(func(string, []byte) {}); err != nil {
		t.Fatal(err)
	}
	defer b.Close()
	bustest.Await(t, "it says that it cannot connect", func() bool { return lines.Count("cannot be reached") > 0 })
	if b.Stats().Up || lines.Count("hunter2") > 0 {
		t.Errorf("it is let in, or shows a password:\n%s", lines)
	}
}

func must[B any](t *testing.T) func(made B, err error) B {
	t.Helper()
	return func(made B, err error) B {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
}

func TestNATSEncrypted(t *testing.T) {
	authority, stranger := engines.NewAuthority(t), engines.NewAuthority(t)
	certificate, key := authority.Issue(t)
	server := engines.StartNATS(t, "--tls", "--tlscert", certificate, "--tlskey", key)
	sealer := bustest.NewSealer(t, bustest.NewKeys())
	made := func(scheme, vouches string, lines bustest.Lines) bus.Bus {
		url := strings.Replace(server.URL(), "nats://", scheme+"://", 1)
		return must[*bus.Relay](t)(bus.NewNATS(bus.NATSConfig{URL: []string{url}, Authority: vouches}, sealer, scheme+vouches, lines.Log()))
	}
	talks(t, made("nats", authority.File, bustest.NewLines()), made("tls", authority.File, bustest.NewLines()))
	for _, vouches := range []string{stranger.File, ""} {
		lines := bustest.NewLines()
		staysOut(t, made("tls", vouches, lines), lines)
	}
}

func TestRedisEncryptedWithAnAccessList(t *testing.T) {
	authority, stranger := engines.NewAuthority(t), engines.NewAuthority(t)
	certificate, key := authority.Issue(t)
	port := engines.FreePort(t)
	arguments := []string{"--tls-port", strconv.Itoa(port), "--tls-cert-file", certificate, "--tls-key-file", key, "--tls-ca-cert-file", authority.File, "--tls-auth-clients", "no"}
	for _, user := range []string{"kefu on >hunter2 resetchannels &kefu:* -@all +@connection +@pubsub", "mute on >hunter2 resetchannels -@all +@connection +@pubsub"} {
		arguments = append(append(arguments, "--user"), strings.Fields(user)...)
	}
	engines.StartRedis(t, arguments...)
	sealer := bustest.NewSealer(t, bustest.NewKeys())
	made := func(user, password, vouches string, lines bustest.Lines) bus.Bus {
		config := bus.RedisConfig{URL: "rediss://" + user + ":" + password + "@localhost:" + strconv.Itoa(port), Authority: vouches}
		return must[*bus.Relay](t)(bus.NewRedis(config, sealer, "node "+user+vouches+password+strconv.Itoa(engines.FreePort(t)), lines.Log()))
	}
	lines := bustest.NewLines()
	talks(t, made("kefu", "hunter2", authority.File, lines), made("kefu", "hunter2", authority.File, lines))
	for _, c := range [][3]string{{"kefu", "hunter2", stranger.File}, {"kefu", "hunter22", authority.File}, {"nobody", "hunter2", authority.File}, {"mute", "hunter2", authority.File}} {
		lines := bustest.NewLines()
		staysOut(t, made(c[0], c[1], c[2], lines), lines)
	}
}

func TestMeshEncrypted(t *testing.T) {
	authority, stranger := engines.NewAuthority(t), engines.NewAuthority(t)
	sealer := bustest.NewSealer(t, bustest.NewKeys())
	hub := meshWith(t, sealer, authority, authority, "")
	one := meshWith(t, sealer, authority, authority, hub.address)
	two := meshWith(t, sealer, authority, authority, hub.address)
	for _, n := range []*meshNode{hub, one, two} {
		n.Join("all")
	}
	hub.hears(t, one)
	one.hears(t, two)
	two.hears(t, one)
	// Neither a node of another authority nor one that does not encrypt is let in.
	for _, peer := range []*meshNode{
		meshWith(t, sealer, stranger, authority, hub.address),
		startMesh(t, sealer, bus.MeshConfig{Peers: []string{hub.address}}),
	} {
		bustest.Await(t, "it says that it reaches nobody", func() bool { return peer.lines.Count("cannot be reached") > 0 })
		if peer.Stats().Up {
			t.Error("it is let in")
		}
	}
}

func meshWith(t *testing.T, sealer *seal.Sealer, own, vouches *engines.Authority, peer string) *meshNode {
	t.Helper()
	certificate, key := own.Issue(t)
	config := bus.MeshConfig{Certificate: certificate, Key: key, Authority: vouches.File}
	if peer != "" {
		config.Peers = []string{peer}
	}
	return startMesh(t, sealer, config)
}
