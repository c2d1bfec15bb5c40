package server_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/color"
	"image/jpeg"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"

	"github.com/kefu-chat/kefu/internal/client"
	"github.com/kefu-chat/kefu/internal/files"
	"github.com/kefu-chat/kefu/internal/files/folder"
	"github.com/kefu-chat/kefu/internal/server"
)

// archive is a world that keeps files, with its owner and the first site.
type archive struct {
	*world
	keeper  *files.Keeper
	blobsAt files.Blobs
	folder  string
	owner   *person
}

func newArchive(t *testing.T, cfg files.Config) *archive {
	t.Helper()
	a := &archive{world: newWorld(t, server.Config{}), folder: t.TempDir()}
	blobs, err := folder.Open(a.folder)
	a.must(err)
	t.Cleanup(func() { a.must(blobs.Close()) })
	a.blobsAt = blobs
	if cfg.VisitorBytes == 0 {
		cfg.VisitorBytes, cfg.AgentBytes = 20<<20, 50<<20
	}
	cfg.Now = a.clock.Now
	a.keeper, err = files.New(t.Context(), cfg, a.db, blobs, slog.New(slog.DiscardHandler))
	a.must(err)
	t.Cleanup(a.keeper.Close)
	a.parts.Files, a.parts.Visitors = a.keeper, a.db
	a.server = server.New(server.Config{Now: a.clock.Now}, a.parts)
	a.listen()
	a.owner = a.world.owner()
	a.owner.header.Set("Origin", a.base)
	return a
}

// visitor is a new visitor of the first site.
func (a *archive) visitor() *person { return a.visitorOf(a.firstSite().Key) }

func (a *archive) visitorOf(key string) *person {
	p := a.person()
	p.header.Set("Authorization", "Bearer "+client.NewSecret())
	p.header.Set("Kefu-Site", key)
	p.header.Set("Origin", a.base)
	return p
}

// begin begins an upload; an agent names the first site.
func (a *archive) begin(p *person, name string, size int) answer {
	a.t.Helper()
	in := fields{"name": name, "size": size}
	if p.header.Get("Authorization") == "" {
		in["site"] = idOf(a.firstSite())
	}
	return p.ask("POST", "/files/v1/uploads", in)
}

func parts(data []byte) [][]byte { return slices.Collect(slices.Chunk(data, files.PartBytes)) }

// upload uploads everything and completes it; the answer is that of the first
// request that was refused, or of the last.
func (a *archive) upload(p *person, name string, data []byte) answer {
	a.t.Helper()
	begun := a.begin(p, name, len(data))
	if begun.status != 201 {
		return begun
	}
	at := "/files/v1/uploads/" + begun.string("id")
	for i, part := range parts(data) {
		if put := p.ask("PUT", fmt.Sprint(at, "/parts/", i+1), string(part)); put.status != 204 {
			return put
		}
	}
	return p.ask("POST", at+"/complete", nil)
}

// uploaded is upload for what must succeed; it gives the file's id.
func (a *archive) uploaded(p *person, name string, data []byte) string {
	a.t.Helper()
	done := a.upload(p, name, data)
	if done.status != 200 {
		a.t.Fatalf("the upload of %s: %d %s", name, done.status, done.text)
	}
	return done.string("id")
}

// says sends a frame and gives the answer.
func (p *person) says(t, conversation, text string, ids ...string) answer {
	p.w.t.Helper()
	door := "/stream/v1/agent/frame"
	if p.header.Get("Authorization") != "" {
		door = "/stream/v1/visitor/frame"
	}
	frame := fields{"t": t, "id": uuid.Must(uuid.NewV7()).String(), "text": text}
	if len(ids) > 0 {
		frame["files"] = ids
	}
	if conversation != "" {
		frame["c"] = conversation
	}
	return p.want(200, "POST", door, frame)
}

func (a answer) acked(t testing.TB) answer {
	t.Helper()
	if a.string("t") != "ack" {
		t.Fatalf("got %s", a.text)
	}
	return a
}

