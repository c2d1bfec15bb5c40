package app

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/jessevdk/go-flags"
)

func TestTheHelpOfEachLevel(t *testing.T) {
	for _, c := range []struct {
		args []string
		want []string
		not  []string
	}{
		{nil, []string{"Usage: kefu COMMAND", "in one program", "serve", "admin create", "rocketmq topic show", "Print the version.", "--config=FILE"}, []string{"--listen"}},
		{[]string{"-h"}, []string{"Usage: kefu COMMAND"}, nil},
		{[]string{"admin", "--help"}, []string{"Usage: kefu admin COMMAND", "Manage people", "create  Make an owner"}, []string{"serve"}},
		{[]string{"serve", "--help"}, []string{
			"Usage: kefu serve [FLAGS]", "Run the server.", "--listen=ADDRESS", "(default: :8080, with HTTPS :443)", "\nHTTPS:\n  --tls-domain=NAME,...",
			"--database-synchronous=TEXT", "(default: full)", "  --database-relaxed  ", "\nLimits:\n", "--config=FILE",
		}, []string{"--email"}},
		{[]string{"admin", "create", "--help"}, []string{"Usage: kefu admin create [FLAGS]", "--email=TEXT", "(required)", "(default: My website)"}, nil},
		{[]string{"rocketmq", "send", "--async", "--help"}, []string{"Usage: kefu rocketmq send TOPIC [BODY...] [FLAGS]", "\nArguments:\n  TOPIC  ", "--property=NAME=VALUE"}, nil},
	} {
		status, out, errs := invoke(t, nil, "", c.args...)
		if status != exitOK || errs != "" {
			t.Errorf("%v: %d %q", c.args, status, errs)
		}
		for _, want := range c.want {
			if !strings.Contains(out, want) {
				t.Errorf("%v does not say %q:\n%s", c.args, want, out)
			}
		}
		for _, not := range c.not {
			if strings.Contains(out, not) {
				t.Errorf("%v says %q:\n%s", c.args, not, out)
			}
		}
		for line := range strings.Lines(out) {
			if n := len([]rune(strings.TrimRight(line, "\n"))); n > helpWidth {
				t.Errorf("%v: a line of %d: %s", c.args, n, line)
			}
		}
	}
}

func TestTheHelpShowsDefaultsAndNothingThatIsSet(t *testing.T) {
	status, out, _ := invoke(t, []string{"KEFU_MESH_SECRET=" + confidential + "-and-more", "KEFU_DATA=elsewhere"}, "", "serve", "--rocketmq-secret-key="+confidential, "--help")
	if status != exitOK || strings.Contains(out, confidential) || strings.Contains(out, "elsewhere") || !strings.Contains(out, "(default: ./data)") {
		t.Errorf("%d: %s", status, out)
	}
}

// TestEverySettingIsAFlag holds what the environment and the file are read by to what go-flags reads.
func TestEverySettingIsAFlag(t *testing.T) {
	line, err := newCommandLine(nil, &commands{})
	if err != nil {
		t.Fatal(err)
	}
	for _, command := range []string{"serve", "backup", "restore"} {
		c := line.parser.Find(command)
		var flagged, set []string
		eachOption(c.Group, func(o *flags.Option) { flagged = append(flagged, o.LongNameWithNamespace()) })
		for _, s := range settings() {
			set = append(set, s.flag)
		}
		if slices.Sort(flagged); !slices.Equal(flagged, slices.Sorted(slices.Values(set))) {
			t.Errorf("%s has the flags %v, and the settings are %v", command, flagged, set)
		}
	}
}

// serveWith is what "kefu serve" would run with.
func serveWith(t *testing.T, env []string, args ...string) Config {
	t.Helper()
	cli := &commands{}
	found, err := values(configFile(args, env), env)
	if err != nil {
		t.Fatal(err)
	}
	line, err := newCommandLine(found, cli)
	if err != nil {
		t.Fatal(err)
	}
	if command, _, err := line.parse(append([]string{"serve"}, args...)); err != nil || command != &cli.Serve {
		t.Fatalf("%v: %T %v", args, command, err)
	}
	return cli.Serve.Config
}

