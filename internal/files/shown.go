package files

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math"
	"math/rand/v2"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/files/picture"
)

// Shape is what a picture that anybody may see is made for.
type Shape int

// The shapes.
const (
	Portrait Shape = iota // the square middle, at most PortraitPixels wide
	Logo                  // all of it, at most LogoPixels wide and high
)

// Sizes of what is shown, for screens with several pixels to the point.
const (
	PortraitPixels = 256
	LogoPixels     = 480
)

// MaxPictureBytes is the largest upload of which a portrait or logo is made.
const MaxPictureBytes = 5 << 20

// unshownKeep is how long a picture is kept that nothing shows yet.
const unshownKeep = time.Hour

// TakePicture makes of an upload a picture that is to be shown: drawn anew, so
// that nothing of the upload is left but how it looks. Until the store is told who
// shows it, nobody sees it, and after an hour it is deleted. Refusals: BadPicture,
// TooLarge, TooMany.
func (k *Keeper) TakePicture(ctx context.Context, owner chat.FileOwner, on chat.SiteID, shape Shape, upload []byte) (chat.Picture, error) {
	if len(upload) > MaxPictureBytes {
		return chat.Picture{}, chat.Refuse(TooLarge, "the picture has %d bytes: at most %d are allowed", len(upload), MaxPictureBytes)
	}
	made, err := k.draw(ctx, shape, upload)
	if err != nil {
		return chat.Picture{}, err
	}
	f, err := k.store.InsertFile(ctx, File{
		File: chat.File{
			ID: chat.FileID(chat.NewID(k.cfg.Now())), Name: "picture", Type: made.Type,
			Size: int64(len(made.Data)), Width: made.Width, Height: made.Height,
		},
		Site: on, Owner: owner, Attempt: 1 + rand.Int64N(math.MaxInt64),
	}, Use{Unsent: k.cfg.Unsent, Keep: unshownKeep})
	if err != nil {
		return chat.Picture{}, err
	}
	if err := k.blobs.Put(ctx, f.key(), bytes.NewReader(made.Data), f.Size); err != nil {
		return chat.Picture{}, errors.Join(fmt.Errorf("store picture %d: %w", f.ID, err), k.Cancel(context.WithoutCancel(ctx), owner, f.ID))
	}
	return chat.Picture{File: f.ID, Key: f.Attempt}, nil
}

// draw draws a picture anew, one of few at the same time.
func (k *Keeper) draw(ctx context.Context, shape Shape, upload []byte) (made picture.Preview, err error) {
	typ := TypeOf(upload[:min(len(upload), HeadBytes)])
	if !IsPicture(typ) {
		return made, chat.Refuse(BadPicture, "this is no picture that can be shown, but of type %s: choose a JPEG, PNG, GIF or WebP", typ)
	}
	select {
	case k.turns <- struct{}{}:
		defer func() { <-k.turns }()
	case <-ctx.Done():
		return made, ctx.Err()
	}
	t, remove, err := temporary()
	if err != nil {
		return made, err
	}
	defer remove()
	facts, err := picture.Strip(typ, bytes.NewReader(upload), t)
	if err == nil && facts.Width == 0 {
		return made, chat.Refuse(BadPicture, "the picture is too large to be opened: choose one of at most %d megapixels", picture.MaxPixels/1_000_000)
	}
	if err == nil {
		made, err = anew(shape, typ, t)
	}
	if errors.Is(err, picture.ErrBroken) {
		return made, chat.Refuse(BadPicture, "the picture cannot be opened, it may be damaged (%v): choose another one", err)
	}
	return made, err
}

func anew(shape Shape, typ string, r io.ReadSeeker) (picture.Preview, error) {
	if shape == Logo {
		return picture.Logo(typ, r, LogoPixels)
	}
	return picture.Portrait(typ, r, PortraitPixels)
}

// Shown opens a portrait or a logo, and tells whose and of what type it is. Refusals:
// NotFound, also when it has been replaced.
func (k *Keeper) Shown(ctx context.Context, p chat.Picture) (Blob, File, error) {
	f, err := k.store.File(ctx, p.File)
	if err == nil && (f.State != Shown || f.Attempt != p.Key) {
		err = absent()
	}
	if err != nil {
		return nil, f, err
	}
	b, err := k.blobs.Open(ctx, f.key())
	if errors.Is(err, ErrNoBlob) {
		err = errors.Join(absent(), err)
	}
	return b, f, err
}
