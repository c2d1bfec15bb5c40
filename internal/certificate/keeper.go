// Package certificate gets the certificate of HTTPS and keeps it fresh: from an
// authority that speaks ACME (RFC 8555), for all nodes of a cluster together, or
// from files.
package certificate

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/crypto/acme"
)

// Config is for what a certificate is asked, and where. A zero duration means the
// default named beside the field.
type Config struct {
	// Domains are in lower case ASCII; one certificate is for all of them.
	Domains []string
	// Email, if any, is where the authority writes.
	Email string
	// Directory is the authority's address.
	Directory string
	// Client speaks with it; nil: http.DefaultClient's way, with a limit.
	Client *http.Client
	// Node names this node among all.
	Node string
	// Waiting is how often a node without a certificate looks for one (2 s),
	// Looking how often one that has it does (1 min).
	Waiting, Looking time.Duration
	// IssueWithin bounds one request for a certificate (2 min).
	IssueWithin time.Duration
}

func (c Config) withDefaults() Config {
	for _, d := range []struct {
		value *time.Duration
		or    time.Duration
	}{{&c.Waiting, 2 * time.Second}, {&c.Looking, time.Minute}, {&c.IssueWithin, 2 * time.Minute}} {
		if *d.value <= 0 {
			*d.value = d.or
		}
	}
	if c.Client == nil {
		c.Client = &http.Client{Timeout: 30 * time.Second}
	}
	return c
}

// Keeper has the certificate that the nodes of a cluster share. One of them asks
// the authority, whichever is first; the others find in the store what it got.
type Keeper struct {
	cfg   Config
	store Store
	log   *slog.Logger
	name  string

	current atomic.Pointer[tls.Certificate]
	chain   string // of current; the loop's
	client  atomic.Pointer[acme.Client]

	tokens struct { // what was last read of them; so often at most
		mu   sync.Mutex
		at   time.Time
		read map[string]string
	}

	first struct {
		sync.Once
		tried chan struct{} // closed when there is a certificate, or asking for one has failed
	}
	stop  context.CancelFunc
	ended chan struct{}
}

// Start begins to look for the certificate. Close ends it.
func Start(cfg Config, store Store, log *slog.Logger) *Keeper {
	cfg = cfg.withDefaults()
	k := &Keeper{cfg: cfg, store: store, log: log, name: nameOf("certificate", cfg.Directory, cfg.Domains), ended: make(chan struct{})}
	k.first.tried = make(chan struct{})
	ctx, stop := context.WithCancel(context.Background())
	k.stop = stop
	go k.run(ctx)
	return k
}

// Close stops looking; what is under way is given up.
func (k *Keeper) Close() {
	k.stop()
	<-k.ended
}

// Tried is closed when there is a certificate, or the first request for one has failed.
func (k *Keeper) Tried() <-chan struct{} { return k.first.tried }

// NotAfter is when the certificate ends; zero while there is none.
func (k *Keeper) NotAfter() time.Time {
	if c := k.current.Load(); c != nil {
		return c.Leaf.NotAfter
	}
	return time.Time{}
}

func (k *Keeper) run(ctx context.Context) {
	defer close(k.ended)
	for {
		if err := k.look(ctx); err != nil && ctx.Err() == nil {
			k.log.Warn("the certificate could not be looked after", "error", err)
		}
		wait := k.cfg.Looking
		if k.current.Load() == nil {
			wait = k.cfg.Waiting
		}
		if pause(ctx, wait) != nil {
			return
		}
	}
}

// look takes over what the store has, and asks for a certificate if it is time to
// and nobody else does.
func (k *Keeper) look(ctx context.Context) error {
	if err := k.introduce(ctx); err != nil {
		return err
	}
	s, err := k.read(ctx)
	if err != nil {
		return err
	}
	if err := k.use(&s); err != nil {
		k.log.Warn("the certificate that is kept cannot be used: another one is asked for", "error", err)
	}
	if !k.due(&s) {
		return nil
	}
	s.Holder, s.Until, s.Tokens = k.cfg.Node, s.now+k.cfg.IssueWithin.Milliseconds()+leaseSpare, nil
	switch err := k.write(ctx, &s); {
	case errors.Is(err, errOvertaken):
		return nil // the next look sees what it did
	case err != nil:
		return err
	}
	return k.renew(ctx, &s)
}

