package app

import (
	"context"
	"crypto/tls"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"strings"
	"time"

	"golang.org/x/net/idna"

	"github.com/kefu-chat/kefu/internal/certificate"
	"github.com/kefu-chat/kefu/internal/trust"
)

// nowhere is the tls.plain_listen of who wants no plain HTTP at all.
const nowhere = "none"

const (
	plainTime      = 10 * time.Second
	plainHead      = 8 << 10 // bytes
	filesLooked    = 5 * time.Second
	authorityTime  = 30 * time.Second
	firstAnswer    = time.Minute          // the start waits so long for the first certificate
	strictFor      = 180 * 24 * time.Hour // what browsers are told with tls.domain
	mostDomains    = 100                  // of one certificate, as authorities have it
	mostDomainName = 253                  // bytes
)

// https is what this server shows as its certificate; empty where it speaks plain HTTP.
type https struct {
	shown interface {
		TLS() *tls.Config
		NotAfter() time.Time
	}
	keeper *certificate.Keeper // nil with files
	plain  net.Listener        // nil: nowhere
}

func (c TLSConfig) on() bool { return len(c.Domain) > 0 || c.Certificate != "" }

// strictTransport is only for names whose certificate Kefu renews by itself: whoever
// brings files may want to go back.
func (c TLSConfig) strictTransport() time.Duration {
	if len(c.Domain) > 0 {
		return strictFor
	}
	return 0
}

func (c TLSConfig) check() error {
	switch {
	case len(c.Domain) > 0 && (c.Certificate != "" || c.Key != ""):
		return usage("tls.domain and tls.certificate are both set: leave out tls.domain to use the files, or the files to have a certificate made")
	case c.Certificate != "" && c.Key == "":
		return usage("tls.certificate is set, but tls.key is not: set it to the file of the certificate's key")
	case c.Key != "" && c.Certificate == "":
		return usage("tls.key is set, but tls.certificate is not: set it to the file of the certificate chain")
	case c.PlainListen != "" && !c.on():
		return usage("tls.plain_listen is set, but Kefu does not serve HTTPS: set tls.domain or tls.certificate, or leave it out")
	case len(c.Domain) > 0 && !strings.HasPrefix(c.Directory, "https://"):
		return usage("tls.directory is %q: set it to the https:// address of an authority's ACME directory", c.Directory)
	}
	_, err := c.domains()
	return err
}

// domains are the names in lower case ASCII.
func (c TLSConfig) domains() ([]string, error) {
	if len(c.Domain) > mostDomains {
		return nil, usage("tls.domain has %d names: a certificate is for at most %d", len(c.Domain), mostDomains)
	}
	names := make([]string, len(c.Domain))
	for i, given := range c.Domain {
		name, err := idna.Lookup.ToASCII(strings.TrimSuffix(strings.TrimSpace(given), "."))
		switch {
		case strings.HasPrefix(given, "*."):
			return nil, usage("tls.domain is %q: a certificate for all names below one needs a proof by DNS, which Kefu does not make: list the names, or use tls.certificate", given)
		case net.ParseIP(given) != nil:
			return nil, usage("tls.domain is %q: set it to a name, not to an address", given)
		case err != nil || name == "" || len(name) > mostDomainName:
			return nil, usage("tls.domain is %q: set it to the name under which Kefu is found, such as chat.example.com, without https:// and port", given)
		}
		names[i] = name
	}
	return names, nil
}

// listenAddress is where Kefu serves its pages.
func (c Config) listenAddress() string {
	switch {
	case c.Listen != "":
		return c.Listen
	case c.TLS.on():
		return ":443"
	}
	return ":8080"
}

// plainAddress is where plain HTTP is answered beside HTTPS; "": nowhere.
func (c Config) plainAddress() string {
	switch {
	case !c.TLS.on() || c.TLS.PlainListen == nowhere:
		return ""
	case c.TLS.PlainListen != "":
		return c.TLS.PlainListen
	case c.Listen == "" || len(c.TLS.Domain) > 0:
		return ":80"
	}
	return ""
}

func (a *App) listenPlain(ctx context.Context) error {
	address := a.cfg.plainAddress()
	if address == "" {
		return nil
	}
	l, err := listenOn(ctx, "tls.plain_listen", address)
	var wrong *UsageError
	if errors.As(err, &wrong) {
		wrong.Text += "; none does without plain HTTP"
	}
	if err != nil {
		return err
	}
	a.https.plain = l
	a.pushListener("plain listener", l)
	return nil
}

