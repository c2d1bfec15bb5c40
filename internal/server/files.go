package server

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strconv"
	"time"
	"unicode/utf8"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/files"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/site"
	"github.com/kefu-chat/kefu/internal/wire"
)

// The paths of files. An upload's parts are parts/{n} below it.
const (
	uploadsDoor   = "/files/v1/uploads"
	addressesDoor = "/files/v1/addresses"
	filesDoor     = "/files/{id}/{name}"
)

// How slow a part may come and a file be taken: something every so often, and a
// part as a whole within a while.
const (
	partPause    = 20 * time.Second
	partWithin   = 10 * time.Minute
	filePause    = 30 * time.Second
	maxAddresses = 100
)

// mountFiles registers the doors of files.
func (s *Server) mountFiles(mux *http.ServeMux) {
	if s.parts.Files == nil {
		return
	}
	mux.HandleFunc("POST "+uploadsDoor, s.beginUpload)
	mux.HandleFunc("GET "+uploadsDoor+"/{id}", s.onUpload(s.uploadState))
	mux.HandleFunc("PUT "+uploadsDoor+"/{id}/parts/{n}", s.onUpload(s.putPart))
	mux.HandleFunc("POST "+uploadsDoor+"/{id}/complete", s.onUpload(s.completeUpload))
	mux.HandleFunc("DELETE "+uploadsDoor+"/{id}", s.onUpload(s.cancelUpload))
	mux.HandleFunc("POST "+addressesDoor, s.fileAddresses)
	mux.HandleFunc("GET "+filesDoor, s.openFile)
	mux.HandleFunc("GET "+chat.PicturesPath+"{name}", s.showPicture)
}

// fileCaller is who asks about files: a visitor of a site, or an agent.
type fileCaller struct {
	owner chat.FileOwner
	site  site.Site // of a visitor
	hash  []byte    // of a visitor, as its row has it
	agent identity.Agent
}

func (c fileCaller) visitor() bool { return c.hash != nil }

// uploader is the caller with what the site takes.
func (c fileCaller) uploader(on site.Site) files.Uploader {
	return files.Uploader{Owner: c.owner, Site: on.ID, Types: on.Settings.FileTypes}
}

// fileCaller tells who asks: a header that other websites cannot send, or the
// cookie, which the protection before has kept them from using.
func (s *Server) fileCaller(w http.ResponseWriter, r *http.Request) (fileCaller, error) {
	secret, isVisitor := bearerOf(r)
	if !isVisitor {
		_, agent, err := s.authenticate(w, r)
		return fileCaller{owner: chat.AgentFiles(agent.ID), agent: agent}, err
	}
	sent, err := identity.ReadSent(secret)
	if err != nil {
		return fileCaller{}, badBearer(err)
	}
	on, ok := s.siteByKey(r.Context(), r.Header.Get(headerSite))
	if !ok {
		return fileCaller{}, problem(wire.UnknownSite, "No site has the widget key in the header "+headerSite+".")
	}
	who, err := s.parts.VisitorLogins.Who(r.Context(), on, sent)
	if err != nil {
		return fileCaller{}, err
	}
	return fileCaller{owner: chat.VisitorFiles(who.Hash[:]), site: on, hash: who.Hash[:]}, nil
}

// admitFiles is fileCaller with the bound of requests of a network; false: refused.
func (s *Server) admitFiles(w http.ResponseWriter, r *http.Request) (c fileCaller, ok bool) {
	w.Header().Set("Cache-Control", "no-store")
	if wait := s.requests.take(whenceOf(r.Context()).network); wait > 0 {
		p := problem(wire.RateLimited, "Too many requests came from this address just now. Try again after the pause.")
		p.RetryAfter = max(1, wait.Milliseconds())
		problemJSON(w, p)
		return c, false
	}
	c, err := s.fileCaller(w, r)
	if err != nil {
		problemJSON(w, problemOf(r.Context(), s.log, err))
		return c, false
	}
	return c, true
}

