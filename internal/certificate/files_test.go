package certificate

import (
	"crypto/ecdsa"
	"crypto/rand"
	"crypto/x509"
	"log/slog"
	"math/big"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// selfMade is a certificate with its key, in PEM.
func selfMade(t *testing.T, serial int64) (chain, key string) {
	t.Helper()
	signer, text, err := newKey()
	if err != nil {
		t.Fatal(err)
	}
	return signedBy(t, signer, serial), string(text)
}

func signedBy(t *testing.T, signer *ecdsa.PrivateKey, serial int64) string {
	template := &x509.Certificate{
		SerialNumber: big.NewInt(serial), DNSNames: []string{"chat.example.com"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, signer.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	return encodeChain([][]byte{der})
}

type pair struct{ dir, chain, key string }

func (p pair) put(t *testing.T, chain, key string) {
	t.Helper()
	for path, text := range map[string]string{p.chain: chain, p.key: key} {
		if text == "" {
			continue
		}
		if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
}

func (p pair) serial(t *testing.T, f *Files) int64 {
	t.Helper()
	c, err := f.TLS().GetCertificate(nil)
	if err != nil {
		t.Fatal(err)
	}
	return c.Leaf.SerialNumber.Int64()
}

func TestFilesAreReadAgainWhenTheyChange(t *testing.T) {
	dir := t.TempDir()
	p := pair{dir, filepath.Join(dir, "chain.pem"), filepath.Join(dir, "key.pem")}
	chain, key := selfMade(t, 1)
	p.put(t, chain, key)
	log := &journal{}
	f, err := Watch(p.chain, p.key, 5*time.Millisecond, slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	n := &node{log: log}
	if p.serial(t, f) != 1 {
		t.Error("another certificate is shown")
	}
	second, secondKey := selfMade(t, 2)
	p.put(t, second, "") // the new chain is there, its key is not yet
	n.await(t, "a complaint", func() bool { return strings.Contains(log.String(), "cannot be used") })
	if p.serial(t, f) != 1 {
		t.Error("a chain without its key is shown")
	}
	p.put(t, "", secondKey)
	n.await(t, "the new certificate", func() bool { return p.serial(t, f) == 2 })
	if err := os.Remove(p.chain); err != nil {
		t.Fatal(err)
	}
	n.await(t, "a second complaint", func() bool { return strings.Count(log.String(), "level=ERROR") == 2 })
	third, thirdKey := selfMade(t, 3)
	p.put(t, third, thirdKey)
	n.await(t, "the third certificate", func() bool { return p.serial(t, f) == 3 })
	if broken := strings.Count(log.String(), "level=ERROR"); broken > 3 { // each state once; chain and key come one after the other
		t.Errorf("%d complaints:\n%s", broken, log)
	}
}

func TestFilesThatCannotBeUsed(t *testing.T) {
	dir := t.TempDir()
	p := pair{dir, filepath.Join(dir, "chain.pem"), filepath.Join(dir, "key.pem")}
	chain, key := selfMade(t, 1)
	_, other := selfMade(t, 2)
	for name, texts := range map[string][2]string{
		"another key": {chain, other}, "no PEM": {"hello", key}, "the key as certificate": {key, key}, "too long": {strings.Repeat("x", maxFile+1), key},
	} {
		p.put(t, texts[0], texts[1])
		f, err := Watch(p.chain, p.key, time.Hour, slog.New(slog.DiscardHandler))
		if err == nil {
			f.Close()
			t.Errorf("%s: it is used", name)
			continue
		}
		if strings.Contains(err.Error(), "PRIVATE") || strings.Contains(err.Error(), "MII") {
			t.Errorf("%s: the error shows what is in the file: %v", name, err)
		}
	}
	if _, err := Watch(filepath.Join(dir, "none"), p.key, time.Hour, slog.New(slog.DiscardHandler)); err == nil {
		t.Error("a file that is not there is used")
	}
}
