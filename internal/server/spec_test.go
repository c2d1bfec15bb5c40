package server_test

import (
	"bytes"
	"flag"
	"log/slog"
	"os"
	"testing"

	"github.com/kefu-chat/kefu/internal/server"
)

var update = flag.Bool("update", false, "write docs/openapi.json")

const specFile = "../../docs/openapi.json"

func TestTheCommittedSpecIsThatOfTheServer(t *testing.T) {
	s := server.New(server.Config{}, server.Parts{Log: slog.New(slog.DiscardHandler)})
	got, err := s.Spec()
	if err != nil {
		t.Fatal(err)
	}
	if *update {
		if err := os.WriteFile(specFile, got, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(specFile)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Error("docs/openapi.json is not what the server answers: go test ./internal/server -run Spec -update")
	}
}
