// Package web holds the built pages: the console, the widget and the demo shop, with their compressed forms.
//
// The pages are built by `npm run build` into dist. A clone without them compiles as well: every page is then a
// placeholder that says how to build the real ones.
package web

import (
	"compress/gzip"
	"crypto/sha256"
	"embed"
	"encoding/base64"
	"io"
	"io/fs"
	"mime"
	"path"
	"strings"
)

//go:embed all:dist placeholder/index.html
var embedded embed.FS

// Tokens are the design's tokens, as CSS, for pages that are not built.
//
//go:embed tokens.css
var Tokens string

// The pages a server answers for addresses of its own.
const (
	ConsolePage = "console/index.html" // every path under /console/
	ChatPage    = "widget/chat.html"   // /chat/{key}
	DemoPage    = "widget/demo.html"   // /demo
	FramePage   = "widget/frame.html"
	LoaderFile  = "widget.js"
)

const placeholderPage = "placeholder/index.html"

// Asset is one file in the encoding that was agreed on.
type Asset struct {
	Body        []byte
	ContentType string
	Encoding    string // "br", "gzip", or empty for the file as it is
	ETag        string // quoted, and distinct for each encoding
	Immutable   bool   // the name contains a hash of the content
	Placeholder bool   // the pages are not built, and this is the page that says so
}

// Built reports whether the real pages are in this binary.
func Built() bool { return built(embedded) }

func built(files fs.FS) bool {
	for _, ending := range []string{"", ".gz"} {
		if _, err := fs.Stat(files, "dist/"+ConsolePage+ending); err == nil {
			return true
		}
	}
	return false
}

// Open finds a file of the built pages by its path without a leading slash, such as "widget.js", and chooses among its
// forms by the request's Accept-Encoding. Where the pages are not built, every name that ends in .html is the placeholder.
func Open(name, acceptEncoding string) (Asset, bool) {
	return open(embedded, name, acceptEncoding)
}

func open(files fs.FS, name, acceptEncoding string) (Asset, bool) {
	if !servable(name) {
		return Asset{}, false
	}
	for _, form := range acceptable(acceptEncoding) {
		body, err := fs.ReadFile(files, "dist/"+name+form.ending)
		if err == nil {
			return newAsset(name, form.encoding, body), true
		}
	}
	if body, err := unpacked(files, name); err == nil {
		return newAsset(name, "", body), true
	}
	if strings.HasSuffix(name, ".html") && !built(files) {
		return placeholder(files)
	}
	return Asset{}, false
}

// unpacked is a file for one of the few clients that take no packed form: the program
// carries none beside those.
func unpacked(files fs.FS, name string) ([]byte, error) {
	packed, err := files.Open("dist/" + name + ".gz")
	if err != nil {
		return nil, err
	}
	defer packed.Close()
	in, err := gzip.NewReader(packed)
	if err != nil {
		return nil, err
	}
	return io.ReadAll(in)
}

func newAsset(name, encoding string, body []byte) Asset {
	sum := sha256.Sum256(body)
	return Asset{
		Body:        body,
		ContentType: contentType(name),
		Encoding:    encoding,
		ETag:        `"` + base64.RawURLEncoding.EncodeToString(sum[:12]) + `"`,
		Immutable:   strings.Contains(name, "/assets/"),
	}
}

func placeholder(files fs.FS) (Asset, bool) {
	body, err := fs.ReadFile(files, placeholderPage)
	if err != nil {
		return Asset{}, false
	}
	asset := newAsset("index.html", "", body)
	asset.Placeholder = true
	return asset, true
}

// servable refuses names that are not clean paths, hidden files, and the compressed forms by their own names.
func servable(name string) bool {
	if !fs.ValidPath(name) || strings.HasPrefix(name, ".") || strings.Contains(name, "/.") {
		return false
	}
	ending := path.Ext(name)
	return ending != "" && ending != ".br" && ending != ".gz"
}

// contentType knows the endings a build makes, so that the answer never depends on the machine's own table.
func contentType(name string) string {
	switch path.Ext(name) {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	case ".svg":
		return "image/svg+xml"
	case ".json":
		return "application/json"
	case ".woff2":
		return "font/woff2"
	case ".mp3":
		return "audio/mpeg"
	}
	if known := mime.TypeByExtension(path.Ext(name)); known != "" {
		return known
	}
	return "application/octet-stream"
}
