package app

import (
	"bytes"
	"context"
	"flag"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"
	"time"

	realengines "github.com/kefu-chat/kefu/test/engines"
)

var update = flag.Bool("update", false, "write docs/CONFIGURATION.md")

func TestTheConfigurationPageIsGenerated(t *testing.T) {
	const file = "../../docs/CONFIGURATION.md"
	got := ConfigurationPage()
	if *update {
		if err := os.WriteFile(file, []byte(got), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if got != string(want) {
		t.Error("docs/CONFIGURATION.md is old: go test ./internal/app -run Configuration -update")
	}
}

func TestEverySettingSaysWhatItIs(t *testing.T) {
	seen := map[string]bool{}
	for _, s := range settings() {
		if s.field.Tag.Get("description") == "" || s.field.Tag.Get("long") == "" {
			t.Errorf("%s has no help or no name", s.key)
		}
		if d := s.field.Tag.Get("default"); d != "" {
			if err := s.check(d); err != nil {
				t.Errorf("%s: its default %q: %v", s.key, d, err)
			}
		}
		for _, bound := range []string{"min", "max"} {
			if b, ok := s.field.Tag.Lookup(bound); ok && s.check(b) != nil {
				t.Errorf("%s: its %s %q is not within itself", s.key, bound, b)
			}
		}
		if seen[s.flag] {
			t.Errorf("%s stands twice", s.flag)
		}
		seen[s.flag] = true
	}
}

// invoke runs the program in this process.
func invoke(t *testing.T, env []string, in string, args ...string) (status int, out, errs string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	var stdout, stderr bytes.Buffer
	status = Main(args, env, Process{Context: ctx, In: strings.NewReader(in), Out: &stdout, Err: &stderr})
	return status, stdout.String(), stderr.String()
}

func TestMistakesInTheConfigurationAreOneSentence(t *testing.T) {
	dir := t.TempDir()
	data := filepath.Join(dir, "data")
	file := func(text string) string {
		t.Helper()
		name := filepath.Join(dir, "kefu.yaml")
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	plainFile := filepath.Join(dir, "plain")
	if err := os.WriteFile(plainFile, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()

	for name, c := range map[string]struct {
		env  []string
		file string
		args []string
		want []string
	}{
		"unknown key":           {file: "data: x\nlisen: :80\n", want: []string{"kefu.yaml:2", "lisen is not a setting", "did you mean listen?", "remove it"}},
		"unknown nested key":    {file: "limits:\n\n  frame_byte: 5000\n", want: []string{"kefu.yaml:3", "limits.frame_byte is not a setting", "limits.frame_bytes"}},
		"group that is a value": {file: "limits: 5\n", want: []string{"kefu.yaml:1", "limits", "key: value"}},
		"value that is a group": {file: "listen:\n  port: 80\n", want: []string{"kefu.yaml:1", "listen needs a plain value"}},
		"value of a wrong type": {file: "log:\n  level: info\nlimits: {frame_bytes: many}\n", want: []string{"kefu.yaml:3", "limits.frame_bytes", `"many"`, "whole number", "4096 or more"}},
		"value that is too low": {file: "limits:\n  frame_bytes: 10\n", want: []string{"kefu.yaml:2", `limits.frame_bytes is "10"`, "4096 or more"}},
		"value too high":        {file: "limits:\n  text_characters: 20001\n", want: []string{"kefu.yaml:2", "from 1 to 20000"}},
		"duration without unit": {file: "login:\n  lasts: 30\n", want: []string{"kefu.yaml:2", `login.lasts is "30"`, "duration such as"}},
		"choice":                {file: "log:\n  level: loud\n", want: []string{"kefu.yaml:2", "log.level", "one of debug, info, warn, error"}},
		"bad network":           {file: "trusted_proxies: [127.0.0.1, nobody]\n", want: []string{"kefu.yaml:1", "trusted_proxies", "network such as 10.0.0.0/8"}},
		"not YAML":              {file: "listen: [\n", want: []string{"kefu.yaml", "not valid YAML", "correct it"}},
		"a key twice":           {file: "data: a\ndata: b\n", want: []string{"kefu.yaml", "data", "correct it"}},
		"a list":                {file: "- data\n", want: []string{"kefu.yaml:1", "key: value"}},
		"no such file":          {args: []string{"--config", filepath.Join(dir, "absent.yaml")}, want: []string{"absent.yaml", "cannot be read", "no such file"}},
		"unknown variable":      {env: []string{"KEFU_LISTN=:80"}, want: []string{"KEFU_LISTN is not a setting", "did you mean KEFU_LISTEN?"}},
		"bad variable":          {env: []string{"KEFU_LIMITS_QUEUE_FRAMES=x"}, want: []string{"environment variable KEFU_LIMITS_QUEUE_FRAMES", "limits.queue_frames", "whole number"}},
		"bad flag value":        {args: []string{"--limits-frame-bytes=1"}, want: []string{"flag --limits-frame-bytes", `limits.frame_bytes is "1"`, "4096 or more"}},
		"flag of a wrong type":  {args: []string{"--limits-frame-bytes=x"}, want: []string{"--limits-frame-bytes", "x"}},
		"unknown flag":          {args: []string{"--colour=red"}, want: []string{"--colour"}},
		"bad listen":            {args: []string{"--listen=8080"}, want: []string{"listen", `"8080"`, "host:port"}},
		"port in use":           {args: []string{"--listen=" + taken.Addr().String()}, want: []string{"listen is", taken.Addr().String(), "in use", "stop the program"}},
		"folder is a file":      {args: []string{"--data=" + plainFile}, want: []string{"data is", "plain", "name another folder"}},
		"unsafe database":       {args: []string{"--database-synchronous=off"}, want: []string{"synchronous", "off", "power cut"}},
		"a push door for all":   {args: []string{"--legacy-push-mode=open"}, want: []string{"legacy.push.mode is open", "legacy.push.anybody_may_connect", "token"}},
		"a push door's site":    {file: "legacy:\n  push:\n    mode: token\n    site: shop\n", want: []string{"legacy.push.site", `"shop"`, "whole number"}},
		"a chat room for all":   {args: []string{"--legacy-atp-mode=open", "--legacy-atp-agent=a@b.c"}, want: []string{"legacy.atp.mode is open", "legacy.atp.anybody_may_connect", "token"}},
		"a room without agent":  {args: []string{"--legacy-atp-mode=open", "--legacy-atp-anybody-may-connect"}, want: []string{"legacy.atp.agent", "super_admin", "e-mail"}},
		"a bus over SQLite":     {args: []string{"--bus-kind=nats", "--nats-url=nats://127.0.0.1:1"}, want: []string{"bus.kind is", "one node", "database.url"}},
		"Redis over SQLite":     {args: []string{"--redis-url=redis://127.0.0.1:1"}, want: []string{"redis.url is set", "one node", "database.url"}},
		"replica of SQLite":     {args: []string{"--database-replica-url=postgres://127.0.0.1:1/x"}, want: []string{"database.replica_url", "database.url"}},
	} {
		t.Run(name, func(t *testing.T) {
			args := append([]string{"serve", "--data=" + data, "--listen=127.0.0.1:0"}, c.args...)
			if c.file != "" {
				args = append(args, "--config="+file(c.file))
			}
			status, out, errs := invoke(t, c.env, "", args...)
			if status != exitUsage {
				t.Errorf("exit status %d, want %d", status, exitUsage)
			}
			if lines := strings.Count(strings.TrimSuffix(errs, "\n"), "\n"); lines != 0 {
				t.Errorf("more than one line: %q", errs)
			}
			for _, w := range c.want {
				if !strings.Contains(errs, w) {
					t.Errorf("%q does not say %q", errs, w)
				}
			}
			if out != "" {
				t.Errorf("it said on standard output: %q", out)
			}
		})
	}
}

func TestPrecedence(t *testing.T) {
	file := filepath.Join(t.TempDir(), "kefu.yaml")
	text := "listen: :1\ndata: from-file\ntrusted_proxies:\n  - 127.0.0.1\n  - 10.1.2.3/8\nlimits:\n  frame_bytes: 5000\n  queue_frames: 100\n"
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	env := []string{"KEFU_CONFIG=" + file, "KEFU_LIMITS_FRAME_BYTES=6000", "KEFU_LISTEN=:2", "KEFU_SERVICE_HOST=10.0.0.1", "HOME=/"}
	found, err := values(configFile(nil, env), env)
	if err != nil {
		t.Fatal(err)
	}
	cli := &commands{}
	line, err := newCommandLine(found, cli)
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := line.parse([]string{"serve", "--listen=:3"}); err != nil {
		t.Fatal(err)
	}
	c := cli.Serve.Config
	if c.Listen != ":3" || c.Limits.FrameBytes != 6000 || c.Data != "from-file" || c.Limits.QueueFrames != 100 || c.Limits.FrameBurst != 200 {
		t.Errorf("flag, environment, file, default: have %q %d %q %d %d", c.Listen, c.Limits.FrameBytes, c.Data, c.Limits.QueueFrames, c.Limits.FrameBurst)
	}
	if len(c.TrustedProxies) != 2 || c.TrustedProxies[1].String() != "10.0.0.0/8" {
		t.Errorf("trusted proxies %v", c.TrustedProxies)
	}
}

// A limit that no part is told of would be a promise without effect.
func TestEveryLimitReachesItsPart(t *testing.T) {
	parts := func(c Config) string {
		l := c.live()
		l.DropDeliveries, l.Now = nil, nil // addresses
		return fmt.Sprintf("%+v %+v %+v", l, c.sockets(), c.server("test"))
	}
	usual := configured(t)
	for _, s := range settings() {
		if !strings.HasPrefix(s.key, "limits.") {
			continue
		}
		changed := usual
		switch v := reflect.ValueOf(&changed).Elem().FieldByIndex(s.index); v.Kind() {
		case reflect.Float64:
			v.SetFloat(v.Float() + 1)
		default:
			v.SetInt(v.Int() + 1)
		}
		if parts(changed) == parts(usual) {
			t.Errorf("nobody is told of %s", s.key)
		}
	}
}

func TestAMeshPortInUseIsOneSentence(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = taken.Close() }()
	status, _, errs := invoke(t, nil, "", "serve", "--listen=127.0.0.1:0", "--database-url="+realengines.SharedPostgreSQL(t).NewDatabase(t),
		"--files-folder="+t.TempDir(), "--files-folder-shared", "--bus-kind=mesh", "--mesh-secret="+strings.Repeat("x", 32), "--mesh-listen="+taken.Addr().String())
	want := fmt.Sprintf("kefu: mesh.listen is %q: the port is in use; stop the program that has it, or set mesh.listen to another one\n", taken.Addr())
	if status != exitUsage || errs != want {
		t.Errorf("%d %q, want %q", status, errs, want)
	}
}

func TestFilesThatOnlyOneNodeHasAreRefused(t *testing.T) {
	database := "--database-url=" + realengines.SharedPostgreSQL(t).NewDatabase(t)
	mesh := []string{"--bus-kind=mesh", "--mesh-secret=" + strings.Repeat("x", 32), "--mesh-listen=127.0.0.1:0"}
	for want, args := range map[string][]string{
		"set files.s3_bucket, or name a folder that all nodes mount in files.folder and set files.folder_shared": append(mesh, "--files-folder="+t.TempDir()),
		"files.s3_access_key or files.s3_secret_key is not: set both":                                            {"--files-s3-bucket=b"},
	} {
		status, _, errs := invoke(t, nil, "", append([]string{"serve", "--listen=127.0.0.1:0", "--data=" + t.TempDir(), database}, args...)...)
		if status != exitUsage || !strings.Contains(errs, want) || strings.Count(errs, "\n") != 1 {
			t.Errorf("%d %q, want %q", status, errs, want)
		}
	}
}
