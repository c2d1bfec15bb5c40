package server

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net/http"
	"strings"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/files"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/legacy"
	"github.com/kefu-chat/kefu/internal/site"
	"github.com/kefu-chat/kefu/internal/wire"
)

// Problem is the one shape of every error that REST answers.
type Problem struct {
	Code       chat.Code `json:"code" doc:"Stable name of the error; clients act on it."`
	Text       string    `json:"text" doc:"One sentence in English: what was wrong, what to do."`
	Field      string    `json:"field,omitempty" doc:"The field of the request that has to be put right, such as settings.origins[0]."`
	TriesLeft  *int      `json:"tries_left,omitempty" doc:"With wrong_password: how many tries are left before a pause."`
	RetryAfter int64     `json:"retry_after,omitempty" doc:"In how many milliseconds it may be tried again."`
	// Round is what a refused act in a conversation has met.
	Round *ConversationRound `json:"round,omitempty" doc:"With a refused act in a conversation: its present round."`

	status int
}

// Error and GetStatus make it huma's error too.
func (p *Problem) Error() string { return string(p.Code) + ": " + p.Text }

// GetStatus is the HTTP status.
func (p *Problem) GetStatus() int { return p.status }

// Codes of problems that only HTTP has.
const (
	badRequest  chat.Code = "bad_request"
	tooLarge    chat.Code = "too_large"
	badMedia    chat.Code = "bad_media_type"
	badMethod   chat.Code = "bad_method"
	crossOrigin chat.Code = "cross_origin"
	failed      chat.Code = "failed" // a mistake of ours: the log says more
)

// statusOf is the one place where codes become HTTP statuses. A code that is
// not here answers 500, and a test demands that every code is.
func statusOf(code chat.Code) int {
	switch code {
	case badRequest, wire.BadFrame, wire.UnknownFrame, wire.HelloFirst, wire.BadSecret, files.BadPart:
		return http.StatusBadRequest
	case identity.NotLoggedIn, identity.WrongPassword, identity.BadKey,
		identity.BadToken, identity.TokenExpired, identity.TokenTooLong, identity.LogInEnded, wire.CarriedOver:
		return http.StatusUnauthorized
	case chat.NotAllowed, chat.NotYours, crossOrigin, identity.VerifiedOnly:
		return http.StatusForbidden
	case chat.NotFound, wire.UnknownSite, chat.NotMember:
		return http.StatusNotFound
	case badMethod:
		return http.StatusMethodNotAllowed
	case chat.Conflict, chat.Ended, chat.NoOpenRound, chat.NotEditable, chat.ClientIDReused,
		identity.AlreadySetUp, identity.EmailTaken, identity.LastOwner, identity.Elsewhere, identity.TooManyKeys, identity.TokenUsed, identity.AnswerLost:
		return http.StatusConflict
	case identity.LinkSpent:
		return http.StatusGone
	case tooLarge, files.TooLarge:
		return http.StatusRequestEntityTooLarge
	case badMedia, files.TypeRefused:
		return http.StatusUnsupportedMediaType
	case site.BadValue, files.BadPicture, chat.BadText, chat.BlankText, chat.TextTooLong, chat.BadFiles:
		return http.StatusUnprocessableEntity
	case wire.RateLimited, wire.TooMany, identity.TooManyTries:
		return http.StatusTooManyRequests
	case files.QuotaReached:
		return http.StatusInsufficientStorage
	case chat.Busy, chat.Unknown, wire.Unavailable, noAgent, legacy.TooManyNames:
		return http.StatusServiceUnavailable
	}
	return http.StatusInternalServerError
}

func problem(code chat.Code, text string) *Problem {
	return &Problem{Code: code, Text: text, status: statusOf(code)}
}

// problemOf turns any error into what is answered. What nobody foresaw is
// logged and told without its cause.
func problemOf(ctx context.Context, log *slog.Logger, err error) *Problem {
	var (
		known   *Problem
		refusal *chat.Refusal
		field   *site.FieldError
		tries   *identity.TriesError
	)
	switch {
	case errors.As(err, &known):
		return known
	case errors.As(err, &field):
		p := problem(cmp.Or(field.Code, site.BadValue), field.Text)
		p.Field = field.Field
		return p
	case errors.As(err, &tries):
		p := problem(tries.Code(), tries.Error())
		if tries.Wait > 0 {
			p.RetryAfter = tries.Wait.Milliseconds()
		} else {
			p.TriesLeft = &tries.Left
		}
		return p
	case errors.As(err, &refusal):
		p := problem(refusal.Code, sentence(refusal.Reason))
		if r := refusal.Round; r.State != "" {
			round := roundFor(wire.RoundOf(chat.State{Round: r}, nil))
			p.Round = &round
		}
		if refusal.Code == identity.EmailTaken {
			p.Field = "email"
		}
		if p.status == http.StatusServiceUnavailable {
			p.RetryAfter = 1000
		}
		return p
	case ctx.Err() != nil || errors.Is(err, context.DeadlineExceeded):
		p := problem(wire.Unavailable, "The database did not answer in time. Try again in a moment.")
		p.RetryAfter = 1000
		return p
	}
	log.ErrorContext(ctx, "a request failed", "error", err)
	return problem(failed, "The server could not do this. Its log says why.")
}

func sentence(reason string) string {
	if reason == "" {
		return reason
	}
	reason = strings.ToUpper(reason[:1]) + reason[1:]
	if strings.HasSuffix(reason, ".") {
		return reason
	}
	return reason + "."
}

// fieldName is the path of a field without the part of the request it stands in.
func fieldName(location string) string {
	for _, part := range []string{"body.", "query.", "path.", "header."} {
		if name, ok := strings.CutPrefix(location, part); ok {
			return name
		}
	}
	return ""
}
