package retention

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"strconv"
	"time"

	"github.com/kefu-chat/kefu/internal/audit"
	"github.com/kefu-chat/kefu/internal/chat"
)

// Subject is a visitor who is to be erased, or of whom data is given out.
type Subject struct {
	Site       chat.SiteID
	Visitor    chat.VisitorID
	SecretHash []byte
	// Conversation is the zero value if the visitor has none.
	Conversation chat.Conversation
}

// Hash is how the erasure names it.
func (s *Subject) Hash() Hash { return HashOf(s.Site, s.Visitor) }

// Erasure is the receipt of one, and all that is kept of it.
type Erasure struct {
	ID      int64
	Hash    Hash
	Site    chat.SiteID
	By      chat.ActorRef // without its name
	At      chat.Millis   // by the database's clock
	Removed Removed
}

// EraseStore removes visitors.
type EraseStore interface {
	// Subject finds a site's visitor. Errors: NotFound.
	Subject(ctx context.Context, on chat.SiteID, id chat.VisitorID) (Subject, error)
	// Subjects are visitors of all sites behind an id, ascending, at most so many: without
	// their conversations.
	Subjects(ctx context.Context, after chat.VisitorID, limit int) ([]Subject, error)
	// CarriedInto are the anonymous visitors whose rounds went along into its conversation.
	CarriedInto(ctx context.Context, s Subject) ([]chat.VisitorID, error)
	// RemoveEvents removes, in one transaction of bounded length, some of the visitor's
	// events with what belongs to them, the oldest first.
	RemoveEvents(ctx context.Context, s Subject) (removed Removed, more bool, err error)
	// RemoveListed takes the visitor out of broadcasts' lists, and counts them.
	RemoveListed(ctx context.Context, s Subject) (int64, error)
	// RemoveDeliveries removes what webhooks were told of its conversation from their log.
	RemoveDeliveries(ctx context.Context, s Subject) error
	// RemoveSubject removes in one transaction everything else that there is of the
	// visitor, and keeps the erasure, with what this step has removed added to it. Errors:
	// ErrGoesOn, when there are events again, or a conversation by now, or anonymous
	// visitors whose rounds went along into it; NotFound: somebody else was faster.
	RemoveSubject(ctx context.Context, s Subject, e Erasure) (Erasure, error)
	// KeepErasure keeps an erasure of whom there is nothing here, unless it is kept already.
	KeepErasure(ctx context.Context, e Erasure) error
	// Erasure finds an erasure. Errors: NotFound.
	Erasure(ctx context.Context, h Hash) (Erasure, error)
	// Unknown are those of these hashes of which no erasure is kept.
	Unknown(ctx context.Context, all []Hash) ([]Hash, error)
}

// ErrGoesOn says that a visitor wrote while it was erased.
var ErrGoesOn = errors.New("the visitor writes meanwhile")

// Journal remembers who was erased where a restored database does not forget it.
type Journal interface {
	// Note is on disk when it returns.
	Note(ctx context.Context, h Hash) error
	// All are those that were noted, once each.
	All(ctx context.Context) ([]Hash, error)
}

// Eraser erases visitors. Safe for concurrent use.
type Eraser struct {
	store   EraseStore
	journal Journal // nil: there is none
	told    Told
	deeds   deeds
	sweep   func(ctx context.Context) error
	log     *slog.Logger
}

// NewEraser makes an eraser; sweep has the bytes of removed files deleted soon. Without
// a journal, nil, a restored database has whom it had.
func NewEraser(store EraseStore, trail audit.Store, journal Journal, told Told, sweep func(ctx context.Context) error, now func() time.Time, log *slog.Logger) *Eraser {
	return &Eraser{store: store, journal: journal, told: told, deeds: deeds{trail, now}, sweep: sweep, log: log}
}

const (
	// eraseWithin bounds an erasure: what is left then is done by whoever asks again.
	eraseWithin = 2 * time.Minute
	// goesOnMost is how often somebody who writes all the time is tried again.
	goesOnMost = 100
)

// Erase removes everything that there is of a visitor, and gives the receipt; of one
// who was erased before, the receipt of then. It goes on when ctx ends. Errors: NotFound.
func (e *Eraser) Erase(ctx context.Context, by audit.By, on chat.SiteID, id chat.VisitorID) (Erasure, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), eraseWithin)
	defer cancel()
	s, err := e.store.Subject(ctx, on, id)
	if chat.CodeOf(err) == chat.NotFound {
		if before, err := e.store.Erasure(ctx, HashOf(on, id)); err == nil || chat.CodeOf(err) != chat.NotFound {
			return before, err
		}
	}
	if err != nil {
		return Erasure{}, err
	}
	if e.journal != nil { // first: whatever happens now, the next start finishes it
		if err := e.journal.Note(ctx, s.Hash()); err != nil {
			return Erasure{}, fmt.Errorf("note the erasure: %w", err)
		}
	}
	done, err := e.erase(ctx, s, by)
	if chat.CodeOf(err) == chat.NotFound { // somebody else was faster
		return e.store.Erasure(ctx, s.Hash())
	}
	if err != nil {
		return done, err
	}
	e.told.Erased(s.Conversation, s.SecretHash)
	if err := e.sweep(ctx); err != nil { // an hour later they are deleted anyway
		e.log.WarnContext(ctx, "the files of an erased visitor are not deleted yet", "error", err)
	}
	return done, e.record(ctx, by, audit.VisitorErased, done)
}

