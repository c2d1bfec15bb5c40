package retention

import (
	"archive/zip"
	"context"
	"errors"
	"fmt"
	"io"
	"path"
	"strconv"
	"strings"
	"time"

	"github.com/kefu-chat/kefu/internal/audit"
	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/files"
)

// Known is what is kept of a visitor beside its conversation. The texts are JSON
// objects, empty where there is nothing.
type Known struct {
	CreatedAt chat.Millis
	// External is the visitor's id at the website that vouches for it.
	External string
	// Said is what the visitor's page said of it, Vouched what its website vouches for,
	// Told what the site's own servers said.
	Said, Vouched, Told string
	// NoBroadcasts: the visitor wants none.
	NoBroadcasts bool
	Names        []string // in the legacy chat room
	Logins       []KnownLogin
}

// Earlier is a text that an edit replaced.
type Earlier struct {
	Rev        int64 // from 0
	ReplacedAt chat.Millis
	Body       chat.Body
}

// KnownLogin is a device on which the visitor is logged in.
type KnownLogin struct{ MadeAt, LastUsedAt chat.Millis }

// ExportStore reads what there is of a visitor.
type ExportStore interface {
	// Subject finds a site's visitor. Errors: NotFound.
	Subject(ctx context.Context, on chat.SiteID, id chat.VisitorID) (Subject, error)
	// Known is what is kept of it beside its conversation. Errors: NotFound.
	Known(ctx context.Context, s Subject) (Known, error)
	// CarriedInto are the anonymous visitors whose rounds went along into its conversation.
	CarriedInto(ctx context.Context, s Subject) ([]chat.VisitorID, error)
	// Earlier are texts that an event had before, beyond one of them (-1: from the first
	// on), oldest first, at most so many.
	Earlier(ctx context.Context, id chat.ConversationID, seq, after int64, limit int) ([]Earlier, error)
	// Page reads events, as chat.Store does. Errors: NotFound.
	Page(ctx context.Context, q chat.PageQuery) (chat.Page, error)
	// FilesByID are those files that there are.
	FilesByID(ctx context.Context, ids []chat.FileID) ([]files.File, error)
}

// Opener opens the bytes of files (files.Keeper).
type Opener interface {
	Open(ctx context.Context, f files.File, size int) (b files.Blob, typ string, ready bool, err error)
}

// Exporter gives out what there is of a visitor. Safe for concurrent use.
type Exporter struct {
	store ExportStore
	files Opener // nil where nobody may send any
	deeds deeds
}

// NewExporter makes an exporter.
func NewExporter(store ExportStore, trail audit.Store, opener Opener, now func() time.Time) *Exporter {
	return &Exporter{store: store, files: opener, deeds: deeds{trail, now}}
}

// Wish is what an export is to have.
type Wish struct {
	// Notes takes what agents wrote for one another along.
	Notes   bool
	Chinese bool // the readable page's own words
}

// Export is an archive that is about to be written.
type Export struct {
	x    *Exporter
	wish Wish
	part
	before []chat.VisitorID // the anonymous ones that the visitor was
	at     chat.Millis
}

// part is what there is of the visitor under one of its ids: of the one that was asked
// for, or of an anonymous one that it was before it logged in.
type part struct {
	subject Subject
	known   Known
}

// Prepare finds the visitor and writes down that its data are given out. Errors: NotFound.
func (x *Exporter) Prepare(ctx context.Context, by audit.By, on chat.SiteID, id chat.VisitorID, wish Wish) (*Export, error) {
	p, err := x.part(ctx, on, id)
	if err != nil {
		return nil, err
	}
	before, err := x.store.CarriedInto(ctx, p.subject)
	if err != nil {
		return nil, err
	}
	err = x.deeds.record(ctx, by, audit.VisitorExported, on, map[string]string{
		"visitor": strconv.FormatInt(int64(id), 10), "notes": strconv.FormatBool(wish.Notes),
	})
	return &Export{x: x, wish: wish, part: p, before: before, at: chat.At(x.deeds.now())}, err
}

func (x *Exporter) part(ctx context.Context, on chat.SiteID, id chat.VisitorID) (p part, err error) {
	if p.subject, err = x.store.Subject(ctx, on, id); err == nil {
		p.known, err = x.store.Known(ctx, p.subject)
	}
	return p, err
}

// eachBefore calls do for each of those that the visitor was, one in memory at a time;
// one who was erased meanwhile is left out.
func (e *Export) eachBefore(ctx context.Context, do func(p *part) error) error {
	for _, id := range e.before {
		p, err := e.x.part(ctx, e.subject.Site, id)
		if chat.CodeOf(err) == chat.NotFound {
			continue
		}
		if err == nil {
			err = do(&p)
		}
		if err != nil {
			return fmt.Errorf("what went along: %w", err)
		}
	}
	return nil
}

// Name is the archive's.
func (e *Export) Name() string {
	return "visitor-" + strconv.FormatInt(int64(e.subject.Visitor), 10) + ".zip"
}

