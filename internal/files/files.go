// Package files keeps what people send one another beside text: uploads in parts,
// the rules for what may be sent and how it is opened, and the bytes themselves,
// in a folder (files/folder) or in a bucket of S3 (files/bucket).
package files

import (
	"context"
	"errors"
	"io"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
)

// PartBytes is the length of every part of an upload but the last one.
const PartBytes = 4 << 20

// State is how far a file has come.
type State string

// The states of a file.
const (
	Uploading State = "uploading" // parts come
	Complete  State = "complete"  // whole, and in no message yet
	Sent      State = "sent"      // an event has it
	Shown     State = "shown"     // a portrait or a logo: anybody may see it
	Gone      State = "gone"      // nobody may; a job deletes it
)

// Previews tells which previews of a picture there are.
type Previews int

// The previews. Tried without a bit of a size: the picture has none.
const (
	Small Previews = 1 << iota // at most 320 pixels wide and high
	Large                      // at most 1280
	Tried
)

// The sizes of previews, in pixels.
const (
	SmallPixels = 320
	LargePixels = 1280
)

// File is a file from the beginning of its upload.
type File struct {
	chat.File // until it is complete, Size is what was announced, and Type what the browser said
	Site      chat.SiteID
	Owner     chat.FileOwner
	State     State
	Previews  Previews
	// Attempt is a random number of the attempt to complete it that was the one; 0 before.
	Attempt int64
	// Conversation, Seq and Public are those of the event that has it.
	Conversation chat.ConversationID
	Seq          int64
	Public       bool
	CreatedAt    chat.Millis
	DeleteAt     chat.Millis // 0: never
}

// Parts is the number of parts of the upload.
func (f File) Parts() int { return int((f.Size + PartBytes - 1) / PartBytes) }

// PartLength is the length of part n, counted from 1; 0 if there is none.
func (f File) PartLength(n int) int64 {
	if n < 1 || n > f.Parts() {
		return 0
	}
	return min(PartBytes, f.Size-int64(n-1)*PartBytes)
}

// Use is what an upload may add to. 0 bounds nothing.
type Use struct {
	OwnerBytes, SiteBytes int64 // of all files of the owner on this site, and of the site
	Unsent                int   // uploads of the owner that no message has
	Keep                  time.Duration
}

// Store remembers files. Its methods return *chat.Refusal where one is named.
type Store interface {
	// InsertFile begins an upload, with the database's time, to be deleted after
	// u.Keep. What was made here has its width, height and attempt already. Refusals: QuotaReached, TooMany.
	InsertFile(ctx context.Context, f File, u Use) (File, error)
	// File finds a file. Refusals: NotFound.
	File(ctx context.Context, id chat.FileID) (File, error)
	// FilesByID are those of these files that there are, in any order.
	FilesByID(ctx context.Context, ids []chat.FileID) ([]File, error)
	// AddPart notes that a part is there, again or for the first time. Refusals:
	// NotFound, Conflict when the upload is not under way.
	AddPart(ctx context.Context, id chat.FileID, n int) error
	// PartsOf are the parts that are there, ascending.
	PartsOf(ctx context.Context, id chat.FileID) ([]int, error)
	// CompleteFile writes state, type, size, width, height and attempt. Refusals: Conflict when the upload is not under way.
	CompleteFile(ctx context.Context, f File) error
	// GiveUp makes an unsent file Gone, due now; also one that is due by itself.
	// Refusals: Conflict when an event has it, or it is shown.
	GiveUp(ctx context.Context, id chat.FileID) error
	// DueFiles are files whose time has come, longest ago first.
	DueFiles(ctx context.Context, limit int) ([]File, error)
	// ForgetFile removes a Gone file's rows and gives its bytes back. Doing so twice is once.
	ForgetFile(ctx context.Context, id chat.FileID) error
	// SetPreviews notes which previews there are.
	SetPreviews(ctx context.Context, id chat.FileID, p Previews) error
	// FilesKey is the key with which addresses are signed: the same on all nodes.
	FilesKey(ctx context.Context) ([]byte, error)
}

// ErrNoBlob is the error of opening what is not there.
var ErrNoBlob = errors.New("there is no such blob")

// Blobs keep bytes under keys that this package makes: decimal digits, letters,
// dots and slashes. What was put is there whole or not at all.
type Blobs interface {
	// Put stores what r yields until its end, in place of what was there. An error of
	// r, or another number of bytes than size, stores nothing.
	Put(ctx context.Context, key string, r io.Reader, size int64) error
	// Open reads a blob, from anywhere. Errors: ErrNoBlob.
	Open(ctx context.Context, key string) (Blob, error)
	// Delete removes blobs; those that are not there do not matter.
	Delete(ctx context.Context, keys ...string) error
	// List are up to limit blobs whose keys come after one ("": all), ascending by key;
	// those that were never put whole are below Unfinished, if they are kept at all.
	List(ctx context.Context, after string, limit int) ([]Kept, error)
}

// Blob is an open blob.
type Blob interface {
	io.ReadSeekCloser
	Size() int64
}

// Codes of refusals.
const (
	BadPart      chat.Code = "bad_part"          // no such part, or not as long as it must be
	TooLarge     chat.Code = "file_too_large"    // more than one may send
	TypeRefused  chat.Code = "file_type_refused" // the site takes none of this type
	QuotaReached chat.Code = "quota_reached"     // the owner's or the site's space is used up
	TooMany      chat.Code = "too_many"          // too many uploads of one owner are under way
	BadPicture   chat.Code = "bad_picture"       // none that a portrait or a logo can be made of
)
