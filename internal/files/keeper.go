package files

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"math/rand/v2"
	"os"
	"sync"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
)

// Config bounds what is kept. Zero bounds nothing where it says so.
type Config struct {
	// VisitorBytes and AgentBytes are the largest file of each.
	VisitorBytes, AgentBytes int64
	// VisitorQuota, AgentQuota and SiteQuota bound all files of one visitor, of one
	// agent on a site, and of a site; 0: nothing does.
	VisitorQuota, AgentQuota, SiteQuota int64
	// Unsent bounds the uploads of one person that no message has (50).
	Unsent int
	// Keep is how long they are kept (24 h).
	Keep time.Duration
	// Now is the clock that addresses are valid by; nil: time.Now.
	Now func() time.Time
}

func (c Config) withDefaults() Config {
	if c.Unsent == 0 {
		c.Unsent = 50
	}
	if c.Keep == 0 {
		c.Keep = 24 * time.Hour
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	return c
}

// Keeper takes files in and gives them out. New starts it, Close ends it.
type Keeper struct {
	cfg   Config
	store Store
	blobs Blobs
	log   *slog.Logger
	key   []byte
	// turns bounds how many pictures are looked through at the same time.
	turns chan struct{}

	strays strays

	wanted  chan chat.FileID // whose previews are to be made
	stop    context.CancelFunc
	stopped sync.WaitGroup
}

const (
	atOnce       = 2   // pictures that are looked through
	wantedAtOnce = 256 // previews that wait; more are made when they are asked for again
)

// New starts a keeper; it reads the key of addresses.
func New(ctx context.Context, cfg Config, store Store, blobs Blobs, log *slog.Logger) (*Keeper, error) {
	key, err := store.FilesKey(ctx)
	if err != nil {
		return nil, fmt.Errorf("read the key of the files' addresses: %w", err)
	}
	k := &Keeper{
		cfg: cfg.withDefaults(), store: store, blobs: blobs, log: log, key: key,
		turns: make(chan struct{}, atOnce), wanted: make(chan chat.FileID, wantedAtOnce),
	}
	work, stop := context.WithCancel(context.WithoutCancel(ctx))
	k.stop = stop
	k.stopped.Go(func() { k.makePreviews(work) })
	return k, nil
}

// Close ends the making of previews, and waits for it.
func (k *Keeper) Close() {
	k.stop()
	k.stopped.Wait()
}

// Uploader is who uploads, and where to.
type Uploader struct {
	Owner chat.FileOwner
	Site  chat.SiteID
	Types []string // those that the site takes
}

// Begin begins an upload. Refusals: site.BadValue's code bad_value, TooLarge, QuotaReached, TooMany.
func (k *Keeper) Begin(ctx context.Context, u Uploader, name, typ string, size int64) (File, error) {
	most, quota := k.cfg.AgentBytes, k.cfg.AgentQuota
	if u.Owner.Visitor() {
		most, quota = k.cfg.VisitorBytes, k.cfg.VisitorQuota
	}
	switch {
	case len(u.Types) == 0:
		return File{}, chat.Refuse(TypeRefused, "this site takes no files")
	case size < 1:
		return File{}, chat.Refuse(badValue, "the file is empty: choose one with something in it")
	case size > most:
		return File{}, chat.Refuse(TooLarge, "the file has %d bytes: at most %d are allowed", size, most)
	case len(name) > maxNameBytes:
		return File{}, chat.Refuse(badValue, "the name has %d bytes: no file's name is longer than %d", len(name), maxNameBytes)
	}
	return k.store.InsertFile(ctx, File{
		File: chat.File{ID: chat.FileID(chat.NewID(k.cfg.Now())), Name: CleanName(name), Type: announcedType(typ), Size: size},
		Site: u.Site, Owner: u.Owner,
	}, Use{OwnerBytes: quota, SiteBytes: k.cfg.SiteQuota, Unsent: k.cfg.Unsent, Keep: k.cfg.Keep})
}

const badValue chat.Code = "bad_value"

const maxNameBytes = 4096

// State is an upload with the parts that are there. Refusals: NotFound.
func (k *Keeper) State(ctx context.Context, owner chat.FileOwner, id chat.FileID) (File, []int, error) {
	f, err := k.own(ctx, owner, id)
	if err != nil || f.State != Uploading {
		return f, nil, err
	}
	parts, err := k.store.PartsOf(ctx, id)
	return f, parts, err
}

// own finds one's own upload; what is gone or somebody else's looks as if it never was.
func (k *Keeper) own(ctx context.Context, owner chat.FileOwner, id chat.FileID) (File, error) {
	f, err := k.store.File(ctx, id)
	if err == nil && (f.Owner != owner || f.State == Gone) {
		err = chat.Refuse(chat.NotFound, "there is no such upload, or it is not yours")
	}
	return f, err
}

// PutPart stores part n, in place of what was there. length is what the sender
// announced, -1 if it did not. Refusals: NotFound, Conflict, BadPart, TypeRefused.
func (k *Keeper) PutPart(ctx context.Context, u Uploader, id chat.FileID, n int, length int64, body io.Reader) error {
	f, err := k.own(ctx, u.Owner, id)
	if err != nil {
		return err
	}
	want := f.PartLength(n)
	switch {
	case f.State != Uploading:
		return chat.Refuse(chat.Conflict, "the upload is complete: it takes no more parts")
	case want == 0:
		return chat.Refuse(BadPart, "there is no part %d: this file has parts 1 to %d", n, f.Parts())
	case length >= 0 && length != want:
		return chat.Refuse(BadPart, "part %d came with %d bytes: it has %d", n, length, want)
	}
	in := &exactly{in: body, left: want, want: want, n: n}
	var from io.Reader = in
	if n == 1 { // a type that will be refused need not come whole
		if from, err = sniffed(in, u.Types); err != nil {
			return err
		}
	}
	if err := k.blobs.Put(ctx, f.partKey(n), from, want); err != nil {
		if in.failed != nil {
			return in.failed
		}
		return fmt.Errorf("store part %d of file %d: %w", n, id, err)
	}
	ctx, cancel := settled(ctx)
	defer cancel()
	err = k.store.AddPart(ctx, id, n)
	if refused(err) { // the upload takes none any more; after any other error the part may be noted already
		err = errors.Join(err, k.blobs.Delete(ctx, f.partKey(n)))
	}
	return err
}

// settling is how long the database may take to note what lies in the place of blobs.
const settling = 10 * time.Second

// settled is a context that outlasts the request: whoever cuts its connection when the
// bytes are stored and not yet noted would leave bytes that no row names.
func settled(ctx context.Context) (context.Context, context.CancelFunc) {
	return context.WithTimeout(context.WithoutCancel(ctx), settling)
}

// refused tells whether a change was refused because the file is in another state.
func refused(err error) bool {
	code := chat.CodeOf(err)
	return code == chat.Conflict || code == chat.NotFound
}

// Complete makes a file of the parts. Refusals: NotFound, Conflict while parts are
// missing, TypeRefused. Once done it answers the same again.
func (k *Keeper) Complete(ctx context.Context, u Uploader, id chat.FileID) (File, error) {
	f, err := k.own(ctx, u.Owner, id)
	if err != nil || f.State != Uploading {
		return f, err
	}
	parts, err := k.store.PartsOf(ctx, id)
	if err != nil {
		return f, err
	}
	if len(parts) < f.Parts() {
		return f, chat.Refuse(chat.Conflict, "%d of %d parts are there: send the others first", len(parts), f.Parts())
	}
	uploaded := f
	f.Attempt = 1 + rand.Int64N(math.MaxInt64)
	f, err = k.assemble(ctx, f, u.Types)
	if errors.Is(err, ErrNoBlob) { // another request was faster, or the upload was deleted
		if now, err := k.own(ctx, u.Owner, id); err != nil || now.State != Uploading {
			return now, err
		}
	}
	if err != nil {
		return f, err
	}
	ctx, cancel := settled(ctx)
	defer cancel()
	f.State = Complete
	if err := k.store.CompleteFile(ctx, f); err != nil {
		return k.raced(ctx, u.Owner, f, err)
	}
	if err := k.blobs.Delete(ctx, uploaded.partKeys()...); err != nil {
		k.log.WarnContext(ctx, "the parts of a complete upload could not be deleted", "file", id, "error", err)
	}
	if IsPicture(f.Type) && f.Width > 0 {
		k.want(id)
	}
	return f, nil
}

// raced tells what became of a file that another request has completed or cancelled
// meanwhile. What was assembled here is nobody's.
func (k *Keeper) raced(ctx context.Context, owner chat.FileOwner, f File, err error) (File, error) {
	if !refused(err) {
		return f, err
	}
	now, err := k.own(ctx, owner, f.ID)
	if err := k.blobs.Delete(ctx, f.key()); err != nil {
		k.log.WarnContext(ctx, "a file that was completed twice could not be deleted", "file", f.ID, "error", err)
	}
	return now, err
}

// Cancel ends an upload, or lets go of a complete one; one that is not there does
// not matter. Refusals: Conflict when a message has it.
func (k *Keeper) Cancel(ctx context.Context, owner chat.FileOwner, id chat.FileID) error {
	_, err := k.own(ctx, owner, id)
	if err == nil {
		err = k.store.GiveUp(ctx, id)
	}
	if chat.CodeOf(err) == chat.NotFound {
		return nil
	}
	return err
}

// File finds a file, and tells whether the reader may open it. Refusals: NotFound.
func (k *Keeper) File(ctx context.Context, r Reader, id chat.FileID) (File, error) {
	f, err := k.store.File(ctx, id)
	if err == nil && !f.MayOpen(r) {
		err = absent()
	}
	return f, err
}

func absent() error {
	return chat.Refuse(chat.NotFound, "there is no such file, or it is not yours to see")
}

// Vouched is File for whoever has an address. Refusals: NotFound, also when the
// address is not ours or its time is over.
func (k *Keeper) Vouched(ctx context.Context, id chat.FileID, until chat.Millis, sign string) (File, error) {
	f, err := k.store.File(ctx, id)
	if err == nil && (f.State != Sent || !f.Public || !vouched(k.key, f, until, sign, k.cfg.Now())) {
		err = absent()
	}
	return f, err
}

// Addresses are where a reader opens files for the next hour, by id; what it may
// not open is left out.
func (k *Keeper) Addresses(ctx context.Context, r Reader, ids []chat.FileID) (map[chat.FileID]string, chat.Millis, error) {
	all, err := k.store.FilesByID(ctx, ids)
	until := chat.At(k.cfg.Now().Add(AddressLasts))
	found := map[chat.FileID]string{}
	for _, f := range all {
		if f.State == Sent && f.Public && f.MayOpen(r) {
			found[f.ID] = address(k.key, f, until)
		}
	}
	return found, until, err
}

// Open opens a file's bytes and tells their type; of a picture its preview of
// size pixels, if there is one. ready is false where there may be one later.
func (k *Keeper) Open(ctx context.Context, f File, size int) (b Blob, typ string, ready bool, err error) {
	preview, suffix := previewOf(size)
	if preview != 0 && IsPicture(f.Type) && f.Width > 0 && max(f.Width, f.Height) > size {
		if f.Previews&preview != 0 {
			if b, err = k.blobs.Open(ctx, f.key()+suffix); err == nil {
				typ, err = typeOfPreview(b)
				return b, typ, true, err
			}
			if !errors.Is(err, ErrNoBlob) {
				return nil, "", false, err
			}
		}
		ready = f.Previews&Tried != 0
		if !ready {
			k.want(f.ID)
		}
	} else {
		ready = true
	}
	b, err = k.blobs.Open(ctx, f.key())
	if errors.Is(err, ErrNoBlob) {
		err = errors.Join(absent(), err)
	}
	return b, f.Type, ready, err
}

// Sweep deletes files whose time has come, and tells how many. One that cannot be
// deleted does not keep the others; after some of them it gives up until the next time.
func (k *Keeper) Sweep(ctx context.Context) (count int, err error) {
	failed := map[chat.FileID]bool{}
	for {
		due, fault := k.store.DueFiles(ctx, sweepStep+len(failed))
		if fault != nil {
			return count, errors.Join(err, fault)
		}
		for _, f := range due {
			if failed[f.ID] {
				continue
			}
			if fault := k.delete(ctx, f); fault != nil {
				failed[f.ID], err = true, fault
			} else {
				count++
			}
			if len(failed) == sweepFailures || ctx.Err() != nil {
				return count, errors.Join(err, ctx.Err())
			}
		}
		if len(due) < sweepStep {
			return count, err
		}
	}
}

const (
	sweepStep     = 100
	sweepFailures = 20
)

// delete removes the bytes, then the row: cut off, it is done again.
func (k *Keeper) delete(ctx context.Context, f File) error {
	err := k.store.GiveUp(ctx, f.ID)
	if err == nil { // it may have been completed since it was found due: then other bytes are its own
		f, err = k.store.File(ctx, f.ID)
	}
	if refused(err) { // sent at the last moment, or deleted already
		return nil
	}
	if err != nil {
		return err
	}
	keys := append([]string{f.key(), f.key() + smallSuffix, f.key() + largeSuffix}, k.allParts(f)...)
	if err := k.blobs.Delete(ctx, keys...); err != nil {
		return fmt.Errorf("delete file %d: %w", f.ID, err)
	}
	return k.store.ForgetFile(ctx, f.ID)
}

// temporary is a file of this node without a name.
func temporary() (*os.File, func(), error) {
	t, err := os.CreateTemp("", "kefu-file-*")
	if err != nil {
		return nil, nil, err
	}
	return t, func() { _, _ = t.Close(), os.Remove(t.Name()) }, nil
}
