// Package kefu talks with a Kefu server as an application server does: with an API key.
//
// The types and the methods that call the server are generated from the server's OpenAPI
// document. Times are UTC milliseconds since 1970; ids are text.
package kefu

//go:generate go run ./gen ../../docs/openapi.json ../openapi.json
//go:generate go tool -modfile=../../tools/oapi-codegen/go.mod oapi-codegen -config oapi-codegen.yaml ../openapi.json

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"time"
)

// Client calls one server with one API key. Its methods may be called from any goroutine.
type Client struct {
	address  string
	key      string
	http     *http.Client
	tries    int
	wait     func(ctx context.Context, d time.Duration) error
	firstGap time.Duration
	limit    time.Duration // until the head of an answer is there, and again until JSON has been read
}

// The bounds of a request with all its tries.
const (
	defaultTries = 5
	defaultLimit = 30 * time.Second
	firstGap     = 200 * time.Millisecond
	longestGap   = 30 * time.Second
	mostAnswer   = 16 << 20 // bytes of an answer in JSON
)

// Option changes how a client does its work.
type Option func(*Client)

// WithHTTPClient has another HTTP client send the requests. Its Timeout would hold for
// what ExportVisitor reads, too. Redirects are not followed, whatever it says of them.
func WithHTTPClient(c *http.Client) Option {
	return func(k *Client) {
		own := *c
		k.http = &own
	}
}

// WithTries says how often a request is tried at most, when the server is busy or cannot
// be reached: 5 times unless this says otherwise, once with 1.
func WithTries(n int) Option { return func(k *Client) { k.tries = max(1, n) } }

// New makes a client. address is the server's, such as https://chat.example.com; key is an
// API key, kfk_…. Errors: what is wrong with the two.
func New(address, key string, options ...Option) (*Client, error) {
	u, err := url.Parse(address)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || u.RawQuery != "" || u.Fragment != "" {
		return nil, fmt.Errorf("kefu: the address %q is none: give it as https://chat.example.com", address)
	}
	if !strings.HasPrefix(key, "kfk_") || strings.ContainsAny(key, " \r\n") {
		return nil, errors.New("kefu: this is no API key: it begins with kfk_, and an admin makes one in the console, Settings")
	}
	c := &Client{
		address: strings.TrimSuffix(address, "/"), key: key, tries: defaultTries, wait: pause, firstGap: firstGap, limit: defaultLimit,
		http: &http.Client{},
	}
	for _, option := range options {
		option(c)
	}
	// A redirect makes a GET of what is to change something, whose answer would look like a success.
	c.http.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	return c, nil
}

type onceKey struct{}

// Once names what is changed with ctx: the same request again under the same name changes
// nothing more, also from another process and days later in a conversation. Without it a
// name is made for each call, which is kept for the call's own tries.
func Once(ctx context.Context, name string) context.Context {
	return context.WithValue(ctx, onceKey{}, name)
}

func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
