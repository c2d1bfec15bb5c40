package identity

import (
	"fmt"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
)

// The codes of refusals about people.
const (
	NotLoggedIn   chat.Code = "not_logged_in"
	WrongPassword chat.Code = "wrong_password" // or no such agent, or a disabled one: they look the same
	TooManyTries  chat.Code = "too_many_tries"
	LinkSpent     chat.Code = "link_spent"     // used, expired, voided, or never made
	AlreadySetUp  chat.Code = "already_set_up" // the installation has an owner
	EmailTaken    chat.Code = "email_taken"
	LastOwner     chat.Code = "last_owner" // the installation would have no owner any more
	BadKey        chat.Code = "bad_key"    // no API key, an unknown or a revoked one
	TooManyKeys   chat.Code = "too_many_keys"
)

// The codes of refusals about verified visitors, the same at every door.
const (
	BadToken     chat.Code = "bad_token"      // malformed, not signed by the site, or with claims that are missing or wrong
	TokenExpired chat.Code = "token_expired"  // its exp has passed
	TokenTooLong chat.Code = "token_too_long" // its exp lies too far ahead
	AnswerLost   chat.Code = "answer_lost"    // a request was done, or begun, and nobody knows what it was answered
	TokenUsed    chat.Code = "token_used"     // it was exchanged already, by another browser, or its log-in has ended since
	LogInEnded   chat.Code = "log_in_ended"   // revoked, long unused, or none
	VerifiedOnly chat.Code = "verified_only"  // the site talks with verified visitors only
)

// TriesError is the refusal of a log-in: a wrong password with the tries that
// are left, or (Left 0 and Wait set) too many wrong ones.
type TriesError struct {
	Left int
	Wait time.Duration
}

func (e *TriesError) Error() string {
	if e.Wait > 0 {
		return fmt.Sprintf("Too many wrong passwords. Wait %d minutes, then try again.", int((e.Wait+time.Minute-1)/time.Minute))
	}
	return "E-mail or password is wrong. Check both and try again."
}

// Code tells the two cases apart.
func (e *TriesError) Code() chat.Code {
	if e.Wait > 0 {
		return TooManyTries
	}
	return WrongPassword
}
