// Package redis reads the addresses of Redis servers: one for the bus and for
// presence. What is done with them is theirs.
package redis

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/redis/rueidis"

	"github.com/kefu-chat/kefu/internal/trust"
)

const (
	defaultPort         = "6379"
	defaultSentinelPort = "26379"

	// A server that neither answers nor closes is given up after about
	// pingEvery+answerWithin.
	dialWithin   = 3 * time.Second
	pingEvery    = 2 * time.Second
	answerWithin = 4 * time.Second

	// refreshEvery is how often the servers of a cluster, or the master that the
	// sentinels name, are asked for, also when no change was told.
	refreshEvery = 5 * time.Second

	// bufferSize is kept by each connection twice; rueidis's own default is 512 KiB.
	bufferSize = 64 << 10
)

const forms = "redis://USER:PASSWORD@HOST:6379/0, redis+cluster://HOST,HOST or redis+sentinel://HOST,HOST/MASTER, with rediss instead of redis for TLS"

type shape int

const (
	single shape = iota
	cluster
	sentinel
)

// Options reads redis.url: redis://USER:PASSWORD@HOST:PORT/DATABASE,
// redis+cluster://HOST,HOST and redis+sentinel://HOST,HOST/MASTER/DATABASE;
// rediss, rediss+cluster and rediss+sentinel speak TLS. Sentinels with a password
// of their own take it from ?sentinel_user=…&sentinel_password=…. Where authority
// is not empty it is a file of certificates in PEM, the only ones that are
// trusted. Errors never show the URL, because a password may stand in it.
func Options(address, authority string) (rueidis.ClientOption, error) {
	option, err := parse(address)
	if err != nil {
		return rueidis.ClientOption{}, fmt.Errorf("redis.url: %w", err)
	}
	if authority == "" {
		return option, nil
	}
	if option.TLSConfig == nil {
		return rueidis.ClientOption{}, errors.New("redis.authority is set, but redis.url does not ask for TLS: begin it with rediss, or remove redis.authority")
	}
	if option.TLSConfig.RootCAs, err = trust.Only(authority); err != nil {
		return rueidis.ClientOption{}, fmt.Errorf("redis.authority: %w", err)
	}
	return option, nil
}

func parse(address string) (rueidis.ClientOption, error) {
	if address == "" {
		return rueidis.ClientOption{}, errors.New("it is empty: give " + forms)
	}
	scheme, rest, found := strings.Cut(address, "://")
	kind, encrypted, known := readScheme(scheme)
	if !found || !known {
		return rueidis.ClientOption{}, errors.New("it begins with nothing known: give " + forms)
	}
	option := defaults(kind)
	if encrypted {
		option.TLSConfig = &tls.Config{MinVersion: tls.VersionTLS12}
		option.Sentinel.TLSConfig = option.TLSConfig
	}
	rest, query, _ := strings.Cut(rest, "?")
	// The last @ ends the password, so that one that was not escaped is read too.
	if at := strings.LastIndex(rest, "@"); at >= 0 {
		if err := readUser(&option, rest[:at]); err != nil {
			return option, err
		}
		rest = rest[at+1:]
	}
	hosts, path, _ := strings.Cut(rest, "/")
	if err := readHosts(&option, kind, hosts); err != nil {
		return option, err
	}
	if err := readPath(&option, kind, path); err != nil {
		return option, err
	}
	return option, readQuery(&option, kind, query)
}

func readScheme(scheme string) (kind shape, encrypted, known bool) {
	base, suffix, composed := strings.Cut(scheme, "+")
	switch {
	case !composed:
		kind = single
	case suffix == "cluster":
		kind = cluster
	case suffix == "sentinel":
		kind = sentinel
	default:
		return single, false, false
	}
	return kind, base == "rediss", base == "redis" || base == "rediss"
}

func defaults(kind shape) rueidis.ClientOption {
	dialer := net.Dialer{Timeout: dialWithin, KeepAlive: pingEvery}
	option := rueidis.ClientOption{
		ClientName:          "kefu",
		Dialer:              dialer,
		ConnWriteTimeout:    answerWithin,
		ReadBufferEachConn:  bufferSize,
		WriteBufferEachConn: bufferSize,
		DisableCache:        true,
		ForceSingleClient:   kind == single,
	}
	switch kind {
	case cluster:
		option.ClusterOption.ShardsRefreshInterval = refreshEvery
	case sentinel:
		option.Sentinel.Dialer, option.Sentinel.ClientName = dialer, "kefu"
		option.Sentinel.TopologyRefreshInterval = refreshEvery
	}
	return option
}

func readUser(option *rueidis.ClientOption, user string) error {
	name, password, _ := strings.Cut(user, ":")
	var err error
	if option.Username, err = url.PathUnescape(name); err != nil {
		return errors.New("a % in the user's name is not followed by two hexadecimal digits: write %25 for it")
	}
	if option.Password, err = url.PathUnescape(password); err != nil {
		return errors.New("a % in the password is not followed by two hexadecimal digits: write %25 for it")
	}
	return nil
}

func readHosts(option *rueidis.ClientOption, kind shape, hosts string) error {
	port := defaultPort
	if kind == sentinel {
		port = defaultSentinelPort
	}
	for host := range strings.SplitSeq(hosts, ",") {
		address, err := withPort(host, port)
		if err != nil {
			return err
		}
		option.InitAddress = append(option.InitAddress, address)
	}
	if kind == single && len(option.InitAddress) > 1 {
		return errors.New("redis:// takes one host: for several give redis+cluster://HOST,HOST or redis+sentinel://HOST,HOST/MASTER")
	}
	return nil
}

func withPort(host, port string) (string, error) {
	name := host
	if i := strings.LastIndex(host, ":"); i >= 0 && !strings.HasSuffix(host, "]") {
		name, port = host[:i], host[i+1:]
	}
	name = strings.TrimSuffix(strings.TrimPrefix(name, "["), "]")
	if name == "" {
		return "", errors.New("a host is missing: give " + forms)
	}
	if n, err := strconv.ParseUint(port, 10, 16); err != nil || n == 0 {
		return "", fmt.Errorf("the port after %s is not a number from 1 to 65535 (an IPv6 address stands in brackets)", name)
	}
	return net.JoinHostPort(name, port), nil
}

func readPath(option *rueidis.ClientOption, kind shape, path string) error {
	database := path
	if kind == sentinel {
		option.Sentinel.MasterSet, database, _ = strings.Cut(path, "/")
		if option.Sentinel.MasterSet == "" {
			return errors.New("the master's name is missing: give redis+sentinel://HOST,HOST/MASTER")
		}
	}
	if database == "" {
		return nil
	}
	n, err := strconv.ParseUint(database, 10, 16)
	if err != nil {
		return errors.New("the database at its end is not a number, such as /0")
	}
	if kind == cluster && n != 0 {
		return errors.New("a cluster has only database 0: leave the number at its end out")
	}
	option.SelectDB = int(n)
	return nil
}

func readQuery(option *rueidis.ClientOption, kind shape, query string) error {
	values, err := url.ParseQuery(query)
	if err != nil {
		return errors.New("what follows the ? cannot be read: known are sentinel_user and sentinel_password, escaped with %")
	}
	for key := range values {
		switch {
		case kind == sentinel && key == "sentinel_user":
			option.Sentinel.Username = values.Get(key)
		case kind == sentinel && key == "sentinel_password":
			option.Sentinel.Password = values.Get(key)
		default:
			return errors.New("what follows the ? is not known: only redis+sentinel takes something, sentinel_user and sentinel_password (a ? in a password is written %3F)")
		}
	}
	return nil
}
