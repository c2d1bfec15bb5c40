package kefu

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	mathrand "math/rand/v2"
	"net/http"
	"net/url"
	"reflect"
	"strings"
	"time"
)

var errSlow = errors.New("the server took too long")

// request is a call of the server. names fill the braces of path in order; query is a
// struct with form tags, body anything that is JSON; both may be nil.
type request struct {
	method, path string
	names        []string
	query, body  any
}

// call sends a request and answers what came.
func call[T any](ctx context.Context, c *Client, r request) (*T, error) {
	out := new(T)
	if err := c.do(ctx, r, out); err != nil {
		return nil, err
	}
	return out, nil
}

// do sends a request and reads the answer into out, if that is not nil.
func (c *Client) do(ctx context.Context, r request, out any) error {
	var all []byte
	err := c.send(ctx, r, func(answer *stream) (err error) {
		defer answer.Close()
		defer time.AfterFunc(c.limit, func() { answer.cancel(errSlow) }).Stop()
		all, err = io.ReadAll(io.LimitReader(answer, mostAnswer))
		return r.unread(err)
	})
	if err != nil || out == nil {
		return err
	}
	return r.unread(json.Unmarshal(all, out))
}

func (r request) unread(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("kefu: the answer to %s %s cannot be read: %w", r.method, r.path, err)
}

// stream sends a request, and answers the body of the answer. Whoever calls it closes that.
func (c *Client) stream(ctx context.Context, r request) (body io.ReadCloser, err error) {
	err = c.send(ctx, r, func(answer *stream) error {
		body = answer
		return nil
	})
	return body, err
}

// send sends a request until its answer is read, as often as it takes within bounds.
func (c *Client) send(ctx context.Context, r request, read func(*stream) error) error {
	address, err := c.addressOf(r)
	if err != nil {
		return err
	}
	var sent []byte
	if r.body != nil {
		if sent, err = json.Marshal(r.body); err != nil {
			return fmt.Errorf("kefu: %w", err)
		}
	}
	once, _ := ctx.Value(onceKey{}).(string)
	if once == "" {
		once = rand.Text()
	}
	gap := c.firstGap
	for try := 1; ; try++ {
		answer, err := c.try(ctx, r, address, sent, once)
		if err == nil {
			err = read(answer)
		}
		if err == nil {
			return nil
		}
		later := gap/2 + mathrand.N(gap)
		if e, is := errors.AsType[*Error](err); is {
			if !e.passes() {
				return err
			}
			later = max(later, e.RetryAfter)
		}
		if try >= c.tries || later > longestGap || ctx.Err() != nil {
			return err
		}
		if ended := c.wait(ctx, later); ended != nil {
			return fmt.Errorf("%w; %w", err, ended)
		}
		gap *= 2
	}
}

func (c *Client) try(ctx context.Context, r request, address string, sent []byte, once string) (*stream, error) {
	ctx, cancel := context.WithCancelCause(ctx)
	q, err := http.NewRequestWithContext(ctx, r.method, address, bytes.NewReader(sent))
	if err != nil {
		cancel(nil)
		return nil, fmt.Errorf("kefu: %w", err)
	}
	late := time.AfterFunc(c.limit, func() { cancel(errSlow) })
	q.Header.Set("Authorization", "Bearer "+c.key)
	if r.body != nil {
		q.Header.Set("Content-Type", "application/json")
	}
	if r.method != http.MethodGet {
		q.Header.Set("Idempotency-Key", once)
	}
	answer, err := c.http.Do(q)
	if err != nil {
		late.Stop()
		cancel(nil)
		return nil, fmt.Errorf("kefu: %w", err)
	}
	if answer.StatusCode/100 == 2 {
		late.Stop()
		return &stream{answer.Body, cancel}, nil
	}
	defer cancel(nil)
	defer late.Stop()
	defer answer.Body.Close()
	return nil, errorFrom(answer)
}

// stream is the body of an answer, which may come for as long as it takes.
type stream struct {
	io.ReadCloser
	cancel context.CancelCauseFunc
}

// Close ends the answer.
func (s *stream) Close() error {
	defer s.cancel(nil)
	return s.ReadCloser.Close()
}

func (c *Client) addressOf(r request) (string, error) {
	path := r.path
	for _, name := range r.names {
		before, after, _ := strings.Cut(path, "{")
		what, after, _ := strings.Cut(after, "}")
		if name == "" || name == "." || name == ".." {
			return "", fmt.Errorf("kefu: %s %s needs an id for %s, not %q", r.method, r.path, what, name)
		}
		path = before + url.PathEscape(name) + after
	}
	query := url.Values{}
	if r.query != nil {
		of := reflect.ValueOf(r.query)
		for i := range of.NumField() {
			name, optional := strings.CutSuffix(of.Type().Field(i).Tag.Get("form"), ",omitempty")
			value := of.Field(i)
			if optional && value.IsZero() {
				continue
			}
			query.Set(name, fmt.Sprint(reflect.Indirect(value)))
		}
	}
	if len(query) > 0 {
		path += "?" + query.Encode()
	}
	return c.address + path, nil
}