// address is where a visitor opens a file; "" if it may not.
func (p *person) address(id string) string {
	p.w.t.Helper()
	return p.want(200, "POST", "/files/v1/addresses", fields{"files": []string{id}}).string("addresses", id)
}

// stranger asks without any right but the address.
func (a *archive) stranger() *person { return a.person() }

func picture(t testing.TB, w, h int, encode func(io.Writer, image.Image) error) []byte {
	t.Helper()
	m := image.NewRGBA(image.Rect(0, 0, w, h))
	for i := range m.Pix {
		m.Pix[i] = byte(i * i >> 7)
	}
	m.Set(0, 0, color.White)
	for i := 3; i < len(m.Pix); i += 4 {
		m.Pix[i] = 255
	}
	var b bytes.Buffer
	if err := encode(&b, m); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func asJPEG(w io.Writer, m image.Image) error { return jpeg.Encode(w, m, nil) }

func noise(n int) []byte {
	data := make([]byte, n)
	_, _ = rand.NewChaCha8([32]byte{1}).Read(data)
	copy(data, "%PDF-1.7\n")
	return data
}

func TestAFileComesInPartsAndGoesByRanges(t *testing.T) {
	a := newArchive(t, files.Config{})
	visitor, data := a.visitor(), noise(2*files.PartBytes+1234)
	begun := a.begin(visitor, `C:\fake\..\Rechnung`+"\u202e\n"+`fdp.pdf`, len(data))
	if begun.status != 201 || begun.get("part_bytes") != float64(files.PartBytes) || begun.string("name") != "Rechnungfdp.pdf" {
		t.Fatalf("%d %s", begun.status, begun.text)
	}
	id := begun.string("id")
	at, all := "/files/v1/uploads/"+id, parts(data)
	put := func(n int, part []byte) answer { return visitor.ask("PUT", fmt.Sprint(at, "/parts/", n), string(part)) }
	for _, n := range []int{3, 1, 3} {
		if got := put(n, all[n-1]); got.status != 204 {
			t.Fatalf("part %d: %s", n, got.text)
		}
	}
	for name, got := range map[string]answer{
		"too short": put(2, all[2]), "too long": put(3, all[0]), "no such part": put(4, all[2]), "part 0": put(0, all[0]),
		"longer than said": a.chunked(visitor, at+"/parts/3", append(bytes.Clone(all[2]), 'x')),
	} {
		if got.status != 400 || got.code() != "bad_part" {
			t.Errorf("%s: %d %s", name, got.status, got.text)
		}
	}
	a.cutOff(visitor, at+"/parts/2", all[1])
	if early := visitor.ask("POST", at+"/complete", nil); early.status != 409 {
		t.Errorf("it was completed without part 2: %s", early.text)
	}
	state := visitor.want(200, "GET", at, nil)
	if fmt.Sprint(state.get("parts")) != "[1 3]" || state.get("complete") != false {
		t.Errorf("after the cut the state is %s", state.text)
	}
	if got := put(2, all[1]); got.status != 204 {
		t.Fatalf("part 2 after the cut: %s", got.text)
	}
	for range 2 {
		if done := visitor.want(200, "POST", at+"/complete", nil); done.string("type") != "application/pdf" || done.get("size") != float64(len(data)) {
			t.Errorf("completed: %s", done.text)
		}
	}
	if late := put(1, all[0]); late.status != 409 {
		t.Errorf("a part after the end: %d %s", late.status, late.text)
	}
	visitor.says("send", "", "", id).acked(t)

	address := visitor.address(id)
	got := a.stranger().want(200, "GET", address, nil)
	if got.text != string(data) || !strings.HasPrefix(got.header.Get("Content-Disposition"), "attachment") || got.header.Get("X-Content-Type-Options") != "nosniff" ||
		!strings.Contains(got.header.Get("Content-Security-Policy"), "sandbox") || got.header.Get("Content-Type") != "application/pdf" {
		t.Errorf("%d bytes, %v", len(got.text), got.header)
	}
	some := a.stranger()
	some.header.Set("Range", "bytes=4194300-4194310")
	if part := some.want(206, "GET", address, nil); part.text != string(data[4194300:4194311]) {
		t.Errorf("the range is %q", part.text)
	}
	many := a.stranger()
	many.header.Set("Range", "bytes=0-1,5-6,100-200")
	if whole := many.want(200, "GET", address, nil); len(whole.text) != len(data) {
		t.Errorf("many ranges gave %d bytes", len(whole.text))
	}
	same := a.stranger()
	same.header.Set("If-None-Match", got.header.Get("ETag"))
	same.want(304, "GET", address, nil)
}

// chunked sends a body without saying how long it is.
func (a *archive) chunked(p *person, path string, body []byte) answer {
	a.t.Helper()
	req, err := http.NewRequestWithContext(a.t.Context(), "PUT", a.base+path, io.MultiReader(bytes.NewReader(body)))
	a.must(err)
	req.Header = p.header.Clone()
	res, err := p.http.Do(req)
	a.must(err)
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	a.must(err)
	out := answer{status: res.StatusCode, text: string(text)}
	_ = json.Unmarshal(text, &out.body)
	return out
}

// cutOff sends half of a part and ends the connection.
func (a *archive) cutOff(p *person, path string, part []byte) {
	a.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(a.base, "http://"))
	a.must(err)
	_, err = fmt.Fprintf(conn, "PUT %s HTTP/1.1\r\nHost: %s\r\nAuthorization: %s\r\nKefu-Site: %s\r\nContent-Length: %d\r\n\r\n%s",
		path, strings.TrimPrefix(a.base, "http://"), p.header.Get("Authorization"), p.header.Get("Kefu-Site"), len(part), part[:len(part)/2])
	a.must(err)
	a.must(conn.Close())
}

