package bench

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
)

// installation is a server's set-up as a bench needs it.
type installation struct {
	bases  []string // http://host:port of each node
	http   *http.Client
	owner  string // cookie
	site   string // id
	key    string // of the widget
	agents []string
}

// account is how an owner logs in.
type account struct{ email, password string }

// newAccount is the owner of a server that exists for one bench.
func newAccount() account {
	return account{email: "owner@bench.invalid", password: rand.Text()}
}

// createOwner makes the owner and the first site of a database.
func (p program) createOwner(ctx context.Context, who account, storage ...string) error {
	cmd := exec.CommandContext(ctx, p.path, append([]string{"admin", "create", "--log-level", "warn",
		"--email", who.email, "--name", "Bench", "--site", "Bench", "--password-stdin"}, storage...)...)
	cmd.Env, cmd.Stdin = p.env, strings.NewReader(who.password+"\n")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("make the owner: %w: %s", err, bytes.TrimSpace(out))
	}
	return nil
}

// logIn enters a running server. With ownSite it makes a site for the bench
// alone; else it takes the first one.
func logIn(ctx context.Context, base string, who account, ownSite bool) (*installation, error) {
	in := &installation{bases: []string{base}, http: newHTTP()}
	err := in.rest(ctx, http.MethodPost, "/log-in", "", map[string]any{"email": who.email, "password": who.password}, nil, &in.owner)
	if err != nil {
		return nil, err
	}
	type site struct {
		ID  string `json:"id"`
		Key string `json:"key"`
	}
	var one site
	if ownSite {
		err = in.rest(ctx, http.MethodPost, "/sites", in.owner, map[string]any{"name": "Bench " + rand.Text()[:6]}, &one, nil)
	} else {
		var all struct{ Sites []site }
		if err = in.rest(ctx, http.MethodGet, "/sites", in.owner, nil, &all, nil); err == nil && len(all.Sites) == 0 {
			err = errors.New("the server has no site")
		}
		if err == nil {
			one = all.Sites[0]
		}
	}
	in.site, in.key = one.ID, one.Key
	return in, err
}

// invite makes n agents of the site and logs them in.
func (in *installation) invite(ctx context.Context, n int) error {
	run := strings.ToLower(rand.Text()[:8])
	for i := range n {
		var made struct {
			Link struct {
				URL string `json:"url"`
			} `json:"link"`
		}
		err := in.rest(ctx, http.MethodPost, "/people", in.owner, map[string]any{
			"name": fmt.Sprintf("Bench agent %d", i+1), "email": fmt.Sprintf("%s-%d@bench.invalid", run, i),
			"roles": []map[string]any{{"site": in.site, "role": "agent"}},
		}, &made, nil)
		if err != nil {
			return err
		}
		_, secret, _ := strings.Cut(made.Link.URL, "#")
		cookie := ""
		err = in.rest(ctx, http.MethodPost, "/link/password", "", map[string]any{"secret": secret, "password": rand.Text()}, nil, &cookie)
		if err != nil {
			return err
		}
		in.agents = append(in.agents, cookie)
	}
	return nil
}

const maxAnswer = 4 << 20 // bytes

// rest calls the REST interface; session gets the cookie that was set.
func (in *installation) rest(ctx context.Context, method, path, cookie string, body, out any, session *string) error {
	text, err := json.Marshal(body)
	if err != nil {
		return err
	}
	request, err := http.NewRequestWithContext(ctx, method, in.bases[0]+"/api/v1"+path, bytes.NewReader(text))
	if err != nil {
		return err
	}
	if body == nil {
		request.Body = http.NoBody
		request.ContentLength = 0
	} else {
		request.Header.Set("Content-Type", "application/json")
	}
	if cookie != "" {
		request.Header.Set("Cookie", cookie)
	}
	answer, err := in.http.Do(request)
	if err != nil {
		return err
	}
	defer answer.Body.Close()
	text, err = io.ReadAll(io.LimitReader(answer.Body, maxAnswer))
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	if answer.StatusCode >= http.StatusBadRequest {
		return fmt.Errorf("%s %s was answered with %d: %s", method, path, answer.StatusCode, text)
	}
	if session != nil {
		for _, c := range answer.Cookies() {
			*session = c.Name + "=" + c.Value
		}
	}
	if out == nil {
		return nil
	}
	return json.Unmarshal(text, out)
}

// door is where somebody's live connection goes: the nodes take turns.
type door struct{ origin, visitor, agent string }

func (in *installation) door(turn int) door {
	base := in.bases[turn%len(in.bases)]
	ws := "ws" + strings.TrimPrefix(base, "http")
	return door{origin: base, visitor: ws + "/ws/v1/visitor", agent: ws + "/ws/v1/agent"}
}

func onThisMachine(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// loopback refuses every server but one of this machine: load is an attack elsewhere.
func loopback(base string) (string, error) {
	u, err := url.Parse(base)
	if err != nil || u.Scheme != "http" || u.Host == "" {
		return "", fmt.Errorf("url is %q: expected http://127.0.0.1:port", base)
	}
	if !onThisMachine(u.Hostname()) {
		return "", fmt.Errorf("url is %q: a bench loads servers of this machine only; run it there", base)
	}
	return "http://" + u.Host, nil
}
