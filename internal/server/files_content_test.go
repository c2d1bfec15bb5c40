package server_test

import (
	"bytes"
	"context"
	"image"
	"image/png"
	"log/slog"
	"strings"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/files"
	"github.com/kefu-chat/kefu/internal/identity"
)

// A file is what its bytes are, and none of them does anything on Kefu's pages.
func TestAFileIsWhatItsBytesAre(t *testing.T) {
	a := newArchive(t, files.Config{})
	visitor := a.visitor()
	photo, drawing := picture(t, 40, 30, asJPEG), picture(t, 40, 30, png.Encode)
	const script = `<script>alert(document.domain)</script>`
	html := "<!DOCTYPE html><html>" + script + "</html>"
	svg := `<?xml version="1.0"?><svg xmlns="http://www.w3.org/2000/svg">` + script + `</svg>`
	exif := append(append([]byte{0xff, 0xd8, 0xff, 0xe1, 0, 29}, "Exif\x00\x00GPS: a secret place.."...), photo[2:]...)
	for name, one := range map[string]struct {
		data   string
		status int
		typ    string
		inline bool
	}{
		"html.jpg":        {html, 415, "", false},
		"svg.png":         {svg, 415, "", false},
		"program.pdf":     {"MZ\x90\x00" + strings.Repeat("\x00", 200), 415, "", false},
		"script.png":      {"#!/bin/sh\nrm -rf /\n", 415, "", false},
		"unknown.jpg":     {strings.Repeat("\x01\x02\xfe", 99), 415, "", false},
		"only-begins.jpg": {"\xff\xd8\xff\xe0" + html, 415, "", false},
		"gif-js.gif":      {"GIF89a/*\x00\x00\x00\x00\x00*/=1;" + script, 415, "", false},
		"png-and-zip.png": {string(drawing) + "PK\x03\x04" + script, 200, "image/png", true},
		"gps.jpg":         {string(exif), 200, "image/jpeg", true},
		"photo.html":      {string(photo), 200, "image/jpeg", true},
		"words.txt":       {"a letter, nothing else\n", 200, "text/plain", false},
		"paper.pdf":       {"%PDF-1.7\n" + script, 200, "application/pdf", false},
		"bomb.png":        {string(bomb(drawing)), 200, "image/png", false},
		"film.mp4":        {"\x00\x00\x00\x18ftypmp42\x00\x00\x00\x00mp42isom" + strings.Repeat("\x00", 64), 200, "video/mp4", true},
	} {
		done := a.upload(visitor, name, []byte(one.data))
		if done.status != one.status || done.string("type") != one.typ {
			t.Errorf("%s: %d %s", name, done.status, done.text)
			continue
		}
		if done.status != 200 {
			continue
		}
		visitor.says("send", "", "", done.string("id")).acked(t)
		got := a.stranger().want(200, "GET", visitor.address(done.string("id")), nil)
		inline := strings.HasPrefix(got.header.Get("Content-Disposition"), "inline")
		if inline != one.inline || got.header.Get("Content-Type") != one.typ || !strings.Contains(got.header.Get("Content-Security-Policy"), "sandbox") {
			t.Errorf("%s: %v", name, got.header)
		}
		if strings.HasPrefix(one.typ, "image/") && (strings.Contains(got.text, "script") || strings.Contains(got.text, "secret") || strings.Contains(got.text, "PK\x03\x04")) {
			t.Errorf("%s: what was beside the picture is still there", name)
		}
	}
	settings := a.owner.want(200, "GET", "/api/v1/sites/"+idOf(a.firstSite()), nil)
	changed := settings.get("settings").(fields)
	changed["file_types"] = []string{"text/html", "image/*"}
	a.owner.want(200, "PATCH", "/api/v1/sites/"+idOf(a.firstSite()), fields{"version": settings.get("version"), "settings": changed})
	for name, data := range map[string]string{"page.html": html, "drawing.svg": svg} { // a site may take them: still nothing runs
		id := a.uploaded(visitor, name, []byte(data))
		visitor.says("send", "", "", id).acked(t)
		got := a.stranger().want(200, "GET", visitor.address(id), nil)
		if !strings.HasPrefix(got.header.Get("Content-Disposition"), "attachment") || !strings.Contains(got.header.Get("Content-Security-Policy"), "sandbox; default-src 'none'") {
			t.Errorf("%s: %v", name, got.header)
		}
	}
}

