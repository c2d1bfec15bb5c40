package checker

import (
	"context"
	"database/sql"
	"fmt"
	"net/url"
	"path/filepath"
	"slices"

	_ "github.com/go-sql-driver/mysql" // the databases that are read
	_ "github.com/jackc/pgx/v5/stdlib"
	"modernc.org/sqlite"

	"github.com/kefu-chat/kefu/internal/chat"
)

// Database is what a database holds of conversations.
type Database struct {
	Logs map[chat.ConversationUUID]*Log
	// Damage is what SQLite's own check says, "ok" when there is none.
	Damage string
}

// Log is a conversation: its head and its rows, ordered by seq.
type Log struct {
	ID   int64
	UUID chat.ConversationUUID
	Head Head
	Rows []Row
}

// Head is the part of the head row that the log decides.
type Head struct {
	Seq, PublicSeq                 int64
	Tag, PublicTag                 uint32
	FirstSeq                       int64
	VisitorMessages, AgentMessages int64
}

// Row is an event.
type Row struct {
	Seq, PublicSeq                 int64
	Public                         bool
	Tag                            uint32
	Kind                           chat.Kind
	By                             chat.ActorKind
	ByID                           int64
	ClientID                       chat.ClientID
	VisitorMessages, AgentMessages int64
	Text                           string
}

// number is the row's number for an audience.
func (r *Row) number(visitor bool) int64 {
	if visitor {
		return r.PublicSeq
	}
	return r.Seq
}

// Holds tells whether an acked command's row stands where its ack said.
func (db *Database) Holds(k Command) bool {
	l := db.Logs[k.In]
	return l != nil && slices.ContainsFunc(l.Rows, func(r Row) bool {
		return r.ClientID == k.ID && r.number(k.ByVisitor) == k.At.N && r.Tag == k.At.Tag
	})
}

// Read reads a database file that no process of this program's own writes.
func Read(ctx context.Context, path string) (*Database, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, err
	}
	db, err := sql.Open("sqlite", "file:"+(&url.URL{Path: path}).EscapedPath()+"?_pragma=busy_timeout(10000)")
	if err != nil {
		return nil, err
	}
	defer db.Close()
	var damage string
	if err := db.QueryRowContext(ctx, "PRAGMA integrity_check").Scan(&damage); err != nil {
		return nil, fmt.Errorf("check %s: %w", path, err)
	}
	return read(ctx, db, path, damage)
}

// ReadServer reads a database of a server, by the address that database.url has.
func ReadServer(ctx context.Context, address string) (*Database, error) {
	u, err := url.Parse(address)
	if err != nil {
		return nil, err
	}
	driver, dsn := "pgx", address
	if u.Scheme == "mysql" {
		driver, dsn = "mysql", fmt.Sprintf("%s@tcp(%s)%s", u.User, u.Host, u.Path)
	}
	db, err := sql.Open(driver, dsn)
	if err != nil {
		return nil, err
	}
	defer db.Close()
	return read(ctx, db, u.Redacted(), "ok") // such an engine checks its own pages as it reads them
}

func read(ctx context.Context, db *sql.DB, name, damage string) (*Database, error) {
	out := &Database{Logs: map[chat.ConversationUUID]*Log{}, Damage: damage}
	tx, err := db.BeginTx(ctx, &sql.TxOptions{Isolation: snapshotOf(db)})
	if err != nil {
		return nil, err
	}
	defer tx.Rollback()
	byID, err := readLogs(ctx, tx, out)
	if err != nil {
		return nil, fmt.Errorf("read the conversations of %s: %w", name, err)
	}
	if err := readEvents(ctx, tx, byID); err != nil {
		return nil, fmt.Errorf("read the events of %s: %w", name, err)
	}
	return out, nil
}

// snapshotOf is the isolation in which all reads of a transaction see one snapshot.
func snapshotOf(db *sql.DB) sql.IsolationLevel {
	if _, ok := db.Driver().(*sqlite.Driver); ok {
		return sql.LevelDefault
	}
	return sql.LevelRepeatableRead
}

func readLogs(ctx context.Context, tx *sql.Tx, out *Database) (map[int64]*Log, error) {
	rows, err := tx.QueryContext(ctx, `SELECT c.id, c.uuid, h.seq, h.public_seq, h.tag, h.public_tag, h.first_seq,
		h.visitor_messages, h.agent_messages FROM conversation c JOIN head h ON h.conversation = c.id`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	byID := map[int64]*Log{}
	for rows.Next() {
		l, h := &Log{}, Head{}
		var uuid []byte
		err := rows.Scan(&l.ID, &uuid, &h.Seq, &h.PublicSeq, &h.Tag, &h.PublicTag, &h.FirstSeq, &h.VisitorMessages, &h.AgentMessages)
		if err != nil {
			return nil, err
		}
		if err := l.UUID.UnmarshalBinary(uuid); err != nil {
			return nil, err
		}
		l.Head = h
		byID[l.ID], out.Logs[l.UUID] = l, l
	}
	return byID, rows.Err()
}

func readEvents(ctx context.Context, tx *sql.Tx, byID map[int64]*Log) error {
	rows, err := tx.QueryContext(ctx, `SELECT conversation, seq, public_seq, public, tag, kind, by_kind, by_id, client_id,
		visitor_messages, agent_messages, body FROM event ORDER BY conversation, seq`)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		var r Row
		var conversation int64
		var id, body []byte
		err := rows.Scan(&conversation, &r.Seq, &r.PublicSeq, &r.Public, &r.Tag, &r.Kind, &r.By, &r.ByID, &id,
			&r.VisitorMessages, &r.AgentMessages, &body)
		if err != nil {
			return err
		}
		if len(id) > 0 {
			if err := r.ClientID.UnmarshalBinary(id); err != nil {
				return err
			}
		}
		if r.Kind == chat.Message || r.Kind == chat.Note {
			text, err := chat.Body(body).Text()
			if err != nil {
				return err
			}
			r.Text = text.Text
		}
		l := byID[conversation]
		if l == nil {
			return fmt.Errorf("event %d of conversation %d has no head", r.Seq, conversation)
		}
		l.Rows = append(l.Rows, r)
	}
	return rows.Err()
}
