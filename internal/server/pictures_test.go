package server_test

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/png"
	"io"
	"io/fs"
	"log/slog"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/audit"
	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/files"
	"github.com/kefu-chat/kefu/internal/files/folder"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/server"
	"github.com/kefu-chat/kefu/internal/site"
	"github.com/kefu-chat/kefu/internal/wire"
)

// keeps has a world keep files from now on, behind a new server.
func (w *world) keeps(cfg server.Config) *files.Keeper {
	blobs, err := folder.Open(w.t.TempDir())
	w.must(err)
	w.t.Cleanup(func() { w.must(blobs.Close()) })
	keeper, err := files.New(w.t.Context(), files.Config{Now: w.clock.Now, VisitorBytes: 1 << 20}, w.db, blobs, slog.New(slog.DiscardHandler))
	w.must(err)
	w.t.Cleanup(keeper.Close)
	w.parts.Files, w.parts.Visitors = keeper, w.db
	w.retains()
	cfg.Now = w.clock.Now
	w.server = server.New(cfg, w.parts)
	w.listen()
	return keeper
}

func asGIF(w io.Writer, m image.Image) error { return gif.Encode(w, m, nil) }

// shown takes a picture as a page on another website does, without cookies.
func (a *archive) shown(address string) (answer, image.Image) {
	a.t.Helper()
	got := a.person().ask("GET", address, nil)
	m, _, _ := image.Decode(strings.NewReader(got.text))
	return got, m
}

const portraitDoor = "/api/v1/me/portrait"

func TestAPortraitIsShownToAnybodyUntilItIsReplaced(t *testing.T) {
	a := newArchive(t, files.Config{})
	if me := a.owner.want(200, "GET", "/api/v1/me", nil); me.get("portrait") != nil {
		t.Errorf("before any upload: %s", me.text)
	}
	first := a.owner.want(200, "PUT", portraitDoor, string(picture(t, 700, 500, asJPEG))).string("portrait")
	got, m := a.shown(first)
	if got.status != 200 || m == nil || m.Bounds() != image.Rect(0, 0, 256, 256) {
		t.Fatalf("%s: %d, and no picture of 256×256", first, got.status)
	}
	for name, want := range map[string]string{
		"Content-Type": "image/jpeg", "Cache-Control": "public, max-age=31536000, immutable", "X-Content-Type-Options": "nosniff",
		"Content-Security-Policy": "sandbox; default-src 'none'", "Cross-Origin-Resource-Policy": "cross-origin",
	} {
		if got.header.Get(name) != want {
			t.Errorf("%s is %q, want %q", name, got.header.Get(name), want)
		}
	}
	second := a.owner.want(200, "PUT", portraitDoor, string(picture(t, 30, 40, png.Encode))).string("portrait")
	if _, m := a.shown(second); second == first || m == nil || m.Bounds() != image.Rect(0, 0, 30, 30) {
		t.Errorf("%s after %s: its size is not 30×30", second, first)
	}
	if got, _ := a.shown(first); got.status != 404 || got.header.Get("Cache-Control") != "no-store" {
		t.Errorf("the replaced one answers %d, %q", got.status, got.header.Get("Cache-Control"))
	}
	a.want1Picture()
	if gone := a.owner.want(200, "DELETE", portraitDoor, nil); gone.get("portrait") != nil {
		t.Errorf("removed: %s", gone.text)
	}
	a.owner.want(200, "DELETE", portraitDoor, nil) // again is once
	if got, _ := a.shown(second); got.status != 404 {
		t.Errorf("the removed one answers %d", got.status)
	}
	entries, err := a.db.Entries(t.Context(), audit.Query{Limit: 10})
	a.must(err)
	if entries[0].What != audit.AgentChanged || entries[0].Detail["fields"] != "portrait" || entries[0].Agent != chat.AgentID(entries[0].By.ID) {
		t.Errorf("the audit says %+v", entries[0])
	}
}

// TestNoProxyKeepsAVisitorsPortrait: whoever is erased is not shown on by others.
func TestNoProxyKeepsAVisitorsPortrait(t *testing.T) {
	a := newArchive(t, files.Config{})
	const address = "https://shop.example/ann.png"
	in := identity.NewVisitorLogin{
		Login: identity.VisitorLogin{ID: 1, Site: a.firstSite().ID, SigningKey: 5, MadeAt: 100, Visitor: identity.VerifiedVisitor{ID: 7, Hash: [32]byte{7}, Vouched: chat.Vouched{ID: "ann"}}},
		Hash:  []byte(fmt.Sprintf("%032d", 1)), JTI: "1", ExchangeHash: []byte(fmt.Sprintf("%032d", 2)), Expires: 5000, Picture: address,
	}
	v, err := a.db.AddVisitorLogin(t.Context(), in)
	a.must(err)
	made, err := a.keeper.TakePicture(t.Context(), chat.VisitorFiles(v.Visitor.Hash[:]), v.Site, files.Portrait, picture(t, 9, 9, asJPEG))
	a.must(err)
	a.must(a.db.ShowVisitorPortrait(t.Context(), v.Visitor.ID, address, made))
	got, m := a.shown(made.Address())
	if cache := got.header.Get("Cache-Control"); m == nil || cache != "private, max-age=3600" {
		t.Errorf("it is answered %d, and kept %q", got.status, cache)
	}
}

