package server_test

import (
	"archive/zip"
	"context"
	"crypto/sha256"
	"encoding/json"
	"io"
	"log/slog"
	"strings"
	"testing"

	"github.com/gofrs/uuid/v5"

	"github.com/kefu-chat/kefu/internal/audit"
	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/files"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/retention"
)

// retains lets visitors be erased, and their data be given out, with the files that are kept by now.
func (w *world) retains() {
	var opener retention.Opener
	if w.parts.Files != nil {
		opener = w.parts.Files
	}
	sweep := func(context.Context) error { return nil }
	w.parts.Eraser = retention.NewEraser(w.db, w.db, nil, w.hub, sweep, w.clock.Now, slog.New(slog.DiscardHandler))
	w.parts.Exporter = retention.NewExporter(w.db, w.db, opener, w.clock.Now)
}

// says sends a text with a file, in the name of somebody or as a note.
func (s *stage) says(c chat.Conversation, name, text, file string) {
	s.t.Helper()
	hash := sha256.Sum256([]byte(name))
	owner, by := chat.VisitorFiles(hash[:]), chat.Actor{Kind: chat.VisitorActor, ID: int64(c.Visitor)}
	up := files.Uploader{Owner: owner, Site: s.own, Types: []string{"text/plain"}}
	f, err := s.parts.Files.Begin(s.t.Context(), up, file, "text/plain", int64(len(text)))
	s.must(err)
	s.must(s.parts.Files.PutPart(s.t.Context(), up, f.ID, 1, int64(len(text)), strings.NewReader(text)))
	f, err = s.parts.Files.Complete(s.t.Context(), up, f.ID)
	s.must(err)
	done := make(chan error, 1)
	s.hub.Desk().Send(chat.Command{By: by, ClientID: uuid.Must(uuid.NewV7()), Conversation: c.ID, Files: []chat.FileID{f.ID}, Owner: owner}, text,
		func(_ chat.Changed, err error) { done <- err })
	s.must(<-done)
}

// archiveOf takes an export apart: its entries' contents by name.
func archiveOf(t *testing.T, body string) map[string]string {
	t.Helper()
	z, err := zip.NewReader(strings.NewReader(body), int64(len(body)))
	if err != nil {
		t.Fatalf("%v: %.200q", err, body)
	}
	entries := map[string]string{}
	for _, f := range z.File {
		r, err := f.Open()
		if err != nil {
			t.Fatal(err)
		}
		content, err := io.ReadAll(r)
		if err != nil {
			t.Fatal(err)
		}
		entries[f.Name] = string(content)
		_ = r.Close()
	}
	return entries
}

const hostile = `<script src="https://evil.example/x.js">alert(1)</script>`

