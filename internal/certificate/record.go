package certificate

import (
	"bytes"
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"
)

// Store keeps what all nodes share. A kept value has a version, which rises with
// each write; 0 is that of a name that has no value.
type Store interface {
	// KeptCertificate reads a value, and the store's present time in ms since 1970.
	KeptCertificate(ctx context.Context, name string) (value []byte, version, now int64, err error)
	// KeepCertificate writes a value if its version is still the given one, and tells whether it was.
	KeepCertificate(ctx context.Context, name string, value []byte, version int64) (bool, error)
}

// record is what the nodes know together of a certificate. Times are the
// store's, in ms.
type record struct {
	// Chain and Key are the certificate with those that vouch for it, and its key, in PEM.
	Chain string `json:"chain,omitempty"`
	Key   string `json:"key,omitempty"`
	// Holder is the node that asks for a certificate now; nobody else does before Until.
	Holder string `json:"holder,omitempty"`
	Until  int64  `json:"until,omitempty"`
	// Tokens are what the authority asks for at the TLS port, by domain.
	Tokens map[string]string `json:"tokens,omitempty"`
	// Failures in a row; nobody asks again before RetryAt.
	Failures int   `json:"failures,omitempty"`
	RetryAt  int64 `json:"retry_at,omitempty"`
}

// shared is a record with its place in the store.
type shared struct {
	record
	version int64
	now     int64
}

// nameOf tells the records of other authorities and other domains apart.
func nameOf(kind, directory string, domains []string) string {
	sorted := slices.Sorted(slices.Values(domains))
	sum := sha256.Sum256([]byte(directory + "\n" + strings.Join(sorted, "\n")))
	return kind + "/" + hex.EncodeToString(sum[:16])
}

func (k *Keeper) read(ctx context.Context) (shared, error) {
	value, version, now, err := k.store.KeptCertificate(ctx, k.name)
	s := shared{version: version, now: now}
	if err != nil || version == 0 {
		return s, err
	}
	if err := json.Unmarshal(value, &s.record); err != nil {
		return s, fmt.Errorf("what is kept of the certificate cannot be read: %w", err)
	}
	return s, nil
}

// errOvertaken is a write that another node was ahead of.
var errOvertaken = errors.New("another node was ahead")

// write keeps the record, unless another node has changed it since.
func (k *Keeper) write(ctx context.Context, s *shared) error {
	value, err := json.Marshal(s.record)
	if err != nil {
		return err
	}
	kept, err := k.store.KeepCertificate(ctx, k.name, value, s.version)
	if err == nil && !kept {
		err = errOvertaken
	}
	if err == nil {
		s.version++
	}
	return err
}

// account is the key by which the authority knows this installation; the first
// node that needs it makes it.
func (k *Keeper) account(ctx context.Context) (crypto.Signer, error) {
	name := nameOf("account", k.cfg.Directory, nil)
	for {
		value, version, _, err := k.store.KeptCertificate(ctx, name)
		if err != nil {
			return nil, err
		}
		if version > 0 {
			return parseKey(value)
		}
		_, text, err := newKey()
		if err != nil {
			return nil, err
		}
		if _, err := k.store.KeepCertificate(ctx, name, text, 0); err != nil {
			return nil, err
		}
	}
}

func newKey() (*ecdsa.PrivateKey, []byte, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, nil, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(key)
	return key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), err
}

func parseKey(text []byte) (crypto.Signer, error) {
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("the key of the account is not PEM")
	}
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, err
	}
	signer, ok := key.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("the key of the account is a %T", key)
	}
	return signer, nil
}

// parse reads chain and key; a certificate that does not fit its key is an error.
func parse(chain, key []byte) (*tls.Certificate, error) {
	c, err := tls.X509KeyPair(chain, key)
	if err != nil {
		return nil, err
	}
	if c.Leaf == nil {
		c.Leaf, err = x509.ParseCertificate(c.Certificate[0])
	}
	return &c, err
}

func encodeChain(der [][]byte) string {
	var b bytes.Buffer
	for _, one := range der {
		_ = pem.Encode(&b, &pem.Block{Type: "CERTIFICATE", Bytes: one}) // into memory
	}
	return b.String()
}

// dueIn is how long a certificate is good before it is to be renewed: two thirds
// of its life.
func dueIn(leaf *x509.Certificate, now time.Time) time.Duration {
	life := leaf.NotAfter.Sub(leaf.NotBefore)
	return leaf.NotAfter.Add(-life / 3).Sub(now)
}
