package store

import (
	"context"

	"github.com/kefu-chat/kefu/internal/chat"
)

// Carry implements chat.Store.
func (db *DB) Carry(c *chat.Carry) {
	if err := db.carrierOf(c).put(item{carry: c}); err != nil && c.Done != nil {
		c.Done(chat.CarriedOver{}, err)
	}
}

// carrierOf is the committer of the conversation that a round is carried to, if it is
// there: so one tells of all that happens in it.
func (db *DB) carrierOf(c *chat.Carry) *committer {
	ctx := c.Ctx
	if ctx == nil {
		ctx = context.Background()
	}
	var to chat.ConversationID
	err := db.readers.once(ctx, "carry", func(h *hot) error {
		h.arg(int64(c.Site))
		h.arg(c.To.SecretHash)
		return h.query("SELECT c.id FROM visitor v JOIN conversation c ON c.visitor_id = v.id WHERE v.site_id = ? AND v.secret_hash = ?",
			func(r scanner) error { return r.Scan(&to) })
	})
	if err != nil || to == 0 { // any committer can do it
		return db.committerFor(&chat.Change{Begin: c.To})
	}
	return db.committerOf(to)
}