// Every file is opened by whom its event is for, and by nobody else.
func TestAFileIsForThoseWhoSeeItsMessage(t *testing.T) {
	a := newArchive(t, files.Config{})
	other := a.owner.want(201, "POST", "/api/v1/sites", fields{"name": "Other"})
	ben := a.invite(a.owner, "Ben", idOf(a.firstSite()), "agent")
	stray := a.invite(a.owner, "Stray", other.string("id"), "admin")
	visitor, second, elsewhere := a.visitor(), a.visitor(), a.visitorOf(other.string("key"))
	ben.header.Set("Origin", a.base)
	sent := a.uploaded(visitor, "sent.pdf", noise(100))
	c := visitor.says("send", "", "look", sent).acked(t).string("c")
	second.says("send", "", "hello").acked(t)
	elsewhere.says("send", "", "hello").acked(t)
	noted := a.uploaded(a.owner, "noted.pdf", noise(200))
	a.owner.says("note", c, "", noted).acked(t)
	replied := a.uploaded(a.owner, "replied.pdf", noise(300))
	a.owner.says("send", c, "", replied).acked(t)
	unsent := a.uploaded(visitor, "unsent.pdf", noise(400))
	ownUnsent := a.uploaded(a.owner, "own.pdf", noise(500))

	path := func(id string) string { return "/files/" + id + "/x" }
	for name, one := range map[string]struct {
		p    *person
		id   string
		want int
	}{
		"an agent, a visitor's":              {ben, sent, 200},
		"an agent, a note's":                 {ben, noted, 200},
		"an agent, a reply's":                {ben, replied, 200},
		"an agent, what nobody has sent":     {ben, unsent, 404},
		"an agent, its own unsent":           {a.owner, ownUnsent, 200},
		"an agent, another one's unsent":     {ben, ownUnsent, 404},
		"an admin of another site":           {stray, sent, 404},
		"an admin of another site, the note": {stray, noted, 404},
		"nobody":                             {a.stranger(), sent, 401},
		"what was never there":               {ben, "12345", 404},
		"what is no id":                      {ben, "x9", 404},
		"a visitor's secret is not a log-in": {visitor, sent, 401},
	} {
		if got := one.p.ask("GET", path(one.id), nil); got.status != one.want {
			t.Errorf("%s: %d, want %d: %.100s", name, got.status, one.want, got.text)
		}
	}
	for name, one := range map[string]struct {
		p    *person
		id   string
		want bool
	}{
		"its own": {visitor, sent, true}, "a reply's": {visitor, replied, true}, "a note's": {visitor, noted, false}, "its own unsent": {visitor, unsent, false},
		"another visitor's": {second, sent, false}, "on another site": {elsewhere, sent, false}, "a newcomer": {a.visitor(), sent, false},
	} {
		if address := one.p.address(one.id); (address != "") != one.want {
			t.Errorf("%s: the address is %q", name, address)
		}
	}
	// An upload is its uploader's.
	at := "/files/v1/uploads/" + unsent
	for name, p := range map[string]*person{"another visitor": second, "an agent": ben, "a newcomer": a.visitor(), "of another site": elsewhere} {
		if got := p.ask("GET", at, nil); got.status != 404 {
			t.Errorf("%s sees the upload: %s", name, got.text)
		}
		p.want(204, "DELETE", at, nil)
		frame, in := "send", ""
		if p == ben {
			frame, in = "note", c
		}
		if got := p.says(frame, in, "mine", unsent); got.string("code") != "bad_files" {
			t.Errorf("%s sends it: %s", name, got.text)
		}
	}
	visitor.says("send", "", "at last", unsent).acked(t)
	if got := visitor.ask("DELETE", at, nil); got.status != 409 {
		t.Errorf("a sent file was cancelled: %d", got.status)
	}
	a.stranger().want(401, "GET", at, nil)
	if got := a.begin(a.stranger(), "x", 1); got.status != 401 {
		t.Errorf("somebody who is nobody uploads: %d", got.status)
	}
	foreign := a.visitor()
	foreign.header.Set("Origin", "https://elsewhere.example")
	if got := a.begin(foreign, "x", 1); got.status != 403 {
		t.Errorf("another website uploads: %d %s", got.status, got.text)
	}
}

