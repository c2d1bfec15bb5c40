package chat

import (
	"encoding/binary"
	"slices"
	"strconv"
	"strings"
)

// MaxFiles bounds the files of one message or note.
const MaxFiles = 10

// File is a file of a message or note, as its body keeps it.
type File struct {
	ID   FileID `json:"id,string"`
	Name string `json:"name"` // one line, no path
	// Type is the content type that the bytes have, whatever the name says.
	Type string `json:"type"`
	Size int64  `json:"size"` // bytes
	// Width and Height, in pixels as it is shown, are those of a picture that may
	// be shown inline; 0 for everything else.
	Width  int `json:"width,omitzero"`
	Height int `json:"height,omitzero"`
}

// FileOwner is whose an upload is: a visitor by the hash of its secret, because it
// may upload before it exists, everybody else by id. Empty: nobody.
type FileOwner string

// VisitorFiles owns what the visitor with this hash of its secret uploads.
func VisitorFiles(secretHash []byte) FileOwner { return FileOwner("v" + string(secretHash)) }

// AgentFiles owns what an agent uploads.
func AgentFiles(agent AgentID) FileOwner {
	return FileOwner(binary.BigEndian.AppendUint64([]byte("a"), uint64(agent)))
}

// Visitor tells whether it is a visitor's.
func (o FileOwner) Visitor() bool { return strings.HasPrefix(string(o), "v") }

// Upload is a file with what decides whether a message may have it.
type Upload struct {
	File
	Site  SiteID
	Owner FileOwner
	Free  bool // complete, and in no message
}

// attaching adds to the draft that answers the command its files, which must be
// the sender's own complete uploads to this site.
func attaching(rule Decide, c Command, text string) Decide {
	return func(s State, log Log) ([]Draft, error) {
		drafts, err := rule(s, log)
		if err != nil {
			return nil, err
		}
		files, err := chosen(s, log, c)
		if err != nil {
			return nil, err
		}
		for i := range drafts {
			if drafts[i].Answers {
				drafts[i].Body, drafts[i].Attach = bodyOf(Text{Text: text, Files: files}), c.Files
			}
		}
		return drafts, nil
	}
}

// chosen are the command's files in their order.
func chosen(s State, log Log, c Command) ([]File, error) {
	uploads, err := log.Files(c.Files)
	if err != nil {
		return nil, err
	}
	files := make([]File, len(c.Files))
	for i, id := range c.Files {
		at := slices.IndexFunc(uploads, func(u Upload) bool { return u.ID == id })
		switch {
		case at < 0 || uploads[at].Site != s.Site || uploads[at].Owner != c.Owner:
			return nil, s.refuse(BadFiles, "file %d is not there, or not yours: upload it again", id)
		case !uploads[at].Free:
			return nil, s.refuse(BadFiles, "file %d is not complete, or in another message already: upload it again", id)
		}
		files[i] = uploads[at].File
	}
	return files, nil
}

// fingerprint distinguishes commands with other files; without any it is what it was.
func (c Command) fingerprint(what string) string {
	if len(c.Files) == 0 {
		return what
	}
	ids := make([]string, len(c.Files))
	for i, id := range c.Files {
		ids[i] = strconv.FormatInt(int64(id), 10)
	}
	return what + " " + strings.Join(ids, ",")
}
