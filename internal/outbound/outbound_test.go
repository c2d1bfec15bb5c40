package outbound

import (
	"bytes"
	"context"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// loopback is a client that may ask this machine.
func loopback(t *testing.T, change func(*Config)) *Client {
	t.Helper()
	cfg := Config{Allow: networks("127.0.0.0/8"), Agent: "Kefu/test"}
	if change != nil {
		change(&cfg)
	}
	c := New(cfg)
	t.Cleanup(c.Close)
	return c
}

func serving(t *testing.T, handle http.HandlerFunc) *httptest.Server {
	t.Helper()
	s := httptest.NewServer(handle)
	t.Cleanup(s.Close)
	return s
}

func TestARequestArrivesAsItIs(t *testing.T) {
	t.Setenv("HTTP_PROXY", "http://127.0.0.1:1")
	t.Setenv("http_proxy", "http://127.0.0.1:1")
	s := serving(t, func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Method != "POST" || string(body) != "hello" || r.UserAgent() != "Kefu/test" || r.Header.Get("X-One") != "1" || len(r.Cookies()) > 0 || r.Header.Get("Accept-Encoding") != "" {
			t.Errorf("%s %q %v", r.Method, body, r.Header)
		}
		http.SetCookie(w, &http.Cookie{Name: "a", Value: "b"})
		w.WriteHeader(418)
		_, _ = w.Write([]byte("short and stout"))
	})
	c := loopback(t, nil)
	for range 2 { // no cookie the second time
		got, err := c.Do(t.Context(), Request{Method: "POST", URL: s.URL, Header: http.Header{"X-One": {"1"}}, Body: []byte("hello"), Most: 5})
		if err != nil || got.Status != 418 || string(got.Body) != "short" || !got.Cut {
			t.Fatalf("%+v, %v", got, err)
		}
	}
}

func TestNothingOfThisMachineIsReached(t *testing.T) {
	s := serving(t, func(http.ResponseWriter, *http.Request) { t.Error("it was reached") })
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	c := New(Config{})
	defer c.Close()
	// A name gets past the check of the address, so the one at dial has to see it.
	for _, url := range []string{s.URL, "https://127.0.0.1:" + port, "https://localhost:" + port, "https://[::ffff:127.0.0.1]:" + port} {
		_, err := c.Do(t.Context(), Request{Method: "GET", URL: url})
		var refused *Refused
		if !errors.As(err, &refused) {
			t.Errorf("%s: %v", url, err)
		}
	}
	// http is for allowed networks, also behind a name.
	c = New(Config{Allow: networks("10.0.0.0/8")})
	defer c.Close()
	if _, err := c.Do(t.Context(), Request{Method: "GET", URL: "http://localhost:" + port}); err == nil || !strings.Contains(Why(err), "loopback") {
		t.Errorf("http to this machine: %v", err)
	}
}

// namesTo is a resolver for which every name has the next of some addresses, and the last from then on.
func namesTo(t *testing.T, addresses ...[4]byte) (*net.Resolver, *atomic.Int32) {
	t.Helper()
	listener, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	asked := &atomic.Int32{}
	done := make(chan struct{})
	go func() {
		defer close(done)
		buffer := make([]byte, 1024)
		for {
			n, from, err := listener.ReadFrom(buffer)
			if err != nil {
				return
			}
			var m dnsmessage.Message
			if m.Unpack(buffer[:n]) != nil || len(m.Questions) != 1 {
				continue
			}
			m.Response = true
			if q := m.Questions[0]; q.Type == dnsmessage.TypeA {
				i := min(int(asked.Add(1)), len(addresses))
				m.Answers = []dnsmessage.Resource{{
					Header: dnsmessage.ResourceHeader{Name: q.Name, Type: q.Type, Class: q.Class},
					Body:   &dnsmessage.AResource{A: addresses[i-1]},
				}}
			}
			m.Additionals = nil
			packed, err := m.Pack()
			if err == nil {
				_, _ = listener.WriteTo(packed, from)
			}
		}
	}()
	t.Cleanup(func() {
		_ = listener.Close()
		<-done
	})
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, "udp", listener.LocalAddr().String())
	}}, asked
}

