package web

import (
	"bytes"
	"compress/gzip"
	"io/fs"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

func builtPages() fstest.MapFS {
	return fstest.MapFS{
		"dist/.gitkeep":                        {},
		"dist/console/index.html":              {Data: []byte("<p>console</p>")},
		"dist/console/index.html.br":           {Data: []byte("brotli")},
		"dist/console/index.html.gz":           {Data: []byte("gzip")},
		"dist/console/assets/main-B1a2C3d4.js": {Data: []byte("main()")},
		"placeholder/index.html":               {Data: []byte("not built")},
	}
}

func TestOpenChoosesTheFormTheClientTakes(t *testing.T) {
	for accept, want := range map[string]string{
		"":                        "",
		"br, gzip":                "br",
		"gzip, deflate":           "gzip",
		"gzip;q=1.0, br;q=0":      "gzip",
		"*":                       "br",
		"br;q=0, *;q=0.5":         "gzip",
		"identity":                "",
		"BR":                      "br",
		"gzip; q=0, identity":     "",
		"deflate;q=0.5, zstd, , ": "",
	} {
		asset, found := open(builtPages(), ConsolePage, accept)
		if !found || asset.Encoding != want {
			t.Errorf("Accept-Encoding %q: got %q (found %v), want %q", accept, asset.Encoding, found, want)
		}
	}
	if asset, _ := open(builtPages(), "console/assets/main-B1a2C3d4.js", "br"); asset.Encoding != "" || !asset.Immutable {
		t.Errorf("a file without a compressed form: got %+v", asset)
	}
}

func TestAClientThatTakesNothingPackedGetsItPlain(t *testing.T) {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write([]byte("<p>packed only</p>"))
	_ = z.Close()
	files := fstest.MapFS{"dist/console/index.html.gz": {Data: packed.Bytes()}, "dist/console/index.html.br": {Data: []byte("brotli")}}
	asset, found := open(files, ConsolePage, "identity")
	if !found || asset.Encoding != "" || string(asset.Body) != "<p>packed only</p>" || asset.Placeholder {
		t.Errorf("got %+v, %q (found %v), want the page itself", asset, asset.Body, found)
	}
	if !built(files) {
		t.Error("pages whose forms are all packed are built")
	}
}

func TestOpenRefusesWhatIsNotAPage(t *testing.T) {
	for _, name := range []string{
		"", ".", "/console/index.html", "console", "console/", "console/absent.js", "../embed.go", "console/../console/index.html",
		".gitkeep", "console/.vite/manifest.json", "console/index.html.br", "console/index.html.gz", "console\\index.html", "placeholder/index.html\x00",
	} {
		if asset, found := open(builtPages(), name, "br"); found {
			t.Errorf("%q: got %+v, want nothing", name, asset)
		}
	}
}

func TestWithoutABuildEveryPageSaysHowToBuild(t *testing.T) {
	files := fstest.MapFS{"dist/.gitkeep": {}, "placeholder/index.html": {Data: []byte("not built")}}
	for _, page := range []string{ConsolePage, ChatPage, DemoPage, FramePage} {
		asset, found := open(files, page, "br")
		if !found || !asset.Placeholder || string(asset.Body) != "not built" {
			t.Errorf("%s: got %+v, want the placeholder", page, asset)
		}
	}
	if _, found := open(files, LoaderFile, ""); found {
		t.Error("a script that is not built must not be a page")
	}
}

func TestTheEmbeddedPlaceholderNamesTheCommand(t *testing.T) {
	body, err := fs.ReadFile(embedded, placeholderPage)
	if err != nil || !strings.Contains(string(body), "make web") {
		t.Fatalf("placeholder: %v, %s", err, body)
	}
	if _, found := Open(ConsolePage, ""); !found {
		t.Fatal("the console's page is neither built nor a placeholder")
	}
}

func get(t *testing.T, method, name string, header map[string]string) *http.Response {
	t.Helper()
	r := httptest.NewRequest(method, "/"+name, nil)
	for key, value := range header {
		r.Header.Set(key, value)
	}
	w := httptest.NewRecorder()
	serve(builtPages(), w, r, name)
	return w.Result()
}

func TestServeCachesByNameOrByETag(t *testing.T) {
	page := get(t, "GET", ConsolePage, map[string]string{"Accept-Encoding": "br"})
	if page.StatusCode != 200 || page.Header.Get("Content-Encoding") != "br" || page.Header.Get("Vary") != "Accept-Encoding" ||
		page.Header.Get("Cache-Control") != "no-cache" || page.Header.Get("Content-Type") != "text/html; charset=utf-8" {
		t.Fatalf("page: %d %v", page.StatusCode, page.Header)
	}
	tag := page.Header.Get("ETag")
	again := get(t, "GET", ConsolePage, map[string]string{"Accept-Encoding": "br", "If-None-Match": tag})
	if again.StatusCode != 304 || again.Header.Get("ETag") != tag {
		t.Fatalf("asked again by ETag: %d %v", again.StatusCode, again.Header)
	}
	other := get(t, "GET", ConsolePage, map[string]string{"Accept-Encoding": "gzip", "If-None-Match": tag})
	if other.StatusCode != 200 {
		t.Fatalf("the ETag of another encoding must not match: %d", other.StatusCode)
	}
	script := get(t, "GET", "console/assets/main-B1a2C3d4.js", nil)
	if script.Header.Get("Cache-Control") != "public, max-age=31536000, immutable" {
		t.Fatalf("hashed name: %v", script.Header)
	}
}

func TestServeAnswersHeadAndRefusesTheRest(t *testing.T) {
	head := get(t, "HEAD", "console/assets/main-B1a2C3d4.js", nil)
	if head.StatusCode != 200 || head.ContentLength != 0 && head.Header.Get("Content-Length") != "6" {
		t.Fatalf("HEAD: %d %v", head.StatusCode, head.Header)
	}
	if post := get(t, "POST", ConsolePage, nil); post.StatusCode != 405 || post.Header.Get("Allow") != "GET, HEAD" {
		t.Fatalf("POST: %d %v", post.StatusCode, post.Header)
	}
	if absent := get(t, "GET", "console/absent.js", nil); absent.StatusCode != 404 || absent.Header.Get("ETag") != "" {
		t.Fatalf("absent: %d %v", absent.StatusCode, absent.Header)
	}
	if ranged := get(t, "GET", ConsolePage, map[string]string{"Accept-Encoding": "br", "Range": "bytes=0-1"}); ranged.StatusCode != 200 {
		t.Fatalf("a range of a compressed form: %d", ranged.StatusCode)
	}
}
