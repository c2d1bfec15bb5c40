package server

import (
	"context"
	"io"
	"net/http"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/retention"
	"github.com/kefu-chat/kefu/internal/wire"
)

// Erasure is the receipt of an erasure. Nothing in it says who was erased.
type Erasure struct {
	ID      string         `json:"id" doc:"Of this receipt."`
	At      int64          `json:"at"`
	Removed ErasureRemoved `json:"removed"`
}

// ErasureRemoved is how much went.
type ErasureRemoved struct {
	Rounds    int64 `json:"rounds"`
	Events    int64 `json:"events"`
	Revisions int64 `json:"revisions" doc:"Earlier texts of messages that were edited."`
	Files     int64 `json:"files"`
	Bytes     int64 `json:"bytes" doc:"Of the files; they are deleted within minutes."`
	Lists     int64 `json:"lists" doc:"Lists of broadcasts that named the visitor."`
	Names     int64 `json:"names" doc:"Names in the legacy chat room."`
	LogIns    int64 `json:"log_ins"`
	Outgoing  int64 `json:"outgoing" doc:"Events of which webhooks were still to be told."`
}

type (
	erasureOutput struct{ Body Erasure }
	exportQuery   struct {
		VisitorPath
		Notes    bool   `query:"notes" doc:"Take along what agents wrote for one another."`
		Language string `query:"language" default:"en" enum:"en,zh-CN" doc:"Of the readable page's own words."`
	}
	exportOutput struct {
		Disposition string                  `header:"Content-Disposition"`
		Cache       string                  `header:"Cache-Control"`
		Stream      func(w io.Writer) error `contentType:"application/zip"`
	}
)

// retention are the routes by which a person's data is given out and removed.
func (r *routes) retention() {
	const one = "/sites/{site}/visitors/{visitor}"
	who, s := onSiteOrKey(chat.RoleAdmin, identity.PeopleScope), r.server
	whole := who
	whole.also = identity.ReadScope // it has what agents and the visitor wrote
	serve(r, whole, op{method: "GET", path: one + "/export", id: "export-visitor", summary: "All that there is of a visitor, as a ZIP archive"}, s.export)
	serve(r, who, op{method: "DELETE", path: one, id: "erase-visitor", summary: "Erase a visitor with all that there is of it; once more gives the same receipt", status: http.StatusOK, repeats: again},
		func(ctx context.Context, c caller, in *VisitorPath) (*erasureOutput, error) {
			id, err := parseID[chat.VisitorID](in.Visitor)
			if err != nil {
				return nil, err
			}
			done, err := s.parts.Eraser.Erase(ctx, c.by(), c.site.ID, id)
			n := done.Removed
			return &erasureOutput{Body: Erasure{ID: idText(done.ID), At: int64(done.At), Removed: ErasureRemoved{
				Rounds: n.Rounds, Events: n.Events, Revisions: n.Revisions, Files: n.Files, Bytes: n.Bytes,
				Lists: n.Lists, Names: n.Names, LogIns: n.Logins, Outgoing: n.Outgoing,
			}}}, err
		})
}

// export begins an archive, which is written as it is read.
func (s *Server) export(ctx context.Context, c caller, in *exportQuery) (*exportOutput, error) {
	id, err := parseID[chat.VisitorID](in.Visitor)
	if err != nil {
		return nil, err
	}
	if !s.downloads.take(c.network) {
		p := problem(wire.TooMany, "Too many files are being taken from this address.")
		p.RetryAfter = seatPause
		return nil, p
	}
	archive, err := s.parts.Exporter.Prepare(ctx, c.by(), c.site.ID, id, retention.Wish{Notes: in.Notes, Chinese: in.Language == "zh-CN"})
	if err != nil {
		s.downloads.leave(c.network)
		return nil, err
	}
	return &exportOutput{
		Disposition: `attachment; filename="` + archive.Name() + `"`, Cache: "no-store",
		Stream: func(w io.Writer) error {
			defer s.downloads.leave(c.network)
			return archive.Write(ctx, w)
		},
	}, nil
}
