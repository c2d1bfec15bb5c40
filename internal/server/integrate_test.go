package server_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/client"
	"github.com/kefu-chat/kefu/test/engines"
)

// TestTheExamplesSignTokens runs what docs/INTEGRATE.md shows, in each language, and logs
// a visitor in with the token that it makes.
func TestTheExamplesSignTokens(t *testing.T) {
	page, err := os.ReadFile("../../docs/INTEGRATE.md")
	if err != nil {
		t.Fatal(err)
	}
	w := newWorld(t, keepsAsking())
	owner := w.owner()
	s := w.website(w.firstSite())
	const id, name, email, plan = `4711 "quoted" \ 顾客`, "Lin 林 🙂", "lin@example.com", "gold & more"
	for language, one := range map[string]struct {
		file, program string
		around        func(example string) string
		run           []string
	}{
		"js": {file: "token.js", program: "node", around: func(example string) string {
			return example + "\nconst [id, name, email, plan] = process.argv.slice(2);\nprocess.stdout.write(kefuToken({ id, name, email, plan }));\n"
		}},
		"python": {file: "token_of.py", program: "python3", around: func(example string) string {
			return example + "\nimport sys\nprint(kefu_token(dict(zip(('id', 'name', 'email', 'plan'), sys.argv[1:]))), end='')\n"
		}},
		"php": {file: "token.php", program: "php", around: func(example string) string {
			return example + "\necho kefu_token(['id' => $argv[1], 'name' => $argv[2], 'email' => $argv[3], 'plan' => $argv[4]]);\n"
		}},
		"java": {file: "Token.java", program: "java", around: func(example string) string { // the first class is run
			return strings.Replace(example, "class KefuToken {", "class Main {\n  public static void main(String[] a) throws Exception {\n    System.out.print(KefuToken.of(a[0], a[1], a[2], a[3]));\n  }\n}\n\nclass KefuToken {", 1)
		}},
		"go": {file: "token.go", program: "go", run: []string{"run"}, around: func(example string) string {
			return example + "\nfunc main() {\n\ttoken, err := kefuToken(os.Args[1], os.Args[2], os.Args[3], os.Args[4])\n\tif err != nil {\n\t\tpanic(err)\n\t}\n\tos.Stdout.WriteString(token)\n}\n"
		}},
	} {
		t.Run(language, func(t *testing.T) {
			program := engines.Find(t, one.program)
			_, example, found := strings.Cut(string(page), "```"+language+"\n")
			if !found {
				t.Fatal("the page has no such example")
			}
			example, _, _ = strings.Cut(example, "```")
			file := filepath.Join(t.TempDir(), one.file)
			if err := os.WriteFile(file, []byte(one.around(example)), 0o600); err != nil {
				t.Fatal(err)
			}
			run := exec.CommandContext(t.Context(), program, append(one.run, file, id, name, email, plan)...)
			run.Env = append(os.Environ(), "KEFU_SITE="+s.on.Key, "KEFU_KID="+s.kid, "KEFU_SECRET="+s.secret, "LC_ALL=C.UTF-8")
			var wrong bytes.Buffer
			run.Stderr = &wrong
			token, err := run.Output()
			if err != nil {
				t.Fatalf("%v: %s", err, wrong.Bytes())
			}
			if a := s.exchange(string(token), client.NewSecret()); a.status != 200 {
				t.Fatalf("the token is answered with %d %s", a.status, a.text)
			}
			known := owner.want(200, "GET", fmt.Sprintf("/api/v1/sites/%d/visitors?external_id=%s", s.on.ID, url.QueryEscape(id)), nil)
			said, _ := json.Marshal(known.get("visitors"))
			var visitors []struct{ Verified chat.Vouched }
			if err := json.Unmarshal(said, &visitors); err != nil || len(visitors) != 1 {
				t.Fatalf("%v: %s", err, said)
			}
			want := chat.Vouched{ID: id, Name: name, Email: email, Fields: map[string]string{"plan": plan}}
			if got := visitors[0].Verified; !reflect.DeepEqual(got, want) {
				t.Errorf("the visitor is known as %+v, want %+v", got, want)
			}
		})
	}
}
