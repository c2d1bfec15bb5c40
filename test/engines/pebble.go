package engines

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// Pebble is a real ACME server that validates as authorities do, for every domain
// at 127.0.0.1.
type Pebble struct {
	*Process
	// Directory is its address, RootFile what vouches for that in PEM.
	Directory, RootFile string
	management          string
}

// PebbleOptions say where Pebble looks whether a domain is somebody's.
type PebbleOptions struct {
	HTTPPort, TLSPort int
}

// pebbleLasts is how long its certificates are good: as Let's Encrypt's are.
const pebbleLasts = 90 * 24 * time.Hour

var pebblePrograms shared[[2]string]

// StartPebble starts an ACME server of the test's own. It ends with the test.
func StartPebble(t testing.TB, o PebbleOptions) *Pebble {
	t.Helper()
	programs := pebblePrograms.get(t, buildPebble(t))
	dir, dns := t.TempDir(), FreePort(t)
	names, err := Start("pebble-challtestsrv", Spec{
		Path: programs[1], Dir: dir, Ready: Listening(dns),
		Args: []string{"-defaultIPv4", "127.0.0.1", "-defaultIPv6", "", "-dnsserver", fmt.Sprintf("127.0.0.1:%d", dns),
			"-management", fmt.Sprintf("127.0.0.1:%d", FreePort(t)), "-http01", "", "-https01", "", "-tlsalpn01", "", "-doh", ""},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(names.Kill)
	port, management := FreePort(t), FreePort(t)
	cert, key := SelfSigned(t, dir)
	config, err := json.Marshal(map[string]any{"pebble": map[string]any{
		"listenAddress": fmt.Sprintf("127.0.0.1:%d", port), "managementListenAddress": fmt.Sprintf("127.0.0.1:%d", management),
		"certificate": cert, "privateKey": key, "httpPort": o.HTTPPort, "tlsPort": o.TLSPort,
		"profiles": map[string]any{"default": map[string]any{"description": "for tests", "validityPeriod": int(pebbleLasts.Seconds())}},
	}})
	if err != nil {
		t.Fatal(err)
	}
	file := filepath.Join(dir, "pebble.json")
	if err := os.WriteFile(file, config, 0o600); err != nil {
		t.Fatal(err)
	}
	p, err := Start("pebble", Spec{
		Path: programs[0], Dir: dir, Ready: Listening(port), Env: []string{"PEBBLE_VA_NOSLEEP=1"},
		Args: []string{"-config", file, "-strict", "-dnsserver", fmt.Sprintf("127.0.0.1:%d", dns)},
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	return &Pebble{
		Process: p, Directory: fmt.Sprintf("https://localhost:%d/dir", port), RootFile: cert,
		management: fmt.Sprintf("https://localhost:%d", management),
	}
}

// Client is one that trusts the ACME server itself.
func (p *Pebble) Client(t testing.TB) *http.Client {
	t.Helper()
	return &http.Client{Timeout: 30 * time.Second, Transport: &http.Transport{
		DisableKeepAlives: true, TLSClientConfig: &tls.Config{RootCAs: poolOf(t, readAll(t, p.RootFile))},
	}}
}

// Roots vouch for the certificates that the ACME server makes.
func (p *Pebble) Roots(t testing.TB) *x509.CertPool {
	t.Helper()
	res, err := p.Client(t).Get(p.management + "/roots/0")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return poolOf(t, text)
}

func readAll(t testing.TB, path string) []byte {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func poolOf(t testing.TB, text []byte) *x509.CertPool {
	t.Helper()
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(text) {
		t.Fatalf("no certificate in %q", text)
	}
	return pool
}

// SelfSigned makes a certificate for localhost that vouches for itself, and its key,
// in two files of the folder.
func SelfSigned(t testing.TB, dir string) (cert, key string) {
	t.Helper()
	signer, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "localhost"}, DNSNames: []string{"localhost"}, IPAddresses: []net.IP{{127, 0, 0, 1}},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(24 * time.Hour), IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, signer.Public(), signer)
	if err != nil {
		t.Fatal(err)
	}
	sealed, err := x509.MarshalPKCS8PrivateKey(signer)
	if err != nil {
		t.Fatal(err)
	}
	cert, key = filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	for path, block := range map[string]*pem.Block{cert: {Type: "CERTIFICATE", Bytes: der}, key: {Type: "PRIVATE KEY", Bytes: sealed}} {
		if err := os.WriteFile(path, pem.EncodeToMemory(block), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return cert, key
}

// buildPebble builds Pebble and its name server.
func buildPebble(t testing.TB) func() ([2]string, error) {
	return func() (programs [2]string, err error) {
		for i, name := range []string{"pebble", "pebble-challtestsrv"} {
			if programs[i], err = buildTool(t, "pebble", "github.com/letsencrypt/pebble/v2/cmd/"+name); err != nil {
				return programs, err
			}
		}
		return programs, nil
	}
}

// buildTool builds a program once for all test runs, from a Go module of its own in
// tools/MODULE.
func buildTool(t testing.TB, module, path string) (string, error) {
	root, err := projectFolder()
	if err != nil {
		return "", err
	}
	module = filepath.Join(root, "tools", module)
	sums, err := os.ReadFile(filepath.Join(module, "go.sum"))
	if err != nil {
		return "", err
	}
	cache, err := cacheFolder()
	if err != nil {
		return "", err
	}
	sum := sha256.Sum256(sums)
	program := filepath.Join(cache, filepath.Base(path)+"-"+hex.EncodeToString(sum[:8]))
	if _, err := os.Stat(program); err == nil {
		return program, nil
	}
	made := program + "." + strconv.Itoa(os.Getpid()) // others may be building it, too
	if err := run("", Find(t, "go"), "build", "-C", module, "-o", made, path); err != nil {
		return "", err
	}
	return program, os.Rename(made, program)
}

// cacheFolder is where what was built or fetched for tests is kept.
func cacheFolder() (string, error) {
	dir := os.Getenv("TEST_CACHE")
	if dir == "" {
		user, err := os.UserCacheDir()
		if err != nil {
			return "", err
		}
		dir = filepath.Join(user, "kefu")
	}
	return dir, os.MkdirAll(dir, 0o755)
}

// projectFolder is where go.mod lies, above the folder of the package that is tested:
// a program that was built with -trimpath does not know where its source is.
func projectFolder() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		above := filepath.Dir(dir)
		if above == dir {
			return "", errors.New("no go.mod stands above this folder: run the tests in the project")
		}
		dir = above
	}
}
