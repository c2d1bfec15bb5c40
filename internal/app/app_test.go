package app

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/uptrace/bun"
	"go.uber.org/goleak"

	"github.com/kefu-chat/kefu/internal/store"
	realengines "github.com/kefu-chat/kefu/test/engines"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(withEngines{m}) }

// withEngines ends the servers that tests started.
type withEngines struct{ *testing.M }

func (m withEngines) Run() int { return realengines.Main(m.M) }

// configured is what "kefu serve" with these flags would run with.
func configured(t *testing.T, args ...string) Config {
	t.Helper()
	cli := &commands{}
	line, err := newCommandLine(nil, cli)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := line.parse(append([]string{"serve", "--listen=127.0.0.1:0"}, args...)); err != nil {
		t.Fatal(err)
	}
	return cli.Serve.Config
}

func started(t *testing.T, data string) *App {
	t.Helper()
	a, err := Start(t.Context(), configured(t, "--data="+data), "test", slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := a.Stop(); err != nil {
			t.Error(err)
		}
	})
	return a
}

// post sends JSON and returns the status.
func post(t *testing.T, a *App, path string, body map[string]any) int {
	t.Helper()
	data, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://"+a.Address().String()+path, bytes.NewReader(data))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Content-Type", "application/json")
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}, Timeout: time.Minute}
	res, err := client.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	return res.StatusCode
}

func canLogIn(t *testing.T, a *App, email, password string) bool {
	t.Helper()
	return post(t, a, "/api/v1/log-in", map[string]any{"email": email, "password": password}) == http.StatusOK
}

func TestPartsAreStoppedInReverse(t *testing.T) {
	s := stack{log: slog.New(slog.DiscardHandler)}
	var order []string
	for _, name := range []string{"first", "second", "third"} {
		s.push(name, func(context.Context) error {
			order = append(order, name)
			return map[string]error{"second": errors.New("it hangs")}[name]
		})
	}
	err := s.unwind(t.Context())
	if !slices.Equal(order, []string{"third", "second", "first"}) {
		t.Errorf("stopped in the order %v", order)
	}
	if err == nil || err.Error() != "stop second: it hangs" {
		t.Errorf("the error is %v", err)
	}
	if err := s.unwind(t.Context()); err != nil || len(order) != 3 {
		t.Errorf("a second unwinding did something: %v, %v", order, err)
	}
}

func TestAStartThatFailsHalfWayUnwinds(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	data := filepath.Join(t.TempDir(), "data")
	log := slog.New(slog.DiscardHandler)
	if _, err := Start(t.Context(), configured(t, "--data="+data, "--listen="+taken.Addr().String()), "test", log); err == nil {
		t.Fatal("two listen on one port")
	}
	unlock, err := store.LockFolder(data) // the lock was taken before, and is free again
	if err != nil {
		t.Fatal(err)
	}
	if err := unlock(); err != nil {
		t.Fatal(err)
	}
	if err := os.MkdirAll(filepath.Join(data, store.DatabaseFile), 0o700); err != nil { // no database can be opened there
		t.Fatal(err)
	}
	free, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	address := free.Addr().String()
	_ = free.Close()
	if _, err := Start(t.Context(), configured(t, "--data="+data, "--listen="+address), "test", log); err == nil {
		t.Fatal("a folder was opened as a database")
	}
	again, err := net.Listen("tcp", address)
	if err != nil {
		t.Fatalf("the port was not given back: %v", err)
	}
	_ = again.Close()
}

func TestTheDataFolderIsUsedByOneServer(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	started(t, data)
	status, _, errs := invoke(t, nil, "", "serve", "--data="+data, "--listen=127.0.0.1:0")
	if status != exitUsage || !strings.Contains(errs, data) || !strings.Contains(errs, "in use by another running server") {
		t.Errorf("%d: %s", status, errs)
	}
}

func TestADatabaseThatIsTooNewIsRefused(t *testing.T) {
	data := t.TempDir()
	cfg := configured(t, "--data="+data)
	db, err := openStore(t.Context(), cfg, cfg.store(), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	err = db.Update(t.Context(), func(ctx context.Context, tx bun.Tx) error {
		_, err := tx.ExecContext(ctx, "UPDATE compatibility SET oldest_schema = 999")
		return err
	})
	if err := errors.Join(err, db.Close()); err != nil {
		t.Fatal(err)
	}
	status, _, errs := invoke(t, nil, "", "serve", "--data="+data, "--listen=127.0.0.1:0")
	if status == exitOK || strings.Count(errs, "\n") != 1 || !strings.Contains(errs, "too new") || !strings.Contains(errs, "start the newer program") {
		t.Errorf("%d: %s", status, errs)
	}
}

// running is "kefu serve" in this process, until stop.
func running(t *testing.T, data string) (printed []string, stop func() int) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	r, w := io.Pipe()
	ended := make(chan int, 1)
	var errs bytes.Buffer
	go func() {
		ended <- Main([]string{"serve", "--data=" + data, "--listen=127.0.0.1:0"}, nil, Process{Context: ctx, Out: w, Err: &errs})
		_ = w.Close()
	}()
	lines := bufio.NewScanner(r)
	for lines.Scan() && !strings.Contains(lines.Text(), "Demo") {
		printed = append(printed, lines.Text())
	}
	printed = append(printed, lines.Text())
	return printed, func() int {
		cancel()
		_, _ = io.Copy(io.Discard, r)
		status := <-ended
		if errs.Len() > 0 {
			t.Logf("standard error: %s", &errs)
		}
		return status
	}
}