// An address is for one file, for an hour, and for as long as its message stands.
func TestAnAddressOpensOneFileForAWhile(t *testing.T) {
	a := newArchive(t, files.Config{})
	visitor := a.visitor()
	one, two := a.uploaded(visitor, "größe 图.pdf", noise(100)), a.uploaded(visitor, "two.pdf", noise(200))
	ack := visitor.says("send", "", "", one, two).acked(t)
	address := visitor.address(one)
	got := a.stranger().want(200, "GET", address, nil)
	if !strings.Contains(got.header.Get("Content-Disposition"), "gr%C3%B6%C3%9Fe%20%E5%9B%BE.pdf") {
		t.Errorf("the name is %s", got.header.Get("Content-Disposition"))
	}
	for name, wrong := range map[string]string{
		"for another file": strings.Replace(address, one, two, 1),
		"for longer":       strings.Replace(address, "until=1", "until=2", 1),
		"unsigned":         address[:strings.Index(address, "&sign=")] + "&sign=AAAA",
		"without its time": address[:strings.Index(address, "until=")] + address[strings.Index(address, "sign="):],
	} {
		if wrong == address {
			t.Fatalf("%s: the address is as it was", name)
		}
		if got := a.stranger().ask("GET", wrong, nil); got.status != 404 {
			t.Errorf("%s: %d", name, got.status)
		}
	}
	a.clock.forward(files.AddressLasts)
	a.stranger().want(404, "GET", address, nil)
	address = visitor.address(one)
	a.stranger().want(200, "GET", address, nil)

	a.owner.want(200, "GET", "/files/"+one+"/x", nil)
	recall := visitor.want(200, "POST", "/stream/v1/visitor/frame", fields{"t": "recall", "id": uuid.Must(uuid.NewV7()).String(), "n": ack.get("n")})
	recall.acked(t)
	a.stranger().want(404, "GET", address, nil)
	a.owner.want(404, "GET", "/files/"+one+"/x", nil)
	if n := a.blobs(); n != 2 {
		t.Errorf("%d blobs before the sweep", n)
	}
	if n, err := a.keeper.Sweep(t.Context()); n != 2 || err != nil {
		t.Errorf("swept %d, %v", n, err)
	}
	if n := a.blobs(); n != 0 {
		t.Errorf("%d blobs after the sweep", n)
	}
}

