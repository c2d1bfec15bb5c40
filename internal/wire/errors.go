package wire

import (
	"errors"

	"github.com/kefu-chat/kefu/internal/chat"
)

// ErrorFor answers a command (id) or a request (r) that failed. A refusal says
// its code, its reason and the present round; any other error stays in the
// server's log: the client learns only that it shall try again.
func ErrorFor(err error, id chat.ClientID, r int64, names NameOf) ServerError {
	var frame *FrameError
	if errors.As(err, &frame) {
		return ErrorOf(frame.Code, frame.Reason, frame.ID, frame.R)
	}
	var refusal *chat.Refusal
	if errors.As(err, &refusal) {
		out := ErrorOf(refusal.Code, refusal.Reason, id, r)
		if refusal.Round.State != "" {
			round := roundOf(refusal.Round, names)
			out.Round = &round
		}
		return out
	}
	if !id.IsNil() {
		return ErrorOf(chat.Unknown, "it is not known whether this was kept: send it again with the same id", id, r)
	}
	return ErrorOf(Unavailable, "the server cannot answer this now: try again", id, r)
}

// ErrorOf is an error frame with the advice of its code.
func ErrorOf(code chat.Code, reason string, id chat.ClientID, r int64) ServerError {
	return ServerError{T: "error", ID: id, R: r, Code: code, Text: reason, Do: AdviceFor(code), RetryAfter: retryAfter(code)}
}

// retryAfter is the pause in ms before a client sends again. The limiter knows
// better, and says so.
func retryAfter(code chat.Code) int {
	switch code {
	case chat.Unknown:
		return 500
	case chat.Busy, RateLimited:
		return 1000
	case Unavailable:
		return 2000
	}
	return 0
}
