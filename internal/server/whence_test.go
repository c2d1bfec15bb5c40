package server

import (
	"net/http"
	"net/netip"
	"testing"
)

func TestLocate(t *testing.T) {
	trusted := []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	for name, c := range map[string]struct {
		peer, host               string
		header                   http.Header
		address, network, origin string
	}{
		"straight":                   {"192.0.2.1:5", "Kefu.example:8080", nil, "192.0.2.1", "192.0.2.1/32", "http://kefu.example:8080"},
		"an untrusted peer lies":     {"192.0.2.1:5", "a", http.Header{"X-Forwarded-For": {"1.1.1.1"}, "X-Forwarded-Proto": {"https"}, "X-Forwarded-Host": {"b"}}, "192.0.2.1", "192.0.2.1/32", "http://a"},
		"one proxy":                  {"10.1.1.1:5", "a", http.Header{"X-Forwarded-For": {"192.0.2.1"}, "X-Forwarded-Proto": {"https"}}, "192.0.2.1", "192.0.2.1/32", "https://a"},
		"the client lies to it":      {"10.1.1.1:5", "a", http.Header{"X-Forwarded-For": {"8.8.8.8, 192.0.2.1"}}, "192.0.2.1", "192.0.2.1/32", "http://a"},
		"in two headers":             {"10.1.1.1:5", "a", http.Header{"X-Forwarded-For": {"8.8.8.8", "192.0.2.1"}}, "192.0.2.1", "192.0.2.1/32", "http://a"},
		"a chain of proxies":         {"10.1.1.1:5", "a", http.Header{"X-Forwarded-For": {"192.0.2.1, 10.2.2.2"}}, "192.0.2.1", "192.0.2.1/32", "http://a"},
		"only proxies":               {"10.1.1.1:5", "a", http.Header{"X-Forwarded-For": {"10.3.3.3, 10.2.2.2"}}, "10.3.3.3", "10.3.3.3/32", "http://a"},
		"nonsense":                   {"10.1.1.1:5", "a", http.Header{"X-Forwarded-For": {"192.0.2.1, nonsense"}}, "10.1.1.1", "10.1.1.1/32", "http://a"},
		"nothing":                    {"10.1.1.1:5", "a", nil, "10.1.1.1", "10.1.1.1/32", "http://a"},
		"with ports":                 {"[::1]:5", "a", http.Header{"X-Forwarded-For": {"[2001:db8::7]:443"}}, "2001:db8::7", "2001:db8::/64", "http://a"},
		"IPv4 in IPv6":               {"[::ffff:192.0.2.1]:5", "a", nil, "192.0.2.1", "192.0.2.1/32", "http://a"},
		"a zone":                     {"[fe80::1%eth0]:5", "a", nil, "fe80::1", "fe80::/64", "http://a"},
		"another host, nearest":      {"10.1.1.1:5", "a", http.Header{"X-Forwarded-Host": {"evil.example, kefu.example"}}, "10.1.1.1", "10.1.1.1/32", "http://kefu.example"},
		"a scheme that is none":      {"10.1.1.1:5", "a", http.Header{"X-Forwarded-Proto": {"javascript"}}, "10.1.1.1", "10.1.1.1/32", "http://a"},
		"the scheme's own port":      {"10.1.1.1:5", "a:443", http.Header{"X-Forwarded-Proto": {"https"}}, "10.1.1.1", "10.1.1.1/32", "https://a"},
		"the other scheme's port":    {"10.1.1.1:5", "a:80", http.Header{"X-Forwarded-Proto": {"https"}}, "10.1.1.1", "10.1.1.1/32", "https://a:80"},
		"an IPv6 host with its port": {"192.0.2.1:5", "[::1]:80", nil, "192.0.2.1", "192.0.2.1/32", "http://[::1]"},
	} {
		r := &http.Request{RemoteAddr: c.peer, Host: c.host, Header: c.header}
		w, ok := locate(r, trusted)
		if !ok || w.address.String() != c.address || w.network.String() != c.network || w.origin() != c.origin {
			t.Errorf("%s: %v %s %s %s", name, ok, w.address, w.network, w.origin())
		}
	}
}