// blobs counts what is kept in the folder.
func (a *archive) blobs() (n int) {
	a.must(filepath.WalkDir(a.folder, func(_ string, d os.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			n++
		}
		return err
	}))
	return n
}

func TestWhatNobodySendsIsDeletedAfterADay(t *testing.T) {
	a := newArchive(t, files.Config{})
	visitor := a.visitor()
	sent := a.uploaded(visitor, "sent.pdf", noise(100))
	visitor.says("send", "", "", sent).acked(t)
	unsent := a.uploaded(visitor, "unsent.pdf", noise(100))
	begun := a.begin(visitor, "half.pdf", files.PartBytes+1)
	visitor.want(204, "PUT", "/files/v1/uploads/"+begun.string("id")+"/parts/1", string(noise(files.PartBytes)))
	cancelled := a.uploaded(visitor, "cancelled.pdf", noise(100))
	visitor.want(204, "DELETE", "/files/v1/uploads/"+cancelled, nil)
	for _, step := range []struct {
		pass         time.Duration
		swept, blobs int
	}{{0, 1, 3}, {24*time.Hour - time.Minute, 0, 3}, {2 * time.Minute, 2, 1}, {48 * time.Hour, 0, 1}} {
		a.clock.forward(step.pass)
		if n, err := a.keeper.Sweep(t.Context()); n != step.swept || err != nil || a.blobs() != step.blobs {
			t.Errorf("after %s: swept %d, %v, %d blobs left; want %+v", step.pass, n, err, a.blobs(), step)
		}
	}
	visitor.want(404, "GET", "/files/v1/uploads/"+unsent, nil)
	if got := visitor.says("send", "", "", unsent); got.string("code") != "bad_files" {
		t.Errorf("a deleted file was sent: %s", got.text)
	}
}

func TestFilesAreBounded(t *testing.T) {
	a := newArchive(t, files.Config{VisitorBytes: 1000, AgentBytes: 3000, VisitorQuota: 1500, SiteQuota: 4000, Unsent: 3})
	visitor := a.visitor()
	refused := func(what string, got answer, status int, code string) {
		t.Helper()
		if got.status != status || got.code() != code {
			t.Errorf("%s: %d %s", what, got.status, got.text)
		}
	}
	refused("a visitor's large one", a.begin(visitor, "x", 1001), 413, "file_too_large")
	refused("an agent's large one", a.begin(a.owner, "x", 3001), 413, "file_too_large")
	refused("an empty one", a.begin(visitor, "x", 0), 422, "bad_value")
	refused("one below nothing", a.begin(visitor, "x", -1), 422, "bad_value")
	first := a.begin(visitor, "x", 1000)
	refused("over the visitor's space", a.begin(visitor, "x", 501), 507, "quota_reached")
	if got := a.begin(a.owner, "x", 3000); got.status != 201 {
		t.Errorf("an agent's: %s", got.text)
	}
	refused("over the site's space", a.begin(a.visitor(), "x", 1), 507, "quota_reached")
	visitor.want(204, "DELETE", "/files/v1/uploads/"+first.string("id"), nil)
	if _, err := a.keeper.Sweep(t.Context()); err != nil {
		t.Error(err)
	}
	for range 3 {
		if got := a.begin(visitor, "x", 1); got.status != 201 {
			t.Fatalf("after space was given back: %s", got.text)
		}
	}
	refused("one more unsent", a.begin(visitor, "x", 1), 429, "too_many")
	settings := a.owner.want(200, "GET", "/api/v1/sites/"+idOf(a.firstSite()), nil)
	changed := settings.get("settings").(fields)
	changed["file_types"] = []string{}
	a.owner.want(200, "PATCH", "/api/v1/sites/"+idOf(a.firstSite()), fields{"version": settings.get("version"), "settings": changed})
	refused("where none are taken", a.begin(a.visitor(), "x", 1), 415, "file_type_refused")
}
