package server_test

import (
	"log/slog"
	"net/http"
	"strings"
	"testing"

	"github.com/danielgtaylor/huma/v2"

	"github.com/kefu-chat/kefu/internal/server"
)

// TestExamplesFitTheirSchemas: each body of each operation has one, and it would be taken.
func TestExamplesFitTheirSchemas(t *testing.T) {
	document := server.New(server.Config{}, server.Parts{Log: slog.New(slog.DiscardHandler)}).Document()
	registry, n := document.Components.Schemas, 0
	check := func(where string, content map[string]*huma.MediaType) {
		for kind, media := range content {
			if kind != "application/json" {
				continue
			}
			if media.Example == nil {
				t.Errorf("%s has no example", where)
				continue
			}
			n++
			wrong := &huma.ValidateResult{}
			huma.Validate(registry, media.Schema, huma.NewPathBuffer(nil, 0), huma.ModeWriteToServer, media.Example, wrong)
			if len(wrong.Errors) > 0 {
				t.Errorf("the example of %s: %v", where, wrong.Errors)
			}
		}
	}
	for path, item := range document.Paths {
		for _, o := range []*huma.Operation{item.Get, item.Post, item.Put, item.Patch, item.Delete} {
			if o == nil {
				continue
			}
			if o.RequestBody != nil {
				check(o.Method+" "+path, o.RequestBody.Content)
			}
			for status, answer := range o.Responses {
				if strings.HasPrefix(status, "2") {
					check(o.Method+" "+path+" "+status, answer.Content)
				}
			}
		}
	}
	if n < 60 {
		t.Errorf("%d examples", n)
	}
	if o := document.Paths["/api/v1/sites/{site}/conversations/{conversation}/messages"].Post; o.Method != http.MethodPost || o.RequestBody.Content["application/json"].Example.(map[string]any)["text"] != "Your parcel is on its way." {
		t.Errorf("the example of a message: %v", o.RequestBody)
	}
}
