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
	var made struct {
		Key    struct{ ID string }
		Secret string
	}
	keys := fmt.Sprintf("%s/api/v1/sites/%s/api-keys", c.nodes[0].base(), c.in.site)
	if _, err := rest(http.MethodPost, keys, c.in.owner.cookie, map[string]any{"name": "Shop", "scopes": []string{"push"}}, &made); err != nil {
		t.Fatal(err)
	}
	status := func() int {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, at.base()+"/api/v1/api-key", nil)
		if err != nil {
			t.Fatal(err)
		}
		request.Header.Set("Authorization", "Bearer "+made.Secret)
		client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
		answer, err := client.Do(request)
		if err != nil {
			t.Fatal(err)
		}
		_ = answer.Body.Close()
		return answer.StatusCode
	}
	if got := status(); got != http.StatusOK {
		t.Fatalf("the key that another node made gets %d", got)
	}
	if _, err := rest(http.MethodDelete, keys+"/"+made.Key.ID, c.in.owner.cookie, nil, nil); err != nil {
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
