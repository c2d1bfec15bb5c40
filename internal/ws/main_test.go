//go:build linux

package ws

import (
	"os"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) {
	if spec := os.Getenv(peers); spec != "" {
		runPeers(spec)
		return
	}
	goleak.VerifyTestMain(m)
}
