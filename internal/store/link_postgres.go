package store

import (
	"context"
	"database/sql/driver"
	"encoding/binary"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgproto3"
)

// postgresLink speaks the extended protocol by itself: what is run later goes
// out with the next query or commit, in one write, and is answered in one read.
type postgresLink struct {
	conn  *pgconn.PgConn
	net   net.Conn
	front *pgproto3.Frontend
	stmts map[string]*postgresStatement
	most  int
	made  int // statements ever prepared, for their names
	begun string
	limit time.Duration
	until time.Time

	sent   []postgresSent // since the last flush
	bind   pgproto3.Bind
	params []byte // the arguments of one statement, one after the other
	ends   []int  // where each ends in params; -1 for NULL
}

// postgresStatement is a prepared statement with the types of its arguments and columns.
type postgresStatement struct {
	name    string
	params  []uint32
	columns []uint32
}

// postgresSent is a statement whose answer is awaited.
type postgresSent struct {
	query string
	stmt  *postgresStatement
	each  func(r scanner) error
}

func newPostgresLink(conn *pgconn.PgConn, begin string, limit time.Duration) *postgresLink {
	l := &postgresLink{
		conn: conn, net: conn.Conn(), front: conn.Frontend(), stmts: map[string]*postgresStatement{},
		most: committerStatements, begun: begin, limit: limit,
	}
	l.bind.ParameterFormatCodes, l.bind.ResultFormatCodes = []int16{1}, []int16{1} // all binary
	return l
}

func (l *postgresLink) deadline(t time.Time) { l.until = t }

func (l *postgresLink) begin() error { return l.later(l.begun, nil, nil) }

func (l *postgresLink) later(query string, args []driver.NamedValue, each func(r scanner) error) error {
	s, err := l.statement(query)
	if err != nil {
		return err
	}
	if len(args) != len(s.params) {
		return fmt.Errorf("%.60q has %d arguments: want %d", query, len(args), len(s.params))
	}
	if err := l.encode(s, args); err != nil {
		return fmt.Errorf("%.60q: %w", query, err)
	}
	l.bind.PreparedStatement = s.name
	l.front.SendBind(&l.bind)
	l.front.SendExecute(&pgproto3.Execute{})
	l.sent = append(l.sent, postgresSent{query, s, each})
	return nil
}

// encode puts the arguments into bind.
func (l *postgresLink) encode(s *postgresStatement, args []driver.NamedValue) error {
	l.params, l.ends = l.params[:0], l.ends[:0]
	for i, a := range args {
		var err error
		null := a.Value == nil
		if !null {
			if l.params, err = appendPostgres(l.params, s.params[i], a.Value); err != nil {
				return fmt.Errorf("argument %d: %w", i+1, err)
			}
		}
		if null {
			l.ends = append(l.ends, -1)
		} else {
			l.ends = append(l.ends, len(l.params))
		}
	}
	l.bind.Parameters = l.bind.Parameters[:0]
	start := 0
	for _, end := range l.ends {
		if end < 0 {
			l.bind.Parameters = append(l.bind.Parameters, nil)
			continue
		}
		l.bind.Parameters = append(l.bind.Parameters, l.params[start:end:end])
		start = end
	}
	return nil
}

