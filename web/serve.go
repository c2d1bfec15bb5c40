package web

import (
	"bytes"
	"io/fs"
	"net/http"
	"time"
)

// ServeAsset answers GET and HEAD for one file of the pages, with its caching rules: a year for names that contain a hash,
// asking again by ETag for all others. Other methods get 405, unknown names 404. Headers that the caller has set, such as
// a Content-Security-Policy, are kept; a Cache-Control that the caller has set wins.
func ServeAsset(w http.ResponseWriter, r *http.Request, name string) {
	serve(embedded, w, r, name)
}

func serve(files fs.FS, w http.ResponseWriter, r *http.Request, name string) {
	if r.Method != http.MethodGet && r.Method != http.MethodHead {
		w.Header().Set("Allow", "GET, HEAD")
		http.Error(w, "This address takes GET and HEAD.", http.StatusMethodNotAllowed)
		return
	}
	asset, found := open(files, name, r.Header.Get("Accept-Encoding"))
	if !found {
		http.Error(w, "There is no such file.", http.StatusNotFound)
		return
	}
	head := w.Header()
	head.Set("Content-Type", asset.ContentType)
	head.Set("X-Content-Type-Options", "nosniff")
	head.Add("Vary", "Accept-Encoding")
	if head.Get("Cache-Control") == "" {
		head.Set("Cache-Control", asset.cacheControl())
	}
	if asset.Encoding != "" {
		head.Set("Content-Encoding", asset.Encoding)
		// A range of a compressed form is of no use to anybody, and ServeContent would not say its length.
		r = withoutRange(r)
	}
	head.Set("ETag", asset.ETag)
	http.ServeContent(w, r, name, time.Time{}, bytes.NewReader(asset.Body))
}

func (a Asset) cacheControl() string {
	switch {
	case a.Placeholder:
		return "no-store"
	case a.Immutable:
		return "public, max-age=31536000, immutable"
	default:
		return "no-cache"
	}
}

func withoutRange(r *http.Request) *http.Request {
	if r.Header.Get("Range") == "" {
		return r
	}
	r = r.Clone(r.Context())
	r.Header.Del("Range")
	return r
}
