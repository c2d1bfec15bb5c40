package server_test

import (
	"context"
	"errors"
	"io/fs"
	"log/slog"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/client"
	"github.com/kefu-chat/kefu/internal/files"
	"github.com/kefu-chat/kefu/internal/files/folder"
	"github.com/kefu-chat/kefu/internal/identity"
)

// meddler is a keeper whose store and blobs let something happen right before a step.
type meddler struct {
	*world
	*files.Keeper
	folder string
	who    files.Uploader

	beforeComplete, beforeAddPart, beforeGiveUp, beforeOpen func()
	// stuck are those whose bytes cannot be deleted.
	stuck []chat.FileID
}

type meddledStore struct {
	files.Store
	m *meddler
}

type meddledBlobs struct {
	files.Blobs
	m *meddler
}

// once does what is to happen, and has it not happen again.
func once(do *func()) {
	if now := *do; now != nil {
		*do = nil
		now()
	}
}

func (s meddledStore) CompleteFile(ctx context.Context, f files.File) error {
	once(&s.m.beforeComplete)
	return s.Store.CompleteFile(ctx, f)
}

func (s meddledStore) AddPart(ctx context.Context, id chat.FileID, n int) error {
	once(&s.m.beforeAddPart)
	return s.Store.AddPart(ctx, id, n)
}

func (s meddledStore) GiveUp(ctx context.Context, id chat.FileID) error {
	once(&s.m.beforeGiveUp)
	return s.Store.GiveUp(ctx, id)
}

func (b meddledBlobs) Open(ctx context.Context, key string) (files.Blob, error) {
	once(&b.m.beforeOpen)
	return b.Blobs.Open(ctx, key)
}

func (b meddledBlobs) Delete(ctx context.Context, keys ...string) error {
	for _, id := range b.m.stuck {
		if strings.Contains(keys[0], strconv.FormatInt(int64(id), 10)) {
			return errors.New("held by law")
		}
	}
	return b.Blobs.Delete(ctx, keys...)
}

func newMeddler(t *testing.T, cfg files.Config) *meddler {
	t.Helper()
	a := newArchive(t, files.Config{})
	m := &meddler{world: a.world, folder: t.TempDir()}
	blobs, err := folder.Open(m.folder)
	m.must(err)
	t.Cleanup(func() { m.must(blobs.Close()) })
	cfg.VisitorBytes, cfg.AgentBytes, cfg.Now = 20<<20, 50<<20, m.clock.Now
	m.Keeper, err = files.New(t.Context(), cfg, meddledStore{m.db, m}, meddledBlobs{blobs, m}, slog.New(slog.DiscardHandler))
	m.must(err)
	t.Cleanup(m.Keeper.Close)
	hash, err := identity.HashSecret(client.NewSecret())
	m.must(err)
	m.who = files.Uploader{Owner: chat.VisitorFiles(hash), Site: m.firstSite().ID, Types: []string{"*"}}
	return m
}

// begun is an upload whose one part is there.
func (m *meddler) begun(text string) chat.FileID {
	m.t.Helper()
	f, err := m.Begin(m.t.Context(), m.who, "a.txt", "", int64(len(text)))
	m.must(err)
	m.must(m.part(m.t.Context(), f.ID, text))
	return f.ID
}

func (m *meddler) part(ctx context.Context, id chat.FileID, text string) error {
	return m.PutPart(ctx, m.who, id, 1, int64(len(text)), strings.NewReader(text))
}

// kept are the blobs there are, and of what was not finished.
func (m *meddler) kept() (names []string) {
	m.t.Helper()
	m.must(filepath.WalkDir(m.folder, func(path string, d fs.DirEntry, err error) error {
		if err == nil && !d.IsDir() {
			names = append(names, strings.TrimPrefix(path, m.folder))
		}
		return err
	}))
	return names
}

// Whoever cuts the connection while an upload is being completed leaves no bytes
// behind that no row names, and that no quota counts.
func TestACutCompletionLeavesNoBytesBehind(t *testing.T) {
	m := newMeddler(t, files.Config{})
	id := m.begun("hello")
	for range 3 {
		ctx, cut := context.WithCancel(t.Context())
		m.beforeComplete = cut
		_, _ = m.Complete(ctx, m.who, id)
		cut()
	}
	f, err := m.Complete(t.Context(), m.who, id)
	m.must(err)
	if kept := m.kept(); len(kept) != 1 || f.Size != 5 {
		t.Errorf("of one file of 5 bytes (%d) are kept: %q", f.Size, kept)
	}
}

