package store

import (
	"sync/atomic"

	"github.com/kefu-chat/kefu/internal/chat"
)

func (it item) size() int64 {
	if it.change == nil {
		return 0
	}
	return int64(len(it.change.Fingerprint))
}

// queue bounds what waits for all committers together.
type queue struct {
	cfg   Config
	items atomic.Int64
	bytes atomic.Int64 // of the commands
}

// enter lets an item in or tells why not.
func (q *queue) enter(it item) error {
	if q.items.Add(1) > int64(q.cfg.Queue) {
		q.items.Add(-1)
		return chat.Refuse(chat.Busy, "%d changes wait already: repeat it later", q.cfg.Queue)
	}
	if q.bytes.Add(it.size()) > int64(q.cfg.QueueBytes) {
		q.leave(it)
		return chat.Refuse(chat.Busy, "%d bytes of changes wait already: repeat it later", q.cfg.QueueBytes)
	}
	return nil
}

func (q *queue) leave(it item) {
	q.items.Add(-1)
	q.bytes.Add(-it.size())
}

// committerOf is who commits a conversation.
func (db *DB) committerOf(id chat.ConversationID) *committer { return db.committers[db.shareOf(id)] }

func (db *DB) shareOf(id chat.ConversationID) int {
	return int(uint64(id) % uint64(len(db.committers)))
}

// committerFor is who commits a change: a visitor who begins is known by its
// secret's hash alone, until it is found.
func (db *DB) committerFor(c *chat.Change) *committer {
	if c.Conversation != 0 || c.Begin == nil {
		return db.committerOf(c.Conversation)
	}
	sum := uint64(14695981039346656037) // FNV-1a
	for _, b := range c.Begin.SecretHash {
		sum = (sum ^ uint64(b)) * 1099511628211
	}
	return db.committers[sum%uint64(len(db.committers))]
}

// counters are what happened since the start.
type counters struct {
	groups, retries, failures, replicaPages atomic.Int64
}

// Stats are figures of the store: what waits now, and counts since the start.
type Stats struct {
	// Queued changes and marks wait for a commit, with so many bytes of commands.
	Queued, QueuedBytes int64
	// Groups were committed; Retries transactions were run again because others were
	// in their way or the connection was lost; Failures groups were given up.
	Groups, Retries, Failures int64
	// ReadErrors are reads of conversations that the database or its replica failed,
	// ReplicaPages those that the replica answered.
	ReadErrors, ReplicaPages int64
}

// Stats are the present figures.
func (db *DB) Stats() Stats {
	readErrors := db.readers.errors.Load()
	if db.replica != nil {
		readErrors += db.replica.readers.errors.Load()
	}
	return Stats{
		Queued: db.queue.items.Load(), QueuedBytes: db.queue.bytes.Load(),
		Groups: db.counted.groups.Load(), Retries: db.counted.retries.Load(), Failures: db.counted.failures.Load(),
		ReadErrors: readErrors, ReplicaPages: db.counted.replicaPages.Load(),
	}
}
