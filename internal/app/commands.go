package app

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/site"
	"github.com/kefu-chat/kefu/internal/store"
)

// Process is what a command has of the process that it runs in.
type Process struct {
	Context context.Context // ends with it
	In      io.Reader
	Out     io.Writer
	Err     io.Writer
	Version string
}

// AdminCommand is "kefu admin".
type AdminCommand struct {
	Create CreateCommand `command:"create" description:"Make an owner without a browser; where the e-mail address is an agent's already, make that one an owner with a new password."`
}

// CreateCommand is "kefu admin create".
type CreateCommand struct {
	Email         string `long:"email" required:"yes" description:"The owner's e-mail address, by which it logs in."`
	Name          string `long:"name" required:"yes" description:"The owner's name, which visitors see."`
	Site          string `long:"site" default:"My website" description:"The name of the first site, which is made if there is none."`
	PasswordStdin bool   `long:"password-stdin" description:"Read the password from standard input instead of the terminal."`

	Config
}

// Run makes the owner; a server may be running meanwhile, and sees it within seconds.
func (c *CreateCommand) Run(s *Process) error {
	password, err := c.password(s)
	if err != nil {
		return err
	}
	if c.Database.URL == "" {
		if err := os.MkdirAll(c.Data, 0o700); err != nil {
			return usage("data is %q: the folder cannot be made: %v; name another folder", c.Data, reason(err))
		}
	}
	db, err := openStore(s.Context, c.Config, c.store(), newLog(c.Log, s.Err))
	if err != nil {
		return err
	}
	agent, err := c.create(s.Context, db, password)
	if err := errors.Join(err, db.Close()); err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.Out, "%s <%s> is an owner now, and can log in.\n", agent.Name, agent.Email)
	return err
}

func (c *CreateCommand) create(ctx context.Context, db *store.DB, password string) (identity.Agent, error) {
	sites := site.New(db, db, nil, time.Now)
	people := identity.New(c.identity(), db, db, sites, nil, time.Now)
	if err := people.Refresh(ctx); err != nil {
		return identity.Agent{}, err
	}
	owner := identity.NewOwner{Name: c.Name, Email: c.Email, Password: password}
	if len(sites.All()) == 0 {
		owner.Site = c.Site
	}
	agent, err := people.CreateOwner(ctx, owner)
	var field *site.FieldError
	if errors.As(err, &field) {
		return agent, usage("%s: %s", field.Field, field.Text)
	}
	return agent, err
}

const maxPasswordLine = 4096 // bytes

func (c *CreateCommand) password(s *Process) (string, error) {
	if c.PasswordStdin {
		line, err := bufio.NewReader(io.LimitReader(s.In, maxPasswordLine)).ReadString('\n')
		if err != nil && !errors.Is(err, io.EOF) {
			return "", fmt.Errorf("read the password: %w", err)
		}
		return strings.TrimRight(line, "\r\n"), nil
	}
	in, ok := s.In.(*os.File)
	if !ok || !term.IsTerminal(int(in.Fd())) {
		return "", usage("the password is read from a terminal, and there is none: use --password-stdin")
	}
	first, err := askPassword(s, in, "Password: ")
	if err != nil {
		return "", err
	}
	second, err := askPassword(s, in, "The same again: ")
	if err != nil {
		return "", err
	}
	if first != second {
		return "", usage("the two passwords differ: try again")
	}
	return first, nil
}

func askPassword(s *Process, in *os.File, question string) (string, error) {
	_, _ = io.WriteString(s.Err, question) // to whoever sits there
	answer, err := term.ReadPassword(int(in.Fd()))
	_, _ = io.WriteString(s.Err, "\n")
	if err != nil {
		return "", fmt.Errorf("read the password: %w", err)
	}
	return string(answer), nil
}

// BackupCommand is "kefu backup".
type BackupCommand struct {
	Config
	BackupArguments `positional-args:"yes"`
}

// BackupArguments are what follows "kefu backup".
type BackupArguments struct {
	File string `positional-arg-name:"FILE" required:"1" description:"The file to write; it must not exist."`
}

// Run copies the database while a server uses it.
func (c *BackupCommand) Run(s *Process) error {
	if c.Database.URL != "" {
		return store.BackupServer(c.Database.URL, c.File)
	}
	path := filepath.Join(c.Data, store.DatabaseFile)
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return usage("data is %q: there is no database in this folder; name the server's folder", c.Data)
	}
	db, err := openStore(s.Context, c.Config, c.store(), newLog(c.Log, s.Err))
	if err != nil {
		return err
	}
	if err := errors.Join(db.Backup(s.Context, c.File), db.Close()); err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.Out, "%s is a copy of all that was kept until now, but for the files that people sent:\n%s\n", c.File, c.whereFiles())
	return err
}

// whereFiles says what else is to be copied.
func (c Config) whereFiles() string {
	if c.Files.S3Bucket != "" {
		return "they are in the bucket " + c.Files.S3Bucket + "; copy it, or keep its versions, by its own means."
	}
	return "copy the folder " + c.filesFolder() + " now, after the database, so that it has whatever the copy names."
}

// RestoreCommand is "kefu restore".
type RestoreCommand struct {
	Config
	RestoreArguments `positional-args:"yes"`
}

// RestoreArguments are what follows "kefu restore".
type RestoreArguments struct {
	File string `positional-arg-name:"FILE" required:"1" description:"A file that kefu backup made."`
}

// Run puts a backup into an empty data folder.
func (c *RestoreCommand) Run(s *Process) error {
	if c.Database.URL != "" {
		return store.RestoreServer(c.Database.URL, c.File)
	}
	unlock, err := lockData(c.Data)
	if err != nil {
		return err
	}
	if err := errors.Join(store.Restore(s.Context, c.File, c.Data), unlock()); err != nil {
		return err
	}
	_, err = fmt.Fprintf(s.Out, "%s holds the backup now. Put the people's files back, with the newest erasures/ beside them that there is: who was erased since the backup is erased again. Then start the server.\n", c.Data)
	return err
}

// VersionCommand is "kefu version".
type VersionCommand struct{}

// Run prints the version.
func (VersionCommand) Run(s *Process) error {
	_, err := fmt.Fprintln(s.Out, "kefu", s.Version)
	return err
}
