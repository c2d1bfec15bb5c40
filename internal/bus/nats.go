package bus

import (
	"crypto/tls"
	"errors"
	"fmt"
	"log/slog"
	"net/url"
	"os"
	"strings"

	"github.com/nats-io/nats.go"

	"github.com/kefu-chat/kefu/internal/bus/seal"
	"github.com/kefu-chat/kefu/internal/trust"
)

// NATSConfig is an external NATS server, or a cluster of them. Only core NATS is
// used: no stream need be made.
type NATSConfig struct {
	URL         []string // nats://USER:PASSWORD@HOST:4222 or tls://HOST:4222; several are one cluster
	Credentials string   // a credentials file, as nsc makes it; empty: none
	Authority   string   // certificates in PEM that vouch for the servers; empty: the system's
	Prefix      string   // what subjects begin with; empty: kefu
}

const (
	natsURLForms  = "nats://USER:PASSWORD@HOST:4222 or tls://HOST:4222"
	defaultPrefix = "kefu"
)

// NewNATS makes a bus over NATS. It connects when it is started, and for as long as it takes.
func NewNATS(config NATSConfig, sealer *seal.Sealer, node string, log *slog.Logger) (*Relay, error) {
	options, err := natsOptions(config)
	if err != nil {
		return nil, err
	}
	return newRelay("nats", newNATSLine(prefixOf(config.Prefix), node, log, options), sealer, node, log)
}

func prefixOf(prefix string) string {
	if prefix == "" {
		return defaultPrefix
	}
	return prefix
}

func natsOptions(config NATSConfig) ([]nats.Option, error) {
	if strings.ContainsAny(config.Prefix, " \t\r\n*>") || strings.HasPrefix(config.Prefix, ".") || strings.HasSuffix(config.Prefix, ".") {
		return nil, errors.New("nats.prefix is not the beginning of a subject: expected words separated by single dots, without spaces, * and >")
	}
	servers, encrypted, err := natsServers(config.URL)
	if err != nil {
		return nil, err
	}
	options := []nats.Option{func(o *nats.Options) error { o.Servers = servers; return nil }}
	if config.Credentials != "" {
		if _, err := os.Stat(config.Credentials); err != nil {
			return nil, fmt.Errorf("nats.credentials: %w", err)
		}
		options = append(options, nats.UserCredentials(config.Credentials))
	}
	if config.Authority != "" {
		pool, err := trust.Only(config.Authority)
		if err != nil {
			return nil, fmt.Errorf("nats.authority: %w", err)
		}
		options = append(options, nats.Secure(&tls.Config{MinVersion: tls.VersionTLS12, RootCAs: pool}))
	} else if encrypted {
		options = append(options, nats.Secure(&tls.Config{MinVersion: tls.VersionTLS12}))
	}
	return options, nil
}

// natsServers reads nats.url. Errors name the entry's place and not the entry, in
// which a password may stand.
func natsServers(all []string) (servers []string, encrypted bool, err error) {
	if len(all) == 0 {
		return nil, false, errors.New("nats.url is empty: give " + natsURLForms)
	}
	for i, address := range all {
		u, err := url.Parse(strings.TrimSpace(address))
		if err != nil || u.Hostname() == "" || u.Scheme != "nats" && u.Scheme != "tls" || u.Path != "" && u.Path != "/" {
			return nil, false, fmt.Errorf("nats.url: entry %d is not the address of a server: give %s", i+1, natsURLForms)
		}
		encrypted = encrypted || u.Scheme == "tls"
		servers = append(servers, u.String())
	}
	return servers, encrypted, nil
}
