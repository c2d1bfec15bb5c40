package files

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strconv"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/files/picture"
)

const (
	smallSuffix = ".320"
	largeSuffix = ".1280"
)

// stem is what the keys of a file begin with: digits only, nothing of what anybody typed.
func (f File) stem() string {
	id := strconv.FormatInt(int64(f.ID), 10)
	return strconv.FormatInt(int64(f.Site), 10) + "/" + fmt.Sprintf("%02x", uint64(f.ID)&0xff) + "/" + id
}

// key is where the bytes are kept. Each attempt to complete a file has its own: of
// two at the same time, neither changes what the other has looked at.
func (f File) key() string { return f.stem() + "x" + strconv.FormatInt(f.Attempt, 36) }

func (f File) partKey(n int) string { return f.stem() + ".p" + strconv.Itoa(n) }

func (f File) partKeys() []string {
	keys := make([]string, f.Parts())
	for i := range keys {
		keys[i] = f.partKey(i + 1)
	}
	return keys
}

// allParts are the parts that a file may have left behind: when it is complete, its
// size may be another than that of its parts together.
func (k *Keeper) allParts(f File) []string {
	if f.State != Uploading {
		f.Size = max(f.Size, k.cfg.AgentBytes, k.cfg.VisitorBytes)
	}
	return f.partKeys()
}

// exactly reads so many bytes and refuses fewer or more.
type exactly struct {
	in         io.Reader
	left, want int64
	n          int
	failed     error
}

func (e *exactly) Read(p []byte) (int, error) {
	if e.failed != nil {
		return 0, e.failed
	}
	if int64(len(p)) > e.left+1 {
		p = p[:e.left+1]
	}
	n, err := e.in.Read(p)
	e.left -= int64(n)
	switch {
	case e.left < 0:
		e.failed = chat.Refuse(BadPart, "part %d is longer than %d bytes", e.n, e.want)
	case errors.Is(err, io.EOF) && e.left > 0:
		e.failed = chat.Refuse(BadPart, "part %d ended after %d of %d bytes: send it again", e.n, e.want-e.left, e.want)
	case err != nil && !errors.Is(err, io.EOF):
		e.failed = chat.Refuse(BadPart, "part %d was cut off after %d of %d bytes: send it again", e.n, e.want-e.left, e.want)
	}
	if e.failed != nil {
		return 0, e.failed
	}
	return n, err
}

// sniffed refuses what the site does not take by its first bytes, which the
// returned reader yields again.
func sniffed(in io.Reader, types []string) (io.Reader, error) {
	head := make([]byte, HeadBytes)
	n, err := io.ReadFull(in, head)
	if err != nil && !errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
		return nil, err
	}
	if err := checkType(TypeOf(head[:n]), types); err != nil {
		return nil, err
	}
	return io.MultiReader(bytes.NewReader(head[:n]), in), nil
}

func checkType(typ string, types []string) error {
	if !Allowed(types, typ) {
		return chat.Refuse(TypeRefused, "the file is of type %s, which this site does not take", typ)
	}
	return nil
}

// assemble makes one blob of the parts, and learns what it is.
func (k *Keeper) assemble(ctx context.Context, f File, types []string) (File, error) {
	parts := &sequence{ctx: ctx, blobs: k.blobs, keys: f.partKeys()}
	defer parts.Close()
	head := make([]byte, HeadBytes)
	n, err := io.ReadFull(parts, head)
	if err != nil && !errors.Is(err, io.ErrUnexpectedEOF) {
		return f, err
	}
	f.Type = TypeOf(head[:n])
	if err := checkType(f.Type, types); err != nil {
		return f, err
	}
	whole := io.MultiReader(bytes.NewReader(head[:n]), parts)
	if !IsPicture(f.Type) {
		return f, k.blobs.Put(ctx, f.key(), whole, f.Size)
	}
	return k.strip(ctx, f, whole)
}

// strip stores a picture without what it says beside itself.
func (k *Keeper) strip(ctx context.Context, f File, whole io.Reader) (File, error) {
	select {
	case k.turns <- struct{}{}:
		defer func() { <-k.turns }()
	case <-ctx.Done():
		return f, ctx.Err()
	}
	t, remove, err := temporary()
	if err != nil {
		return f, err
	}
	defer remove()
	facts, err := picture.Strip(f.Type, whole, t)
	if errors.Is(err, picture.ErrBroken) {
		return f, chat.Refuse(TypeRefused, "the file begins as a picture of type %s, but is none: %v", f.Type, err)
	}
	if err != nil {
		return f, err
	}
	f.Width, f.Height = facts.Width, facts.Height
	if f.Size, err = t.Seek(0, io.SeekEnd); err != nil {
		return f, err
	}
	if _, err := t.Seek(0, io.SeekStart); err != nil {
		return f, err
	}
	return f, k.blobs.Put(ctx, f.key(), t, f.Size)
}

// sequence reads blobs one after the other, each opened when its turn comes.
type sequence struct {
	ctx   context.Context //nolint:containedctx // a reader's, for as long as it is read
	blobs Blobs
	keys  []string
	open  Blob
}

func (s *sequence) Read(p []byte) (int, error) {
	for {
		if s.open == nil {
			if len(s.keys) == 0 {
				return 0, io.EOF
			}
			b, err := s.blobs.Open(s.ctx, s.keys[0])
			if err != nil {
				return 0, fmt.Errorf("open %s: %w", s.keys[0], err)
			}
			s.open, s.keys = b, s.keys[1:]
		}
		n, err := s.open.Read(p)
		if errors.Is(err, io.EOF) {
			err = nil
			s.Close()
		}
		if n > 0 || err != nil {
			return n, err
		}
	}
}

// Close closes the blob that is being read.
func (s *sequence) Close() {
	if s.open != nil {
		_ = s.open.Close()
		s.open = nil
	}
}
