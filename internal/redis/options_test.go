package redis_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kefu-chat/kefu/internal/redis"
)

func TestOptionsReadEveryForm(t *testing.T) {
	for _, c := range []struct {
		address, user, password, master string
		hosts                           []string
		database                        int
		encrypted, single               bool
	}{
		{address: "redis://localhost", hosts: []string{"localhost:6379"}, single: true},
		{address: "redis://:p%40ss@h:7/3", password: "p@ss", hosts: []string{"h:7"}, database: 3, single: true},
		{address: "rediss://me:a/b@c@[::1]", user: "me", password: "a/b@c", hosts: []string{"[::1]:6379"}, encrypted: true, single: true},
		{address: "redis+cluster://u:p@a,b:7001", user: "u", password: "p", hosts: []string{"a:6379", "b:7001"}},
		{address: "rediss+cluster://a/0", hosts: []string{"a:6379"}, encrypted: true},
		{address: "redis+sentinel://u:p@a,b:7/main/2", user: "u", password: "p", master: "main", hosts: []string{"a:26379", "b:7"}, database: 2},
	} {
		got, err := redis.Options(c.address, "")
		if err != nil {
			t.Errorf("%s: %v", c.address, err)
			continue
		}
		if got.Username != c.user || got.Password != c.password || got.Sentinel.MasterSet != c.master || got.SelectDB != c.database ||
			(got.TLSConfig != nil) != c.encrypted || got.ForceSingleClient != c.single || !slices.Equal(got.InitAddress, c.hosts) {
			t.Errorf("%s: read as %+v", c.address, got)
		}
	}
}

func TestOptionsReadTheSentinelsPassword(t *testing.T) {
	got, err := redis.Options("redis+sentinel://:data@a/main?sentinel_user=s&sentinel_password=%26", "")
	if err != nil || got.Sentinel.Username != "s" || got.Sentinel.Password != "&" || got.Password != "data" {
		t.Errorf("read as %+v, %v", got, err)
	}
}

// TestOptionsRefuse: each error says what is wrong, and none shows the password.
func TestOptionsRefuse(t *testing.T) {
	for address, says := range map[string]string{
		"":                                       "empty",
		"localhost:6379":                         "begins with nothing known",
		"http://:hunter2@localhost":              "begins with nothing known",
		"redis+ring://:hunter2@localhost":        "begins with nothing known",
		"redis://:hunter2@":                      "host is missing",
		"redis://:hunter2@a,b":                   "takes one host",
		"redis://:hunter2@a:port":                "port after a",
		"redis://:hunter2@a:70000":               "port after a",
		"redis://:hunter2%zz@a":                  "%25",
		"redis://:hunter2@a/main":                "not a number",
		"redis://:hunter2@a?x=hunter2":           "follows the ?",
		"redis+cluster://:hunter2@a/1":           "only database 0",
		"redis+cluster://:hunter2@a,":            "host is missing",
		"redis+sentinel://:hunter2@a":            "master's name is missing",
		"redis://:hunter2@a?sentinel_password=x": "only redis+sentinel",
	} {
		_, err := redis.Options(address, "")
		switch {
		case err == nil:
			t.Errorf("%q is accepted", address)
		case !strings.Contains(err.Error(), says) || !strings.HasPrefix(err.Error(), "redis.url"):
			t.Errorf("%q: %q does not say %q", address, err, says)
		case strings.Contains(err.Error(), "hunter2"):
			t.Errorf("%q: %q shows the password", address, err)
		}
	}
}

func TestOptionsReadTheAuthority(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, []byte("nothing"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ address, file, says string }{
		{"rediss://a", empty, "no certificate"},
		{"rediss://a", empty + ".missing", "redis.authority"},
		{"redis://a", empty, "begin it with rediss"},
	} {
		if _, err := redis.Options(c.address, c.file); err == nil || !strings.Contains(err.Error(), c.says) {
			t.Errorf("%s with %s: %v, want %q", c.address, c.file, err, c.says)
		}
	}
}
