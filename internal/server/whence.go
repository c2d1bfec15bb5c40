package server

import (
	"context"
	"net"
	"net/http"
	"net/netip"
	"regexp"
	"strings"
)

// whence is where a request comes from and how it addressed us, proxies taken
// into account: the one place that reads X-Forwarded-*.
type whence struct {
	address netip.Addr
	network netip.Prefix // what limits count as one: an IPv4 address, an IPv6 /64
	scheme  string       // http or https
	host    string       // with the port, as the browser sees it
	request requestID
	relayed bool // by a proxy that is not trusted, or says nothing that can be read: the address is that one's
}

// origin is Kefu's own origin as this request's browser sees it.
func (w whence) origin() string { return w.scheme + "://" + strings.ToLower(w.host) }

// plainHost tells whether the browser found us by a number or as this machine, which no
// name server of others can bend.
func (w whence) plainHost() bool {
	name := w.host
	if h, _, err := net.SplitHostPort(w.host); err == nil {
		name = h
	}
	_, err := netip.ParseAddr(strings.Trim(name, "[]"))
	return err == nil || strings.EqualFold(name, "localhost")
}

func (w whence) secure() bool { return w.scheme == "https" }

type whenceKey struct{}

// whenceOf is what locate found; requests that did not pass it have none.
func whenceOf(ctx context.Context) whence {
	w, _ := ctx.Value(whenceKey{}).(whence)
	return w
}

const maxForwarded = 20 // addresses in X-Forwarded-For that are looked at

var hostHeader = regexp.MustCompile(`^([A-Za-z0-9_]([A-Za-z0-9._-]{0,251}[A-Za-z0-9_.])?|\[[0-9A-Fa-f:.]{2,45}\])(:[0-9]{1,5})?$`)

// locate finds a request's whence. Only a peer among the trusted proxies may
// say that it speaks for somebody else.
func locate(r *http.Request, trusted []netip.Prefix) (whence, bool) {
	w := whence{scheme: "http", host: r.Host}
	if r.TLS != nil {
		w.scheme = "https"
	}
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return w, false
	}
	w.address = plainAddress(peer.Addr())
	if isTrusted(w.address, trusted) {
		w.address, w.relayed = forwardedFor(r, w.address, trusted)
		if s := strings.ToLower(lastOf(r.Header.Values("X-Forwarded-Proto"))); s == "http" || s == "https" {
			w.scheme = s
		}
		if h := lastOf(r.Header.Values("X-Forwarded-Host")); h != "" {
			w.host = h
		}
	} else {
		for _, said := range []string{"X-Forwarded-For", "X-Real-Ip", "Forwarded", "Via"} {
			w.relayed = w.relayed || r.Header.Get(said) != ""
		}
	}
	w.network = networkOf(w.address)
	w.host = withoutOwnPort(w.scheme, w.host)
	return w, hostHeader.MatchString(w.host)
}

// forwardedFor goes back from the nearest proxy to the first address that is
// not a trusted one. lost: it came to something else than an address, or to no end.
func forwardedFor(r *http.Request, peer netip.Addr, trusted []netip.Prefix) (found netip.Addr, lost bool) {
	values := r.Header.Values("X-Forwarded-For")
	if len(values) == 0 {
		return peer, false
	}
	list := strings.Split(strings.Join(values, ","), ",")
	found = peer
	for i := len(list) - 1; i >= 0; i-- {
		a, ok := parseForwarded(strings.TrimSpace(list[i]))
		if !ok || i < len(list)-maxForwarded {
			return found, true
		}
		found = a
		if !isTrusted(a, trusted) {
			break
		}
	}
	return found, false
}

// parseForwarded reads an address with or without a port, as proxies write it.
func parseForwarded(s string) (netip.Addr, bool) {
	a, err := netip.ParseAddr(strings.Trim(s, "[]"))
	if err != nil {
		ap, err := netip.ParseAddrPort(s)
		return plainAddress(ap.Addr()), err == nil
	}
	return plainAddress(a), true
}

func plainAddress(a netip.Addr) netip.Addr { return a.Unmap().WithZone("") }

func isTrusted(a netip.Addr, trusted []netip.Prefix) bool {
	for _, p := range trusted {
		if p.Contains(a) {
			return true
		}
	}
	return false
}

func networkOf(a netip.Addr) netip.Prefix {
	bits := 64
	if a.Is4() {
		bits = 32
	}
	p, _ := a.Prefix(bits) // fails only for a bad number of bits
	return p
}

func lastOf(values []string) string {
	if len(values) == 0 {
		return ""
	}
	all := values[len(values)-1]
	return strings.TrimSpace(all[strings.LastIndexByte(all, ',')+1:])
}

// withoutOwnPort drops the port that browsers leave out of an origin.
func withoutOwnPort(scheme, host string) string {
	h, port, err := net.SplitHostPort(host)
	if err != nil || scheme == "http" && port != "80" || scheme == "https" && port != "443" {
		return host
	}
	if strings.Contains(h, ":") {
		return "[" + h + "]"
	}
	return h
}