func TestANameThatLeadsElsewhereNextTimeIsNotFollowed(t *testing.T) {
	s := serving(t, func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Connection", "close") })
	_, port, _ := net.SplitHostPort(s.Listener.Addr().String())
	resolver, asked := namesTo(t, [4]byte{127, 0, 0, 1}, [4]byte{127, 0, 0, 2})
	c := loopback(t, func(cfg *Config) { cfg.Allow, cfg.Resolver = networks("127.0.0.1/32"), resolver })
	ask := func() error {
		_, err := c.Do(t.Context(), Request{Method: "GET", URL: "http://rebind.example:" + port})
		return err
	}
	if err := ask(); err != nil {
		t.Fatalf("while the name leads to the allowed address: %v", err)
	}
	var refused *Refused
	if err := ask(); !errors.As(err, &refused) {
		t.Errorf("the name leads elsewhere now: %v", err)
	}
	if asked.Load() < 2 {
		t.Errorf("the resolver was asked %d times: the test shows nothing", asked.Load())
	}
	if strings.Contains(Why(refused), "127.0.0") {
		t.Errorf("it tells where a name leads: %s", Why(refused))
	}
}

func TestRedirectsAreCheckedAndBounded(t *testing.T) {
	mux := http.NewServeMux()
	s := serving(t, mux.ServeHTTP)
	mux.HandleFunc("/hop/{n}", func(w http.ResponseWriter, r *http.Request) {
		n, _ := strconv.Atoi(r.PathValue("n"))
		if n == 0 {
			body, _ := io.ReadAll(r.Body)
			_, _ = io.WriteString(w, r.Method+" "+string(body)+r.Referer()+" "+r.Header.Get("X-One"))
			return
		}
		status := http.StatusFound
		if q := r.URL.Query().Get("status"); q != "" {
			status, _ = strconv.Atoi(q)
		}
		http.Redirect(w, r, "/hop/"+strconv.Itoa(n-1)+"?"+r.URL.RawQuery, status)
	})
	mux.HandleFunc("/to", func(w http.ResponseWriter, r *http.Request) {
		w.Header()["Location"] = []string{r.URL.Query().Get("where")}
		w.WriteHeader(http.StatusTemporaryRedirect)
	})
	c := loopback(t, func(cfg *Config) { cfg.Allow = networks("127.0.0.1/32") })
	for _, one := range []struct {
		method, path string
		status       int
		body, why    string
	}{
		{"GET", "/hop/3", 200, "GET  x", ""},
		{"GET", "/hop/4", 0, "", "more than 3"},
		{"POST", "/hop/3?status=307", 200, "POST said x", ""},
		{"POST", "/hop/1?status=308", 200, "POST said x", ""},
		{"POST", "/hop/1?status=301", 301, "", ""},
		{"POST", "/hop/1?status=302", 302, "", ""},
		{"POST", "/hop/1?status=303", 303, "", ""},
		{"GET", "/to?where=http://127.0.0.2/", 0, "", "loopback"},
		{"GET", "/to?where=http://169.254.169.254/latest", 0, "", "link-local"},
		{"GET", "/to?where=//[::1]/", 0, "", "loopback"},
		{"GET", "/to?where=http://2130706433/", 0, "", "number"},
		{"GET", "/to?where=file:///etc/passwd", 0, "", "https://"},
		{"GET", "/to?where=https://a:b@hooks.example/", 0, "", "password"},
	} {
		r := Request{Method: one.method, URL: s.URL + one.path, Header: http.Header{"X-One": {"x"}}}
		if one.method == "POST" {
			r.Body = []byte("said")
		}
		got, err := c.Do(t.Context(), r)
		if one.why != "" {
			if err == nil || !strings.Contains(Why(err), one.why) {
				t.Errorf("%s: %+v, %v, want %q", one.path, got, err, one.why)
			}
			continue
		}
		if err != nil || got.Status != one.status || got.Status == 200 && string(got.Body) != one.body {
			t.Errorf("%s %s: %d %q, %v", one.method, one.path, got.Status, got.Body, err)
		}
	}
}

func TestRedirectsStayEncrypted(t *testing.T) {
	plain := serving(t, func(http.ResponseWriter, *http.Request) { t.Error("it went on without encryption") })
	s := httptest.NewTLSServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, plain.URL, http.StatusTemporaryRedirect)
	}))
	defer s.Close()
	roots := x509.NewCertPool()
	roots.AddCert(s.Certificate())
	c := loopback(t, func(cfg *Config) { cfg.Roots = roots })
	if _, err := c.Do(t.Context(), Request{Method: "GET", URL: s.URL}); err == nil || !strings.Contains(Why(err), "https to http") {
		t.Errorf("a redirect from https to http: %v", err)
	}
	if _, err := loopback(t, nil).Do(t.Context(), Request{Method: "GET", URL: s.URL}); err == nil || !strings.Contains(Why(err), "certificate") {
		t.Errorf("a certificate that nobody vouches for: %v", err)
	}
}