// bomb claims to be 50,000 pixels wide and high.
func bomb(drawing []byte) []byte {
	b := bytes.Clone(drawing)
	copy(b[16:], []byte{0, 0, 0xc3, 0x50, 0, 0, 0xc3, 0x50})
	return b
}

func TestAPicturesPreviewsComeByThemselves(t *testing.T) {
	a := newArchive(t, files.Config{})
	visitor := a.visitor()
	id := a.uploaded(visitor, "large.png", picture(t, 1500, 700, png.Encode))
	visitor.says("send", "", "", id).acked(t)
	address := visitor.address(id)
	for size, want := range map[string]int{"320": 320, "1280": 1280} {
		deadline := time.Now().Add(20 * time.Second)
		for {
			got := a.stranger().want(200, "GET", address+"&size="+size, nil)
			c, _, err := image.DecodeConfig(strings.NewReader(got.text))
			if err == nil && c.Width == want && got.header.Get("Content-Type") == "image/jpeg" {
				break
			}
			if got.header.Get("Cache-Control") != "no-store" || c.Width != 1500 {
				t.Fatalf("before the preview is there: %+v, %v", c, got.header)
			}
			if time.Now().After(deadline) {
				t.Fatalf("there is no preview of %s", size)
			}
		}
	}
	a.stranger().want(400, "GET", address+"&size=999", nil)
	if n := a.blobs(); n != 3 {
		t.Errorf("%d blobs", n)
	}
}

// Of two requests that complete one upload while a part is sent once more, one wins:
// what is given is what it looked at.
func TestWhatWasLookedAtIsWhatIsGiven(t *testing.T) {
	a := newArchive(t, files.Config{})
	visitor := a.visitor()
	small, large := picture(t, 40, 30, png.Encode), picture(t, 41, 30, png.Encode)
	size := max(len(small), len(large))
	pad := func(p []byte) string { return string(p) + strings.Repeat("\x00", size-len(p)) }
	begun := a.begin(visitor, "x.png", size)
	at := "/files/v1/uploads/" + begun.string("id")
	visitor.want(204, "PUT", at+"/parts/1", pad(small))
	gate := &gated{Blobs: a.blobsAt, opened: make(chan struct{}), open: make(chan struct{})}
	other, err := files.New(t.Context(), files.Config{Now: a.clock.Now, VisitorBytes: 20 << 20}, a.db, gate, slog.New(slog.DiscardHandler))
	a.must(err)
	t.Cleanup(other.Close)
	second := make(chan error, 1)
	go func() {
		id, err := chat.ParseID(begun.string("id"))
		if err == nil {
			_, err = other.Complete(t.Context(), files.Uploader{Owner: visitorFiles(t, visitor), Types: []string{"*"}}, chat.FileID(id))
		}
		second <- err
	}()
	<-gate.opened // the other node has found the upload under way, and is about to look
	visitor.want(204, "PUT", at+"/parts/1", pad(large))
	if done := visitor.want(200, "POST", at+"/complete", nil); done.get("width") != float64(41) {
		t.Fatalf("completed: %s", done.text)
	}
	gate.part = []byte(pad(small))
	close(gate.open)
	a.must(<-second)
	visitor.says("send", "", "", begun.string("id")).acked(t)
	got := a.stranger().want(200, "GET", visitor.address(begun.string("id")), nil)
	if c, err := png.DecodeConfig(strings.NewReader(got.text)); err != nil || c.Width != 41 {
		t.Errorf("given is %+v, %v", c, err)
	}
	if n := a.blobs(); n != 1 {
		t.Errorf("%d blobs are left", n)
	}
}

// gated holds the first reading up, and yields the part as it was then.
type gated struct {
	files.Blobs
	opened, open chan struct{}
	part         []byte
}

func (g *gated) Open(context.Context, string) (files.Blob, error) {
	close(g.opened)
	<-g.open
	return blobOf{bytes.NewReader(g.part)}, nil
}

type blobOf struct{ *bytes.Reader }

func (blobOf) Close() error { return nil }

func visitorFiles(t *testing.T, p *person) chat.FileOwner {
	t.Helper()
	hash, err := identity.HashSecret(strings.TrimPrefix(p.header.Get("Authorization"), "Bearer "))
	if err != nil {
		t.Fatal(err)
	}
	return chat.VisitorFiles(hash)
}
