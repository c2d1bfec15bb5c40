package app

import (
	"errors"
	"fmt"
	"strings"
)

// commands are what the program can do. A package with further ones (bench) is
// given to Main.
type commands struct {
	Serve   ServeCommand   `command:"serve" description:"Run the server."`
	Admin   AdminCommand   `command:"admin" description:"Manage people without a browser."`
	Backup  BackupCommand  `command:"backup" description:"Copy the database to a file, also while the server runs."`
	Restore RestoreCommand `command:"restore" description:"Put a backup into an empty data folder."`
	Move    MoveCommand    `command:"move" description:"Carry everything from one database to another, also while the server runs."`
	Version VersionCommand `command:"version" description:"Print the version."`

	RocketMQ RocketMQCommand `command:"rocketmq" description:"Use a RocketMQ by hand: send, receive, look at topics."`

	File string `long:"config" value-name:"FILE" description:"A YAML file with settings: see docs/CONFIGURATION.md. (KEFU_CONFIG)"`
}

const configEnv = "KEFU_CONFIG"

// The exit statuses.
const (
	exitOK     = 0
	exitFailed = 1
	exitUsage  = 2
)

// Main runs the command that args name and returns the exit status: 0, 1 for a
// failure, 2 for a mistake in how it was called or configured. more are pointers
// to structs of further commands, with the same tags; their Run gets a
// context.Context, which ends with the program, and the io.Writer of standard output.
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

func run(args, env []string, s *Process, more []any) error {
	found, err := values(configFile(args, env), env)
	if err != nil {
		return err
	}
	line, err := newCommandLine(found, append([]any{&commands{}}, more...)...)
	if err != nil {
		return err
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	command, help, err := line.parse(args)
	if err != nil {
		return err
	}
	if help != "" {
		_, err := fmt.Fprint(s.Out, help)
		return err
	}
	switch c := command.(type) {
	case ownCommand:
		return c.Run(s)
	case furtherCommand:
		return c.Run(s.Context, s.Out)
	}
	return fmt.Errorf("%T cannot be run", command)
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