// kept are the names of the files that are kept.
func (a *archive) kept() (names []string) {
	a.t.Helper()
	a.must(filepath.WalkDir(a.folder, func(path string, d fs.DirEntry, err error) error {
		if err == nil && d.Type().IsRegular() {
			names = append(names, path)
		}
		return err
	}))
	return names
}

// want1Picture sweeps, and checks that only one file is left.
func (a *archive) want1Picture() {
	a.t.Helper()
	if n, err := a.keeper.Sweep(a.t.Context()); n != 1 || err != nil {
		a.t.Errorf("%d were swept away, %v", n, err)
	}
	if names := a.kept(); len(names) != 1 {
		a.t.Errorf("kept are %v", names)
	}
}

// Whatever an upload has beside its pixels, nothing of it is served again.
func TestNothingOfAnUploadIsServedButHowItLooks(t *testing.T) {
	a := newArchive(t, files.Config{})
	const script = "<script>alert(1)</script>"
	jpeg := picture(t, 20, 20, asJPEG)
	comment := append([]byte{0xff, 0xfe}, binary.BigEndian.AppendUint16(nil, uint16(len(script)+2))...)
	withComment := append(append(bytes.Clone(jpeg[:2]), append(comment, script...)...), jpeg[2:]...)
	for name, upload := range map[string]string{
		"a comment": string(withComment), "a page behind the end": string(jpeg) + script,
		"a page behind a GIF": string(picture(t, 20, 20, asGIF)) + script, "an archive behind a PNG": string(picture(t, 20, 20, png.Encode)) + "PK\x03\x04" + script,
	} {
		a.clock.forward(time.Minute)
		address := a.owner.want(200, "PUT", portraitDoor, upload).string("portrait")
		got, m := a.shown(address)
		if m == nil || strings.Contains(got.text, "script") || strings.Contains(got.text, "PK") {
			t.Errorf("%s: %d, a picture: %v, of %d bytes", name, got.status, m != nil, len(got.text))
		}
	}
}

func TestWhatIsNoPictureIsRefused(t *testing.T) {
	a := newArchive(t, files.Config{})
	kept := a.owner.want(200, "PUT", portraitDoor, string(picture(t, 9, 9, asJPEG))).string("portrait")
	huge := picture(t, 8, 8, png.Encode)
	binary.BigEndian.PutUint32(huge[16:], 7000) // 49 megapixels, by its header
	binary.BigEndian.PutUint32(huge[20:], 7000)
	whole := picture(t, 300, 300, asJPEG)
	for name, one := range map[string]struct {
		body   string
		status int
		code   chat.Code
	}{
		"SVG":  {`<svg xmlns="http://www.w3.org/2000/svg"><script>alert(1)</script></svg>`, 422, files.BadPicture},
		"HTML": {"<!doctype html><script>alert(1)</script>", 422, files.BadPicture}, "BMP": {"BM\x46\x00\x00\x00\x00\x00", 422, files.BadPicture},
		"a PDF": {string(noise(3000)), 422, files.BadPicture}, "a text": {"portrait", 422, files.BadPicture},
		"too many pixels": {string(huge), 422, files.BadPicture}, "the first half": {string(whole[:len(whole)/2]), 422, files.BadPicture},
		"too many frames": {string(manyFrames(t)), 422, files.BadPicture},
		"too many bytes":  {string(picture(t, 9, 9, asJPEG)) + strings.Repeat("x", files.MaxPictureBytes), 413, "too_large"},
	} {
		a.clock.forward(time.Minute)
		got := a.owner.ask("PUT", portraitDoor, one.body)
		if got.status != one.status || got.code() != string(one.code) || got.string("text") == "" {
			t.Errorf("%s: %d %s", name, got.status, got.text)
		}
	}
	if me := a.owner.want(200, "GET", "/api/v1/me", nil); me.string("portrait") != kept {
		t.Error("a refused upload took the portrait away")
	}
	if names := a.kept(); len(names) != 1 {
		t.Errorf("kept are %v", names)
	}
}