// statement prepares a text once.
func (l *postgresLink) statement(query string) (*postgresStatement, error) {
	if s, ok := l.stmts[query]; ok {
		return s, nil
	}
	if len(l.stmts) >= l.most {
		if err := l.forget(); err != nil {
			return nil, err
		}
	}
	if err := l.flush(); err != nil { // what was sent is answered first
		return nil, err
	}
	l.made++
	s := &postgresStatement{name: "s" + strconv.Itoa(l.made)}
	l.front.SendParse(&pgproto3.Parse{Name: s.name, Query: numbered(query)})
	l.front.SendDescribe(&pgproto3.Describe{ObjectType: 'S', Name: s.name})
	err := l.roundTrip(func(m pgproto3.BackendMessage) error {
		switch m := m.(type) {
		case *pgproto3.ParameterDescription:
			s.params = append(s.params, m.ParameterOIDs...)
		case *pgproto3.RowDescription:
			for _, f := range m.Fields {
				s.columns = append(s.columns, f.DataTypeOID)
			}
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("prepare %.60q: %w", query, err)
	}
	l.stmts[query] = s
	return s, nil
}

// numbered turns "?" into "$1", "$2" and so on; no text of ours has another "?".
func numbered(query string) string {
	var b strings.Builder
	n := 0
	for part := range strings.SplitSeq(query, "?") {
		if n > 0 {
			b.WriteString("$" + strconv.Itoa(n))
		}
		b.WriteString(part)
		n++
	}
	return b.String()
}

func (l *postgresLink) forget() error {
	for _, s := range l.stmts {
		l.front.SendClose(&pgproto3.Close{ObjectType: 'S', Name: s.name})
	}
	clear(l.stmts)
	return l.flush()
}

func (l *postgresLink) flush() error {
	_, err := l.answers()
	return err
}

// answers waits for what was sent and gives each its rows. It tells which
// statement failed, if one did.
func (l *postgresLink) answers() (failed int, err error) {
	sent := l.sent
	defer func() { clear(sent); l.sent = sent[:0] }()
	at := 0
	var refused error // by who reads the rows
	err = l.roundTrip(func(m pgproto3.BackendMessage) error {
		switch m := m.(type) {
		case *pgproto3.DataRow:
			if refused == nil && sent[at].each != nil {
				refused = sent[at].each(postgresRow{sent[at].stmt.columns, m.Values})
			}
		case *pgproto3.CommandComplete:
			at++
		}
		return nil
	})
	switch {
	case err == nil:
		return at, refused
	case at < len(sent):
		return at, fmt.Errorf("%.60q: %w", sent[at].query, err)
	}
	return at, err
}

// roundTrip sends what is buffered, and a Sync, and reads until the engine is
// ready again. Its error is the engine's first, or an errLost.
func (l *postgresLink) roundTrip(each func(m pgproto3.BackendMessage) error) error {
	limit := l.until
	if limit.IsZero() {
		limit = time.Now().Add(l.limit)
	}
	if err := l.net.SetDeadline(limit.Add(graceOfServer)); err != nil {
		return errLost{err}
	}
	l.front.SendSync(&pgproto3.Sync{})
	if err := l.front.Flush(); err != nil {
		return errLost{err}
	}
	var first error
	for {
		m, err := l.front.Receive()
		if err != nil {
			return errLost{errors.Join(first, err)}
		}
		switch m := m.(type) {
		case *pgproto3.ReadyForQuery:
			return first
		case *pgproto3.ErrorResponse:
			if first == nil {
				first = pgconn.ErrorResponseToPgError(m)
			}
		default:
			if err := each(m); err != nil && first == nil {
				first = err
			}
		}
	}
}

// commit sends what is left together with the COMMIT. An error of a statement
// before it, or one that the engine survives, means that nothing was kept.
func (l *postgresLink) commit() error {
	if err := l.later("COMMIT", nil, nil); err != nil {
		return errUnmade{err}
	}
	last := len(l.sent) - 1
	kept := false
	failed, err := l.answers()
	var refusal *pgconn.PgError
	var gone errLost
	switch {
	case err == nil:
		kept = true
	case errors.As(err, &gone):
	case failed < last, errors.As(err, &refusal) && severity(refusal) == "ERROR":
		return errUnmade{err}
	}
	if !kept {
		return err
	}
	return nil
}

func (l *postgresLink) rollback() error {
	if err := l.later("ROLLBACK", nil, nil); err != nil {
		return err
	}
	return l.flush()
}

func (l *postgresLink) close() error {
	ctx, cancel := context.WithTimeout(context.Background(), graceOfServer)
	defer cancel()
	return l.conn.Close(ctx)
}

// The types of the columns that this package has.
const (
	oidBool    = 16
	oidBytes   = 17
	oidInt8    = 20
	oidInt2    = 21
	oidInt4    = 23
	oidText    = 25
	oidVarchar = 1043
)

func appendPostgres(b []byte, oid uint32, v driver.Value) ([]byte, error) {
	switch v := v.(type) {
	case int64:
		switch oid {
		case oidInt8:
			return binary.BigEndian.AppendUint64(b, uint64(v)), nil
		case oidInt4:
			return binary.BigEndian.AppendUint32(b, uint32(v)), nil
		case oidInt2:
			return binary.BigEndian.AppendUint16(b, uint16(v)), nil
		}
	case string:
		if oid == oidText || oid == oidVarchar {
			return append(b, v...), nil
		}
	case []byte:
		if oid == oidBytes {
			return append(b, v...), nil
		}
	}
	return b, fmt.Errorf("%T does not fit the type %d", v, oid)
}

// postgresRow is a row in the binary format.
type postgresRow struct {
	columns []uint32
	values  [][]byte
}

// Scan copies the columns to the destinations, of the types that this package reads.
func (r postgresRow) Scan(dest ...any) error {
	if len(dest) != len(r.values) || len(r.columns) != len(r.values) {
		return fmt.Errorf("scan %d columns into %d variables", len(r.values), len(dest))
	}
	for i, d := range dest {
		if err := assignPostgres(d, r.columns[i], r.values[i]); err != nil {
			return fmt.Errorf("column %d: %w", i, err)
		}
	}
	return nil
}

func assignPostgres(dest any, oid uint32, v []byte) error {
	if v == nil {
		return assign(dest, nil)
	}
	switch {
	case oid == oidInt8 && len(v) == 8:
		return assignInt(dest, int64(binary.BigEndian.Uint64(v)))
	case oid == oidInt4 && len(v) == 4:
		return assignInt(dest, int64(int32(binary.BigEndian.Uint32(v))))
	case oid == oidInt2 && len(v) == 2:
		return assignInt(dest, int64(int16(binary.BigEndian.Uint16(v))))
	case oid == oidBool && len(v) == 1:
		return assignInt(dest, int64(v[0]))
	case oid == oidText, oid == oidVarchar:
		return assignText(dest, string(v))
	case oid == oidBytes:
		return assignBytes(dest, v)
	}
	return fmt.Errorf("cannot read a column of type %d", oid)
}
