package outbound

import (
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
	"strings"
)

// Refused says that an address is none that this program asks. It is the address's
// fault, not the network's: another try ends the same way until somebody changes
// the address, its DNS records or the configuration.
type Refused struct{ Why string }

func (r *Refused) Error() string { return r.Why }

func refuse(format string, args ...any) error { return &Refused{Why: fmt.Sprintf(format, args...)} }

// MaxURL bounds an address, in bytes.
const MaxURL = 2048

// special are networks that no website's server is in, from IANA's registries of
// special-purpose addresses. Of IPv6, only what lies in global is asked at all.
func special() []network {
	return []network{
		{netip.MustParsePrefix("0.0.0.0/8"), "an unspecified address"},
		{netip.MustParsePrefix("10.0.0.0/8"), "a private address"},
		{netip.MustParsePrefix("100.64.0.0/10"), "a private address"}, // of a provider's NAT
		{netip.MustParsePrefix("127.0.0.0/8"), "a loopback address"},
		{netip.MustParsePrefix("169.254.0.0/16"), "a link-local address"}, // with the metadata services of clouds
		{netip.MustParsePrefix("172.16.0.0/12"), "a private address"},
		{netip.MustParsePrefix("192.0.0.0/24"), "a special-purpose address"},
		{netip.MustParsePrefix("192.0.2.0/24"), "a documentation address"},
		{netip.MustParsePrefix("192.88.99.0/24"), "a special-purpose address"}, // relays of 6to4
		{netip.MustParsePrefix("192.168.0.0/16"), "a private address"},
		{netip.MustParsePrefix("198.18.0.0/15"), "a benchmarking address"},
		{netip.MustParsePrefix("198.51.100.0/24"), "a documentation address"},
		{netip.MustParsePrefix("203.0.113.0/24"), "a documentation address"},
		{netip.MustParsePrefix("224.0.0.0/4"), "a multicast address"},
		{netip.MustParsePrefix("240.0.0.0/4"), "a reserved address"},

		{netip.MustParsePrefix("::/128"), "an unspecified address"},
		{netip.MustParsePrefix("::1/128"), "a loopback address"},
		{netip.MustParsePrefix("::/96"), "an IPv4 address inside IPv6"},
		{netip.MustParsePrefix("64:ff9b::/96"), "an IPv4 address inside IPv6"},   // NAT64
		{netip.MustParsePrefix("64:ff9b:1::/48"), "an IPv4 address inside IPv6"}, // NAT64 of a network's own
		{netip.MustParsePrefix("2001::/32"), "an IPv4 address inside IPv6"},      // Teredo
		{netip.MustParsePrefix("2001:2::/48"), "a benchmarking address"},
		{netip.MustParsePrefix("2001::/23"), "a special-purpose address"},
		{netip.MustParsePrefix("2001:db8::/32"), "a documentation address"},
		{netip.MustParsePrefix("2002::/16"), "an IPv4 address inside IPv6"}, // 6to4
		{netip.MustParsePrefix("3fff::/20"), "a documentation address"},
		{netip.MustParsePrefix("fc00::/7"), "a private address"},
		{netip.MustParsePrefix("fe80::/10"), "a link-local address"},
		{netip.MustParsePrefix("fec0::/10"), "a private address"},
		{netip.MustParsePrefix("ff00::/8"), "a multicast address"},
	}
}

// network is one with a word for its addresses.
type network struct {
	netip.Prefix
	what string
}

// global is what of IPv6 is given to networks of the Internet.
func global() netip.Prefix { return netip.MustParsePrefix("2000::/3") }

// kind says why an address is none of a website's server; "": it may be one.
func (c *Client) kind(a netip.Addr) string {
	for _, s := range c.special {
		if s.Contains(a) {
			return s.what
		}
	}
	if a.Is6() && !c.global.Contains(a) {
		return "a reserved address"
	}
	return ""
}

func (c *Client) allowed(a netip.Addr) bool {
	for _, n := range c.cfg.Allow {
		if n.Contains(a) {
			return true
		}
	}
	return false
}

// judge tells whether a connection to an address may be made. An IPv4 address that
// is written as IPv6 is what it is as IPv4.
func (c *Client) judge(a netip.Addr, port uint16, encrypted bool) error {
	if a.Zone() != "" {
		return refuse("it is at a link-local address")
	}
	a = a.Unmap()
	if c.allowed(a) {
		return nil
	}
	what := c.kind(a)
	switch {
	case what != "":
		return refuse("it is at %s, which outbound.allow of the server's configuration does not allow", what)
	case !encrypted:
		return refuse("its address begins with http://: use https://, or have its network put into outbound.allow of the server's configuration")
	case port < 1024 && port != 443:
		return refuse("its port is %d: use 443, or one from 1024", port)
	}
	return nil
}

// Check reads an address that somebody gives, and tells at once what can be told
// without asking the DNS. Errors: *Refused.
func (c *Client) Check(text string) (*url.URL, error) {
	if len(text) > MaxURL {
		return nil, refuse("the address is longer than %d bytes", MaxURL)
	}
	u, err := url.Parse(text)
	if err != nil {
		return nil, refuse("the address cannot be read: write https://host/path")
	}
	return u, c.checkURL(u)
}

func (c *Client) checkURL(u *url.URL) error {
	switch {
	case u.Scheme != "https" && u.Scheme != "http", u.Opaque != "", u.Hostname() == "":
		return refuse("the address is none: write https://host/path")
	case u.User != nil:
		return refuse("the address has a name or password before its host: leave them out")
	case u.Fragment != "":
		return refuse("the address has a # part, which no server sees: leave it out")
	}
	port, err := portOf(u)
	if err != nil {
		return err
	}
	encrypted := u.Scheme == "https"
	if a, err := netip.ParseAddr(u.Hostname()); err == nil {
		return c.judge(a, port, encrypted)
	}
	if endsInNumber(u.Hostname()) {
		return refuse("the address's host is a number that is no IP address: write its name, or four numbers from 0 to 255")
	}
	if !encrypted && len(c.cfg.Allow) == 0 {
		return refuse("the address begins with http://: use https://")
	}
	return nil
}

func portOf(u *url.URL) (uint16, error) {
	text := u.Port()
	switch {
	case text != "":
	case u.Scheme == "https":
		return 443, nil
	default:
		return 80, nil
	}
	port, err := strconv.ParseUint(text, 10, 16)
	if err != nil || port == 0 {
		return 0, refuse("the address's port is %.20q: use one from 1 to 65535", text)
	}
	return uint16(port), nil
}

// endsInNumber tells whether some resolvers take a host for an IPv4 address in
// another writing, such as 2130706433, 0177.0.0.1 or 0x7f.1: no domain ends so.
func endsInNumber(host string) bool {
	host = strings.TrimSuffix(host, ".")
	last := host[strings.LastIndexByte(host, '.')+1:]
	if last == "" {
		return true
	}
	if digits, hex := strings.CutPrefix(strings.ToLower(last), "0x"); hex {
		return strings.Trim(digits, "0123456789abcdef") == ""
	}
	return strings.Trim(last, "0123456789") == ""
}

// checkDial judges what is about to be connected to: what the name resolved to just
// now, so that no DNS server says one thing to a check and another to the connection.
func (c *Client) checkDial(address string, encrypted bool) error {
	host, portText, err := net.SplitHostPort(address)
	if err != nil {
		return err
	}
	a, err := netip.ParseAddr(host)
	if err != nil {
		return err
	}
	port, err := strconv.ParseUint(portText, 10, 16)
	if err != nil {
		return err
	}
	return c.judge(a, uint16(port), encrypted)
}