// leaseSpare is how much longer a lease lasts than what it is for, in ms.
const leaseSpare = 30_000

// use makes the kept certificate the one that is shown.
func (k *Keeper) use(s *shared) error {
	if s.Chain == "" || s.Chain == k.chain {
		return nil
	}
	c, err := parse([]byte(s.Chain), []byte(s.Key))
	if err != nil {
		return err
	}
	k.current.Store(c)
	k.chain = s.Chain
	k.log.Info("the certificate for HTTPS is there", "domains", k.cfg.Domains, "until", c.Leaf.NotAfter.UTC())
	k.first.Do(func() { close(k.first.tried) })
	return nil
}

// due tells whether this node may ask for a certificate now, and should.
func (k *Keeper) due(s *shared) bool {
	if s.now < s.Until || s.now < s.RetryAt {
		return false
	}
	c := k.current.Load()
	return c == nil || s.Chain != k.chain || dueIn(c.Leaf, time.UnixMilli(s.now)) <= 0
}

// renew asks for a certificate under the lease, and gives the lease back.
func (k *Keeper) renew(ctx context.Context, s *shared) error {
	k.log.Info("a certificate is asked for", "domains", k.cfg.Domains, "authority", k.cfg.Directory)
	began := time.Now()
	limited, cancel := context.WithTimeout(ctx, k.cfg.IssueWithin)
	defer cancel()
	chain, key, err := k.issue(limited, s)
	ended := s.now + time.Since(began).Milliseconds()
	s.Holder, s.Until, s.Tokens = "", 0, nil
	if err == nil {
		s.Chain, s.Key, s.Failures, s.RetryAt = chain, key, 0, 0
		if err = k.write(ctx, s); err == nil {
			return k.use(s)
		}
		return err
	}
	if ctx.Err() == nil {
		pause := retryAfter(s.Failures, err)
		s.Failures, s.RetryAt = s.Failures+1, ended+pause.Milliseconds()
		k.log.Error("the certificate was refused", "domains", k.cfg.Domains, "error", err, "next_try_in", pause)
		k.first.Do(func() { close(k.first.tried) })
	}
	giveBack, cancelGiveBack := context.WithTimeout(context.WithoutCancel(ctx), giveBackWithin)
	defer cancelGiveBack()
	return k.write(giveBack, s) // also when the program stops: another node need not wait for the lease
}

const giveBackWithin = 3 * time.Second

// retryAfter keeps well below what authorities allow: Let's Encrypt's five failures an hour.
func retryAfter(failures int, err error) time.Duration {
	pauses := []time.Duration{time.Minute, 10 * time.Minute, 30 * time.Minute, time.Hour, 3 * time.Hour, 6 * time.Hour}
	pause := pauses[min(failures, len(pauses)-1)]
	var refused *acme.Error
	if errors.As(err, &refused) {
		if asked, limited := acme.RateLimit(refused); limited {
			pause = max(pause, min(asked, 24*time.Hour))
		}
	}
	return pause
}

var errNoCertificate = errors.New("there is no certificate yet: the log says whether the authority refused it")

// TLS is how a listener shows the certificate.
func (k *Keeper) TLS() *tls.Config {
	return &tls.Config{MinVersion: tls.VersionTLS12, NextProtos: append(protocols(), acme.ALPNProto), GetCertificate: k.get}
}

// protocols are those that a page may be read by.
func protocols() []string { return []string{"h2", "http/1.1"} }

// get answers a handshake, and the authority that asks at the TLS port (RFC 8737).
func (k *Keeper) get(hello *tls.ClientHelloInfo) (*tls.Certificate, error) {
	name := strings.ToLower(strings.TrimSuffix(hello.ServerName, "."))
	if len(hello.SupportedProtos) == 1 && hello.SupportedProtos[0] == acme.ALPNProto {
		return k.challenged(hello.Context(), name)
	}
	if c := k.current.Load(); c != nil {
		return c, nil
	}
	return nil, errNoCertificate
}

// known tells whether a name is one of the certificate's.
func (k *Keeper) known(domain string) bool { return slices.Contains(k.cfg.Domains, domain) }
