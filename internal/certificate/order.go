package certificate

import (
	"context"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"time"

	"golang.org/x/crypto/acme"
)

// introduce makes the client that speaks with the authority for this
// installation's account; also nodes that ask for nothing answer its challenges.
func (k *Keeper) introduce(ctx context.Context) error {
	if k.client.Load() != nil {
		return nil
	}
	key, err := k.account(ctx)
	if err != nil {
		return fmt.Errorf("the key of the authority's account: %w", err)
	}
	k.client.Store(&acme.Client{Key: key, DirectoryURL: k.cfg.Directory, HTTPClient: k.cfg.Client, UserAgent: "kefu"})
	return nil
}

// ways are how the authority may look whether a domain is ours, in the order in
// which they are tried.
func ways() []string { return []string{"http-01", "tls-alpn-01"} }

// issue gets a certificate. s is the record under this node's lease.
func (k *Keeper) issue(ctx context.Context, s *shared) (chain, key string, err error) {
	c := k.client.Load()
	account := &acme.Account{}
	if k.cfg.Email != "" {
		account.Contact = []string{"mailto:" + k.cfg.Email}
	}
	if _, err := c.Register(ctx, account, acme.AcceptTOS); err != nil && !errors.Is(err, acme.ErrAccountAlreadyExists) {
		return "", "", fmt.Errorf("make an account at the authority: %w", err)
	}
	order, err := k.prove(ctx, c, s)
	if err != nil {
		return "", "", err
	}
	signer, text, err := newKey()
	if err != nil {
		return "", "", err
	}
	csr, err := x509.CreateCertificateRequest(rand.Reader, &x509.CertificateRequest{DNSNames: k.cfg.Domains}, signer)
	if err != nil {
		return "", "", err
	}
	der, _, err := c.CreateCertFromOrder(ctx, order, csr, true)
	if err != nil {
		return "", "", fmt.Errorf("get the certificate: %w", err)
	}
	chain = encodeChain(der)
	if _, err := parse([]byte(chain), text); err != nil {
		return "", "", fmt.Errorf("read the certificate: %w", err)
	}
	return chain, string(text), nil
}

// prove orders a certificate and shows that the domains are ours, in one way or
// the other: an order of which a proof has failed cannot be used again.
func (k *Keeper) prove(ctx context.Context, c *acme.Client, s *shared) (*acme.Order, error) {
	var failed []error
	for _, way := range ways() {
		order, err := c.AuthorizeOrder(ctx, acme.DomainIDs(k.cfg.Domains...))
		if err != nil {
			return nil, fmt.Errorf("order the certificate: %w", err)
		}
		if err = k.proveAll(ctx, c, s, order, way); err == nil {
			if _, err = c.WaitOrder(ctx, order.URI); err == nil {
				return order, nil
			}
		}
		failed = append(failed, fmt.Errorf("by %s: %w", way, err))
		if ctx.Err() != nil {
			break
		}
	}
	return nil, errors.Join(failed...)
}

func (k *Keeper) proveAll(ctx context.Context, c *acme.Client, s *shared, order *acme.Order, way string) error {
	for _, url := range order.AuthzURLs {
		z, err := c.GetAuthorization(ctx, url)
		if err != nil {
			return err
		}
		if z.Status == acme.StatusValid {
			continue
		}
		if err := k.proveOne(ctx, c, s, z, way); err != nil {
			return fmt.Errorf("%s: %w", z.Identifier.Value, sayWhy(err))
		}
	}
	return nil
}

func (k *Keeper) proveOne(ctx context.Context, c *acme.Client, s *shared, z *acme.Authorization, way string) error {
	for _, challenge := range z.Challenges {
		if challenge.Type != way {
			continue
		}
		if way == "tls-alpn-01" { // the node that the authority reaches finds it in the store
			s.Tokens = map[string]string{z.Identifier.Value: challenge.Token}
			if err := k.write(ctx, s); err != nil {
				return err
			}
			if err := pause(ctx, 2*tokensFor); err != nil { // no node shows an older one any more
				return err
			}
		}
		if _, err := c.Accept(ctx, challenge); err != nil {
			return err
		}
		_, err := c.WaitAuthorization(ctx, z.URI)
		return err
	}
	return errors.New("the authority does not offer this way")
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

// sayWhy is what the authority found, in one line.
func sayWhy(err error) error {
	var refused *acme.AuthorizationError
	if errors.As(err, &refused) && len(refused.Errors) > 0 {
		return errors.Join(refused.Errors...)
	}
	return err
}

// challengePath is where the authority asks at the HTTP port (RFC 8555 8.3).
const challengePath = "/.well-known/acme-challenge/"

const maxToken = 200

// Challenges answers the authority at the HTTP port, and leaves the rest to next.
// Every node can answer for the one that asks: the answer is made of the token and
// of the account's key, and is of use to nobody else.
func (k *Keeper) Challenges(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		token, ok := strings.CutPrefix(r.URL.Path, challengePath)
		if !ok {
			next.ServeHTTP(w, r)
			return
		}
		c := k.client.Load()
		if c == nil || !plainToken(token) {
			http.NotFound(w, r)
			return
		}
		answer, err := c.HTTP01ChallengeResponse(token)
		if err != nil {
			k.log.Error("a challenge could not be answered", "error", err)
			http.NotFound(w, r)
			return
		}
		w.Header().Set("Content-Type", "application/octet-stream")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		_, _ = io.WriteString(w, answer)
	})
}

// plainToken tells whether a token is base64url, as every token is.
func plainToken(token string) bool {
	if token == "" || len(token) > maxToken {
		return false
	}
	for _, c := range token {
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
		if !letter && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

// tokensFor is how long what was read of the tokens holds: anybody may ask for them.
const tokensFor = 500 * time.Millisecond

// challenged makes the certificate by which the authority sees that the domain is ours.
func (k *Keeper) challenged(ctx context.Context, domain string) (*tls.Certificate, error) {
	c := k.client.Load()
	if c == nil || !k.known(domain) {
		return nil, errNoCertificate
	}
	token, err := k.token(ctx, domain)
	if err != nil || token == "" {
		return nil, errors.Join(errNoCertificate, err)
	}
	cert, err := c.TLSALPN01ChallengeCert(token, domain)
	return &cert, err
}

func (k *Keeper) token(ctx context.Context, domain string) (string, error) {
	k.tokens.mu.Lock()
	defer k.tokens.mu.Unlock()
	if time.Since(k.tokens.at) >= tokensFor {
		s, err := k.read(ctx)
		if err != nil {
			return "", err
		}
		k.tokens.at, k.tokens.read = time.Now(), s.Tokens
	}
	return k.tokens.read[domain], nil
}
