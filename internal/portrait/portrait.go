// Package portrait shows the pictures that websites name for their visitors: each is
// fetched once, by a job, drawn anew, and given out by this server like any portrait.
package portrait

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"strconv"
	"time"

	"github.com/go-json-experiment/json"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/files"
	"github.com/kefu-chat/kefu/internal/jobs"
	"github.com/kefu-chat/kefu/internal/outbound"
)

// JobKind is the kind of the jobs that fetch.
const JobKind = "visitor_portrait"

// Job fetches what is named for a visitor at that time.
func Job(visitor chat.VisitorID) jobs.Job {
	return jobs.Job{Kind: JobKind, Key: strconv.FormatInt(int64(visitor), 10)}
}

// Wanted is a picture that is to be fetched.
type Wanted struct {
	Site       chat.SiteID
	SecretHash []byte // the visitor's
	// Address is where it is: https, as the website's token named it.
	Address string
}

// Store remembers which pictures visitors have, and which they are to have.
type Store interface {
	// WantedPortrait is what is to be fetched for a visitor. Errors: NotFound where that
	// is nothing, or the visitor is not there.
	WantedPortrait(ctx context.Context, visitor chat.VisitorID) (Wanted, error)
	// ShowVisitorPortrait puts a picture that was made of an address in place of the one
	// before, which is then deleted. Errors: NotFound where another address is wanted by
	// now, or none, or the picture is no longer there.
	ShowVisitorPortrait(ctx context.Context, visitor chat.VisitorID, address string, made chat.Picture) error
}

// Drawer draws uploads anew (files.Keeper).
type Drawer interface {
	TakePicture(ctx context.Context, owner chat.FileOwner, on chat.SiteID, shape files.Shape, upload []byte) (chat.Picture, error)
	Cancel(ctx context.Context, owner chat.FileOwner, id chat.FileID) error
}

// Told is told who has another portrait, so that agents see it now.
type Told interface {
	Portrayed(on chat.SiteID, secretHash []byte, address string)
}

// Client asks servers whose addresses people named (outbound.Client).
type Client interface {
	Do(ctx context.Context, r outbound.Request) (outbound.Answer, error)
}

// Fetcher fetches. Safe for concurrent use.
type Fetcher struct {
	store  Store
	client Client
	drawer Drawer
	told   Told
	queue  jobs.Queue
	turns  *turns
	log    *slog.Logger
}

// New makes a node's fetcher. drawer is nil where no files are kept: then there are no
// portraits. queue is where it puts off what has no turn.
func New(store Store, client Client, drawer Drawer, told Told, queue jobs.Queue, log *slog.Logger) *Fetcher {
	return &Fetcher{store: store, client: client, drawer: drawer, told: told, queue: queue, turns: newTurns(), log: log}
}

// useless is why a picture will not come however often it is asked for.
type useless struct{ why string }

func (u *useless) Error() string { return u.why }

// unreached is why a server gave no answer.
type unreached struct {
	why    string
	silent bool // it took all the time that there is
}

func (u *unreached) Error() string { return "the website's picture could not be fetched: " + u.why }

func unreachedBy(err error) *unreached {
	var timeout net.Error
	silent := errors.As(err, &timeout) && timeout.Timeout() || errors.Is(err, context.DeadlineExceeded)
	return &unreached{outbound.Why(err), silent}
}

// Run does a job of JobKind. An error asks for another try: it names no address, which
// may carry what only its server is to know.
func (f *Fetcher) Run(ctx context.Context, j jobs.Job) error {
	if f.drawer == nil {
		return nil
	}
	n, err := chat.ParseID(j.Key)
	if err != nil {
		return err
	}
	id := chat.VisitorID(n)
	w, err := f.store.WantedPortrait(ctx, id)
	if chat.CodeOf(err) == chat.NotFound {
		return nil
	}
	if err != nil {
		return err
	}
	owner := chat.VisitorFiles(w.SecretHash)
	made, wait, err := f.inTurn(ctx, owner, w)
	if err == nil && wait > 0 {
		return f.putOff(ctx, j, wait)
	}
	err = lastOf(j, err)
	var never *useless
	if errors.As(err, &never) {
		f.log.WarnContext(ctx, "a website's picture of a visitor is not shown", "site", w.Site, "visitor", id, "why", never.why)
		return nil
	}
	if err != nil {
		return err
	}
	err = f.store.ShowVisitorPortrait(ctx, id, w.Address, made)
	if chat.CodeOf(err) == chat.NotFound { // the next run, if there is one, fetches what is wanted now
		return f.drawer.Cancel(context.WithoutCancel(ctx), owner, made.File)
	}
	if err == nil {
		f.told.Portrayed(w.Site, w.SecretHash, made.Address())
	}
	return err
}