// secure finds the certificate, if Kefu is to serve HTTPS, and answers plain HTTP.
func (a *App) secure(context.Context) error {
	c := a.cfg.TLS
	var plain http.Handler = http.HandlerFunc(a.toHTTPS)
	switch {
	case !c.on():
		return nil
	case c.Certificate != "":
		files, err := certificate.Watch(c.Certificate, c.Key, filesLooked, a.log)
		if err != nil {
			return usage("tls.certificate and tls.key cannot be used: %v; set them to a certificate chain and its key, in PEM", err)
		}
		a.stack.push("certificate", func(context.Context) error {
			files.Close()
			return nil
		})
		a.https.shown = files
	default:
		keeper, err := a.keepCertificate()
		if err != nil {
			return err
		}
		a.https.shown, a.https.keeper = keeper, keeper
		plain = keeper.Challenges(plain)
	}
	a.listener = tls.NewListener(a.listener, a.https.shown.TLS())
	if a.https.plain != nil {
		a.servePlain(plain)
	}
	return nil
}

func (a *App) keepCertificate() (*certificate.Keeper, error) {
	c := a.cfg.TLS
	domains, err := c.domains()
	if err != nil {
		return nil, err
	}
	transport := http.DefaultTransport.(*http.Transport).Clone()
	if c.DirectoryRoot != "" {
		roots, err := trust.Only(c.DirectoryRoot)
		if err != nil {
			return nil, usage("tls.directory_root is %q: %v; name a file with certificates", c.DirectoryRoot, reason(err))
		}
		transport.TLSClientConfig = &tls.Config{RootCAs: roots, MinVersion: tls.VersionTLS12}
	}
	keeper := certificate.Start(certificate.Config{
		Domains: domains, Email: c.Email, Directory: c.Directory, Node: a.node,
		Client: &http.Client{Timeout: authorityTime, Transport: transport},
	}, a.db, a.log)
	a.stack.push("certificate", func(context.Context) error {
		keeper.Close()
		transport.CloseIdleConnections()
		return nil
	})
	return keeper, nil
}

// servePlain answers plain HTTP, until the server stops.
func (a *App) servePlain(h http.Handler) {
	s := &http.Server{
		Handler: h, ReadHeaderTimeout: plainTime, ReadTimeout: plainTime, WriteTimeout: plainTime, IdleTimeout: plainTime,
		MaxHeaderBytes: plainHead, ErrorLog: slog.NewLogLogger(a.log.Handler(), slog.LevelDebug),
	}
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		if err := s.Serve(a.https.plain); !errors.Is(err, http.ErrServerClosed) {
			a.fail(err)
		}
	}()
	a.stack.push("plain server", func(ctx context.Context) error {
		err := s.Shutdown(ctx)
		<-ended
		return err
	})
}

// fail says that the serving has ended; only the first reason counts.
func (a *App) fail(err error) {
	select {
	case a.failed <- err:
	default:
	}
}

// toHTTPS leads to the same page by HTTPS: at the name that was asked for, if it
// is one of tls.domain.
func (a *App) toHTTPS(w http.ResponseWriter, r *http.Request) {
	host, _, err := net.SplitHostPort(r.Host)
	if err != nil {
		host = r.Host
	}
	if domains, _ := a.cfg.TLS.domains(); len(domains) > 0 { // checked at the start
		host = oneOf(strings.ToLower(strings.TrimSuffix(host, ".")), domains)
	}
	if host == "" || strings.ContainsAny(host, "/\\@?# ") {
		http.Error(w, "The header Host names no host.", http.StatusBadRequest)
		return
	}
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, "https://"+a.withPort(host)+r.URL.RequestURI(), http.StatusPermanentRedirect)
}

// oneOf is name if it is among names, else the first of them.
func oneOf(name string, names []string) string {
	for _, one := range names {
		if one == name {
			return name
		}
	}
	return names[0]
}

// withPort adds the port of HTTPS, where it is not the usual one.
func (a *App) withPort(host string) string {
	tcp, ok := a.listener.Addr().(*net.TCPAddr)
	if ok && tcp.Port != 443 {
		return net.JoinHostPort(strings.Trim(host, "[]"), strconv.Itoa(tcp.Port))
	}
	return host
}

// certificateEnds is when the certificate ends; zero without one.
func (a *App) certificateEnds() time.Time {
	if a.https.shown == nil {
		return time.Time{}
	}
	return a.https.shown.NotAfter()
}

// awaitCertificate waits until the first certificate is there, or has been refused,
// so that the link that is printed then works.
func (a *App) awaitCertificate(ctx context.Context) {
	if a.https.keeper == nil {
		return
	}
	late := time.NewTimer(firstAnswer)
	defer late.Stop()
	select {
	case <-a.https.keeper.Tried():
	case <-late.C:
	case <-ctx.Done():
	}
}

// base is where a browser finds the server.
func (a *App) base() string {
	if !a.cfg.TLS.on() {
		return baseURL(a.Address())
	}
	if domains, _ := a.cfg.TLS.domains(); len(domains) > 0 { // checked at the start
		return "https://" + a.withPort(domains[0])
	}
	return "https" + strings.TrimPrefix(strings.TrimSuffix(baseURL(a.Address()), ":443"), "http")
}
