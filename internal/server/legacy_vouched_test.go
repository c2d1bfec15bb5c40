package server

import (
	"net/http"
	"net/netip"
	"strings"
	"testing"
)

// TestVouched: behind a proxy that the configuration forgot everybody would come from
// where the proxy is, and by a name that others gave this server any website's page.
func TestVouched(t *testing.T) {
	here := []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	e := ChatEntry{AgentNetworks: here, Entry: Entry{Origins: []string{"http://chat.example:8080"}}}
	for name, c := range map[string]struct {
		peer, host string
		header     http.Header
		trusted    []netip.Prefix
		ok         bool
	}{
		"from here":                  {"127.0.0.1:5", "127.0.0.1:8080", nil, nil, true},
		"by this machine's name":     {"[::1]:5", "localhost:8080", nil, nil, true},
		"in IPv6":                    {"[::1]:5", "[::1]:8080", nil, nil, true},
		"by a name that is set":      {"127.0.0.1:5", "chat.example:8080", nil, nil, true},
		"that name, another port":    {"127.0.0.1:5", "chat.example:9090", nil, nil, false},
		"by a name of others":        {"127.0.0.1:5", "rebound.example:8080", nil, nil, false},
		"what only begins like it":   {"127.0.0.1:5", "localhost.evil.example", nil, nil, false},
		"from elsewhere":             {"203.0.113.9:5", "127.0.0.1", nil, nil, false},
		"a forgotten proxy":          {"127.0.0.1:5", "localhost", http.Header{"X-Forwarded-For": {"203.0.113.9"}}, nil, false},
		"one that says it otherwise": {"127.0.0.1:5", "localhost", http.Header{"X-Real-Ip": {"203.0.113.9"}}, nil, false},
		"by the standard":            {"127.0.0.1:5", "localhost", http.Header{"Forwarded": {"for=203.0.113.9"}}, nil, false},
		"a declared one, from here":  {"127.0.0.1:5", "localhost", http.Header{"X-Forwarded-For": {"127.0.0.1"}}, here, true},
		"one that hides for whom":    {"127.0.0.1:5", "localhost", http.Header{"X-Forwarded-For": {"203.0.113.9, unknown"}}, here, false},
		"one that says nothing":      {"127.0.0.1:5", "localhost", http.Header{"X-Forwarded-For": {""}}, here, false},
		"behind far too many":        {"127.0.0.1:5", "localhost", http.Header{"X-Forwarded-For": {"203.0.113.9" + strings.Repeat(", 127.0.0.1", 30)}}, here, false},
		"a declared one":             {"127.0.0.1:5", "localhost", http.Header{"X-Forwarded-For": {"203.0.113.9"}}, here, false},
	} {
		from, ok := locate(&http.Request{RemoteAddr: c.peer, Host: c.host, Header: c.header}, c.trusted)
		if err := vouched(from, e); !ok || (err == nil) != c.ok {
			t.Errorf("%s: %v", name, err)
		}
	}
}
