package files

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/files/picture"
)

func previewOf(size int) (Previews, string) {
	switch size {
	case SmallPixels:
		return Small, smallSuffix
	case LargePixels:
		return Large, largeSuffix
	}
	return 0, ""
}

// typeOfPreview looks at the first bytes: a preview is a JPEG or a PNG.
func typeOfPreview(b Blob) (string, error) {
	head := make([]byte, 16)
	n, err := io.ReadFull(b, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return "", errors.Join(err, b.Close())
	}
	if _, err := b.Seek(0, io.SeekStart); err != nil {
		return "", errors.Join(err, b.Close())
	}
	return TypeOf(head[:n]), nil
}

// want has previews made, soon; if too many wait, when it is asked for again.
func (k *Keeper) want(id chat.FileID) {
	select {
	case k.wanted <- id:
	default:
	}
}

// makePreviews makes one picture's previews after the other.
func (k *Keeper) makePreviews(ctx context.Context) {
	for {
		select {
		case <-ctx.Done():
			return
		case id := <-k.wanted:
			if err := k.preview(ctx, id); err != nil && ctx.Err() == nil {
				k.log.WarnContext(ctx, "previews of a picture could not be made", "file", id, "error", err)
			}
		}
	}
}

func (k *Keeper) preview(ctx context.Context, id chat.FileID) error {
	f, err := k.store.File(ctx, id)
	if chat.CodeOf(err) == chat.NotFound || err == nil && (f.Previews != 0 || f.Width == 0 || f.State != Complete && f.State != Sent) {
		return nil
	}
	if err != nil {
		return err
	}
	blob, err := k.blobs.Open(ctx, f.key())
	if err != nil {
		return err
	}
	made, err := picture.Previews(f.Type, blob, LargePixels, SmallPixels)
	_ = blob.Close()
	if err != nil && !errors.Is(err, picture.ErrBroken) {
		return err
	}
	previews := Tried
	for size, p := range made {
		bit, suffix := previewOf(size)
		if err := k.blobs.Put(ctx, f.key()+suffix, bytes.NewReader(p.Data), int64(len(p.Data))); err != nil {
			return err
		}
		previews |= bit
	}
	if err := k.store.SetPreviews(ctx, id, previews); err != nil {
		return err
	}
	return k.afterwards(ctx, f)
}

// afterwards deletes previews of a file that was deleted while they were made.
func (k *Keeper) afterwards(ctx context.Context, f File) error {
	_, err := k.store.File(ctx, f.ID)
	if chat.CodeOf(err) == chat.NotFound {
		return k.blobs.Delete(ctx, f.key()+smallSuffix, f.key()+largeSuffix)
	}
	return err
}
