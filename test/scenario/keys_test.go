//go:build linux

package scenario

import (
	"fmt"
	"net/http"
	"testing"
	"time"
)

// keyRevokedElsewhere: an API key that one node makes opens another, and no longer
// 5 s after the first has revoked it.
func keyRevokedElsewhere(t *testing.T, c *cluster, at *server) {
	t.Helper()
	id, secret := makeKey(t, c, "push")
	status := func() int { return withKey(t, http.MethodGet, at.base()+"/api/v1/api-key", secret, nil, nil) }
	if got := status(); got != http.StatusOK {
		t.Fatalf("the key that another node made gets %d", got)
	}
	if _, err := rest(http.MethodDelete, apiKeys(c)+"/"+id, c.in.owner.cookie, nil, nil); err != nil {
		t.Fatal(err)
	}
	begun := time.Now()
	soon(t, "the revoked key's refusal", func() string {
		if got := status(); got != http.StatusUnauthorized {
			return fmt.Sprintf("it gets %d", got)
		}
		return ""
	})
	t.Logf("a revoked key was refused on another node after %s", time.Since(begun).Round(time.Millisecond))
}

func apiKeys(c *cluster) string {
	return fmt.Sprintf("%s/api/v1/sites/%s/api-keys", c.nodes[0].base(), c.in.site)
}

// makeKey makes an API key at the first node.
func makeKey(t *testing.T, c *cluster, scope string) (id, secret string) {
	t.Helper()
	var made struct {
		Key    struct{ ID string }
		Secret string
	}
	if _, err := rest(http.MethodPost, apiKeys(c), c.in.owner.cookie, map[string]any{"name": "Shop", "scopes": []string{scope}}, &made); err != nil {
		t.Fatal(err)
	}
	return made.Key.ID, made.Secret
}
