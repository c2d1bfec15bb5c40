package kefu_test

import (
	"bytes"
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	kefu "github.com/kefu-chat/kefu/clients/go"
)

const (
	botFolder = "../../examples/bot"
	botLines  = 60
)

// bots are the examples, and how a command is made of each.
var bots = map[string]func(t *testing.T) *exec.Cmd{"main.go": compiled, "bot.mjs": interpreted}

func TestTheBotsAreShort(t *testing.T) {
	for file := range bots {
		text, err := os.ReadFile(filepath.Join(botFolder, file))
		if err != nil {
			t.Fatal(err)
		}
		if n := bytes.Count(text, []byte("\n")); n > botLines {
			t.Errorf("%s has %d lines, %d are allowed", file, n, botLines)
		}
	}
}

func compiled(t *testing.T) *exec.Cmd {
	t.Helper()
	program := filepath.Join(t.TempDir(), "bot")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".")
	build.Dir = botFolder
	if said, err := build.CombinedOutput(); err != nil {
		t.Fatalf("%v: %s", err, said)
	}
	return exec.Command(program)
}

// interpreted runs the bot where the client in TypeScript is installed.
func interpreted(t *testing.T) *exec.Cmd {
	t.Helper()
	installed, err := filepath.Abs("../typescript")
	if err != nil {
		t.Fatal(err)
	}
	node, missing := exec.LookPath("node")
	if _, err := os.Stat(filepath.Join(installed, "dist", "src", "index.js")); err != nil {
		missing = err
	}
	if missing != nil {
		if os.Getenv("CI") == "true" {
			t.Fatal(missing)
		}
		t.Skipf("%v: install Node, and npm run build in clients/typescript", missing)
	}
	dir := t.TempDir()
	text, err := os.ReadFile(filepath.Join(botFolder, "bot.mjs"))
	if err == nil {
		err = os.WriteFile(filepath.Join(dir, "bot.mjs"), text, 0o600)
	}
	if err == nil {
		err = os.MkdirAll(filepath.Join(dir, "node_modules", "@kefu-chat"), 0o700)
	}
	if err == nil {
		err = os.Symlink(installed, filepath.Join(dir, "node_modules", "@kefu-chat", "client"))
	}
	if err != nil {
		t.Fatal(err)
	}
	return exec.Command(node, filepath.Join(dir, "bot.mjs"))
}

// delivery is a message to the bot as it came.
type delivery struct {
	header http.Header
	body   []byte
	taken  int // what the bot answered
}

// bot is an example as it stands, in a process of its own. What is delivered goes to it
// by way of the test, which writes it down.
type bot struct {
	t       *testing.T
	address string
	secret  string // of its webhook
	all     chan delivery
}

func startBot(t *testing.T, run *exec.Cmd, key string) *bot {
	t.Helper()
	b := &bot{t: t, address: freeAddress(t), all: make(chan delivery, 100)}
	between := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		d := b.deliver(delivery{header: r.Header, body: body})
		w.WriteHeader(d.taken)
		b.all <- d
	}))
	b.secret = webhook(t, between.URL, "message.created", "round.assigned")
	run.Env = append(os.Environ(), "KEFU_ADDRESS="+the.Address, "KEFU_KEY="+key, "KEFU_WEBHOOK_SECRET="+b.secret, "LISTEN="+b.address)
	run.Stderr = t.Output()
	if err := run.Start(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		_ = run.Process.Kill()
		_ = run.Wait()
	})
	t.Cleanup(between.Close) // before: it waits for what the bot has not answered yet
	b.awaitListening()
	return b
}

func freeAddress(t *testing.T) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	return l.Addr().String()
}

func (b *bot) awaitListening() {
	b.t.Helper()
	ctx, cancel := context.WithTimeout(b.t.Context(), time.Minute)
	defer cancel()
	for {
		var d net.Dialer
		conn, err := d.DialContext(ctx, "tcp", b.address)
		if err == nil {
			conn.Close()
			return
		}
		select {
		case <-time.After(20 * time.Millisecond):
		case <-ctx.Done():
			b.t.Fatal(err)
		}
	}
}

// deliver gives a message to the bot, and notes what it answers.
func (b *bot) deliver(d delivery) delivery {
	q, err := http.NewRequest("POST", "http://"+b.address, bytes.NewReader(d.body))
	if err != nil {
		b.t.Error(err)
		return d
	}
	q.Header = d.header.Clone()
	answer, err := http.DefaultClient.Do(q)
	if err != nil {
		b.t.Error(err)
		d.taken = http.StatusServiceUnavailable
		return d
	}
	answer.Body.Close()
	d.taken = answer.StatusCode
	return d
}

// took waits until the bot has taken the message with this id.
func (b *bot) took(id string) delivery {
	b.t.Helper()
	for late := time.After(time.Minute); ; {
		select {
		case d := <-b.all:
			if d.taken != http.StatusOK {
				b.t.Errorf("the bot answered %d to %s", d.taken, d.body)
			}
			if d.header.Get("Webhook-Id") == id {
				return d
			}
		case <-late:
			b.t.Fatalf("%s was not delivered", id)
		}
	}
}