func TestServersThatDoNotAnswerWell(t *testing.T) {
	over := make(chan struct{})
	defer close(over)
	mux := http.NewServeMux()
	s := serving(t, func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.Copy(io.Discard, r.Body) // only then does the server see that a client goes
		mux.ServeHTTP(w, r)
	})
	mux.HandleFunc("/silent", func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-r.Context().Done():
		case <-over:
		}
	})
	mux.HandleFunc("/drips", func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			if _, err := w.Write([]byte(".")); err != nil {
				return
			}
			_ = http.NewResponseController(w).Flush()
			select {
			case <-r.Context().Done():
			case <-time.After(10 * time.Millisecond):
			}
		}
	})
	mux.HandleFunc("/endless", func(w http.ResponseWriter, _ *http.Request) {
		for block := bytes.Repeat([]byte("x"), 32<<10); ; {
			if _, err := w.Write(block); err != nil {
				return
			}
		}
	})
	mux.HandleFunc("/head", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("X", strings.Repeat("x", 2*headers)) })
	mux.HandleFunc("/closes", func(w http.ResponseWriter, _ *http.Request) {
		conn, _, err := http.NewResponseController(w).Hijack()
		if err == nil {
			_ = conn.Close()
		}
	})
	quick := loopback(t, func(cfg *Config) { cfg.Timeout = 100 * time.Millisecond })
	for path, want := range map[string]string{"/silent": "in time", "/drips": "in time", "/closes": "closed the connection"} {
		if _, err := quick.Do(t.Context(), Request{Method: "POST", URL: s.URL + path, Body: []byte("x")}); err == nil || !strings.Contains(Why(err), want) {
			t.Errorf("%s: %v, want %q", path, err, want)
		}
	}
	c := loopback(t, nil)
	got, err := c.Do(t.Context(), Request{Method: "GET", URL: s.URL + "/endless"})
	if err != nil || len(got.Body) != Answered || !got.Cut {
		t.Errorf("an endless answer: %d bytes, %v", len(got.Body), err)
	}
	if _, err := c.Do(t.Context(), Request{Method: "GET", URL: s.URL + "/head"}); err == nil {
		t.Error("a head of 64 KiB was read")
	}
	s.Close()
	if _, err := c.Do(t.Context(), Request{Method: "GET", URL: s.URL}); err == nil || !strings.Contains(Why(err), "accepts no connections") {
		t.Errorf("a closed port: %v", err)
	}
}

// The 10 seconds that a webhook's receiver has are what a client is given that names no
// other limit, as the server's does.
func TestTenSecondsUnlessSaid(t *testing.T) {
	c := New(Config{})
	defer c.Close()
	if c.cfg.Timeout != 10*time.Second {
		t.Errorf("a request may take %s", c.cfg.Timeout)
	}
}
