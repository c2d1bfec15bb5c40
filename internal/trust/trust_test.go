package trust

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWhatIsNoCertificateIsNamed(t *testing.T) {
	file := filepath.Join(t.TempDir(), "root.pem")
	if _, err := Only(file); err == nil || !strings.Contains(err.Error(), file) {
		t.Errorf("a file that is not there: %v", err)
	}
	if err := os.WriteFile(file, []byte("-----BEGIN CERTIFICATE-----\nnonsense\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := Only(file); err == nil || !strings.Contains(err.Error(), file+" has no certificate") {
		t.Errorf("a file without one: %v", err)
	}
}
