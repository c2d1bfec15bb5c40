package server_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"log/slog"
	"os"
	"regexp"
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
		t.Error("docs/openapi.json is not what the server answers: go test ./internal/server -run Spec -update, and then make generate for the clients")
	}
}

func TestEveryPathParameterIsDescribed(t *testing.T) {
	data, err := os.ReadFile(specFile)
	if err != nil {
		t.Fatal(err)
	}
	var spec struct {
		Paths map[string]map[string]struct {
			Parameters []struct{ Name, In string }
		}
	}
	if err := json.Unmarshal(data, &spec); err != nil {
		t.Fatal(err)
	}
	if len(spec.Paths) == 0 {
		t.Fatal("the document has no paths")
	}
	for path, methods := range spec.Paths {
		for method, op := range methods {
			for _, name := range regexp.MustCompile(`{(\w+)}`).FindAllStringSubmatch(path, -1) {
				described := false
				for _, p := range op.Parameters {
					described = described || p.In == "path" && p.Name == name[1]
				}
				if !described {
					t.Errorf("%s %s: %s is not described", method, path, name[1])
				}
			}
		}
	}
}