func TestServePrintsWhereToGo(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	links := map[string]bool{}
	for range 2 {
		printed, stop := running(t, data)
		text := strings.Join(printed, "\n")
		for _, want := range []string{"is ready", "/setup#", "works once, until", "/console/", "/demo", "http://localhost:"} {
			if !strings.Contains(text, want) {
				t.Errorf("%q is missing:\n%s", want, text)
			}
		}
		_, secret, _ := strings.Cut(text, "#")
		links[strings.Fields(secret)[0]] = true
		if status := stop(); status != exitOK {
			t.Errorf("exit status %d", status)
		}
	}
	if len(links) != 2 {
		t.Errorf("two starts printed the same link: %v", links)
	}
}

func TestAdminCreate(t *testing.T) {
	data := filepath.Join(t.TempDir(), "data")
	create := func(email, password string) (int, string) {
		status, out, errs := invoke(t, nil, password+"\n", "admin", "create", "--data="+data, "--email="+email, "--name=Olive", "--password-stdin")
		return status, out + errs
	}
	if status, text := create("olive@example.com", "too short"); status != exitUsage || !strings.Contains(text, "12 characters") {
		t.Errorf("a short password: %d %s", status, text)
	}
	if status, text := create("olive", "correct horse battery"); status != exitUsage || !strings.Contains(text, "email:") {
		t.Errorf("a bad address: %d %s", status, text)
	}
	if status, text := create("olive@example.com", "correct horse battery"); status != exitOK {
		t.Fatal(text)
	}
	if status, _, errs := invoke(t, nil, "", "admin", "create", "--data="+data, "--email=a@example.com", "--name=A"); status != exitUsage || !strings.Contains(errs, "--password-stdin") {
		t.Errorf("without a terminal: %d %s", status, errs)
	}
	a := started(t, data)
	if !canLogIn(t, a, "olive@example.com", "correct horse battery") || len(a.sites.All()) != 1 || !a.people.HasOwner() {
		t.Error("the owner cannot log in, or there is no site")
	}
	if status, text := create("OLIVE@example.com", "another good password"); status != exitOK { // while it serves
		t.Fatal(text)
	}
	for deadline := time.Now().Add(10 * time.Second); !canLogIn(t, a, "olive@example.com", "another good password"); {
		if time.Now().After(deadline) {
			t.Fatal("the new password is not seen")
		}
		if _, err := a.people.Heal(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if len(a.people.All()) != 1 || len(a.sites.All()) != 1 {
		t.Error("a second agent or site was made")
	}
}

func TestBackupWhileServingAndRestore(t *testing.T) {
	dir := t.TempDir()
	data, copied, file := filepath.Join(dir, "data"), filepath.Join(dir, "copy"), filepath.Join(dir, "backup.db")
	a := started(t, data)
	made, err := a.people.MakeSetup(t.Context(), false)
	if err != nil {
		t.Fatal(err)
	}
	owner := map[string]any{"secret": made.Secret, "name": "Olive", "email": "olive@example.com", "password": "correct horse battery", "site": "Shop"}
	if status := post(t, a, "/api/v1/setup", owner); status != http.StatusCreated {
		t.Fatalf("set-up: %d", status)
	}
	if status, out, errs := invoke(t, nil, "", "backup", "--data="+data, file); status != exitOK || !strings.Contains(out, file) {
		t.Fatalf("%d %s", status, errs)
	}
	for name, args := range map[string][]string{
		"a file that exists":       {"backup", "--data=" + data, file},
		"no database":              {"backup", "--data=" + filepath.Join(dir, "none"), filepath.Join(dir, "b2.db")},
		"a folder in use":          {"restore", "--data=" + data, file},
		"a file that is no backup": {"restore", "--data=" + filepath.Join(dir, "c2"), os.Args[0]},
		"a file that is not there": {"restore", "--data=" + filepath.Join(dir, "c3"), filepath.Join(dir, "absent")},
		"a server's database":      {"restore", "--data=" + filepath.Join(dir, "c4"), "--database-url=postgres://kefu:hidden@127.0.0.1/kefu", file},
	} {
		if status, _, errs := invoke(t, nil, "", args...); status == exitOK || strings.Count(errs, "\n") != 1 || strings.Contains(errs, "hidden") {
			t.Errorf("%s: %d %s", name, status, errs)
		}
	}
	if status, _, errs := invoke(t, nil, "", "restore", "--data="+copied, file); status != exitOK {
		t.Fatal(errs)
	}
	if status, _, _ := invoke(t, nil, "", "restore", "--data="+copied, file); status == exitOK {
		t.Error("restored over what was there")
	}
	if !canLogIn(t, started(t, copied), "olive@example.com", "correct horse battery") {
		t.Error("the owner is not in the copy")
	}
}

type pluginCommand struct {
	Greet greeting `command:"greet" description:"Greet."`
}

type greeting struct {
	Arguments struct {
		Whom string `positional-arg-name:"WHOM" required:"1"`
	} `positional-args:"yes"`
}

func (g *greeting) Run(ctx context.Context, out io.Writer) error {
	if g.Arguments.Whom == "nobody" {
		return errors.New("nobody is here")
	}
	_, err := io.WriteString(out, "hello "+g.Arguments.Whom)
	return errors.Join(err, ctx.Err())
}

func TestFurtherCommands(t *testing.T) {
	var out, errs bytes.Buffer
	process := Process{Context: t.Context(), Out: &out, Err: &errs}
	if status := Main([]string{"greet", "ann"}, nil, process, &pluginCommand{}); status != exitOK || out.String() != "hello ann" {
		t.Errorf("%d %q %q", status, &out, &errs)
	}
	if status := Main([]string{"greet", "nobody"}, nil, process, &pluginCommand{}); status != exitFailed || errs.String() != "kefu: nobody is here\n" {
		t.Errorf("%d %q", status, &errs)
	}
}
