package server

import (
	"context"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/kefu-chat/kefu/internal/site"
	"github.com/kefu-chat/kefu/web"
)

// policy is the Content-Security-Policy of a page: everything from here, no
// inline script or style, framed by ancestors only.
func policy(ancestors string) string {
	return "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data: blob:; font-src 'self'; media-src 'self'; " +
		"connect-src 'self'; manifest-src 'self'; worker-src 'self'; frame-src 'self'; base-uri 'none'; form-action 'self'; " +
		"frame-ancestors " + ancestors
}

const nobody = "'none'"

// pages registers everything that is not an interface of a program.
func (s *Server) pages(mux *http.ServeMux) {
	mux.HandleFunc("GET /{$}", s.front)
	for from, to := range map[string]string{
		"/setup": "/console/setup", "/link": "/console/link", "/console": "/console/",
	} {
		mux.HandleFunc("GET "+from, func(w http.ResponseWriter, r *http.Request) { redirect(w, r, to) })
	}
	mux.HandleFunc("/console/", s.console)
	mux.HandleFunc("/widget.js", loader)
	mux.HandleFunc("/widget/frame.html", s.frame)
	mux.HandleFunc("/widget/assets/", widgetAsset)
	mux.HandleFunc("/chat/{key}", s.chatPage)
	mux.HandleFunc("/demo", s.demo)
	mux.HandleFunc("/", noPage().answer)
}

// redirect goes to another page here; a browser takes what stood after # along.
func redirect(w http.ResponseWriter, r *http.Request, to string) {
	w.Header().Set("Cache-Control", "no-store")
	http.Redirect(w, r, to, http.StatusFound)
}

func (s *Server) front(w http.ResponseWriter, r *http.Request) {
	if s.parts.People.HasOwner() {
		redirect(w, r, "/console/")
		return
	}
	redirect(w, r, "/console/setup")
}

// console answers the files of the console, and for all other paths its page.
func (s *Server) console(w http.ResponseWriter, r *http.Request) {
	name := strings.TrimPrefix(path.Clean(r.URL.Path), "/")
	head := w.Header()
	head.Set("Content-Security-Policy", policy(nobody))
	head.Set("Cross-Origin-Opener-Policy", "same-origin")
	head.Set("Cross-Origin-Resource-Policy", "same-origin")
	head.Set("X-Frame-Options", "DENY")
	if path.Ext(name) == "" || name == web.ConsolePage {
		name = web.ConsolePage
	}
	web.ServeAsset(w, r, name)
}

// loader is the script on other people's pages.
func loader(w http.ResponseWriter, r *http.Request) {
	head := w.Header()
	head.Set("Cross-Origin-Resource-Policy", "cross-origin")
	head.Set("Access-Control-Allow-Origin", "*")
	head.Set("Cache-Control", "public, max-age=3600")
	web.ServeAsset(w, r, web.LoaderFile)
}

// frame is the widget's frame: only the site's origins and Kefu itself may embed it.
func (s *Server) frame(w http.ResponseWriter, r *http.Request) {
	one, ok := s.siteOf(r.Context(), r.URL.Query())
	if !ok {
		noPage().answer(w, r)
		return
	}
	head := w.Header()
	head.Set("Content-Security-Policy", policy(strings.Join(append([]string{"'self'"}, one.Settings.Origins...), " ")))
	head.Set("Cross-Origin-Resource-Policy", "cross-origin")
	web.ServeAsset(w, r, web.FramePage)
}

func (s *Server) siteOf(ctx context.Context, q url.Values) (site.Site, bool) {
	return s.siteByKey(ctx, q.Get("site"))
}

// widgetAsset answers scripts and styles of the frame. They may be read across
// origins, because a frame whose storage is partitioned may have an opaque one.
func widgetAsset(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cross-Origin-Resource-Policy", "cross-origin")
	w.Header().Set("Access-Control-Allow-Origin", "*")
	web.ServeAsset(w, r, strings.TrimPrefix(r.URL.Path, "/"))
}

// chatPage is the panel as a page of its own, for links and QR codes.
func (s *Server) chatPage(w http.ResponseWriter, r *http.Request) {
	if _, ok := s.siteByKey(r.Context(), r.PathValue("key")); !ok {
		noPage().answer(w, r)
		return
	}
	w.Header().Set("Content-Security-Policy", policy(nobody))
	w.Header().Set("Cross-Origin-Opener-Policy", "same-origin")
	web.ServeAsset(w, r, web.ChatPage)
}

// demo is a small shop with the first site's widget, until that site has an
// origin of its own. The page reads the site's key from its own address.
func (s *Server) demo(w http.ResponseWriter, r *http.Request) {
	one, ok := s.parts.Sites.Demo()
	if !ok && len(s.parts.Sites.All()) == 0 {
		noPage().answer(w, r)
		return
	}
	if !ok {
		demoOff().answer(w, r)
		return
	}
	if query := r.URL.Query(); query.Get("site") != one.Key {
		query.Set("site", one.Key)
		redirect(w, r, "/demo?"+query.Encode())
		return
	}
	w.Header().Set("Content-Security-Policy", policy(nobody))
	w.Header().Set("Cross-Origin-Opener-Policy", "same-origin")
	web.ServeAsset(w, r, web.DemoPage)
}
