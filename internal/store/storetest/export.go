package storetest

import (
	"archive/zip"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/kefu-chat/kefu/internal/audit"
	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/retention"
)

// telling is a store to which applications tell what they know of visitors.
type telling interface {
	Tell(ctx context.Context, on chat.SiteID, id chat.VisitorID, change func(identity.ToldByApp) (identity.ToldByApp, error)) (identity.Listed, error)
}

// exported is an archive's JSON.
type exported struct {
	exportedPart
	Before []exportedPart `json:"before"`
}

type exportedPart struct {
	Visitor struct {
		ID       string         `json:"id"`
		External string         `json:"external_id"`
		Said     map[string]any `json:"said"`
		Vouched  map[string]any `json:"vouched"`
		Told     map[string]any `json:"told"`
	} `json:"visitor"`
	Events []struct {
		Kind, Text string
		Carried    bool
		Earlier    []struct{ Text string }
	} `json:"events"`
}

func (p *exportedPart) texts() (texts []string) {
	for _, e := range p.Events {
		if e.Kind != string(chat.Message) && e.Kind != string(chat.Note) {
			continue
		}
		for _, was := range e.Earlier {
			texts = append(texts, "was "+was.Text)
		}
		if e.Carried {
			texts = append(texts, "carried")
		}
		if e.Text != "" {
			texts = append(texts, e.Text)
		}
	}
	return texts
}

func (f *fixture) export(id chat.VisitorID, wish retention.Wish) (read exported, page string) {
	f.Helper()
	store, _ := f.store.(erasing)
	x, err := retention.NewExporter(store, store, nil, f.Now).Prepare(f.Context(), audit.By{Actor: ann.Ref()}, site, id, wish)
	f.no(err)
	var b bytes.Buffer
	f.no(x.Write(f.Context(), &b))
	z, err := zip.NewReader(bytes.NewReader(b.Bytes()), int64(b.Len()))
	f.no(err)
	for _, entry := range z.File {
		r, err := entry.Open()
		f.no(err)
		content, err := io.ReadAll(r)
		f.no(err)
		if entry.Name == "conversation.json" {
			f.no(json.Unmarshal(content, &read))
		} else {
			page += string(content)
		}
	}
	return read, page
}

// testExport gives out what a visitor wrote before it logged in, what its website and
// applications said of it, and what its texts were before they were edited.
func testExport(f *fixture) {
	v := f.vouched(1)
	id, by := f.asked(anonymous(1), "long ago")
	f.must(command(id, by, chat.EditText(by, 2, "long ago, edited")))
	f.must(command(id, ann, chat.Resolve(ann)))
	f.pass(chat.ReopenWithin * 2)
	f.must(f.message(id, by, "draft 0"))
	const edits = 45 // more than are read at once
	number := f.head(id).PublicSeq
	for i := range edits {
		f.must(command(id, by, chat.EditText(by, number, fmt.Sprint("draft ", i+1))))
	}
	f.must(f.note(id, ann, "a note"))
	f.must(command(id, ann, chat.EditText(ann, f.head(id).Seq, "a note, edited")))
	over := f.carry(1)
	if over.To.Conversation.Visitor != v.ID {
		f.Fatalf("carried to %+v", over.To.Conversation)
	}
	told, ok := f.store.(telling)
	if !ok {
		f.Fatal("the store is told nothing")
	}
	_, err := told.Tell(f.Context(), site, v.ID, func(identity.ToldByApp) (identity.ToldByApp, error) {
		return identity.ToldByApp{Name: "Told", Email: "told@example.com"}, nil
	})
	f.no(err)

	read, page := f.export(v.ID, retention.Wish{})
	var drafts []string
	for i := range edits {
		drafts = append(drafts, fmt.Sprint("was draft ", i))
	}
	drafts = append(drafts, fmt.Sprint("draft ", edits))
	if got := read.texts(); !slices.Equal(got, drafts) {
		f.Errorf("the log-in's texts are %q", got)
	}
	if len(read.Before) != 1 {
		f.Fatalf("%d are given out that the visitor was", len(read.Before))
	}
	if got, want := read.Before[0].texts(), []string{"was long ago", "long ago, edited", "carried"}; !slices.Equal(got, want) {
		f.Errorf("before the log-in the texts are %q, want %q", got, want)
	}
	if p := read.Visitor; p.External != "u-1" || p.Vouched["id"] != "u-1" || p.Told["name"] != "Told" || p.Told["email"] != "told@example.com" || read.Before[0].Visitor.ID != decimal(by.ID) {
		f.Errorf("what is known is %+v, and %+v", p, read.Before[0].Visitor)
	}
	for _, word := range []string{"long ago, edited", ">long ago<", "draft 44<", "Before the log-in", "told@example.com"} {
		if !strings.Contains(page, word) {
			f.Errorf("the page lacks %q", word)
		}
	}
	if strings.Contains(page, "a note") {
		f.Error("the page has a note that nobody asked for")
	}
	read, _ = f.export(v.ID, retention.Wish{Notes: true})
	if got, want := read.texts(), append(drafts, "was a note", "a note, edited"); !slices.Equal(got, want) {
		f.Errorf("with notes the texts are %q", got)
	}
	if read, _ := f.export(chat.VisitorID(by.ID), retention.Wish{}); len(read.Before) != 0 || len(read.texts()) != 3 {
		f.Errorf("of the anonymous one %q is given out", read.texts())
	}
}
