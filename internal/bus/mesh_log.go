package bus

import (
	"crypto/subtle"
	"fmt"
	"log/slog"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats-server/v2/server"
)

const (
	// meshSayAgain is how long a fault that goes on is not repeated in the log.
	meshSayAgain = 10 * time.Minute
	// meshSaid bounds how many different ones are remembered.
	meshSaid = 256
)

// meshLog brings the server's lines to the log, each kind once in a while.
type meshLog struct {
	log *slog.Logger

	mu   sync.Mutex
	said map[string]time.Time
	died string
}

var _ server.Logger = (*meshLog)(nil)

func newMeshLog(log *slog.Logger) *meshLog {
	return &meshLog{log: log, said: map[string]time.Time{}}
}

// once tells whether a kind of line has not been written for a while. Numbers make
// no difference: they are ports, and counts of attempts.
func (l *meshLog) once(kind string) bool {
	kind = strings.Map(func(r rune) rune {
		if r >= '0' && r <= '9' {
			return -1
		}
		return r
	}, kind)
	l.mu.Lock()
	defer l.mu.Unlock()
	now := time.Now()
	if at, is := l.said[kind]; is && now.Sub(at) < meshSayAgain {
		return false
	}
	if len(l.said) >= meshSaid {
		clear(l.said)
	}
	l.said[kind] = now
	return true
}

// refused is called for each node that shows another secret, or none.
func (l *meshLog) refused(address net.Addr) {
	host := address.String()
	if tcp, ok := address.(*net.TCPAddr); ok {
		host = tcp.IP.String()
	}
	if l.once("refused " + host) {
		l.log.Warn("a node was refused: its mesh.secret is not this node's", "address", host)
	}
}

func (l *meshLog) fatal() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.died
}

// Noticef implements server.Logger: what goes well is of no interest.
func (l *meshLog) Noticef(string, ...any) {}

// Debugf implements server.Logger.
func (l *meshLog) Debugf(string, ...any) {}

// Tracef implements server.Logger.
func (l *meshLog) Tracef(string, ...any) {}

// Warnf implements server.Logger.
func (l *meshLog) Warnf(format string, v ...any) { l.Errorf(format, v...) }

// Fatalf implements server.Logger; the server of a mesh does not end the process.
func (l *meshLog) Fatalf(format string, v ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.died = fmt.Sprintf(format, v...)
}

// Errorf implements server.Logger.
func (l *meshLog) Errorf(format string, v ...any) {
	text := fmt.Sprintf(format, v...)
	switch {
	case strings.Contains(text, "Error trying to connect to route"), strings.Contains(text, "Error reconnecting to route"):
		// What the bus says when nobody is reached is enough.
	case strings.Contains(text, "uthorization"), strings.Contains(text, "uthentication"):
		// On the side that refuses it is said by refused.
		if strings.Contains(text, "Route Error") && l.once("refused here") {
			l.log.Warn("a node refuses this one: its mesh.secret is not this node's", "error", text)
		}
	case l.once(text):
		l.log.Warn("the mesh has a fault", "error", text)
	}
}

// secretHolders lets in nodes that know the mesh's secret.
type secretHolders struct {
	password string
	log      *meshLog
}

// Check implements server.Authentication.
func (s secretHolders) Check(c server.ClientAuthentication) bool {
	given := c.GetOpts()
	if subtle.ConstantTimeCompare([]byte(given.Password), []byte(s.password)) == 1 && given.Username == meshUser {
		return true
	}
	s.log.refused(c.RemoteAddress())
	return false
}
