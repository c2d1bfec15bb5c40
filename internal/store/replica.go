package store

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
)

// replica answers earlier pages of a conversation. It may be behind, but shows no
// other picture of a conversation than the primary: everything that changes what a
// page shows (an append, an edit, a recall) moves the head in the same transaction,
// and so does what retention removes. Where the replica's head is the one that the
// primary had a moment ago, or a later one, it has all that came before, too.
type replica struct {
	readers *readers
	// pause is when a replica that failed is asked again.
	pause pause
}

// replicaRests is how long a replica that failed is left alone.
const replicaRests = 5 * time.Second

// errBehind is the answer of a replica that has not seen enough.
var errBehind = errors.New("the replica is behind")

// newReplica opens no connection: a replica that is away stops nobody.
func newReplica(db *DB) (*replica, error) {
	if db.cfg.ReplicaURL == "" {
		return nil, nil
	}
	d, err := openDialect(db.cfg, db.cfg.ReplicaURL)
	if err != nil {
		return nil, fmt.Errorf("the replica: %w", err)
	}
	if d.name() != db.dialect.name() {
		u, _ := url.Parse(db.cfg.ReplicaURL)
		return nil, fmt.Errorf("the replica %s is of another kind than the database %s: both must be the same", placeOf(u), db.dialect.place())
	}
	return &replica{readers: newReaders(db.cfg.Readers, d, db.cfg.Took)}, nil
}

// page reads a page if the replica has all that the primary has of the conversation.
func (r *replica) page(ctx context.Context, db *DB, q chat.PageQuery) (page chat.Page, ok bool) {
	if r.pause.resting(time.Now()) {
		return page, false
	}
	now, err := db.Head(ctx, q.Conversation)
	if err != nil {
		return page, false
	}
	enough := func(s chat.State) bool {
		return s == now || s.Seq > now.Seq && s.FirstSeq >= now.FirstSeq
	}
	err = r.readers.use(ctx, "replica page", func(h *hot) error {
		page, err = pageFrom(h, q, enough)
		return err
	})
	switch {
	case err == nil:
		db.counted.replicaPages.Add(1)
		return page, true
	case !errors.Is(err, errBehind) && chat.CodeOf(err) != chat.NotFound && ctx.Err() == nil:
		r.pause.rest(time.Now().Add(replicaRests))
		db.log.Warn("the replica failed and is left alone for a while", "error", err)
	}
	return chat.Page{}, false
}

func (r *replica) close() error { return r.readers.close() }
