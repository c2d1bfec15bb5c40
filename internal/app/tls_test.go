package app

import (
	"bytes"
	"context"
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/client"
	"github.com/kefu-chat/kefu/internal/server"
	"github.com/kefu-chat/kefu/internal/wire"
	"github.com/kefu-chat/kefu/internal/ws"
	real "github.com/kefu-chat/kefu/test/engines"
)

const domain = "chat.example.com"

// surfer is a browser that finds every name at one address.
func surfer(t *testing.T, address string, roots *x509.CertPool) *http.Client {
	t.Helper()
	transport := &http.Transport{
		ForceAttemptHTTP2: true, TLSClientConfig: &tls.Config{RootCAs: roots},
		DialContext: func(ctx context.Context, network, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, network, address)
		},
	}
	t.Cleanup(transport.CloseIdleConnections)
	return &http.Client{Transport: transport, Timeout: time.Minute, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// send sends a request and reads the answer.
func send(t *testing.T, c *http.Client, method, url string, body any, header http.Header) (*http.Response, string) {
	t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	r, err := http.NewRequestWithContext(t.Context(), method, url, bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Content-Type", "application/json")
	for name, values := range header {
		r.Header[name] = values
	}
	res, err := c.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(text)
}

// byItself is a server that gets its certificate from Pebble.
func byItself(t *testing.T, data string, p *real.Pebble, secure, plain int) *App {
	t.Helper()
	cfg := configured(t, "--data="+data, fmt.Sprintf("--listen=127.0.0.1:%d", secure), fmt.Sprintf("--tls-plain-listen=127.0.0.1:%d", plain),
		"--tls-domain=CHAT.example.com.", "--tls-directory="+p.Directory, "--tls-directory-root="+p.RootFile, "--admin-listen=127.0.0.1:0")
	a, err := Start(t.Context(), cfg, "v9.8.7", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	a.awaitCertificate(t.Context())
	if a.certificateEnds().IsZero() {
		_ = a.Stop()
		t.Fatalf("no certificate came; Pebble says:\n%s", p.Log())
	}
	return a
}

func TestHTTPSByItself(t *testing.T) {
	secure, plain := real.FreePort(t), real.FreePort(t)
	p := real.StartPebble(t, real.PebbleOptions{HTTPPort: plain, TLSPort: secure})
	data := t.TempDir()
	a := byItself(t, data, p, secure, plain)
	roots := p.Roots(t)
	base := fmt.Sprintf("https://%s:%d", domain, secure)
	if a.base() != base {
		t.Errorf("it says that it is at %s, not %s", a.base(), base)
	}
	browser := surfer(t, fmt.Sprintf("127.0.0.1:%d", secure), roots)
	page, _ := send(t, browser, http.MethodGet, base+"/widget.js", nil, nil)
	if page.ProtoMajor != 2 || page.TLS.Version < tls.VersionTLS12 || !strings.HasPrefix(page.Header.Get("Strict-Transport-Security"), "max-age=15552000") {
		t.Errorf("%s, TLS %x, %v", page.Proto, page.TLS.Version, page.Header)
	}
	serial := page.TLS.PeerCertificates[0].SerialNumber
	leadsToHTTPS(t, plain, base)
	cookieIsSecure(t, a, browser, base)
	chatsOverTLS(t, a, secure, roots)
	if c, err := tls.Dial("tcp", fmt.Sprintf("127.0.0.1:%d", secure), &tls.Config{RootCAs: roots, ServerName: domain, MaxVersion: tls.VersionTLS11, MinVersion: tls.VersionTLS10}); err == nil {
		_ = c.Close()
		t.Error("TLS 1.1 is spoken")
	}
	status, all := ready(t, a)
	if status != http.StatusOK || !all["certificate"].OK || !strings.HasPrefix(all["certificate"].State, "until 20") {
		t.Errorf("%d %+v", status, all)
	}
	if _, text := get(t, a.admin.address, "/metrics"); !strings.Contains(text, "\nkefu_certificate_expires_timestamp_seconds 1") {
		t.Error("the end of the certificate is not among the figures")
	}
	if err := a.Stop(); err != nil {
		t.Error(err)
	}

	browser.CloseIdleConnections()
	p.Kill() // a restart needs no authority
	a = byItself(t, data, p, secure, plain)
	page, _ = send(t, browser, http.MethodGet, base+"/widget.js", nil, nil)
	if page.TLS.PeerCertificates[0].SerialNumber.Cmp(serial) != 0 {
		t.Error("after a restart another certificate is shown")
	}
	browser.CloseIdleConnections()
	if err := a.Stop(); err != nil {
		t.Error(err)
	}
}

func leadsToHTTPS(t *testing.T, plain int, base string) {
	t.Helper()
	walker := surfer(t, fmt.Sprintf("127.0.0.1:%d", plain), nil)
	defer walker.CloseIdleConnections()
	for url, want := range map[string]string{
		"http://" + domain + "/console/?a=b%20c": base + "/console/?a=b%20c",
		"http://" + domain + ":8080/":            base + "/",
		"http://evil.example/chat/x":             base + "/chat/x",
		"http://" + domain + "//evil.example/":   base + "//evil.example/",
		"http://" + domain + "/healthz":          base + "/healthz",
	} {
		for _, method := range []string{http.MethodGet, http.MethodPost} {
			res, _ := send(t, walker, method, url, nil, nil)
			if res.StatusCode != http.StatusPermanentRedirect || res.Header.Get("Location") != want {
				t.Errorf("%s %s leads by %d to %q, not to %q", method, url, res.StatusCode, res.Header.Get("Location"), want)
			}
		}
	}
}

func cookieIsSecure(t *testing.T, a *App, browser *http.Client, base string) {
	t.Helper()
	made, err := a.people.MakeSetup(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	owner := map[string]any{"secret": made.Secret, "name": "Olive", "email": "olive@example.com", "password": "correct horse battery", "site": "Shop"}
	header := http.Header{"X-Forwarded-Proto": {"http"}, "Origin": {base}} // from nobody who is trusted
	res, text := send(t, browser, http.MethodPost, base+"/api/v1/setup", owner, header)
	if res.StatusCode != http.StatusCreated || len(res.Cookies()) != 1 {
		t.Fatalf("%d %s", res.StatusCode, text)
	}
	if c := res.Cookies()[0]; c.Name != "__Host-kefu" || !c.Secure || !c.HttpOnly {
		t.Errorf("the cookie is %s", c)
	}
}

// chatsOverTLS says hello and writes a message longer than TLS' records.
func chatsOverTLS(t *testing.T, a *App, port int, roots *x509.CertPool) {
	t.Helper()
	address := fmt.Sprintf("127.0.0.1:%d", port)
	conn, err := ws.Dial(t.Context(), "wss://"+address+server.VisitorDoor, ws.DialOptions{
		Header: http.Header{"Origin": {"https://" + address}}, Subprotocols: []string{wire.Subprotocol},
		TLS: &tls.Config{RootCAs: roots, ServerName: domain},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	if err := conn.SetReadDeadline(time.Now().Add(30 * time.Second)); err != nil {
		t.Fatal(err)
	}
	write := func(text string) {
		if err := conn.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	until := func(want string) string {
		for {
			data, err := conn.Read()
			if err != nil {
				t.Fatalf("no %s: %v", want, err)
			}
			if strings.Contains(string(data), want) {
				return string(data)
			}
		}
	}
	write(fmt.Sprintf(`{"t":"hello","site":%q,"secret":%q}`, a.sites.All()[0].Key, client.NewSecret()))
	until(`"t":"hello"`)
	long := strings.Repeat("很长", 9000)
	write(fmt.Sprintf(`{"t":"send","id":"0198c0de-0000-7000-8000-000000000001","text":%q}`, long))
	until(`"t":"ack"`)
}

func TestHTTPSFromFiles(t *testing.T) {
	cert, key := real.SelfSigned(t, t.TempDir())
	a, err := Start(t.Context(), configured(t, "--data="+t.TempDir(), "--tls-certificate="+cert, "--tls-key="+key), "test", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := a.Stop(); err != nil {
			t.Error(err)
		}
	}()
	text, err := os.ReadFile(cert)
	if err != nil {
		t.Fatal(err)
	}
	roots := x509.NewCertPool()
	roots.AppendCertsFromPEM(text)
	browser := surfer(t, a.Address().String(), roots)
	defer browser.CloseIdleConnections()
	res, _ := send(t, browser, http.MethodGet, a.base()+"/widget.js", nil, nil)
	if res.ProtoMajor != 2 || !strings.HasPrefix(a.base(), "https://localhost:") || res.Header.Get("Strict-Transport-Security") != "" {
		t.Errorf("%s at %s: %v", res.Proto, a.base(), res.Header)
	}
	if a.https.plain != nil {
		t.Error("somebody listens for plain HTTP, which nobody asked for")
	}
}

func TestWhereHTTPSListens(t *testing.T) {
	for name, c := range map[string]struct {
		cfg           Config
		listen, plain string
	}{
		"no HTTPS":                   {Config{}, ":8080", ""},
		"no HTTPS, a port":           {Config{Listen: ":1"}, ":1", ""},
		"a domain":                   {Config{TLS: TLSConfig{Domain: []string{domain}}}, ":443", ":80"},
		"a domain, a port":           {Config{Listen: ":8443", TLS: TLSConfig{Domain: []string{domain}}}, ":8443", ":80"},
		"a domain, no plain HTTP":    {Config{TLS: TLSConfig{Domain: []string{domain}, PlainListen: "none"}}, ":443", ""},
		"files":                      {Config{TLS: TLSConfig{Certificate: "c", Key: "k"}}, ":443", ":80"},
		"files, a port":              {Config{Listen: ":8443", TLS: TLSConfig{Certificate: "c", Key: "k"}}, ":8443", ""},
		"files, a port, a plain one": {Config{Listen: ":8443", TLS: TLSConfig{Certificate: "c", Key: "k", PlainListen: ":8080"}}, ":8443", ":8080"},
	} {
		if c.cfg.listenAddress() != c.listen || c.cfg.plainAddress() != c.plain {
			t.Errorf("%s: %q and %q, want %q and %q", name, c.cfg.listenAddress(), c.cfg.plainAddress(), c.listen, c.plain)
		}
	}
}

func TestDomainsAreWrittenInASCII(t *testing.T) {
	names, err := TLSConfig{Domain: []string{"Chat.Example.com", "客服.example.com"}}.domains()
	if err != nil || strings.Join(names, " ") != "chat.example.com xn--ubtq9x.example.com" {
		t.Errorf("%v %v", names, err)
	}
}

func TestMistakesAboutHTTPSAreOneSentence(t *testing.T) {
	cert, key := real.SelfSigned(t, t.TempDir())
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"a domain and files":         {[]string{"--tls-domain=a.example", "--tls-certificate=" + cert, "--tls-key=" + key}, "both set"},
		"a certificate without key":  {[]string{"--tls-certificate=" + cert}, "tls.key is not"},
		"a key without certificate":  {[]string{"--tls-key=" + key}, "tls.certificate is not"},
		"a file that is not there":   {[]string{"--tls-certificate=" + cert, "--tls-key=" + key + "x"}, "no such file"},
		"files the wrong way round":  {[]string{"--tls-certificate=" + key, "--tls-key=" + cert}, "cannot be used"},
		"all names below one":        {[]string{"--tls-domain=*.example.com", "--tls-plain-listen=127.0.0.1:0"}, "proof by DNS"},
		"an address":                 {[]string{"--tls-domain=127.0.0.1", "--tls-plain-listen=127.0.0.1:0"}, "not to an address"},
		"a URL":                      {[]string{"--tls-domain=https://a.example", "--tls-plain-listen=127.0.0.1:0"}, "without https://"},
		"plain HTTP without HTTPS":   {[]string{"--tls-plain-listen=:80"}, "does not serve HTTPS"},
		"an authority by HTTP":       {[]string{"--tls-domain=a.example", "--tls-directory=http://a.example"}, "tls.directory is"},
		"no such roots":              {[]string{"--tls-domain=a.example", "--tls-plain-listen=none", "--tls-directory-root=" + cert + "x"}, "tls.directory_root is"},
		"roots that are none":        {[]string{"--tls-domain=a.example", "--tls-plain-listen=none", "--tls-directory-root=" + key}, "no certificate in PEM"},
		"a plain port that is taken": {[]string{"--tls-domain=a.example", "--tls-plain-listen=" + taken.Addr().String()}, "none does without"},
		"a plain port of words":      {[]string{"--tls-domain=a.example", "--tls-plain-listen=never"}, "host:port"},
	} {
		args := append([]string{"serve", "--data=" + t.TempDir(), "--listen=127.0.0.1:0"}, c.args...)
		status, out, errs := invoke(t, nil, "", args...)
		if status != exitUsage || !strings.Contains(errs, c.want) || strings.Count(errs, "\n") != 1 || out != "" {
			t.Errorf("%s: %d %q %q does not say %q", name, status, out, errs, c.want)
		}
	}
}
