package webhook_test

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/webhook"
)

const page = "../../docs/WEBHOOKS.md"

func TestThePageNamesEveryType(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range webhook.Types() {
		of, what, _ := strings.Cut(string(one), ".")
		if !strings.Contains(string(text), "`"+string(one)+"`") && !strings.Contains(string(text), "`"+what+"`") && of != "note" {
			t.Errorf("docs/WEBHOOKS.md knows nothing of %s", one)
		}
	}
}

// TestTheExamplesVerify runs the page's examples over a message that was sent, and over
// ones that were changed on the way.
func TestTheExamplesVerify(t *testing.T) {
	text, err := os.ReadFile(page)
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t)
	w.clock.Store(time.Now().UnixMilli())
	h := w.hook("message.created")
	w.says(1, "你好")
	w.deliver(h.ID)
	got := w.messages()[0]
	type message struct {
		Headers map[string]string `json:"headers"`
		Body    string            `json:"body"`
	}
	signed := func(timestamp, signatures, body string) message {
		return message{map[string]string{"webhook-id": got.id, "webhook-timestamp": timestamp, "webhook-signature": signatures}, body}
	}
	body := string(got.body)
	cases, err := json.Marshal([]message{
		signed(got.timestamp, got.signatures, body),
		signed(got.timestamp, "v1,AAAA "+got.signatures, body),
		signed(got.timestamp, got.signatures, body+" "),
		signed("1600000000", got.signatures, body),
		signed(got.timestamp, "v1,AAAA", body),
		signed(got.timestamp, strings.Repeat("é", len(got.signatures)), body),
		{map[string]string{}, body},
	})
	w.no(err)
	const want = "[true,true,false,false,false,false,false]"
	for name, one := range map[string]struct{ language, program, after string }{
		"node": {"js", "node", "\nconst all = JSON.parse(require('fs').readFileSync(0));" +
			"\nprocess.stdout.write(JSON.stringify(all.map((m) => verify(process.argv[2], m.headers, m.body))));\n"},
		"python": {"python", "python3", "\nimport json, sys\nprint(json.dumps([verify(sys.argv[1], m['headers'], m['body'].encode()) " +
			"for m in json.load(sys.stdin)], separators=(',', ':')), end='')\n"},
	} {
		t.Run(name, func(t *testing.T) {
			program, err := exec.LookPath(one.program)
			if err != nil {
				t.Skipf("%s is not here", one.program)
			}
			_, example, found := strings.Cut(string(text), "```"+one.language+"\n")
			if !found {
				t.Fatal("the page has no such example")
			}
			example, _, _ = strings.Cut(example, "```")
			file := filepath.Join(t.TempDir(), "verify."+one.language)
			w.no(os.WriteFile(file, []byte(example+one.after), 0o600))
			run := exec.CommandContext(t.Context(), program, file, h.Secret)
			run.Stdin = strings.NewReader(string(cases))
			out, err := run.CombinedOutput()
			if err != nil || string(out) != want {
				t.Errorf("it says %s, want %s: %v", out, want, err)
			}
		})
	}
}
