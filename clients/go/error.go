package kefu

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"strconv"
	"time"
)

// Error is what the server answers when it does not do what was asked for. Act on the
// code: docs/INTEGRATE.md explains each.
type Error struct {
	Status int    // of HTTP
	Code   string // such as not_yours; http_502 where it was not Kefu that answered
	Text   string // one sentence in English
	Field  string // of the request, that has to be put right; mostly empty
	// RetryAfter is when it may be tried again; 0: the server did not say.
	RetryAfter time.Duration
	Round      *ConversationRound // the present one, with a refused act in a conversation
}

func (e *Error) Error() string {
	if e.Field != "" {
		return fmt.Sprintf("kefu: %s (%s, %d): %s", e.Code, e.Field, e.Status, e.Text)
	}
	return fmt.Sprintf("kefu: %s (%d): %s", e.Code, e.Status, e.Text)
}

// passes says whether the same request may go well a little later.
func (e *Error) passes() bool {
	return e.Status == http.StatusTooManyRequests || e.Status == http.StatusServiceUnavailable ||
		e.Status == http.StatusBadGateway || e.Status == http.StatusGatewayTimeout
}

const (
	mostProblem = 64 << 10 // bytes
	mostWait    = 24 * time.Hour
)

// atMost is so many units of time, and not more than mostWait: the number is whatever came.
func atMost(n int64, unit time.Duration) time.Duration {
	return time.Duration(min(n, int64(mostWait/unit))) * unit
}

func errorFrom(answer *http.Response) *Error {
	e := &Error{Status: answer.StatusCode, Code: "http_" + strconv.Itoa(answer.StatusCode), Text: "The answer is not one of Kefu: is there a proxy in between?"}
	seconds, err := strconv.ParseInt(answer.Header.Get("Retry-After"), 10, 64)
	if (err == nil || errors.Is(err, strconv.ErrRange)) && seconds > 0 {
		e.RetryAfter = atMost(seconds, time.Second)
	}
	if to := answer.Header.Get("Location"); to != "" {
		e.Text = "It redirects to " + to + ": make the client with the address that it leads to."
	}
	body, _ := io.ReadAll(io.LimitReader(answer.Body, mostProblem))
	var p Problem
	if json.Unmarshal(body, &p) != nil || p.Code == "" {
		return e
	}
	e.Code, e.Text, e.Field, e.Round = p.Code, p.Text, p.Field, p.Round
	if p.RetryAfter > 0 {
		e.RetryAfter = atMost(p.RetryAfter, time.Millisecond)
	}
	return e
}
