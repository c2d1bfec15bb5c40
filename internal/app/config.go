// Package app builds, starts and stops everything: the commands of the program.
package app

import (
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"time"

	"github.com/kefu-chat/kefu/internal/faults"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/live"
	"github.com/kefu-chat/kefu/internal/server"
	"github.com/kefu-chat/kefu/internal/wire"
	"github.com/kefu-chat/kefu/internal/ws"
)

// Config is all that can be configured: by flag (--limits-frame-bytes), by
// environment (KEFU_LIMITS_FRAME_BYTES), by file (limits.frame_bytes), in this
// order of precedence. docs/CONFIGURATION.md is generated from it.
type Config struct {
	Listen         string    `long:"listen" unset:":8080, with HTTPS :443" value-name:"ADDRESS" description:"Where to listen: host:port, or :port for all addresses of this machine."`
	Data           string    `long:"data" default:"./data" value-name:"FOLDER" description:"The folder of the database. It is made if it does not exist; one server uses it at a time."`
	TrustedProxies []Network `long:"trusted-proxies" value-name:"NETWORK" description:"Reverse proxies whose X-Forwarded-For, -Proto and -Host are believed: addresses or networks such as 10.0.0.0/8, separated by commas. From anybody else these headers are ignored."`

	Log      LogConfig      `group:"Log" namespace:"log"`
	Admin    AdminConfig    `group:"Health and metrics" namespace:"admin"`
	TLS      TLSConfig      `group:"HTTPS" namespace:"tls"`
	Database DatabaseConfig `group:"Database" namespace:"database"`
	Bus      BusConfig      `group:"Bus" namespace:"bus"`
	Mesh     MeshConfig     `group:"Mesh" namespace:"mesh"`
	NATS     NATSConfig     `group:"NATS" namespace:"nats"`
	Redis    RedisConfig    `group:"Redis" namespace:"redis"`
	RocketMQ RocketMQConfig `group:"RocketMQ" namespace:"rocketmq"`
	Files    FilesConfig    `group:"Files" namespace:"files"`
	Outbound OutboundConfig `group:"Outbound" namespace:"outbound"`
	Drain    DrainConfig    `group:"Drain" namespace:"drain"`
	Login    LoginConfig    `group:"Log-ins" namespace:"login"`
	Legacy   LegacyConfig   `group:"Legacy" namespace:"legacy"`
	Limits   LimitsConfig   `group:"Limits" namespace:"limits"`
}

// LogConfig is what is written to standard error.
type LogConfig struct {
	Level  string `long:"level" default:"info" enum:"debug,info,warn,error" description:"The least important entries that are written: debug, info, warn or error."`
	Format string `long:"format" default:"text" enum:"text,json" description:"How an entry is written: text or json."`
}

// LoginConfig bounds log-ins and passwords.
type LoginConfig struct {
	Lasts           time.Duration `long:"lasts" default:"720h" min:"1h" description:"How long a log-in lasts after its last use."`
	SetupLasts      time.Duration `long:"setup-lasts" default:"30m" min:"1m" description:"How long the set-up link of a start works."`
	InviteLasts     time.Duration `long:"invite-lasts" default:"168h" min:"1m" description:"How long a new agent's link works."`
	ResetLasts      time.Duration `long:"reset-lasts" default:"24h" min:"1m" description:"How long a link for a forgotten password works."`
	Tries           int           `long:"tries" default:"5" min:"1" description:"Wrong passwords for one account from one address before a pause."`
	TriesPerAccount int           `long:"tries-per-account" default:"100" min:"1" description:"Wrong passwords for one account from everywhere before a pause."`
	TriesPerAddress int           `long:"tries-per-address" default:"50" min:"1" description:"Wrong passwords from one address for all accounts before a pause."`
	Pause           time.Duration `long:"pause" default:"15m" min:"1s" description:"How long a wrong password counts, and so the pause lasts at most."`
}

