package wire

import "github.com/kefu-chat/kefu/internal/chat"

// Advice is what a client does about an error.
type Advice string

// The three pieces of advice.
const (
	// Retry: pause this conversation's outbox, keep the order, send again with the same id.
	Retry Advice = "retry"
	// Fix: mark the command failed, show why, go on with the next.
	Fix Advice = "fix"
	// Stop: nothing more may be sent here.
	Stop Advice = "stop"
)

// Codes of errors that are about frames rather than conversations.
const (
	BadFrame     chat.Code = "bad_frame"     // not the JSON that the protocol describes
	UnknownFrame chat.Code = "unknown_frame" // no such type, or not for this kind of client
	HelloFirst   chat.Code = "hello_first"   // the first frame is hello, once
	RateLimited  chat.Code = "rate_limited"
	BadSecret    chat.Code = "bad_secret" // not 32 bytes in base64url
	UnknownSite  chat.Code = "unknown_site"
	TooMany      chat.Code = "too_many"    // views, conversations open at once
	Unavailable  chat.Code = "unavailable" // the database did not answer
	// LogInEnded: the visitor's log-in was revoked, or is none. A client does not go on as
	// an anonymous visitor by itself: it asks its page for a fresh token.
	LogInEnded chat.Code = "log_in_ended"
	// CarriedOver: what this secret began went along with a log-in; it begins nothing more.
	CarriedOver  chat.Code = "carried_over"
	VerifiedOnly chat.Code = "verified_only" // the site talks with verified visitors only
)

// AdviceFor is what a client does about a code; an unknown one is "fix".
func AdviceFor(code chat.Code) Advice {
	switch code {
	case chat.Unknown, chat.Busy, RateLimited, Unavailable:
		return Retry
	case HelloFirst, BadSecret, UnknownSite, LogInEnded, CarriedOver, VerifiedOnly:
		return Stop
	}
	return Fix
}

// Codes are all codes that an error frame may carry.
func Codes() []chat.Code {
	return []chat.Code{
		BadFrame, UnknownFrame, HelloFirst, BadSecret, UnknownSite, RateLimited, TooMany, Unavailable, LogInEnded, CarriedOver, VerifiedOnly,
		chat.NotFound, chat.NotYours, chat.NotAllowed, chat.NoOpenRound, chat.Conflict, chat.NotMember,
		chat.ClientIDReused, chat.BadText, chat.BlankText, chat.TextTooLong, chat.NotEditable, chat.BadFiles, chat.Ended,
		chat.Unknown, chat.Busy,
	}
}

// CloseCode says why a connection was closed. 4000 to 4499 mean "come back"
// (after a random pause, with a position), 4500 to 4999 "stay away".
type CloseCode uint16

// The close codes. Those below 4000 are RFC 6455's: 1001, 1012 and 1013 mean
// come back; 1002, 1003, 1007 mean the client is broken: stay away; 1009 a
// frame was too big: come back, without what was under way.
const (
	CloseGoingAway CloseCode = 1001
	CloseTooBig    CloseCode = 1009
	CloseRestart   CloseCode = 1012
	CloseTryLater  CloseCode = 1013
	CloseSlow      CloseCode = 4000 // the queue was full: resume
	CloseNoHello   CloseCode = 4001 // no hello in time
	CloseSilent    CloseCode = 4002 // no answer to a ping
	CloseRate      CloseCode = 4003 // far too many frames
	CloseChanged   CloseCode = 4004 // rights or settings changed: say hello anew
	CloseCarried   CloseCode = 4005 // the chat went along with a log-in: say hello with that
	CloseRevoked   CloseCode = 4500 // the log-in is revoked
	CloseRefused   CloseCode = 4501 // hello was refused; the error frame before says why
	CloseElsewhere CloseCode = 4502 // signed in elsewhere
	CloseBadClient CloseCode = 4503 // frames that no client of this protocol sends
)

// CloseCodes are the codes that this protocol names.
func CloseCodes() []CloseCode {
	return []CloseCode{
		CloseGoingAway, CloseTooBig, CloseRestart, CloseTryLater,
		CloseSlow, CloseNoHello, CloseSilent, CloseRate, CloseChanged, CloseCarried, CloseRevoked, CloseRefused, CloseElsewhere, CloseBadClient,
	}
}

// ComeBack tells whether a client returns by itself after this code.
func (c CloseCode) ComeBack() bool {
	switch c {
	case 1002, 1003, 1007, 1008:
		return false
	}
	return c < 4500
}
