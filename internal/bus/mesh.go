package bus

import (
	"crypto/sha256"
	"crypto/tls"
	"encoding/hex"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/gofrs/uuid/v5"
	"github.com/nats-io/nats-server/v2/server"

	"github.com/kefu-chat/kefu/internal/bus/seal"
	"github.com/kefu-chat/kefu/internal/trust"
)

// MeshConfig is how nodes reach one another without a broker.
type MeshConfig struct {
	Listen    string   // where the others reach this node, host:port
	Advertise string   // what they are told to call, where that is not Listen
	Peers     []string // some of the others, host:port; this node may be among them
	Secret    string   // what all nodes share
	// Certificate, Key and Authority encrypt the mesh and prove both ends; all or none.
	Certificate, Key, Authority string
	Prefix                      string // what subjects begin with; empty: kefu
}

const (
	// MinMeshSecret is the least length of a mesh's secret, in characters.
	MinMeshSecret = 16

	meshUser = "kefu"
	meshName = "kefu"

	// A peer that is silent is given up after meshPing*(meshPings+1).
	meshPing  = 2 * time.Second
	meshPings = 2
	// meshRetries is how often a node that a peer told of is dialled, once a
	// second, after it was lost; those of mesh.peers are dialled for ever.
	meshRetries = 3600
	meshWrite   = 5 * time.Second
	// meshPayload bounds what one node sends another at a time.
	meshPayload = 1 << 20
)

// NewMesh makes a bus of nodes that connect to one another, each to each, though
// each need know only one of the others.
func NewMesh(config MeshConfig, sealer *seal.Sealer, node string, log *slog.Logger) (*Relay, error) {
	options, err := meshOptions(config)
	if err != nil {
		return nil, err
	}
	m := newMesh(prefixOf(config.Prefix), node, expectsPeers(config), options, log.With("bus", "mesh"))
	return newRelay("mesh", m, sealer, node, log)
}

func meshOptions(config MeshConfig) (*server.Options, error) {
	host, port, err := splitAddress(config.Listen)
	if err != nil {
		return nil, fmt.Errorf("mesh.listen: %w", err)
	}
	if len(config.Secret) < MinMeshSecret {
		return nil, fmt.Errorf("mesh.secret has %d characters: give all nodes the same one of %d or more, such as \"openssl rand -hex 32\" prints", len(config.Secret), MinMeshSecret)
	}
	advertise := config.Advertise
	if advertise != "" {
		if _, _, err := splitAddress(advertise); err != nil {
			return nil, fmt.Errorf("mesh.advertise: %w", err)
		}
	}
	routes, err := meshRoutes(config)
	if err != nil {
		return nil, err
	}
	encryption, err := meshTLS(config)
	if err != nil {
		return nil, err
	}
	if host == "" {
		host = "0.0.0.0"
	}
	return &server.Options{
		// Not the name of the node: one that starts again would be taken for its
		// own double until the others see that it was gone.
		ServerName: uuid.Must(uuid.NewV4()).String(),
		// Only this process is let in here. Without a listener for clients the
		// server never opens the one for its peers.
		Host: "127.0.0.1", Port: server.RANDOM_PORT, CustomClientAuthentication: insidersOnly{},
		Cluster: server.ClusterOpts{
			Name: meshName, Host: host, Port: port, Advertise: advertise,
			Username: meshUser, Password: meshPassword(config.Secret), TLSConfig: encryption,
			ConnectRetries: meshRetries, PoolSize: -1, PingInterval: meshPing, MaxPingsOut: meshPings, WriteDeadline: meshWrite,
			Compression: server.CompressionOpts{Mode: server.CompressionOff},
		},
		Routes: routes, NoSigs: true, NoLog: true, NoSystemAccount: true,
		PingInterval: meshPing, MaxPingsOut: meshPings, WriteDeadline: meshWrite, MaxPayload: meshPayload,
	}, nil
}

func splitAddress(address string) (host string, port int, err error) {
	host, text, err := net.SplitHostPort(address)
	if err != nil {
		return "", 0, fmt.Errorf("%q is not an address: expected host:port, such as 10.0.0.5:6222", address)
	}
	n, err := strconv.ParseUint(text, 10, 16)
	if err != nil || n == 0 {
		return "", 0, fmt.Errorf("%q has no port from 1 to 65535: expected host:port, such as 10.0.0.5:6222", address)
	}
	return host, int(n), nil
}

// meshPassword is what stands for the secret where the mesh is not encrypted.
func meshPassword(secret string) string {
	sum := sha256.Sum256([]byte("kefu mesh 1 " + secret))
	return hex.EncodeToString(sum[:])
}

func meshRoutes(config MeshConfig) ([]*url.URL, error) {
	var routes []*url.URL
	for _, peer := range config.Peers {
		peer = strings.TrimSpace(peer)
		host, _, err := splitAddress(peer)
		if err == nil && host == "" {
			err = fmt.Errorf("%q has no host: expected host:port, such as 10.0.0.6:6222", peer)
		}
		if err != nil {
			return nil, fmt.Errorf("mesh.peers: %w", err)
		}
		routes = append(routes, &url.URL{Scheme: "nats", User: url.UserPassword(meshUser, meshPassword(config.Secret)), Host: peer})
	}
	return routes, nil
}

func meshTLS(config MeshConfig) (*tls.Config, error) {
	given := 0
	for _, file := range []string{config.Certificate, config.Key, config.Authority} {
		if file != "" {
			given++
		}
	}
	switch given {
	case 0:
		return nil, nil //nolint:nilnil // no configuration means no encryption
	case 3:
	default:
		return nil, errors.New("mesh.certificate, mesh.key and mesh.authority belong together: set all three to encrypt the mesh, or none")
	}
	certificate, err := tls.LoadX509KeyPair(config.Certificate, config.Key)
	if err != nil {
		return nil, fmt.Errorf("mesh.certificate and mesh.key: %w", err)
	}
	pool, err := trust.Only(config.Authority)
	if err != nil {
		return nil, fmt.Errorf("mesh.authority: %w", err)
	}
	return &tls.Config{
		MinVersion: tls.VersionTLS12, Certificates: []tls.Certificate{certificate},
		RootCAs: pool, ClientCAs: pool, ClientAuth: tls.RequireAndVerifyClientCert,
	}, nil
}

// expectsPeers tells whether there should be another node, as far as the addresses tell.
func expectsPeers(config MeshConfig) bool {
	own := []string{config.Listen, config.Advertise}
	if _, port, err := net.SplitHostPort(config.Listen); err == nil {
		own = append(own, net.JoinHostPort("localhost", port), net.JoinHostPort("127.0.0.1", port))
	}
	return slices.ContainsFunc(config.Peers, func(peer string) bool { return !slices.Contains(own, strings.TrimSpace(peer)) })
}

// insidersOnly lets in connections that do not come over a network.
type insidersOnly struct{}

// Check implements server.Authentication.
func (insidersOnly) Check(c server.ClientAuthentication) bool {
	address := c.RemoteAddress()
	return address != nil && address.Network() == "pipe"
}