// LimitsConfig bounds what one client may cost.
type LimitsConfig struct {
	FrameBeforeHello   int           `long:"frame-before-hello" default:"4096" min:"1024" description:"Bytes of a live connection's first frame."`
	FrameBytes         int           `long:"frame-bytes" default:"262144" min:"4096" description:"Bytes of every later frame. A longer one closes the connection with 1009."`
	TextCharacters     int           `long:"text-characters" default:"20000" min:"1" max:"20000" description:"Code points of a message or note."`
	MessageBurst       int           `long:"message-burst" default:"120" min:"1" description:"Messages and notes of one connection at once."`
	MessagePerSecond   float64       `long:"message-per-second" default:"10" min:"0.1" description:"Messages and notes of one connection in the long run."`
	FrameBurst         int           `long:"frame-burst" default:"200" min:"10" description:"All other frames of one connection at once."`
	FramePerSecond     float64       `long:"frame-per-second" default:"50" min:"1" description:"All other frames of one connection in the long run."`
	RefusedFrames      int           `long:"refused-frames" default:"400" min:"10" description:"Frames over these rates, less those within them, after which a connection is closed."`
	ControlPerSecond   int           `long:"control-per-second" default:"64" min:"4" description:"WebSocket control frames of one connection in a second; more close it."`
	Fragments          int           `long:"fragments" default:"1024" min:"1" description:"WebSocket fragments of one frame; more close the connection."`
	PageBytes          int           `long:"page-bytes" default:"524288" min:"65536" description:"Bytes of the texts in one page of a conversation. What does not fit comes with the next page; one event always fits."`
	OpenConversations  int           `long:"open-conversations" default:"20" min:"1" max:"1000" description:"Conversations that one connection of an agent looks at."`
	TabsPerVisitor     int           `long:"tabs-per-visitor" default:"100" min:"1" description:"Live connections of one visitor; one more closes the oldest."`
	ResumesAtOnce      int           `long:"resumes-at-once" default:"12" min:"1" description:"Clients that come back for whom the database is read at the same time."`
	ResumesWaiting     int           `long:"resumes-waiting" default:"1000" min:"1" description:"Clients that come back and wait for their turn. The next one is told when to try again."`
	ResumeWait         time.Duration `long:"resume-wait" default:"2s" min:"100ms" description:"How long a client that comes back waits for its turn before it is told when to try again."`
	HelloTimeout       time.Duration `long:"hello-timeout" default:"10s" min:"1s" description:"The wait for a live connection's first frame."`
	QueueBytes         int           `long:"queue-bytes" default:"1048576" min:"65536" description:"Bytes that wait for one connection before it is closed as too slow."`
	QueueFrames        int           `long:"queue-frames" default:"1024" min:"64" description:"Frames that wait for one connection before it is closed as too slow."`
	SessionsPerAddress int           `long:"sessions-per-address" default:"1000" min:"1" description:"Live connections of one IPv4 address or IPv6 /64."`
	HandshakeBurst     int           `long:"handshake-burst" default:"2000" min:"1" description:"Live connections that one address opens at once."`
	HandshakePerSecond float64       `long:"handshake-per-second" default:"200" min:"0.1" description:"Live connections that one address opens in the long run."`
	RequestBurst       int           `long:"request-burst" default:"300" min:"1" description:"Requests to /api of one address at once."`
	RequestPerSecond   float64       `long:"request-per-second" default:"30" min:"0.1" description:"Requests to /api of one address in the long run."`
	HeaderTimeout      time.Duration `long:"header-timeout" default:"10s" min:"1s" description:"The wait for the head of a request or handshake."`
	RequestTimeout     time.Duration `long:"request-timeout" default:"30s" min:"1s" description:"The wait for the rest of a request, and for its answer to be taken."`
}

// Network is an address or a network in CIDR form.
type Network struct{ netip.Prefix }

