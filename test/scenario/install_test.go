//go:build linux

package scenario

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"

	"github.com/kefu-chat/kefu/internal/chat"
)

// installation is a data folder that has been set up, and who may enter.
type installation struct {
	data   string
	site   string // id
	key    string // of the widget
	owner  access
	agents []access
}

// access is an agent's way in.
type access struct {
	name   string
	id     chat.AgentID
	cookie string
}

// agentsMade is how many agents the template has, beside the owner, who is an admin.
const agentsMade = 22

// makeTemplate sets up a server once; tests copy its folder.
func makeTemplate() (*installation, error) {
	program, err := rig.plain()
	if err != nil {
		return nil, err
	}
	address, err := freeAddress()
	if err != nil {
		return nil, err
	}
	in := &installation{data: filepath.Join(rig.dir, "template")}
	p, err := launch(program, nil, "serve", "--listen", address, "--data", in.data)
	if err != nil {
		return nil, err
	}
	defer p.kill()
	if err := p.awaitReady(); err != nil {
		return nil, err
	}
	if err := in.setUp("http://"+address, p.link, agentsMade); err != nil {
		return nil, fmt.Errorf("set up: %w", err)
	}
	return in, p.stop()
}

// setUp makes the owner, a site and agents, by the link that the start of a server printed.
func (in *installation) setUp(base, secret string, agents int) error {
	me := struct {
		Agent struct {
			ID string `json:"id"`
		} `json:"agent"`
	}{}
	cookie, err := rest(http.MethodPost, base+"/api/v1/setup", "", map[string]any{
		"secret": secret, "name": "Olive Owner", "email": "owner@example.com", "password": "correct horse battery", "site": "Harbour Books",
	}, &me)
	if err != nil {
		return err
	}
	in.owner = access{name: "Olive Owner", cookie: cookie}
	var sites struct {
		Sites []struct {
			ID  string `json:"id"`
			Key string `json:"key"`
		} `json:"sites"`
	}
	if _, err := rest(http.MethodGet, base+"/api/v1/sites", cookie, nil, &sites); err != nil {
		return err
	}
	if len(sites.Sites) != 1 {
		return fmt.Errorf("%d sites, want 1", len(sites.Sites))
	}
	in.site, in.key = sites.Sites[0].ID, sites.Sites[0].Key
	for i := range agents {
		agent, err := in.invite(base, i)
		if err != nil {
			return err
		}
		in.agents = append(in.agents, agent)
	}
	return nil
}

func (in *installation) invite(base string, i int) (access, error) {
	agent := access{name: fmt.Sprintf("Agent %d", i)}
	var made struct {
		Person struct {
			ID string `json:"id"`
		} `json:"person"`
		Link struct {
			URL string `json:"url"`
		} `json:"link"`
	}
	_, err := rest(http.MethodPost, base+"/api/v1/people", in.owner.cookie, map[string]any{
		"name": agent.name, "email": fmt.Sprintf("agent%d@example.com", i),
		"roles": []map[string]any{{"site": in.site, "role": "agent"}},
	}, &made)
	if err != nil {
		return agent, err
	}
	id, err := chat.ParseID(made.Person.ID)
	if err != nil {
		return agent, err
	}
	agent.id = chat.AgentID(id)
	_, secret, _ := strings.Cut(made.Link.URL, "#")
	agent.cookie, err = rest(http.MethodPost, base+"/api/v1/link/password", "", map[string]any{
		"secret": secret, "password": "a good long password",
	}, nil)
	return agent, err
}

// rest calls the REST interface; it answers the cookie that was set, if one was.
func rest(method, url, cookie string, in, out any) (string, error) {
	var body io.Reader
	if in != nil {
		text, err := json.Marshal(in)
		if err != nil {
			return "", err
		}
		body = bytes.NewReader(text)
	}
	request, err := http.NewRequest(method, url, body)
	if err != nil {
		return "", err
	}
	if in != nil {
		request.Header.Set("Content-Type", "application/json")
	}
	if cookie != "" {
		request.Header.Set("Cookie", cookie)
	}
	client := http.Client{Timeout: patience, Transport: &http.Transport{DisableKeepAlives: true}}
	answer, err := client.Do(request)
	if err != nil {
		return "", err
	}
	defer answer.Body.Close()
	text, err := io.ReadAll(answer.Body)
	if err != nil {
		return "", err
	}
	if answer.StatusCode >= http.StatusBadRequest {
		return "", fmt.Errorf("%s %s answered %d: %s", method, url, answer.StatusCode, text)
	}
	for _, c := range answer.Cookies() {
		cookie = c.Name + "=" + c.Value
	}
	if out == nil {
		return cookie, nil
	}
	return cookie, json.Unmarshal(text, out)
}

// copyTo is the installation in a folder of its own.
func (in *installation) copyTo(folder string) (*installation, error) {
	dup := *in
	dup.data = folder
	if err := os.MkdirAll(folder, 0o700); err != nil {
		return nil, err
	}
	return &dup, os.CopyFS(folder, os.DirFS(in.data))
}
