package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// commands are what the program can do. A package with further ones (bench) is
// given to Main.
type commands struct {
	Serve   ServeCommand   `cmd:"" help:"Run the server."`
	Admin   AdminCommand   `cmd:"" help:"Manage people without a browser."`
	Backup  BackupCommand  `cmd:"" help:"Copy the database to a file, also while the server runs."`
	Restore RestoreCommand `cmd:"" help:"Put a backup into an empty data folder."`
	Move    MoveCommand    `cmd:"" help:"Carry everything from one database to another, also while the server runs."`
	Version VersionCommand `cmd:"" help:"Print the version."`

	RocketMQ RocketMQCommand `cmd:"" name:"rocketmq" help:"Use a RocketMQ by hand: send, receive, look at topics."`

	File string `name:"config" placeholder:"FILE" help:"A YAML file with settings: see docs/CONFIGURATION.md. (KEFU_CONFIG)"`

	kong.Plugins
}

const configEnv = "KEFU_CONFIG"

// The exit statuses.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// Main runs the command that args name and returns the exit status: 0, 1 for a
// failure, 2 for a mistake in how it was called or configured. more are structs
// of further commands, in kong's form; their Run may ask for a context.Context,
// which ends with the program, and the io.Writer of standard output.
func Main(args, env []string, s Process, more ...any) int {
	err := run(args, env, &s, more)
	var wrong *UsageError
	switch {
	case err == nil:
		return exitOK
	case errors.As(err, &wrong):
		_, _ = fmt.Fprintln(s.Err, "kefu: "+wrong.Text)
		return exitUsage
	}
	_, _ = fmt.Fprintln(s.Err, "kefu: "+err.Error())
	return exitFailed
}

// stopped is how kong's own exit (help) unwinds.
type stopped struct{ code int }

func run(args, env []string, s *Process, more []any) (err error) {
	defer func() {
		switch r := recover().(type) {
		case nil:
		case stopped:
			err = nil
		default:
			panic(r)
		}
	}()
	cli := &commands{Plugins: more}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	found, err := values(configFile(args, env), env)
	if err != nil {
		return err
	}
	k, err := newParser(cli, s, kong.Resolvers(resolver(found)))
	if err != nil {
		return err
	}
	ctx, err := k.Parse(args)
	if err != nil {
		return usage("%v; see kefu --help", err)
	}
	if err := checkFlags(ctx); err != nil {
		return err
	}
	return ctx.Run(s)
}

func newParser(cli *commands, s *Process, options ...kong.Option) (*kong.Kong, error) {
	return kong.New(cli, append(options,
		kong.BindTo(s.Context, (*context.Context)(nil)), kong.BindTo(s.Out, (*io.Writer)(nil)),
		kong.Name("kefu"), kong.Description("Live chat between a website's visitors and its team, in one program."),
		kong.Writers(s.Out, s.Err), kong.Exit(func(code int) { panic(stopped{code}) }),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true}), kong.ShortUsageOnError())...)
}

// configFile finds --config, or its variable, before anything else is looked at.
func configFile(args, env []string) string {
	for i, arg := range args {
		if value, ok := strings.CutPrefix(arg, "--config="); ok {
			return value
		}
		if arg == "--config" && i+1 < len(args) {
			return args[i+1]
		}
		if arg == "--" {
			break
		}
	}
	for _, line := range env {
		if value, ok := strings.CutPrefix(line, configEnv+"="); ok {
			return value
		}
	}
	return ""
}

// resolver gives kong what environment and file say, behind what flags say.
func resolver(found map[string]given) kong.Resolver {
	return kong.ResolverFunc(func(_ *kong.Context, _ *kong.Path, flag *kong.Flag) (any, error) {
		if v, ok := found[flag.Name]; ok {
			return v.text, nil
		}
		return nil, nil //nolint:nilnil // kong's way of saying "I do not know it"
	})
}

// checkFlags holds what flags say to the bounds that hold for the file.
func checkFlags(ctx *kong.Context) error {
	for _, p := range ctx.Path {
		if p.Flag == nil || p.Resolved {
			continue
		}
		for _, s := range settings() {
			if s.flag != p.Flag.Name {
				continue
			}
			text := flagText(ctx.FlagValue(p.Flag))
			if err := s.check(text); err != nil {
				return badValue(s, given{text: text, place: "flag --" + s.flag}, err)
			}
		}
	}
	return nil
}

func flagText(v any) string {
	if list, ok := v.([]Network); ok {
		parts := make([]string, len(list))
		for i, n := range list {
			parts[i] = n.String()
		}
		return strings.Join(parts, ",")
	}
	return fmt.Sprint(v)
}