// A part that comes again and is cut off at the last moment does not take away the
// one that is there already.
func TestAPartThatComesAgainAndIsCutIsThere(t *testing.T) {
	m := newMeddler(t, files.Config{})
	id := m.begun("hello")
	ctx, cut := context.WithCancel(t.Context())
	m.beforeAddPart = cut
	_ = m.part(ctx, id, "world")
	if f, err := m.Complete(t.Context(), m.who, id); err != nil || f.State != files.Complete {
		t.Errorf("the upload whose parts are all there is not completed: %s, %v", f.State, err)
	}
}

// A part whose upload is deleted while it comes leaves nothing behind, cut or not.
func TestAPartOfADeletedUploadLeavesNothing(t *testing.T) {
	m := newMeddler(t, files.Config{})
	id := m.begun("hello")
	ctx, cut := context.WithCancel(t.Context())
	m.beforeAddPart = func() {
		m.must(m.Keeper.Cancel(t.Context(), m.who.Owner, id))
		_, err := m.Sweep(t.Context())
		m.must(err)
		cut()
	}
	if err := m.part(ctx, id, "world"); err == nil {
		t.Error("the part of a deleted upload was taken")
	}
	if kept := m.kept(); len(kept) > 0 {
		t.Errorf("there are %q", kept)
	}
}

// Of two who complete an upload at once, both are told of the file; and who completes
// one that is deleted is told that it is not there. Neither is a failure of the server.
func TestWhoCompletesSecondIsToldWhatIs(t *testing.T) {
	m := newMeddler(t, files.Config{})
	id := m.begun("hello")
	m.beforeOpen = func() {
		_, err := m.Complete(t.Context(), m.who, id)
		m.must(err)
	}
	if f, err := m.Complete(t.Context(), m.who, id); err != nil || f.State != files.Complete {
		t.Errorf("the second one gets %s, %v", f.State, err)
	}
	if kept := m.kept(); len(kept) != 1 {
		t.Errorf("there are %q", kept)
	}
	id = m.begun("hello")
	m.beforeOpen = func() {
		m.must(m.Keeper.Cancel(t.Context(), m.who.Owner, id))
		_, err := m.Sweep(t.Context())
		m.must(err)
	}
	if _, err := m.Complete(t.Context(), m.who, id); chat.CodeOf(err) != chat.NotFound {
		t.Errorf("of a deleted upload one is told %v", err)
	}
}

// An upload that is completed at the moment at which it is swept leaves no bytes.
func TestAnUploadThatIsCompletedWhileItIsSweptIsWhollyDeleted(t *testing.T) {
	m := newMeddler(t, files.Config{Keep: time.Millisecond})
	id := m.begun("hello")
	m.beforeGiveUp = func() {
		_, err := m.Complete(t.Context(), m.who, id)
		m.must(err)
	}
	for m.beforeGiveUp != nil { // until its time has come by the database's clock
		_, err := m.Sweep(t.Context())
		m.must(err)
	}
	if kept := m.kept(); len(kept) > 0 {
		t.Errorf("there are %q", kept)
	}
}

// A file whose bytes cannot be deleted does not keep the others that come after it.
func TestAFileThatCannotBeDeletedKeepsNoOther(t *testing.T) {
	m := newMeddler(t, files.Config{})
	var ids []chat.FileID
	for range 4 {
		ids = append(ids, m.begun("hello"))
	}
	m.stuck = ids[:1]
	for _, id := range ids {
		m.must(m.Keeper.Cancel(t.Context(), m.who.Owner, id))
	}
	if n, err := m.Sweep(t.Context()); n != 3 || err == nil {
		t.Errorf("%d were deleted, %v: want the other 3, and an error", n, err)
	}
	m.stuck = nil
	if n, err := m.Sweep(t.Context()); n != 1 || err != nil {
		t.Errorf("afterwards %d were deleted, %v", n, err)
	}
}
