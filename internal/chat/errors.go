package chat

import "fmt"

// Code is the stable name of a refusal; clients act on it.
type Code string

// The codes of refusals. wire.Advice says what a client does about each.
const (
	NotFound       Code = "not_found"        // absent or not yours to see: they look the same
	NotYours       Code = "not_yours"        // another agent has the round
	NotAllowed     Code = "not_allowed"      // your role does not allow it
	NoOpenRound    Code = "no_open_round"    // the round is resolved, or there is none yet
	Conflict       Code = "conflict"         // the round is not in the state that the command needs
	NotMember      Code = "not_a_member"     // the agent to assign to is not one of this site's
	ClientIDReused Code = "client_id_reused" // the same client_id came with another body
	BadText        Code = "bad_text"         // bad UTF-8 or U+0000
	BlankText      Code = "blank_text"
	TextTooLong    Code = "text_too_long"
	NotEditable    Code = "not_editable"    // neither message nor note, or recalled
	BadFiles       Code = "bad_files"       // a file is not there, not complete, not yours, or in another message
	Ended          Code = "ended"           // the conversation goes on in another one
	Unknown        Code = "unknown_outcome" // repeat it with the same client_id
	Busy           Code = "busy"            // a queue is full: repeat it later
)

// Refusal is why a command changed nothing. Round is the present one
// (zero State when the conversation is not the asker's to know).
type Refusal struct { //nolint:errname // a refusal is an answer, and a word of its own
	Code   Code
	Reason string // one sentence: what was wrong, what was expected
	Round  Round
}

func (r *Refusal) Error() string { return string(r.Code) + ": " + r.Reason }

// Is lets errors.Is compare refusals by code.
func (r *Refusal) Is(target error) bool {
	o, ok := target.(*Refusal)
	return ok && o.Code == r.Code
}

// Refuse makes a refusal for when no state is known.
func Refuse(code Code, format string, args ...any) *Refusal {
	return &Refusal{Code: code, Reason: fmt.Sprintf(format, args...)}
}

func (s State) refuse(code Code, format string, args ...any) error {
	r := Refuse(code, format, args...)
	r.Round = s.Round
	return r
}
