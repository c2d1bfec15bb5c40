package kefu_test

import (
	"bufio"
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	kefu "github.com/kefu-chat/kefu/clients/go"
)

// world is a running server with a site; test/world of the repository starts it.
type world struct {
	Address, Control, Site, Widget, Key, KeyID, Agent string
}

var the *world

// TestMain starts the server from the repository's bin/kefu, or the program that KEFU_PROGRAM names.
func TestMain(m *testing.M) {
	status, err := within(m)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		status = 1
	}
	os.Exit(status)
}

func within(m *testing.M) (status int, err error) {
	root, err := filepath.Abs("../..")
	if err != nil {
		return 1, err
	}
	program := os.Getenv("KEFU_PROGRAM")
	if program == "" {
		program = filepath.Join(root, "bin", "kefu")
	}
	dir, err := os.MkdirTemp("", "kefu-client-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(dir)
	starter := filepath.Join(dir, "world")
	build := exec.Command("go", "build", "-o", starter, "./test/world")
	build.Dir = root
	if said, err := build.CombinedOutput(); err != nil {
		return 1, fmt.Errorf("%w: %s", err, said)
	}
	run := exec.Command(starter, "-kefu", program)
	run.Stderr = os.Stderr
	in, err := run.StdinPipe()
	if err != nil {
		return 1, err
	}
	out, err := run.StdoutPipe()
	if err != nil {
		return 1, err
	}
	if err := run.Start(); err != nil {
		return 1, err
	}
	line, err := bufio.NewReader(out).ReadBytes('\n')
	if err == nil {
		the = &world{}
		err = json.Unmarshal(line, the)
	}
	if err == nil {
		status = m.Run()
	}
	in.Close()
	if ended := run.Wait(); err == nil {
		err = ended
	}
	return status, err
}

// control asks for something that an application server cannot do: see test/world.
func control[T any](t *testing.T, path string, in any) (out T) {
	t.Helper()
	body, _ := json.Marshal(in)
	q, err := http.NewRequestWithContext(t.Context(), "POST", the.Control+path, bytes.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	answer, err := http.DefaultClient.Do(q)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	said, err := io.ReadAll(answer.Body)
	if err != nil || answer.StatusCode != 200 {
		t.Fatalf("%s: %d %s %v", path, answer.StatusCode, said, err)
	}
	if err := json.Unmarshal(said, &out); err != nil {
		t.Fatal(err)
	}
	return out
}

type place struct {
	Conversation string
	Seq          int64
}

// says has a visitor of this test, who comes if need be, write.
func says(t *testing.T, visitor, text string) place {
	t.Helper()
	return control[place](t, "/say", map[string]any{"visitor": fmt.Sprintf("%s %p", visitor, t), "text": text})
}

// heard are the texts of agents and bots that a visitor has heard, when there are so many.
func heard(t *testing.T, visitor string, count int) []string {
	t.Helper()
	return control[[]string](t, "/heard", map[string]any{"visitor": fmt.Sprintf("%s %p", visitor, t), "count": count})
}

// webhook makes one, and answers its secret.
func webhook(t *testing.T, address string, types ...string) (secret string) {
	t.Helper()
	type made struct {
		Webhook struct{ ID string }
		Secret  string
	}
	path := "/sites/" + the.Site + "/webhooks"
	one := control[made](t, "/admin", map[string]any{"method": "POST", "path": path, "body": map[string]any{"url": address, "types": types, "on": true}})
	return one.Secret
}

func newClient(t *testing.T, options ...kefu.Option) *kefu.Client {
	t.Helper()
	c, err := kefu.New(the.Address, the.Key, options...)
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func must[T any](t *testing.T) func(one T, err error) T {
	return func(one T, err error) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return one
	}
}
