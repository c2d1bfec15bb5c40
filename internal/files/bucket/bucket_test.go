package bucket

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kefu-chat/kefu/internal/files/filestest"
	"github.com/kefu-chat/kefu/test/engines"
)

func TestMain(m *testing.M) { os.Exit(engines.Main(m)) }

func settings(s *engines.S3) Config {
	return Config{
		Endpoint: s.Endpoint(), Region: "us-east-1", Bucket: engines.S3Bucket, AccessKey: engines.S3AccessKey, SecretKey: engines.S3SecretKey, PathStyle: true,
	}
}

func TestBucket(t *testing.T) {
	for name, change := range map[string]func(*engines.S3, *Config){
		"in the path":    func(*engines.S3, *Config) {},
		"in the host":    func(s *engines.S3, c *Config) { c.PathStyle, c.Endpoint, c.Dial = false, s.HostEndpoint(), s.Dial },
		"below a prefix": func(_ *engines.S3, c *Config) { c.Prefix = "kefu/" },
	} {
		t.Run(name, func(t *testing.T) {
			s := engines.StartS3(t) // one lists the whole bucket
			cfg := settings(s)
			change(s, &cfg)
			b, err := Open(t.Context(), cfg)
			if err != nil {
				t.Fatal(err)
			}
			defer b.Close()
			filestest.Blobs(t, b)
			if err := b.Delete(t.Context(), "7/0b/124", "7/0c/125"); err != nil {
				t.Error(err)
			}
			if err := b.Put(t.Context(), "8/00/1", strings.NewReader("x"), 1); err != nil {
				t.Error(err)
			}
			if _, err := os.Stat(filepath.Join(s.Folder, cfg.Prefix, "8/00/1")); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestABucketThatCannotBeUsedIsASentence(t *testing.T) {
	s := engines.StartS3(t)
	for want, change := range map[string]func(*Config){
		"no bucket":         func(c *Config) { c.Bucket = "another-one" },
		"no address":        func(c *Config) { c.Endpoint = "127.0.0.1" },
		"does not answer":   func(c *Config) { c.SecretKey = "wrong" },
		"want https://HOST": func(c *Config) { c.Endpoint += "/kefu-files" },
	} {
		cfg := settings(s)
		change(&cfg)
		b, err := Open(t.Context(), cfg)
		if err == nil {
			b.Close()
		}
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %q", err, want)
		}
	}
}