// upload is an upload's state as it is told.
type upload struct {
	ID        string `json:"id"`
	Name      string `json:"name"`
	Size      int64  `json:"size"`
	PartBytes int64  `json:"part_bytes"`
	Parts     []int  `json:"parts"`
	Complete  bool   `json:"complete"`
	ExpiresAt int64  `json:"expires_at,omitempty"`
}

func uploadOf(f files.File, parts []int) upload {
	if parts == nil {
		parts = []int{}
	}
	return upload{
		ID: idText(f.ID), Name: f.Name, Size: f.Size, PartBytes: files.PartBytes, Parts: parts,
		Complete: f.State != files.Uploading, ExpiresAt: int64(f.DeleteAt),
	}
}

// beginUpload takes a file's name and size.
func (s *Server) beginUpload(w http.ResponseWriter, r *http.Request) {
	c, ok := s.admitFiles(w, r)
	if !ok {
		return
	}
	var in struct {
		Name string `json:"name"`
		Size int64  `json:"size"`
		Type string `json:"type"`
		Site string `json:"site"`
	}
	on, err := c.site, s.readJSON(w, r, &in)
	if err == nil && !c.visitor() {
		on, err = s.siteOfAgent(c.agent, in.Site)
	}
	var f files.File
	if err == nil {
		f, err = s.announce(r.Context(), c, on, in.Name, in.Type, in.Size)
	}
	s.answerJSON(w, r, http.StatusCreated, uploadOf(f, nil), err)
}

// The bytes that the visitors of one network may announce: at once, and then a second.
// They count in the site's space from then on, so that announcing must take about as
// long as sending: else somebody with many secrets fills it in moments, with nothing.
const (
	announceBurst     = 1 << 30
	announcePerSecond = 1 << 20
)

// announce begins an upload; of visitors, who cost nothing to be, not too much at once.
func (s *Server) announce(ctx context.Context, c fileCaller, on site.Site, name, typ string, size int64) (files.File, error) {
	network, bytes := whenceOf(ctx).network, float64(max(0, size))
	if c.visitor() {
		if wait := s.announced.takeMany(network, bytes); wait > 0 {
			p := problem(wire.RateLimited, "Many files were announced from this address just now. Try again after the pause.")
			p.RetryAfter = max(1, wait.Milliseconds())
			return files.File{}, p
		}
	}
	f, err := s.parts.Files.Begin(ctx, c.uploader(on), name, typ, size)
	if err != nil && c.visitor() {
		s.announced.giveBackMany(network, bytes)
	}
	return f, err
}

// siteOfAgent finds the site that an agent uploads to.
func (s *Server) siteOfAgent(a identity.Agent, id string) (site.Site, error) {
	n, err := chat.ParseID(id)
	if err != nil {
		return site.Site{}, badField("site", "Name the site that the file is for, by its id.")
	}
	on, ok := s.parts.Sites.ByID(chat.SiteID(n))
	if !ok || a.RoleOn(on.ID) == chat.NoRole {
		return site.Site{}, chat.Refuse(chat.NotFound, "there is no such site, or you do not work on it")
	}
	return on, nil
}

// onUpload is a request about an upload of the caller's own.
func (s *Server) onUpload(do func(w http.ResponseWriter, r *http.Request, c fileCaller, id chat.FileID)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		c, ok := s.admitFiles(w, r)
		if !ok {
			return
		}
		id, err := parseID[chat.FileID](r.PathValue("id"))
		if err != nil {
			problemJSON(w, problemOf(r.Context(), s.log, err))
			return
		}
		do(w, r, c, id)
	}
}

func (s *Server) uploadState(w http.ResponseWriter, r *http.Request, c fileCaller, id chat.FileID) {
	f, parts, err := s.parts.Files.State(r.Context(), c.owner, id)
	s.answerJSON(w, r, http.StatusOK, uploadOf(f, parts), err)
}