// UnmarshalText reads 10.0.0.0/8 or 127.0.0.1.
func (n *Network) UnmarshalText(text []byte) error {
	if a, err := netip.ParseAddr(string(text)); err == nil && a.Zone() == "" {
		n.Prefix = netip.PrefixFrom(a.Unmap(), a.Unmap().BitLen())
		return nil
	}
	p, err := netip.ParsePrefix(string(text))
	if err != nil {
		return fmt.Errorf("expected an address such as 127.0.0.1 or a network such as 10.0.0.0/8")
	}
	n.Prefix = p.Masked()
	return nil
}

// UnmarshalFlag reads it from a flag.
func (n *Network) UnmarshalFlag(text string) error { return n.UnmarshalText([]byte(text)) }

// checkListen refuses what net.Listen would not understand.
func checkListen(s string) error {
	_, port, err := net.SplitHostPort(s)
	if err == nil {
		_, err = strconv.ParseUint(port, 10, 16)
	}
	if err != nil {
		return fmt.Errorf("expected host:port or :port, such as :8080")
	}
	return nil
}

func (c Config) identity() identity.Config {
	return identity.Config{
		LoginLasts: c.Login.Lasts, SetupLasts: c.Login.SetupLasts, InviteLasts: c.Login.InviteLasts, ResetLasts: c.Login.ResetLasts,
		Tries: identity.TriesConfig{
			Window: c.Login.Pause, PerPair: c.Login.Tries, PerAccount: c.Login.TriesPerAccount, PerAddress: c.Login.TriesPerAddress,
		},
	}
}

func (c Config) live() live.Config {
	l := c.Limits
	return live.Config{
		FrameBeforeHello: int64(l.FrameBeforeHello), FrameBytes: int64(l.FrameBytes), TextCodePoints: l.TextCharacters,
		Messages:   live.Rate{Burst: float64(l.MessageBurst), PerSecond: l.MessagePerSecond},
		Others:     live.Rate{Burst: float64(l.FrameBurst), PerSecond: l.FramePerSecond},
		MaxRefused: l.RefusedFrames, PageBytes: l.PageBytes, MaxOpen: l.OpenConversations, MaxTabs: l.TabsPerVisitor,
		ResumesAtOnce: l.ResumesAtOnce, ResumesWaiting: l.ResumesWaiting, ResumeWithin: l.ResumeWait,
		HelloWithin: l.HelloTimeout, DropDeliveries: func() bool { return faults.Off("deliveries") },
		VisitorFileBytes: int64(c.Files.VisitorMiB) * mib, AgentFileBytes: int64(c.Files.AgentMiB) * mib,
		Now: faults.Now,
	}
}

func (c Config) sockets() ws.Config {
	return ws.Config{
		Subprotocols: []string{wire.Subprotocol}, ReadLimit: int64(c.Limits.FrameBeforeHello),
		MaxFrames: c.Limits.Fragments, MaxControl: c.Limits.ControlPerSecond,
		QueueBytes: c.Limits.QueueBytes, QueueFrames: c.Limits.QueueFrames,
		ComeBackCode: uint16(wire.CloseSlow), SilentCode: uint16(wire.CloseSilent),
	}
}

func (c Config) server(version string) server.Config {
	l := c.Limits
	proxies := make([]netip.Prefix, len(c.TrustedProxies))
	for i, n := range c.TrustedProxies {
		proxies[i] = n.Prefix
	}
	return server.Config{
		Version: version, TrustedProxies: proxies, SessionsPerAddress: l.SessionsPerAddress, Uploads: c.Files.UploadsAtOnce,
		HandshakeBurst: l.HandshakeBurst, HandshakePerSecond: l.HandshakePerSecond,
		RequestBurst: l.RequestBurst, RequestPerSecond: l.RequestPerSecond,
		HeaderTimeout: l.HeaderTimeout, RequestTimeout: l.RequestTimeout, TextCodePoints: l.TextCharacters,
		FrameBytes: l.FrameBytes, QueueBytes: l.QueueBytes, QueueFrames: l.QueueFrames,
		StrictTransport: c.TLS.strictTransport(),
	}
}
