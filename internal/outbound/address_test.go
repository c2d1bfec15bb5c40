package outbound

import (
	"errors"
	"net/netip"
	"strings"
	"testing"
)

func networks(texts ...string) (all []netip.Prefix) {
	for _, t := range texts {
		all = append(all, netip.MustParsePrefix(t))
	}
	return all
}

func TestOnlyAddressesOfTheInternetAreAsked(t *testing.T) {
	c := New(Config{})
	for address, want := range map[string]string{
		"8.8.8.8": "", "93.184.216.34": "", "1.1.1.1": "", "172.15.255.255": "", "172.32.0.0": "", "100.63.255.255": "", "100.128.0.0": "",
		"2606:4700:4700::1111": "", "2a00:1450:4001:81b::200e": "", "240e::1": "", "2001:200::1": "", "::ffff:8.8.8.8": "",

		"0.0.0.0": "unspecified", "0.1.2.3": "unspecified", "10.0.0.1": "private", "172.16.0.1": "private", "172.31.255.255": "private",
		"192.168.1.1": "private", "100.64.0.1": "private", "100.127.255.255": "private", "127.0.0.1": "loopback", "127.255.0.9": "loopback",
		"169.254.169.254": "link-local", "192.0.0.8": "special-purpose", "192.0.2.1": "documentation", "198.51.100.7": "documentation",
		"203.0.113.9": "documentation", "198.18.0.1": "benchmarking", "198.19.255.255": "benchmarking", "192.88.99.1": "special-purpose",
		"224.0.0.1": "multicast", "239.255.255.255": "multicast", "240.0.0.1": "reserved", "255.255.255.255": "reserved",

		"::": "unspecified", "::1": "loopback", "::127.0.0.1": "IPv4", "::8.8.8.8": "IPv4",
		"::ffff:127.0.0.1": "loopback", "::ffff:10.0.0.1": "private", "::ffff:a9fe:a9fe": "link-local", "::ffff:0:127.0.0.1": "reserved",
		"64:ff9b::7f00:1": "IPv4", "64:ff9b::8.8.8.8": "IPv4", "64:ff9b:1::1": "IPv4", "2002:7f00:1::": "IPv4", "2002:808:808::1": "IPv4",
		"2001:0:4136:e378:8000:63bf:3fff:fdd2": "IPv4", "2001:2::1": "benchmarking", "2001:10::1": "special-purpose", "2001:db8::1": "documentation",
		"3fff::1": "documentation", "fc00::1": "private", "fd12:3456::1": "private", "fd00:ec2::254": "private", "fe80::1": "link-local",
		"fe80::1%eth0": "link-local", "2606:4700::1%eth0": "link-local", "fec0::1": "private", "ff02::1": "multicast", "100::1": "reserved", "5f00::1": "reserved", "4000::1": "reserved",
	} {
		err := c.judge(netip.MustParseAddr(address), 443, true)
		var refused *Refused
		switch {
		case want == "" && err != nil:
			t.Errorf("%s: %v", address, err)
		case want != "" && !(errors.As(err, &refused) && strings.Contains(err.Error(), want)):
			t.Errorf("%s: %v, want a refusal that says %q", address, err, want)
		}
	}
}

func TestTheConfigurationAllowsNetworks(t *testing.T) {
	c := New(Config{Allow: networks("10.1.0.0/16", "fd00::/8")})
	for _, one := range []struct {
		address   string
		port      uint16
		encrypted bool
		ok        bool
	}{
		{"10.1.2.3", 443, true, true},
		{"10.1.2.3", 80, false, true},
		{"10.1.2.3", 25, false, true},
		{"::ffff:10.1.2.3", 80, false, true},
		{"fd00::1", 8080, false, true},
		{"10.2.0.1", 443, true, false},
		{"127.0.0.1", 443, true, false},
		{"8.8.8.8", 443, true, true},
		{"8.8.8.8", 8443, true, true},
		{"8.8.8.8", 80, false, false},
		{"8.8.8.8", 8080, false, false},
		{"8.8.8.8", 25, true, false},
		{"8.8.8.8", 1023, true, false},
		{"8.8.8.8", 1024, true, true},
	} {
		if err := c.judge(netip.MustParseAddr(one.address), one.port, one.encrypted); (err == nil) != one.ok {
			t.Errorf("%+v: %v", one, err)
		}
	}
}

func TestAnAddressIsCheckedBeforeItIsKept(t *testing.T) {
	closed, open := New(Config{}), New(Config{Allow: networks("127.0.0.0/8")})
	for text, want := range map[string]string{
		"https://hooks.example/kefu":             "",
		"https://hooks.example:8443/a?b=c":       "",
		"https://8.8.8.8/":                       "",
		"https://[2606:4700::1]/":                "",
		"https://钩子.example/":                    "",
		"http://hooks.example/":                  "https://",
		"http://8.8.8.8/":                        "https://",
		"ftp://hooks.example/":                   "https://",
		"file:///etc/passwd":                     "https://",
		"https:hooks.example":                    "https://",
		"//hooks.example/":                       "https://",
		"https:///path":                          "https://",
		"hooks.example":                          "https://",
		"":                                       "https://",
		"https://a:b@hooks.example/":             "password",
		"https://hooks.example/#top":             "#",
		"https://hooks.example:0/":               "port",
		"https://hooks.example:70000/":           "port",
		"https://8.8.8.8:22/":                    "port",
		"https://127.0.0.1/":                     "loopback",
		"https://[::1]/":                         "loopback",
		"https://[::ffff:127.0.0.1]/":            "loopback",
		"https://169.254.169.254/latest":         "link-local",
		"https://2130706433/":                    "number",
		"https://0x7f000001/":                    "number",
		"https://0x7f.1/":                        "number",
		"https://0X7F.0.0.0X1/":                  "number",
		"https://0177.0.0.1/":                    "number",
		"https://127.1/":                         "number",
		"https://127.0.0.1./":                    "number",
		"https://1.2.3.4.5/":                     "number",
		"https://256.1.1.1/":                     "number",
		"https://hooks.example..":                "number",
		"https://hooks.example/\x00":             "cannot be read",
		"https://" + strings.Repeat("a", MaxURL): "longer",
	} {
		_, err := closed.Check(text)
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(err.Error(), want)) {
			t.Errorf("%.60q: %v, want %q", text, err, want)
		}
	}
	for _, text := range []string{"http://hooks.example/", "http://127.0.0.1:1234/"} {
		if _, err := open.Check(text); err != nil {
			t.Errorf("%s with an allowed network: %v", text, err)
		}
	}
}
