// Package outbound asks servers whose addresses people named: webhooks' receivers,
// pictures. Whoever names one must not reach through it what only this machine
// reaches, and a server that answers slowly, endlessly or elsewhere harms nobody.
package outbound

import (
	"bytes"
	"cmp"
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"syscall"
	"time"
)

// Config is how a Client asks. Zero means the default named beside the field.
type Config struct {
	// Allow are networks that are asked although they are private or special, on any
	// port, and without encryption if the address says http.
	Allow []netip.Prefix
	// Timeout bounds a request with its redirects and its answer (10 s).
	Timeout time.Duration
	// Agent is the User-Agent ("Kefu").
	Agent string
	// Resolver asks the DNS (the system's).
	Resolver *net.Resolver
	// Roots vouch for servers (the system's).
	Roots *x509.CertPool
}

// Bounds of a request.
const (
	Timeout   = 10 * time.Second
	Redirects = 3
	Answered  = 64 << 10 // bytes of an answer that are read, unless the request says otherwise
	headers   = 32 << 10 // bytes of an answer's header
)

// Request is what is asked. Header must not be changed until it is answered.
type Request struct {
	Method string // GET or POST
	URL    string
	Header http.Header
	Body   []byte
	// Most is how many bytes of the answer are read (Answered).
	Most int64
}

// Answer is what a server said.
type Answer struct {
	Status int
	Header http.Header
	Body   []byte
	// Cut tells that there was more than Request.Most.
	Cut bool
}

// Client asks, over connections that it keeps for a minute. It follows at most
// Redirects redirects, each checked like the first address, never from https to
// http. A POST goes on by 307 and 308 only, which keep method and body: after
// another redirect it would be a GET without its body, so that is the answer.
type Client struct {
	cfg        Config
	special    []network
	global     netip.Prefix
	client     http.Client
	transports map[string]*http.Transport // by scheme
}

// New makes a client; Close ends it.
func New(cfg Config) *Client {
	cfg.Timeout, cfg.Agent = cmp.Or(cfg.Timeout, Timeout), cmp.Or(cfg.Agent, "Kefu")
	c := &Client{cfg: cfg, special: special(), global: global()}
	c.transports = map[string]*http.Transport{"https": c.transport(true), "http": c.transport(false)}
	c.client = http.Client{Transport: byScheme(c.transports), CheckRedirect: c.redirect}
	return c
}

// byScheme keeps plain connections apart, which go to fewer addresses.
type byScheme map[string]*http.Transport

func (s byScheme) RoundTrip(r *http.Request) (*http.Response, error) {
	if t := s[r.URL.Scheme]; t != nil {
		return t.RoundTrip(r)
	}
	return nil, refuse("the address is neither https nor http")
}

func (c *Client) transport(encrypted bool) *http.Transport {
	dialer := &net.Dialer{
		Timeout: c.cfg.Timeout, KeepAlive: -1, Resolver: c.cfg.Resolver,
		Control: func(_, address string, _ syscall.RawConn) error { return c.checkDial(address, encrypted) },
	}
	return &http.Transport{ // no Proxy: the environment's would be asked for addresses that it alone reaches
		DialContext:         dialer.DialContext,
		TLSClientConfig:     &tls.Config{RootCAs: c.cfg.Roots, MinVersion: tls.VersionTLS12},
		TLSHandshakeTimeout: c.cfg.Timeout, ResponseHeaderTimeout: c.cfg.Timeout, IdleConnTimeout: time.Minute,
		MaxIdleConns: 64, MaxIdleConnsPerHost: 4, MaxResponseHeaderBytes: headers, DisableCompression: true,
	}
}

// Close closes the connections that are kept.
func (c *Client) Close() {
	for _, t := range c.transports {
		t.CloseIdleConnections()
	}
}

func (c *Client) redirect(to *http.Request, via []*http.Request) error {
	first, last := via[0], via[len(via)-1]
	switch {
	case to.Method != first.Method:
		return http.ErrUseLastResponse
	case len(via) > Redirects:
		return refuse("it redirects more than %d times", Redirects)
	case last.URL.Scheme == "https" && to.URL.Scheme != "https":
		return refuse("it redirects from https to http")
	}
	to.URL.Fragment, to.URL.RawFragment = "", ""
	to.Header.Del("Referer") // addresses may carry what only their server is to know
	return c.checkURL(to.URL)
}

// Do asks once. An answer of any status is one. Errors: *Refused for an address
// that is not asked, others for servers that cannot be reached or do not answer in
// time; Why words them for people.
func (c *Client) Do(ctx context.Context, r Request) (Answer, error) {
	if _, err := c.Check(r.URL); err != nil {
		return Answer{}, err
	}
	ctx, cancel := context.WithTimeout(ctx, c.cfg.Timeout)
	defer cancel()
	var body io.Reader = http.NoBody
	if r.Body != nil {
		body = bytes.NewReader(r.Body)
	}
	asked, err := http.NewRequestWithContext(ctx, r.Method, r.URL, body)
	if err != nil {
		return Answer{}, err
	}
	for name, values := range r.Header {
		asked.Header[name] = values
	}
	asked.Header.Set("User-Agent", c.cfg.Agent)
	response, err := c.client.Do(asked)
	if err != nil {
		if response != nil { // a redirect that was not followed
			_ = response.Body.Close()
		}
		return Answer{}, err
	}
	defer response.Body.Close()
	most := cmp.Or(r.Most, Answered)
	answer := Answer{Status: response.StatusCode, Header: response.Header}
	answer.Body, err = io.ReadAll(io.LimitReader(response.Body, most+1))
	if int64(len(answer.Body)) > most {
		answer.Body, answer.Cut = answer.Body[:most], true
	}
	if err == nil { // whoever is hung up on may end its answer as if that were all
		err = ctx.Err()
	}
	return answer, err
}

// Why words an error of Do for the person who named the address. It tells nothing of
// where names lead: that is not everybody's to know.
func Why(err error) string {
	var refused *Refused
	var name *net.DNSError
	var certificate *tls.CertificateVerificationError
	var timeout net.Error
	switch {
	case errors.As(err, &refused):
		return refused.Why
	case errors.As(err, &name):
		return "its name was not found in the DNS"
	case errors.As(err, &certificate):
		return fmt.Sprintf("its certificate is not valid: %v", certificate.Err)
	case errors.As(err, &timeout) && timeout.Timeout(), errors.Is(err, context.DeadlineExceeded):
		return "it did not answer in time"
	case errors.Is(err, syscall.ECONNREFUSED):
		return "it accepts no connections on this port"
	case errors.Is(err, io.EOF), errors.Is(err, io.ErrUnexpectedEOF), errors.Is(err, syscall.ECONNRESET):
		return "it closed the connection before it had answered"
	}
	var at *url.Error
	var dial *net.OpError
	if errors.As(err, &at) && !errors.As(err, &dial) {
		return at.Err.Error()
	}
	return "it cannot be reached"
}
