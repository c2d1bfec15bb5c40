package site_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/kefu-chat/kefu/internal/site"
)

func TestNormalOrigin(t *testing.T) {
	for in, want := range map[string]string{
		"https://www.example.com": "https://www.example.com", "HTTP://Example.COM/": "http://example.com",
		"https://a.example:443": "https://a.example", "http://a.example:80": "http://a.example", "http://a.example:443": "http://a.example:443",
		" https://a.example:8443 ": "https://a.example:8443", "http://localhost:3000": "http://localhost:3000", "http://192.0.2.1": "http://192.0.2.1",
		"http://[2001:DB8::1]": "http://[2001:db8::1]", "http://[::1]:3000": "http://[::1]:3000", "https://xn--fiq228c.example": "https://xn--fiq228c.example",
	} {
		if have, ok := site.NormalOrigin(in); !ok || have != want {
			t.Errorf("%q: %q %t, want %q", in, have, ok, want)
		}
	}
	for _, in := range []string{
		"", "example.com", "//example.com", "ftp://example.com", "https://", "https://*.example.com", "*", "null", "https://a.example/path", "https://a.example//",
		"https://a.example?", "https://a.example#", "https://u:p@a.example", "https://a.example:", "https://a.example:0", "https://a.example:65536",
		"https://a.example:080", "https://a b", "https://a;b", "https://a.example 'unsafe-inline'", "https://-a.example", "https://a..b", "https://例.example",
		"https://a.example\n", "javascript:alert(1)", "https://" + strings.Repeat("a", 300), "https://[::1%25eth0]",
	} {
		if have, ok := site.NormalOrigin(in); ok && strings.TrimSpace(in) == in {
			t.Errorf("%q was taken as %q", in, have)
		}
	}
}

// What is taken goes into the Content-Security-Policy of the frame.
func FuzzNormalOrigin(f *testing.F) {
	for _, s := range []string{"https://a.example:8443/", "http://[::1]:80", "x"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		origin, ok := site.NormalOrigin(s)
		if !ok {
			return
		}
		if strings.ContainsAny(origin, " ;,'\"*\r\n\t\\<>") || strings.ToLower(origin) != origin {
			t.Errorf("%q became %q", s, origin)
		}
		if again, ok := site.NormalOrigin(origin); !ok || again != origin {
			t.Errorf("%q is no normal form of itself: %q", origin, again)
		}
	})
}

func TestNames(t *testing.T) {
	if name, err := site.CheckName("name", "  Caf\u0065\u0301 客服  "); err != nil || name != "Caf\u00e9 客服" {
		t.Errorf("%q %v", name, err)
	}
	for _, bad := range []string{"", " \t", "a\nb", "a\x00b", "a\xffb", strings.Repeat("é", 81), "a\u0085b", "\u202eada", "a\u2067b"} {
		_, err := site.CheckName("name", bad)
		var field *site.FieldError
		if !errors.As(err, &field) || field.Field != "name" || field.Text == "" {
			t.Errorf("%q: %v", bad, err)
		}
	}
}

func TestDefaultSettingsAreGood(t *testing.T) {
	if _, err := site.DefaultSettings().Check(); err != nil {
		t.Error(err)
	}
}

func TestKeysAreRandom(t *testing.T) {
	seen := map[string]bool{}
	for range 1000 {
		key := site.NewKey()
		if len(key) != 20 || seen[key] || strings.Trim(key, "ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnpqrstuvwxyz23456789") != "" {
			t.Fatalf("the key %q", key)
		}
		seen[key] = true
	}
}
