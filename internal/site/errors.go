package site

import (
	"fmt"

	"github.com/kefu-chat/kefu/internal/chat"
)

// BadValue is the code of a FieldError.
const BadValue chat.Code = "bad_value"

// FieldError names a field of a request that has to be put right, in the path
// of its JSON ("settings.origins[0]"), and says in one sentence how.
type FieldError struct {
	Field, Text string
	Code        chat.Code // empty: BadValue
}

func (e *FieldError) Error() string { return e.Field + ": " + e.Text }

// Bad makes a FieldError.
func Bad(field, format string, args ...any) error {
	return &FieldError{Field: field, Text: fmt.Sprintf(format, args...)}
}