func TestTheBots(t *testing.T) {
	for file, command := range bots {
		t.Run(file, func(t *testing.T) {
			run := command(t)
			b := startBot(t, run, the.Key)
			b.answersOnceAndHandsOver()
			b.leavesAloneWhatWasCarried()
			b.takesATest()
			startBot(t, exec.Command(run.Path, run.Args[1:]...), "kfk_nobody").keepsWhatItMayNotAnswer()
		})
	}
}

func (b *bot) answersOnceAndHandsOver() {
	t, c := b.t, newClient(b.t)
	events := func(at string) (texts, kinds []string, last kefu.Event) {
		for e, err := range c.Events(t.Context(), the.Site, at, kefu.ListEventsParams{}) {
			if err != nil {
				t.Fatal(err)
			}
			texts, kinds, last = append(texts, e.Text), append(kinds, string(e.By.Kind)+" "+e.Kind), e
		}
		return texts, kinds, last
	}

	first := says(t, "Mei", "Where is my order?")
	if texts := heard(t, "Mei", 1); texts[0] != "You said: Where is my order?" {
		t.Errorf("the visitor heard %q", texts)
	}
	at := first.Conversation
	d := b.took(at + ".2")
	if again := b.deliver(d); again.taken != http.StatusOK {
		t.Errorf("delivered again: %d", again.taken)
	}
	b.took(at + ".3") // its own answer, which it leaves alone
	forged := delivery{header: d.header, body: append(slices.Clone(d.body), ' ')}
	if b.deliver(forged).taken != http.StatusUnauthorized {
		t.Error("the bot takes what nobody has signed")
	}
	if texts, kinds, last := events(at); len(texts) != 3 || last.By.Name != "Robin" {
		t.Errorf("after one question and three deliveries there are %q, %q", kinds, texts)
	}

	says(t, "Mei", "I want a person!")
	b.took(at + ".6") // the assignment
	says(t, "Mei", "Hello?")
	b.took(at + ".7")
	_, kinds, _ := events(at)
	want := []string{"visitor opened", "visitor message", "bot message", "visitor message", "bot message", "key assigned", "visitor message"}
	if !slices.Equal(kinds, want) {
		t.Errorf("the events are %q, want %q", kinds, want)
	}
	if round := must[*kefu.Conversation](t)(c.GetConversation(t.Context(), the.Site, at)).Round; round.Agent == nil || round.Agent.ID != the.Agent {
		t.Errorf("the round is %+v, want it with %s", round, the.Agent)
	}
}

// What was told again where a round goes on after a log-in has an origin: the bot passes
// over it. The same without an origin is answered.
func (b *bot) leavesAloneWhatWasCarried() {
	t, c := b.t, newClient(b.t)
	at := says(t, "carried", "Still there?").Conversation
	d := b.took(at + ".2")
	b.took(at + ".3")
	carried := bytes.Replace(d.body, []byte(`"kind":"message",`), []byte(`"kind":"message","origin":{"conversation":"0198c5a2-51f4-7792-9b06-04ab53df23b2","seq":2},`), 1)
	if bytes.Equal(carried, d.body) {
		t.Fatalf("the event has no kind: %s", d.body)
	}
	seq := func() int64 {
		page := must[*kefu.Events](t)(c.ListEvents(t.Context(), the.Site, at, kefu.ListEventsParams{Order: "newest", Limit: 1}))
		return page.Events[0].Seq
	}
	for _, one := range []struct {
		id   string
		body []byte
		want int64
	}{{at + ".carried", carried, 3}, {at + ".new", d.body, 4}} {
		if taken := b.deliver(b.signed(one.id, one.body)).taken; taken != http.StatusOK || seq() != one.want {
			t.Errorf("%s: answered with %d, and the last event is %d, want %d", one.id, taken, seq(), one.want)
		}
	}
}

// takesATest: it is about no conversation.
func (b *bot) takesATest() {
	b.t.Helper()
	body := `{"type":"ping","version":1,"timestamp":"2027-01-15T08:00:00Z","data":{"site":"` + the.Site + `","webhook":"1"}}`
	if taken := b.deliver(b.signed("ping.1", []byte(body))).taken; taken != http.StatusOK {
		b.t.Errorf("a test is answered with %d", taken)
	}
}

// keepsWhatItMayNotAnswer: a revoked key is no reason to lose a question.
func (b *bot) keepsWhatItMayNotAnswer() {
	b.t.Helper()
	at := says(b.t, "unanswered", "Hello?").Conversation
	for late := time.After(time.Minute); ; {
		select {
		case d := <-b.all:
			if d.header.Get("Webhook-Id") != at+".2" {
				continue
			}
			if d.taken != http.StatusServiceUnavailable {
				b.t.Errorf("with a key that is none the bot answers %d", d.taken)
			}
			return
		case <-late:
			b.t.Fatal("nothing came")
		}
	}
}

// signed is a message as the server would sign it now.
func (b *bot) signed(id string, body []byte) delivery {
	b.t.Helper()
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(b.secret, "whsec_"))
	if err != nil {
		b.t.Fatal(err)
	}
	at := strconv.FormatInt(time.Now().Unix(), 10)
	mac := hmac.New(sha256.New, key)
	mac.Write([]byte(id + "." + at + "."))
	mac.Write(body)
	by := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil))
	return delivery{header: http.Header{"Webhook-Id": {id}, "Webhook-Timestamp": {at}, "Webhook-Signature": {by}}, body: body}
}