// inTurn takes a picture if there is a turn for it, or tells after how long to try again.
func (f *Fetcher) inTurn(ctx context.Context, owner chat.FileOwner, w Wanted) (made chat.Picture, wait time.Duration, err error) {
	asked := serverOf(w)
	if wait, err = f.turns.begin(asked, time.Now()); err != nil || wait > 0 {
		return made, wait, err
	}
	defer func() {
		var u *unreached
		f.turns.end(asked, time.Now(), errors.As(err, &u) && u.silent)
	}()
	made, err = f.take(ctx, owner, w)
	return made, 0, err
}

// tries is how often a picture is asked for that was put off; others are the queue's to
// count.
const tries = 10

// putOffs is the payload of a job that was put off: the queue counts it anew.
type putOffs struct {
	Tries int `json:"tries"` // before
}

func triesBefore(j jobs.Job) int {
	var p putOffs
	if len(j.Payload) > 0 && json.Unmarshal(j.Payload, &p) != nil {
		return 0
	}
	return p.Tries
}

// putOff has a job run again after a while. That was no try.
func (f *Fetcher) putOff(ctx context.Context, j jobs.Job, wait time.Duration) error {
	payload, err := json.Marshal(putOffs{triesBefore(j) + j.Attempts - 1})
	if err != nil {
		return err
	}
	return f.queue.Add(ctx, jobs.Job{Kind: j.Kind, Key: j.Key, In: wait, Payload: payload})
}

// lastOf is a try's error, a *useless if there were enough of them.
func lastOf(j jobs.Job, err error) error {
	if before := triesBefore(j); err != nil && before > 0 && before+j.Attempts >= tries {
		return &useless{err.Error()}
	}
	return err
}

// take fetches a picture, and draws it anew. Errors: *useless.
func (f *Fetcher) take(ctx context.Context, owner chat.FileOwner, w Wanted) (chat.Picture, error) {
	answer, err := f.client.Do(ctx, outbound.Request{
		Method: http.MethodGet, URL: w.Address, Most: files.MaxPictureBytes,
		Header: http.Header{"Accept": {"image/jpeg, image/png, image/webp, image/gif"}},
	})
	var refused *outbound.Refused
	switch {
	case errors.As(err, &refused):
		return chat.Picture{}, &useless{refused.Why}
	case ctx.Err() != nil:
		return chat.Picture{}, ctx.Err()
	case err != nil:
		return chat.Picture{}, unreachedBy(err)
	case answer.Status != http.StatusOK:
		return chat.Picture{}, ofStatus(answer.Status)
	case answer.Cut:
		return chat.Picture{}, &useless{"it has more than " + strconv.Itoa(files.MaxPictureBytes) + " bytes"}
	}
	made, err := f.drawer.TakePicture(ctx, owner, w.Site, files.Portrait, answer.Body)
	if chat.CodeOf(err) == files.BadPicture {
		err = &useless{err.Error()}
	}
	return made, err
}

// ofStatus says of an answer without a picture whether another try may bring one.
func ofStatus(status int) error {
	why := "its server answered " + strconv.Itoa(status) + ", not 200"
	switch {
	case status >= 500, status == http.StatusRequestTimeout, status == http.StatusTooEarly, status == http.StatusTooManyRequests:
		return errors.New("the website's picture could not be fetched: " + why)
	}
	return &useless{why}
}
