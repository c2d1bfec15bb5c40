package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	"github.com/kefu-chat/kefu/internal/client"
	"github.com/kefu-chat/kefu/internal/wire"
)

// world is what tests find. What has a name in JSON is told to them.
type world struct {
	*server
	Control string // where visitors are asked to write, and an admin to make webhooks
	Site    string
	Widget  string // its widget key
	Key     string // the API key
	KeyID   string
	Agent   string // the id of an agent of the site

	cookie   string // of the owner
	agent    *client.Agent
	mu       sync.Mutex
	visitors map[string]*visitor
}

// visitor is one with its connection, under a name.
type visitor struct {
	session *client.Visitor
	heard   []string // texts of agents and bots
	more    chan struct{}
}

func (w *world) setUp(ctx context.Context) error {
	owner := map[string]any{"secret": w.setup, "name": "Olive Owner", "email": "owner@example.com", "password": "correct horse battery", "site": "Harbour Books"}
	var me struct{ ID string }
	if err := w.ask(ctx, "POST", "/setup", owner, &me); err != nil {
		return err
	}
	w.Agent = me.ID
	var found struct{ Sites []struct{ ID, Key string } }
	if err := w.ask(ctx, "GET", "/sites", nil, &found); err != nil {
		return err
	}
	w.Site, w.Widget = found.Sites[0].ID, found.Sites[0].Key
	var made struct {
		Key    struct{ ID string }
		Secret string
	}
	key := map[string]any{"name": "Tests", "scopes": []string{"read", "write", "people", "push", "broadcast"}}
	err := w.ask(ctx, "POST", "/sites/"+w.Site+"/api-keys", key, &made)
	w.Key, w.KeyID = made.Secret, made.Key.ID
	if err != nil {
		return err
	}
	return w.sitDown(ctx)
}

// sitDown has the agent be there: rounds of who is not go back to the queue.
func (w *world) sitDown(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	there := make(chan struct{}, 1)
	w.agent = client.StartAgent(context.WithoutCancel(ctx), client.Config{
		URL: w.door("agent"), Header: http.Header{"Origin": {w.Address}, "Cookie": {w.cookie}}, Name: "agent", Presence: wire.Online,
		BackoffMin: 10 * time.Millisecond, BackoffMax: time.Second,
		Observer: client.Observer{Connected: func(*wire.ServerHello) {
			select {
			case there <- struct{}{}:
			default:
			}
		}},
	})
	select {
	case <-there:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("the agent did not come: %w", ctx.Err())
	}
}

func (w *world) door(who string) string {
	return strings.Replace(w.Address, "http", "ws", 1) + "/ws/v1/" + who
}

// ask calls the server as its owner.
func (w *world) ask(ctx context.Context, method, path string, in, out any) error {
	body, err := json.Marshal(in)
	if err != nil {
		return err
	}
	q, err := http.NewRequestWithContext(ctx, method, w.Address+"/api/v1"+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	q.Header.Set("Origin", w.Address)
	if in != nil {
		q.Header.Set("Content-Type", "application/json")
	}
	if w.cookie != "" {
		q.Header.Set("Cookie", w.cookie)
	}
	answer, err := http.DefaultClient.Do(q)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	for _, c := range answer.Cookies() {
		w.cookie = c.Name + "=" + c.Value
	}
	said, err := io.ReadAll(answer.Body)
	if err != nil {
		return err
	}
	if answer.StatusCode/100 != 2 {
		return fmt.Errorf("%s %s: %d %s", method, path, answer.StatusCode, said)
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(said, out)
}

// control is what tests ask for: POST /say {visitor, text} answers {conversation, seq}, POST
// /heard {visitor, count} waits for as many texts of agents and bots and answers them all,
// POST /admin {method, path, body} is answered what the server answers the owner.
func (w *world) control() http.Handler {
	mux := http.NewServeMux()
	mux.HandleFunc("POST /say", answered(w.say))
	mux.HandleFunc("POST /heard", answered(w.heardBy))
	mux.HandleFunc("POST /admin", answered(func(ctx context.Context, in struct {
		Method, Path string
		Body         json.RawMessage
	}) (out json.RawMessage, err error) {
		err = w.ask(ctx, in.Method, in.Path, in.Body, &out)
		return out, err
	}))
	return mux
}

func answered[I, O any](do func(context.Context, I) (O, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		var in I
		ctx, cancel := context.WithTimeout(r.Context(), limit)
		defer cancel()
		err := json.NewDecoder(r.Body).Decode(&in)
		var out O
		if err == nil {
			out, err = do(ctx, in)
		}
		if err != nil {
			http.Error(w, err.Error(), http.StatusInternalServerError)
			return
		}
		_ = json.NewEncoder(w).Encode(out) // the test may have gone
	}
}

type said struct {
	Conversation string `json:"conversation"`
	Seq          int64  `json:"seq"`
}

func (w *world) say(ctx context.Context, in struct{ Visitor, Text string }) (out said, err error) {
	item := w.visitor(in.Visitor).session.Send(in.Text)
	select {
	case <-item.Done():
	case <-ctx.Done():
		return out, ctx.Err()
	}
	if item.Refusal != nil {
		return out, fmt.Errorf("refused: %s", item.Refusal.Text)
	}
	return said{Conversation: item.AckedIn.String(), Seq: item.Ack.N}, nil
}

func (w *world) heardBy(ctx context.Context, in struct {
	Visitor string
	Count   int
}) ([]string, error) {
	v := w.visitor(in.Visitor)
	for {
		w.mu.Lock()
		heard, more := v.heard, v.more
		w.mu.Unlock()
		if len(heard) >= in.Count {
			return heard, nil
		}
		select {
		case <-more:
		case <-ctx.Done():
			return nil, fmt.Errorf("%s has heard %q only", in.Visitor, heard)
		}
	}
}

// visitor is the one of that name, who comes if need be.
func (w *world) visitor(name string) *visitor {
	w.mu.Lock()
	defer w.mu.Unlock()
	v := w.visitors[name]
	if v != nil {
		return v
	}
	v = &visitor{heard: []string{}, more: make(chan struct{})}
	w.visitors[name] = v
	hear := func(_ *client.Conversation, e *client.Event) {
		if e.Kind != "message" || e.By == "visitor" {
			return
		}
		w.mu.Lock()
		defer w.mu.Unlock()
		v.heard = append(v.heard[:len(v.heard):len(v.heard)], e.Text())
		close(v.more)
		v.more = make(chan struct{})
	}
	v.session = client.StartVisitor(context.Background(), client.Config{
		URL: w.door("visitor"), Header: http.Header{"Origin": {w.Address}}, Name: name,
		BackoffMin: 10 * time.Millisecond, BackoffMax: time.Second, Observer: client.Observer{Event: hear},
	}, w.Widget, client.NewSecret())
	return v
}

func (w *world) leave() {
	w.mu.Lock()
	all := w.visitors
	w.mu.Unlock()
	if w.agent != nil {
		w.agent.Close()
	}
	for _, v := range all {
		v.session.Close()
	}
}