// Write writes the archive: a page to read, the same as JSON, and the files. It holds
// one page of events in memory at a time, or of earlier texts, and no file.
func (e *Export) Write(ctx context.Context, w io.Writer) error {
	z := zip.NewWriter(w)
	for _, part := range []struct {
		name  string
		write func(ctx context.Context, w io.Writer) error
	}{{"conversation.html", e.writeHTML}, {"conversation.json", e.writeJSON}} {
		entry, err := z.CreateHeader(e.header(part.name, zip.Deflate))
		if err != nil {
			return err
		}
		if err := part.write(ctx, entry); err != nil {
			return fmt.Errorf("write %s: %w", part.name, err)
		}
	}
	files := func(p *part) error { return e.writeFiles(ctx, z, p) }
	if err := files(&e.part); err != nil {
		return err
	}
	if err := e.eachBefore(ctx, files); err != nil {
		return err
	}
	return z.Close()
}

func (e *Export) header(name string, method uint16) *zip.FileHeader {
	return &zip.FileHeader{Name: name, Method: method, Modified: e.at.Time()}
}

const (
	exportPage    = 200
	earlierAtOnce = 20 // each may be as long as a message
)

// earlier calls do for each text that an event had before, oldest first.
func (e *Export) earlier(ctx context.Context, p *part, event *chat.Event, do func(one Earlier, text string) error) error {
	if event.Rev == 0 || event.Erased() {
		return nil
	}
	for after := int64(-1); ; {
		some, err := e.x.store.Earlier(ctx, p.subject.Conversation.ID, event.Seq, after, earlierAtOnce)
		if err != nil {
			return err
		}
		for _, one := range some {
			after = one.Rev
			text, err := one.Body.Text()
			if err == nil {
				err = do(one, text.Text)
			}
			if err != nil {
				return err
			}
		}
		if len(some) < earlierAtOnce {
			return nil
		}
	}
}

// events calls do for each page of the conversation's events, oldest first.
func (e *Export) events(ctx context.Context, p *part, do func([]chat.Event) error) error {
	if p.subject.Conversation.ID == 0 {
		return nil
	}
	at := chat.Position{}
	for {
		page, err := e.x.store.Page(ctx, chat.PageQuery{Conversation: p.subject.Conversation.ID, Public: !e.wish.Notes, After: &at, Limit: exportPage})
		if err != nil {
			return err
		}
		if page.Reset {
			return errors.New("the conversation is another one than a moment ago")
		}
		if err := do(page.Events); err != nil {
			return err
		}
		if !page.More {
			return nil
		}
		last := page.Events[len(page.Events)-1]
		at = chat.Position{Number: last.Seq, Tag: last.Tag}
		if !e.wish.Notes {
			at.Number = last.PublicSeq
		}
	}
}

// fileEntry is where a file lies in the archive: the id makes it one of its own.
func fileEntry(f chat.File) string {
	return "files/" + fitting(strconv.FormatInt(int64(f.ID), 10)+"-"+files.CleanName(f.Name))
}

// maxEntryName is how many bytes a file's name has on most disks at most.
const maxEntryName = 255

// fitting is a name that can be unpacked everywhere, with its extension.
func fitting(name string) string {
	if len(name) <= maxEntryName {
		return name
	}
	extension := path.Ext(name)
	if len(extension) > 16 {
		extension = ""
	}
	return strings.ToValidUTF8(name[:maxEntryName-len(extension)], "") + extension
}

func (e *Export) writeFiles(ctx context.Context, z *zip.Writer, p *part) error {
	return e.events(ctx, p, func(events []chat.Event) error {
		for i := range events {
			text, err := textOf(&events[i])
			if err != nil || len(text.Files) == 0 {
				continue
			}
			ids := make([]chat.FileID, len(text.Files))
			for k, f := range text.Files {
				ids[k] = f.ID
			}
			found, err := e.x.store.FilesByID(ctx, ids)
			if err != nil {
				return err
			}
			for _, f := range found {
				if err := e.writeFile(ctx, z, f); err != nil {
					return err
				}
			}
		}
		return nil
	})
}

// writeFile leaves out what is not there any more, or not where it should be.
func (e *Export) writeFile(ctx context.Context, z *zip.Writer, f files.File) error {
	if e.x.files == nil || f.State != files.Sent {
		return nil
	}
	blob, _, _, err := e.x.files.Open(ctx, f, 0)
	if errors.Is(err, files.ErrNoBlob) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("open file %d: %w", f.ID, err)
	}
	defer blob.Close()
	entry, err := z.CreateHeader(e.header(fileEntry(f.File), zip.Store)) // most are packed already
	if err == nil {
		_, err = io.Copy(entry, blob)
	}
	return err
}

// textOf is what an event says; nothing for those that are no texts.
func textOf(e *chat.Event) (chat.Text, error) {
	if e.Kind != chat.Message && e.Kind != chat.Note {
		return chat.Text{}, nil
	}
	return e.Body.Text()
}