func TestHowValuesAreGiven(t *testing.T) {
	file := filepath.Join(t.TempDir(), "kefu.yaml")
	if err := os.WriteFile(file, []byte("tls: {domain: [f.example, g.example]}\ndatabase: {relaxed: true}\nmesh: {peers: []}\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for name, c := range map[string]struct {
		env, args []string
		have      func(Config) any
		want      any
	}{
		"one argument":            {nil, []string{"--listen=:3"}, func(c Config) any { return c.Listen }, ":3"},
		"two arguments":           {nil, []string{"--listen", ":3"}, func(c Config) any { return c.Listen }, ":3"},
		"the last of two":         {nil, []string{"--listen", ":3", "--listen=:4"}, func(c Config) any { return c.Listen }, ":4"},
		"a value with =":          {nil, []string{"--database-url=mysql://h/n?a=b"}, func(c Config) any { return c.Database.URL }, "mysql://h/n?a=b"},
		"a quote":                 {nil, []string{`--mesh-secret="half`}, func(c Config) any { return c.Mesh.Secret }, `"half`},
		"quotes":                  {nil, []string{"--mesh-secret", `"\n"`}, func(c Config) any { return c.Mesh.Secret }, `"\n"`},
		"a dash":                  {nil, []string{"--mesh-secret", "-x"}, func(c Config) any { return c.Mesh.Secret }, "-x"},
		"two dashes":              {nil, []string{"--mesh-secret=--x"}, func(c Config) any { return c.Mesh.Secret }, "--x"},
		"on":                      {nil, []string{"--database-relaxed"}, func(c Config) any { return c.Database.Relaxed }, true},
		"off, against the file":   {nil, []string{"--config", file, "--database-relaxed=false"}, func(c Config) any { return c.Database.Relaxed }, false},
		"on, by the file":         {nil, []string{"--config=" + file}, func(c Config) any { return c.Database.Relaxed }, true},
		"a list":                  {nil, []string{"--mesh-peers=a:1, b:2"}, func(c Config) any { return c.Mesh.Peers }, []string{"a:1", "b:2"}},
		"a list, one by one":      {nil, []string{"--mesh-peers=a:1", "--mesh-peers", "b:2"}, func(c Config) any { return c.Mesh.Peers }, []string{"a:1", "b:2"}},
		"a list in the file":      {nil, []string{"--config=" + file}, func(c Config) any { return c.TLS.Domain }, []string{"f.example", "g.example"}},
		"instead of the file's":   {[]string{"KEFU_CONFIG=" + file, "KEFU_TLS_DOMAIN=e.example"}, nil, func(c Config) any { return c.TLS.Domain }, []string{"e.example"}},
		"instead of both":         {[]string{"KEFU_CONFIG=" + file, "KEFU_TLS_DOMAIN=e.example"}, []string{"--tls-domain=a.example"}, func(c Config) any { return c.TLS.Domain }, []string{"a.example"}},
		"by its second name":      {[]string{"KEFU_TLS_DOMAIN=e.example"}, []string{"--domain", "a.example"}, func(c Config) any { return c.TLS.Domain }, []string{"a.example"}},
		"nothing instead of some": {[]string{"KEFU_TLS_DOMAIN=e.example"}, []string{"--tls-domain="}, func(c Config) any { return len(c.TLS.Domain) }, 0},
		"networks":                {nil, []string{"--trusted-proxies=10.1.2.3/8,::1"}, func(c Config) any { return c.TrustedProxies }, "[10.0.0.0/8 ::1/128]"},
		"a duration":              {[]string{"KEFU_DRAIN_DELAY=7s"}, nil, func(c Config) any { return c.Drain.Delay }, 7 * time.Second},
		"a fraction":              {nil, []string{"--limits-request-per-second=0.5"}, func(c Config) any { return c.Limits.RequestPerSecond }, 0.5},
		"a default":               {nil, nil, func(c Config) any { return c.Drain.Spread }, 15 * time.Second},
	} {
		t.Run(name, func(t *testing.T) {
			if have := c.have(serveWith(t, c.env, c.args...)); fmt.Sprint(have) != fmt.Sprint(c.want) {
				t.Errorf("have %q, want %q", have, c.want)
			}
		})
	}
}

func TestMistakesOnTheCommandLineAreOneSentence(t *testing.T) {
	for _, c := range []struct {
		args []string
		want []string
	}{
		{[]string{"sevre", "--listen=:1"}, []string{"unknown command sevre", "did you mean serve?", "see kefu --help"}},
		{[]string{"admin"}, []string{"a command is missing: one of create", "see kefu --help"}},
		{[]string{"--config="}, []string{"a command is missing: one of serve, admin", "see kefu --help"}},
		{[]string{"serve", "-mesh-secret=" + confidential}, []string{"unknown flag -mesh-secret ", "did you mean --mesh-secret?"}},
		{[]string{"admin", "destroy"}, []string{"unknown command destroy", "see kefu --help"}},
		{[]string{"serve", "--lisen=:1"}, []string{"unknown flag --lisen ", "did you mean --listen?", "see kefu --help"}},
		{[]string{"--listen=:1", "serve"}, []string{"unknown flag --listen;", "see kefu --help"}},
		{[]string{"serve", "-x"}, []string{"unknown flag -x;", "after --", "see kefu --help"}},
		{[]string{"serve", "extra"}, []string{"unexpected argument extra", "see kefu --help"}},
		{[]string{"serve", "--listen"}, []string{"--listen needs a value", "--listen=ADDRESS"}},
		{[]string{"serve", "--data", "--mesh-secret=" + confidential}, []string{"--data needs a value", "--data=FOLDER"}},
		{[]string{"serve", "--database-relaxed=perhaps"}, []string{"flag --database-relaxed", "true or false"}},
		{[]string{"serve", "--log-level=loud"}, []string{"flag --log-level", "one of debug, info, warn, error"}},
		{[]string{"backup"}, []string{"FILE", "see kefu --help"}},
		{[]string{"backup", "a", "b"}, []string{"unexpected argument b"}},
		{[]string{"admin", "create", "--email=a@b.example"}, []string{"--name", "see kefu --help"}},
		{[]string{"admin", "create", "--password-stdin=perhaps"}, []string{"--password-stdin", "true or false"}},
		{[]string{"rocketmq", "send", "--property=alone", "T", "x"}, []string{"--property", "NAME=VALUE"}},
		{[]string{"rocketmq", "send", "--delay-level=x", "T", "x"}, []string{"--delay-level", "whole number"}},
		{[]string{"rocketmq", "send", "--delay=soon", "T", "x"}, []string{"--delay", "duration such as"}},
	} {
		status, out, errs := invoke(t, nil, "", c.args...)
		if status != exitUsage || out != "" || strings.Count(errs, "\n") != 1 || strings.Contains(errs, confidential) {
			t.Errorf("%v: %d %q %q", c.args, status, out, errs)
		}
		for _, want := range c.want {
			if !strings.Contains(errs, want) {
				t.Errorf("%v: %q does not say %q", c.args, errs, want)
			}
		}
	}
}

// further are commands as another package gives them.
type further struct {
	Tell tellCommand `command:"tell" description:"Tell the words."`
}

type tellCommand struct {
	Loud      bool              `long:"loud" description:"Cry."`
	Times     []int             `long:"times" default:"1,2" description:"How often."`
	Marks     map[string]string `long:"mark" key-value-delimiter:"=" value-name:"NAME=VALUE" description:"A mark."`
	TellWords `positional-args:"yes"`
}

// TellWords are what tell tells.
type TellWords struct {
	Words []string `positional-arg-name:"[WORD...]" description:"Words."`
}

func (c *tellCommand) Run(_ context.Context, out io.Writer) error {
	_, err := fmt.Fprintf(out, "%v %v %q %q", c.Loud, c.Times, c.Marks, c.Words)
	return err
}

func TestWhatAFurtherCommandGets(t *testing.T) {
	for want, args := range map[string][]string{
		`false [1 2] map[] []`:                   {"tell"},
		`false [1 2] map["a":"1=2" "b":""] []`:   {"tell", "--mark=a=1=2", "--mark", "b="},
		`true [3] map[] ["a" "--loud=false" ""]`: {"tell", "--loud", "a", "--times", "3", "--", "--loud=false", ""},
	} {
		var out, errs bytes.Buffer
		status := Main(args, nil, Process{Context: t.Context(), Out: &out, Err: &errs}, &further{})
		if status != exitOK || out.String() != want || errs.String() != "" {
			t.Errorf("%v: %d %q %q, want %q", args, status, &out, &errs, want)
		}
	}
}

// TestBackupOfAServerAsksNobody: the tool is named though nobody answers there.
func TestBackupOfAServerAsksNobody(t *testing.T) {
	const address = "mysql://kefu:hidden@127.0.0.1:1/kefu"
	for command, tool := range map[string]string{"backup": "mariadb-dump", "restore": "mariadb "} {
		status, _, errs := invoke(t, nil, "", command, "--data="+t.TempDir(), "--database-url="+address, "copy.sql")
		if status == exitOK || !strings.Contains(errs, tool) || strings.Contains(errs, "hidden") {
			t.Errorf("%s: %d %s", command, status, errs)
		}
	}
}