// ownUpload finds the caller's upload and its site, whose types may have changed meanwhile.
func (s *Server) ownUpload(ctx context.Context, c fileCaller, id chat.FileID) (files.Uploader, error) {
	f, _, err := s.parts.Files.State(ctx, c.owner, id)
	if err != nil {
		return files.Uploader{}, err
	}
	on, ok := s.parts.Sites.ByID(f.Site)
	if !ok || c.visitor() && on.ID != c.site.ID || !c.visitor() && c.agent.RoleOn(on.ID) == chat.NoRole {
		return files.Uploader{}, chat.Refuse(chat.NotFound, "there is no such upload, or it is not yours")
	}
	return c.uploader(on), nil
}

// uploadPause is soon: a part takes a second or a few.
const uploadPause = 2000 // ms

// putPart stores a part of a file. Its body may come slowly, but not stop.
func (s *Server) putPart(w http.ResponseWriter, r *http.Request, c fileCaller, id chat.FileID) {
	network := whenceOf(r.Context()).network
	if !s.bodies.take(network) {
		p := problem(wire.TooMany, "Too many bodies of requests are under way from this address.")
		p.RetryAfter = seatPause
		problemJSON(w, p)
		return
	}
	defer s.bodies.leave(network)
	if !s.uploads.take(netip.Prefix{}) {
		p := problem(wire.TooMany, "This server takes as many files as it can at once. Send the part again after the pause.")
		p.RetryAfter = uploadPause
		problemJSON(w, p)
		return
	}
	defer s.uploads.leave(netip.Prefix{})
	n, err := strconv.Atoi(r.PathValue("n"))
	if err != nil {
		n = 0 // there is no such part
	}
	up, err := s.ownUpload(r.Context(), c, id)
	if err == nil {
		body := &patientReader{in: r.Body, control: http.NewResponseController(w), until: time.Now().Add(partWithin)}
		err = s.parts.Files.PutPart(r.Context(), up, id, n, r.ContentLength, body)
		_ = body.control.SetReadDeadline(time.Now().Add(s.cfg.RequestTimeout)) // where there is none, the server's holds
		_ = body.control.SetWriteDeadline(time.Now().Add(s.cfg.RequestTimeout))
	}
	if err != nil {
		problemJSON(w, problemOf(r.Context(), s.log, err))
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// patientReader waits for a body as long as something comes.
type patientReader struct {
	in      io.Reader
	control *http.ResponseController
	until   time.Time
}

func (p *patientReader) Read(b []byte) (int, error) {
	now := time.Now()
	if now.After(p.until) {
		return 0, errors.New("the body came too slowly")
	}
	_ = p.control.SetReadDeadline(now.Add(partPause)) // where there is none, the server's holds
	return p.in.Read(b)
}

// completeUpload makes a file of its parts.
func (s *Server) completeUpload(w http.ResponseWriter, r *http.Request, c fileCaller, id chat.FileID) {
	up, err := s.ownUpload(r.Context(), c, id)
	var f files.File
	if err == nil {
		f, err = s.parts.Files.Complete(r.Context(), up, id)
	}
	s.answerJSON(w, r, http.StatusOK, wire.File(f.File), err)
}

func (s *Server) cancelUpload(w http.ResponseWriter, r *http.Request, c fileCaller, id chat.FileID) {
	if err := s.parts.Files.Cancel(r.Context(), c.owner, id); err != nil {
		problemJSON(w, problemOf(r.Context(), s.log, err))
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// readJSON reads a small body strictly; members that are not known are ignored.
func (s *Server) readJSON(w http.ResponseWriter, r *http.Request, into any) error {
	body, p := s.readBody(w, r, smallBody)
	if p != nil {
		return p
	}
	if !utf8.Valid(body) || json.Unmarshal(body, into) != nil {
		return problem(badRequest, "The body is not the JSON object that docs/PROTOCOL.md describes.")
	}
	return nil
}

func (s *Server) answerJSON(w http.ResponseWriter, r *http.Request, status int, body any, err error) {
	var data []byte
	if err == nil {
		if data, err = json.Marshal(body); err != nil {
			err = fmt.Errorf("encode the answer: %w", err)
		}
	}
	if err != nil {
		problemJSON(w, problemOf(r.Context(), s.log, err))
		return
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(data) // the client may be gone; it asks again
}