// manyFrames is a GIF of more frames than are looked at.
func manyFrames(t *testing.T) []byte {
	t.Helper()
	g := &gif.GIF{Config: image.Config{Width: 2, Height: 2}}
	frame := image.NewPaletted(image.Rect(0, 0, 2, 2), color.Palette{color.Black, color.White})
	for range 1001 {
		g.Image, g.Delay = append(g.Image, frame), append(g.Delay, 5)
	}
	var b bytes.Buffer
	if err := gif.EncodeAll(&b, g); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestPicturesAreFoundByTheirWholeAddressOnly(t *testing.T) {
	a := newArchive(t, files.Config{})
	address := a.owner.want(200, "PUT", portraitDoor, string(picture(t, 9, 9, asJPEG))).string("portrait")
	shown, err := chat.ParsePicture(strings.TrimPrefix(address, chat.PicturesPath))
	a.must(err)
	other := chat.Picture{File: shown.File, Key: shown.Key ^ 1}
	visitor := a.visitor()
	sent := a.sentFile(visitor)
	for _, path := range []string{
		other.Address(), chat.Picture{File: shown.File, Key: 1}.Address(), chat.Picture{File: shown.File + 1, Key: shown.Key}.Address(),
		sent.Address(), "/pictures/1", "/pictures/", "/pictures/" + fmt.Sprint(int64(shown.File)),
	} {
		if got, _ := a.shown(path); got.status != 404 {
			t.Errorf("%s answers %d", path, got.status)
		}
	}
	if got := a.owner.ask("GET", "/files/"+fmt.Sprint(int64(shown.File))+"/picture", nil); got.status != 404 {
		t.Errorf("as a file it answers %d", got.status)
	}
	if got := a.owner.ask("DELETE", "/files/v1/uploads/"+fmt.Sprint(int64(shown.File)), nil); got.status != 409 {
		t.Errorf("cancelled as an upload: %d", got.status)
	}
}

// sentFile is a complete upload under the name it would have if it were a picture to be shown.
func (a *archive) sentFile(p *person) chat.Picture {
	a.t.Helper()
	done := a.upload(p, "a.jpg", picture(a.t, 9, 9, asJPEG))
	id, err := chat.ParseID(done.string("id"))
	a.must(err)
	f, err := a.db.File(a.t.Context(), chat.FileID(id))
	a.must(err)
	return chat.Picture{File: f.ID, Key: f.Attempt}
}

func TestPortraitsAreGivenToVisitorsByAgent(t *testing.T) {
	a := newArchive(t, files.Config{})
	ann := a.invite(a.owner, "ann", jsonID(int64(a.firstSite().ID)), "agent")
	ann.header.Set("Origin", a.base)
	blog := a.owner.want(201, "POST", "/api/v1/sites", fields{"name": "Blog"}).string("key")
	key := a.firstSite().Key
	a.wantFace(key, "", false)
	portrait := ann.want(200, "PUT", portraitDoor, string(picture(t, 9, 9, asJPEG))).string("portrait")
	a.wantFace(key, "", true)
	a.wantFace(blog, "", false)
	ask := func(key, agents string) answer {
		return a.person().ask("GET", "/api/v1/widget/"+key+"/portraits?agents="+agents, nil)
	}
	got := ask(key, ann.id+","+a.owner.id+",1")
	if of, _ := got.get("portraits").(map[string]any); got.status != 200 || len(of) != 1 || of[ann.id] != portrait {
		t.Errorf("%d %s", got.status, got.text)
	}
	if of, _ := ask(blog, ann.id).get("portraits").(map[string]any); len(of) != 0 {
		t.Errorf("on a site where she does not work: %v", of)
	}
	for name, got := range map[string]answer{
		"no site": ask("nosuchkey", ann.id), "no agents": ask(key, ""), "names": ask(key, "ann"), "too many": ask(key, strings.Repeat("1,", 50)+"1"),
	} {
		if got.status < 400 || got.status >= 500 {
			t.Errorf("%s: %d %s", name, got.status, got.text)
		}
	}
	foreign := a.person()
	foreign.header.Set("Origin", "https://elsewhere.example")
	foreign.want(404, "GET", "/api/v1/widget/"+key+"/portraits?agents="+ann.id, nil)
	for path, list := range map[string]string{"/api/v1/people": "people", "/api/v1/sites/" + jsonID(int64(a.firstSite().ID)) + "/agents": "agents"} {
		if got := a.owner.want(200, "GET", path, nil); !strings.Contains(got.text, portrait) {
			t.Errorf("%s has no portrait in %s", list, got.text)
		}
	}
	a.owner.want(200, "DELETE", "/api/v1/people/"+ann.id+"/portrait", nil) // as one does whose portrait nobody should see
	a.wantFace(key, "", false)
}

// wantFace checks the logo and the portraits of what the widget is told first.
func (a *archive) wantFace(key, logo string, portraits bool) {
	a.t.Helper()
	face := a.person().want(200, "GET", "/api/v1/widget/"+key, nil)
	if some, _ := face.get("portraits").(bool); face.string("logo") != logo || some != portraits {
		a.t.Errorf("the face is %s, want logo %q, portraits %v", face.text, logo, portraits)
	}
}

func TestALogoIsPartOfTheSitesFace(t *testing.T) {
	a := newArchive(t, files.Config{})
	one := a.firstSite()
	door := "/api/v1/sites/" + jsonID(int64(one.ID)) + "/logo"
	put := a.owner.want(200, "PUT", door, string(picture(t, 960, 240, png.Encode)))
	logo := put.string("logo")
	if put.get("version") != float64(one.Version+1) {
		t.Errorf("the version stayed: %s", put.text)
	}
	a.wantFace(one.Key, logo, false)
	if _, m := a.shown(logo); m == nil || m.Bounds() != image.Rect(0, 0, files.LogoPixels, files.LogoPixels/4) {
		t.Errorf("%s has not the size that it should", logo)
	}
	changed := a.owner.want(200, "PATCH", "/api/v1/sites/"+jsonID(int64(one.ID)), fields{"version": put.get("version"), "name": "Shop 2"})
	if changed.string("logo") != logo {
		t.Errorf("another change took the logo away: %s", changed.text)
	}
	if gone := a.owner.want(200, "DELETE", door, nil); gone.get("logo") != nil {
		t.Errorf("removed: %s", gone.text)
	}
	a.wantFace(one.Key, "", false)
	if got, _ := a.shown(logo); got.status != 404 {
		t.Errorf("the removed one answers %d", got.status)
	}
}

func TestAnAgentUploadsFewPicturesAtOnce(t *testing.T) {
	a := newArchive(t, files.Config{})
	upload := string(picture(t, 3, 3, asJPEG))
	for range 10 {
		a.owner.want(200, "PUT", portraitDoor, upload)
	}
	got := a.owner.want(429, "PUT", portraitDoor, upload)
	if got.code() != string(wire.RateLimited) || got.header.Get("Retry-After") == "" {
		t.Errorf("%s, after %q", got.text, got.header.Get("Retry-After"))
	}
	a.clock.forward(11 * time.Second)
	a.owner.want(200, "PUT", portraitDoor, upload)
}

// Of several uploads at the same time one is shown, and no other is kept.
func TestOfManyPortraitsAtOnceOneIsKept(t *testing.T) {
	a := newArchive(t, files.Config{})
	var all sync.WaitGroup
	for i := range 6 {
		upload := string(picture(t, 10+i, 10+i, asJPEG))
		all.Go(func() {
			if got := a.owner.ask("PUT", portraitDoor, upload); got.status != 200 {
				t.Errorf("%d %s", got.status, got.text)
			}
		})
	}
	all.Wait()
	if n, err := a.keeper.Sweep(t.Context()); n != 5 || err != nil {
		t.Errorf("%d were swept away, %v", n, err)
	}
	if got, m := a.shown(a.owner.want(200, "GET", "/api/v1/me", nil).string("portrait")); m == nil {
		t.Errorf("the one that is shown: %d", got.status)
	}
}

// What one node is told, another shows: it has nothing but the database and the place for files.
func TestAnotherNodeShowsThePortraitAtOnce(t *testing.T) {
	a := newArchive(t, files.Config{})
	sites := site.New(a.db, a.db, nil, a.clock.Now)
	people := identity.New(identity.Config{}, a.db, a.db, sites, nil, a.clock.Now)
	a.must(people.Refresh(t.Context()))
	keeper, err := files.New(t.Context(), files.Config{Now: a.clock.Now}, a.db, a.blobsAt, slog.New(slog.DiscardHandler))
	a.must(err)
	t.Cleanup(keeper.Close)
	parts := a.parts
	parts.People, parts.Sites, parts.Files = people, sites, keeper
	here := a.base
	portrait := a.owner.want(200, "PUT", portraitDoor, string(picture(t, 9, 9, asJPEG))).string("portrait")
	a.server = server.New(server.Config{Now: a.clock.Now}, parts)
	a.listen() // from here on all ask the other node
	if got, m := a.shown(portrait); m == nil || a.base == here {
		t.Errorf("%d %s", got.status, got.text)
	}
	a.wantFace(a.firstSite().Key, "", true)
}
