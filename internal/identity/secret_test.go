package identity_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
)

func TestHashSecretTakes32BytesInOneForm(t *testing.T) {
	good := base64.RawURLEncoding.EncodeToString([]byte(strings.Repeat("s", 32)))
	hash, err := identity.HashSecret(good)
	if err != nil || len(hash) != 32 || string(hash) == strings.Repeat("s", 32) {
		t.Fatalf("hash of %d bytes, %v", len(hash), err)
	}
	for _, bad := range []string{"", good[:42], good + "A", good + "=", good[:42] + "+", good[:42] + "/", strings.Repeat("A", 10000)} {
		if _, err := identity.HashSecret(bad); chat.CodeOf(err) != "bad_secret" {
			t.Errorf("%.50q: %v, want bad_secret", bad, err)
		}
	}
}

// Two texts of one secret would be one visitor under two names.
func FuzzHashSecret(f *testing.F) {
	f.Add(strings.Repeat("A", 43))
	f.Add(strings.Repeat("A", 42) + "B")
	f.Add("AAAA\nAAAA")
	f.Add("")
	f.Fuzz(func(t *testing.T, secret string) {
		hash, err := identity.HashSecret(secret)
		if err != nil {
			if chat.CodeOf(err) != "bad_secret" || hash != nil {
				t.Fatalf("%v, with a hash of %d bytes", err, len(hash))
			}
			return
		}
		raw, err := base64.RawURLEncoding.DecodeString(secret)
		if err != nil || len(hash) != 32 || base64.RawURLEncoding.EncodeToString(raw) != secret {
			t.Fatalf("%q is taken, though it is not the one way to write its bytes", secret)
		}
	})
}