// eraseCarried erases the anonymous visitors that a visitor was: their pages may have
// said who it is. Each has a receipt of its own.
func (e *Eraser) eraseCarried(ctx context.Context, by audit.By, s Subject) error {
	all, err := e.store.CarriedInto(ctx, s)
	if err != nil {
		return err
	}
	for _, one := range all {
		if _, err := e.Erase(ctx, by, s.Site, one); err != nil && chat.CodeOf(err) != chat.NotFound {
			return err
		}
	}
	return nil
}

func (e *Eraser) record(ctx context.Context, by audit.By, what audit.What, done Erasure) error {
	return e.deeds.record(ctx, by, what, done.Site, map[string]string{
		"receipt": strconv.FormatInt(done.ID, 10), "rounds": decimal(done.Removed.Rounds), "events": decimal(done.Removed.Events), "files": decimal(done.Removed.Files),
	})
}

// erase removes what there is, and keeps the receipt.
func (e *Eraser) erase(ctx context.Context, s Subject, by audit.By) (done Erasure, err error) {
	done = Erasure{ID: chat.NewID(e.deeds.now()), Hash: s.Hash(), Site: s.Site, By: chat.ActorRef{Kind: by.Actor.Kind, ID: by.Actor.ID}}
	if done.Removed.Lists, err = e.store.RemoveListed(ctx, s); err != nil {
		return done, err
	}
	if err := e.store.RemoveDeliveries(ctx, s); err != nil {
		return done, err
	}
	for range goesOnMost {
		if err := e.eraseCarried(ctx, by, s); err != nil {
			return done, err
		}
		for more := s.Conversation.ID != 0; more; {
			var removed Removed
			if removed, more, err = e.store.RemoveEvents(ctx, s); err != nil {
				return done, err
			}
			done.Removed.Add(removed)
		}
		after, err := e.store.RemoveSubject(ctx, s, done)
		if err == nil { // what was being told until now is noted in the webhooks' log
			if err := e.store.RemoveDeliveries(ctx, s); err != nil {
				e.log.WarnContext(ctx, "the webhooks' log still has numbers of an erased conversation's events", "error", err)
			}
		}
		if !errors.Is(err, ErrGoesOn) {
			return after, err
		}
		if s, err = e.store.Subject(ctx, s.Site, s.Visitor); err != nil {
			return done, err
		}
	}
	return done, ErrGoesOn
}

const subjectsAtOnce = 1000

// Replay erases again whom the journal names and this database has: it is older than
// their erasure. Nobody may be served before. It tells how many they were.
func (e *Eraser) Replay(ctx context.Context) (n int, err error) {
	if e.journal == nil {
		return 0, nil
	}
	all, err := e.journal.All(ctx)
	if err != nil {
		return 0, fmt.Errorf("read who was erased: %w", err)
	}
	unknown, err := e.store.Unknown(ctx, all)
	if err != nil || len(unknown) == 0 {
		return 0, err
	}
	again := make(map[Hash]bool, len(unknown))
	for _, h := range unknown {
		again[h] = true
	}
	for last := chat.VisitorID(0); ; {
		some, err := e.store.Subjects(ctx, last, subjectsAtOnce)
		if err != nil {
			return n, err
		}
		for _, s := range some {
			last = s.Visitor
			if !again[s.Hash()] {
				continue
			}
			err := e.replay(ctx, s)
			if chat.CodeOf(err) != chat.NotFound { // else it went with another one, or another node was faster
				if err != nil {
					return n, fmt.Errorf("erase a visitor again: %w", err)
				}
				n++
			}
			delete(again, s.Hash())
		}
		if len(some) < subjectsAtOnce {
			break
		}
	}
	for h := range again { // nothing is here of them
		if err := e.store.KeepErasure(ctx, Erasure{ID: chat.NewID(e.deeds.now()), Hash: h, By: chat.System().Ref()}); err != nil {
			return n, err
		}
	}
	return n, nil
}

func (e *Eraser) replay(ctx context.Context, s Subject) error {
	s, err := e.store.Subject(ctx, s.Site, s.Visitor)
	if err != nil {
		return err
	}
	by := audit.By{Actor: chat.System().Ref()}
	done, err := e.erase(ctx, s, by)
	if err != nil {
		return err
	}
	e.log.InfoContext(ctx, "a visitor was erased again, who was in a restored database", "site", done.Site, "receipt", done.ID, "events", done.Removed.Events)
	return e.record(ctx, by, audit.VisitorErased, done)
}
