package store

import (
	"bytes"
	"database/sql/driver"
	"fmt"

	"github.com/gofrs/uuid/v5"

	"github.com/kefu-chat/kefu/internal/chat"
)

// scanner is a row.
type scanner interface{ Scan(dest ...any) error }

// hotRow is what the driver returned.
type hotRow []driver.Value

// Scan copies the columns to the destinations, of the types that this package reads.
func (r hotRow) Scan(dest ...any) error {
	if len(dest) != len(r) {
		return fmt.Errorf("scan %d columns into %d variables", len(r), len(dest))
	}
	for i, d := range dest {
		if err := assign(d, r[i]); err != nil {
			return fmt.Errorf("column %d: %w", i, err)
		}
	}
	return nil
}

func assign(dest any, v driver.Value) error {
	switch v := v.(type) {
	case int64:
		return assignInt(dest, v)
	case string:
		return assignText(dest, v)
	case []byte:
		return assignBytes(dest, v)
	case nil:
		switch d := dest.(type) {
		case *[]byte:
			*d = nil
			return nil
		case *int64:
			*d = 0
			return nil
		case *clientID:
			*d = clientID{}
			return nil
		}
	}
	return fmt.Errorf("cannot read %T into %T", v, dest)
}

func assignInt(dest any, v int64) error {
	switch d := dest.(type) {
	case *int64:
		*d = v
	case *int:
		*d = int(v)
	case *bool:
		*d = v != 0
	case *uint32:
		*d = uint32(v)
	case *chat.ConversationID:
		*d = chat.ConversationID(v)
	case *chat.SiteID:
		*d = chat.SiteID(v)
	case *chat.VisitorID:
		*d = chat.VisitorID(v)
	case *chat.AgentID:
		*d = chat.AgentID(v)
	case *chat.Millis:
		*d = chat.Millis(v)
	default:
		return fmt.Errorf("cannot read a number into %T", dest)
	}
	return nil
}

func assignText(dest any, v string) error {
	switch d := dest.(type) {
	case *string:
		*d = v
	case *[]byte:
		*d = []byte(v)
	case *chat.Body:
		*d = chat.Body(v)
	case *chat.Kind:
		*d = chat.Kind(v)
	case *chat.ActorKind:
		*d = chat.ActorKind(v)
	case *chat.RoundState:
		*d = chat.RoundState(v)
	default:
		return fmt.Errorf("cannot read text into %T", dest)
	}
	return nil
}

func assignBytes(dest any, v []byte) error {
	switch d := dest.(type) {
	case *[]byte:
		*d = bytes.Clone(v) // it is the driver's
	case *clientID:
		return d.Scan(v)
	case *uuid.UUID:
		return d.Scan(v)
	default:
		return assignText(dest, string(v)) // MySQL's driver returns text as bytes
	}
	return nil
}

// clientID reads a client_id that may be NULL: the zero one.
type clientID chat.ClientID

// Scan implements sql.Scanner.
func (c *clientID) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*c = clientID{}
		return nil
	case []byte:
		if len(v) != len(c) {
			return fmt.Errorf("a client_id has %d bytes: want %d", len(v), len(c))
		}
		copy(c[:], v)
		return nil
	}
	return fmt.Errorf("cannot read %T as a client_id", v)
}