// TestAVisitorsDataIsGivenOut as an archive that nothing in it can harm.
func TestAVisitorsDataIsGivenOut(t *testing.T) {
	s := newStage(t)
	app, admin := s.application(identity.PeopleScope, identity.ReadScope), s.cast["admin"]
	c := s.writes(s.own, "Li", hostile)
	s.says(c, "Li", "what the file says", `"><img src=x>.txt`)
	s.application(identity.WriteScope).want(201, "POST", s.inside(c, "/notes"), fields{"text": "between us"})
	path := s.onSite("/visitors/%d/export", c.Visitor)
	for _, alone := range []identity.Scope{identity.PeopleScope, identity.ReadScope} { // it is what is known of a person, and a whole conversation
		if a := s.application(alone).want(403, "GET", path+"?notes=true", nil); a.code() != "not_allowed" {
			t.Errorf("with %s alone: %s", alone, a.text)
		}
	}
	got := app.want(200, "GET", path, nil)
	if got.header.Get("Content-Type") != "application/zip" || !strings.Contains(got.header.Get("Content-Disposition"), "attachment") {
		t.Errorf("the headers are %v", got.header)
	}
	entries := archiveOf(t, got.text)
	page := entries["conversation.html"]
	for _, bad := range []string{"<script", "<img", "between us", "http://", `="https`} {
		if strings.Contains(page, bad) {
			t.Errorf("the page has %q:\n%s", bad, page)
		}
	}
	if !strings.Contains(page, "&lt;script") || !strings.Contains(page, "default-src &#39;none&#39;") && !strings.Contains(page, "default-src 'none'") {
		t.Errorf("the page is\n%s", page)
	}
	var read struct {
		Visitor struct {
			ID   string         `json:"id"`
			Said map[string]any `json:"said"`
		} `json:"visitor"`
		Events []struct {
			Kind, Text string
			Files      []struct{ Path string }
		} `json:"events"`
	}
	s.must(json.Unmarshal([]byte(entries["conversation.json"]), &read))
	if read.Visitor.ID != jsonID(int64(c.Visitor)) || read.Visitor.Said["name"] != "Li" || len(read.Events) != 3 || read.Events[1].Text != hostile {
		t.Errorf("the archive has %s", entries["conversation.json"])
	}
	file := read.Events[2].Files[0].Path
	if entries[file] != "what the file says" || !strings.HasPrefix(file, "files/") || strings.ContainsAny(file, `<>"`) || len(entries) != 3 {
		t.Errorf("the file %s says %q, of %d entries", file, entries[file], len(entries))
	}
	if page = archiveOf(t, admin.want(200, "GET", path+"?notes=true&language=zh-CN", nil).text)["conversation.html"]; !strings.Contains(page, "between us") || !strings.Contains(page, `lang="zh-CN"`) {
		t.Errorf("with notes the page is\n%s", page)
	}
	admin.want(422, "GET", path+"?language=de", nil)
	admin.want(404, "GET", s.onSite("/visitors/%d/export", 12345), nil)
	entriesOf, err := s.db.Entries(t.Context(), audit.Query{Limit: 2, Site: s.own})
	s.must(err)
	if entriesOf[0].What != audit.VisitorExported || entriesOf[0].By.Name != "admin" || entriesOf[0].Detail["notes"] != "true" || entriesOf[1].What != audit.VisitorExported {
		t.Errorf("the audit has %+v", entriesOf)
	}
}

// TestAVisitorIsErased: its tabs come back as a newcomer's, agents see it gone.
func TestAVisitorIsErased(t *testing.T) {
	s := newStage(t)
	app := s.application(identity.PeopleScope)
	visitor := s.visitor(s.own)
	visitor.say(`{"t":"send","id":"` + uuid.Must(uuid.NewV7()).String() + `","text":"forget me"}`)
	name := visitor.until(func(h head) bool { return h.T == "ack" }).C
	c, err := s.db.Conversation(t.Context(), uuid.Must(uuid.FromString(name)))
	s.must(err)
	path := s.onSite("/visitors/%d", c.Visitor)
	s.cast["supervisor"].want(403, "DELETE", path, nil)
	s.application(identity.WriteScope, identity.ReadScope).want(403, "DELETE", path, nil)
	receipt := app.want(200, "DELETE", path, nil)
	if receipt.string("id") == "" || receipt.get("removed", "events") != 2.0 || receipt.get("removed", "rounds") != 1.0 || strings.Contains(receipt.text, jsonID(int64(c.Visitor))) {
		t.Errorf("the receipt is %s", receipt.text)
	}
	if code, _ := visitor.closedWith(); code != 4004 {
		t.Errorf("the visitor's tab was closed with %d, want that it says hello anew", code)
	}
	app.want(404, "GET", path, nil)
	if again := app.want(200, "DELETE", path, nil); again.text != receipt.text {
		t.Errorf("again the receipt is %s", again.text)
	}
	app.want(404, "DELETE", s.onSite("/visitors/%d", 12345), nil)
	app.want(404, "DELETE", s.onSite("/visitors/nobody"), nil)
}
