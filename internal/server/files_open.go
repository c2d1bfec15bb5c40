package server

import (
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/files"
	"github.com/kefu-chat/kefu/internal/wire"
)

// fileAddresses gives a visitor addresses of its conversation's files.
func (s *Server) fileAddresses(w http.ResponseWriter, r *http.Request) {
	c, ok := s.admitFiles(w, r)
	if !ok {
		return
	}
	var in struct {
		Files []string `json:"files"`
	}
	if err := s.readJSON(w, r, &in); err != nil {
		problemJSON(w, problemOf(r.Context(), s.log, err))
		return
	}
	if !c.visitor() || len(in.Files) > maxAddresses {
		problemJSON(w, problem(badRequest, "Addresses are for visitors, and for at most "+strconv.Itoa(maxAddresses)+" files at once. Agents open files by their log-in."))
		return
	}
	var out struct {
		Until     int64             `json:"until"`
		Addresses map[string]string `json:"addresses"`
	}
	out.Addresses = map[string]string{}
	visitor, err := s.parts.Visitors.Visitor(r.Context(), c.site.ID, c.hash)
	if chat.CodeOf(err) == chat.NotFound { // a newcomer has nothing to open
		err = nil
	}
	if err == nil {
		var ids []chat.FileID
		for _, text := range in.Files {
			if id, err := chat.ParseID(text); err == nil {
				ids = append(ids, chat.FileID(id))
			}
		}
		var found map[chat.FileID]string
		var until chat.Millis
		found, until, err = s.parts.Files.Addresses(r.Context(), files.Reader{OfSite: noSite, Conversation: visitor.Conversation.ID}, ids)
		out.Until = int64(until)
		for id, address := range found {
			out.Addresses[idText(id)] = address
		}
	}
	s.answerJSON(w, r, http.StatusOK, out, err)
}

func noSite(chat.SiteID) bool { return false }

// openFile gives a file to whoever may see the event that has it.
func (s *Server) openFile(w http.ResponseWriter, r *http.Request) {
	network := whenceOf(r.Context()).network
	if !s.downloads.take(network) {
		p := problem(wire.TooMany, "Too many files are being taken from this address.")
		p.RetryAfter = seatPause
		problemJSON(w, p)
		return
	}
	defer s.downloads.leave(network)
	f, signed, err := s.fileToOpen(w, r)
	if err == nil {
		err = s.giveFile(w, r, f, signed)
	}
	if err != nil {
		problemJSON(w, problemOf(r.Context(), s.log, err))
	}
}

// fileToOpen finds the file and checks the right to it: the address's own, or the log-in's.
func (s *Server) fileToOpen(w http.ResponseWriter, r *http.Request) (f files.File, signed bool, err error) {
	id, err := parseID[chat.FileID](r.PathValue("id"))
	if err != nil {
		return f, false, err
	}
	query := r.URL.Query()
	if sign := query.Get("sign"); sign != "" {
		until, err := strconv.ParseInt(query.Get("until"), 10, 64)
		if err != nil {
			until = 0 // long over
		}
		f, err = s.parts.Files.Vouched(r.Context(), id, chat.Millis(until), sign)
		return f, true, err
	}
	_, agent, err := s.authenticate(w, r)
	if err != nil {
		return f, false, err
	}
	reader := files.Reader{
		OfSite: func(on chat.SiteID) bool { return agent.RoleOn(on) != chat.NoRole }, Owner: chat.AgentFiles(agent.ID),
	}
	f, err = s.parts.Files.File(r.Context(), reader, id)
	return f, false, err
}

// giveFile writes a file or its preview, so that nothing in it can do anything here.
func (s *Server) giveFile(w http.ResponseWriter, r *http.Request, f files.File, signed bool) error {
	size := 0
	if text := r.URL.Query().Get("size"); text != "" {
		var err error
		if size, err = strconv.Atoi(text); err != nil || size != files.SmallPixels && size != files.LargePixels {
			return problem(badRequest, "Previews have size=320 or size=1280.")
		}
	}
	blob, typ, ready, err := s.parts.Files.Open(r.Context(), f, size)
	if err != nil {
		return err
	}
	defer blob.Close()
	head := w.Header()
	head.Set("Content-Type", typ)
	head.Set("Content-Security-Policy", "sandbox; default-src 'none'")
	head.Set("Content-Disposition", disposition(f.File))
	head.Set("Referrer-Policy", "no-referrer")
	head.Set("Cross-Origin-Resource-Policy", "same-origin")
	if signed { // a frame of ours may have an opaque origin
		head.Set("Cross-Origin-Resource-Policy", "cross-origin")
	}
	head.Set("Cache-Control", "private, no-cache") // kept, but asked for each time: it may have been taken back
	if ready {
		head.Set("ETag", `"`+idText(f.ID)+"-"+strconv.Itoa(size)+`"`)
	} else {
		head.Set("Cache-Control", "no-store")
	}
	if strings.Contains(r.Header.Get("Range"), ",") { // players ask for one; a thousand would be as many requests to the bucket
		r.Header.Del("Range")
	}
	http.ServeContent(&patientWriter{w, http.NewResponseController(w)}, r, "", time.Time{}, blob)
	return nil
}

// disposition lets pictures and video be shown, and everything else be saved.
func disposition(f chat.File) string {
	kind := "attachment"
	if files.Inline(f) {
		kind = "inline"
	}
	if text := mime.FormatMediaType(kind, map[string]string{"filename": f.Name}); text != "" {
		return text
	}
	return kind + "; filename*=utf-8''" + url.PathEscape(f.Name)
}

// patientWriter waits for a reader as long as it takes something.
type patientWriter struct {
	http.ResponseWriter
	control *http.ResponseController
}

func (p *patientWriter) Write(b []byte) (int, error) {
	_ = p.control.SetWriteDeadline(time.Now().Add(filePause)) // where there is none, the server's holds
	return p.ResponseWriter.Write(b)
}

// Unwrap is for http.ResponseController.
func (p *patientWriter) Unwrap() http.ResponseWriter { return p.ResponseWriter }
