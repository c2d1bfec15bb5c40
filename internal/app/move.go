package app

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"text/tabwriter"
	"time"

	"golang.org/x/term"

	"github.com/kefu-chat/kefu/internal/store"
)

// MoveCommand is "kefu move".
type MoveCommand struct {
	From   string    `long:"from" required:"yes" value-name:"DATABASE" description:"The database that is moved: a URL as database.url has it, or the file or folder of SQLite."`
	To     string    `long:"to" value-name:"DATABASE" description:"An empty database, in the same form."`
	Reopen bool      `long:"reopen" description:"Instead of moving: let --from take changes again, after a move that was given up."`
	Log    LogConfig `group:"Log" namespace:"log"`
}

// Run moves everything. Nodes may serve the old database meanwhile.
func (c *MoveCommand) Run(s *Process) error {
	ctx, stop := signal.NotifyContext(s.Context, syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	log := newLog(c.Log, s.Err)
	switch {
	case c.Reopen && c.To != "":
		return usage("--reopen opens --from again and moves nothing: leave --to out")
	case c.Reopen:
		if err := store.Reopen(ctx, databaseOf(c.From), log); err != nil {
			return err
		}
		_, err := fmt.Fprintln(s.Out, "The database takes changes again.")
		return err
	case c.To == "":
		return usage("--to is missing: name the empty database into which everything is moved")
	}
	bar := &progressBar{out: s.Err, live: isTerminal(s.Err)}
	report, err := store.Move(ctx, store.MoveConfig{From: databaseOf(c.From), To: databaseOf(c.To), Progress: bar.show}, log)
	bar.end()
	if errors.Is(err, context.Canceled) {
		return errors.New("the move was interrupted: the old database goes on as it was; run the same command again to go on where it stopped")
	}
	if err != nil {
		return err
	}
	return tellMoved(s.Out, report)
}

// databaseOf reads a URL, or a path to SQLite's file or its folder.
func databaseOf(name string) store.Config {
	if strings.Contains(name, "://") {
		return store.Config{URL: name}
	}
	if info, err := os.Stat(name); err == nil && info.IsDir() {
		name = filepath.Join(name, store.DatabaseFile)
	}
	return store.Config{Path: name}
}

func tellMoved(out io.Writer, report store.MoveReport) error {
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', tabwriter.AlignRight)
	_, _ = fmt.Fprintln(table, "table\trows\tSHA-256 of both sides\t")
	for _, t := range report.Tables {
		_, _ = fmt.Fprintf(table, "%s\t%d\t%s\t\n", t.Table, t.Rows, t.Checksum[:32])
	}
	if err := table.Flush(); err != nil {
		return err
	}
	_, err := fmt.Fprintln(out, "\nBoth sides are the same. The old database takes nothing any more: start the nodes with the new one in database.url.")
	return err
}

// progressBar shows how far a move is: in place on a terminal, else as a line now and then.
type progressBar struct {
	out  io.Writer
	live bool
	last time.Time
	step store.MoveStep
}

const barWidth = 30

func stepWords(step store.MoveStep) string {
	switch step {
	case store.MoveCopies:
		return "copying"
	case store.MoveCompares:
		return "carrying over what changed"
	}
	return "checking"
}

func (b *progressBar) show(p store.MoveProgress) {
	pause := 5 * time.Second
	if b.live {
		pause = 100 * time.Millisecond
	}
	ended := p.Done >= p.All
	if p.Step == b.step && time.Since(b.last) < pause && !ended {
		return
	}
	b.last, b.step = time.Now(), p.Step
	share := 1.0
	if p.All > 0 {
		share = float64(p.Done) / float64(p.All)
	}
	if !b.live {
		_, _ = fmt.Fprintf(b.out, "%s: %d of %d rows, %.0f %%\n", stepWords(p.Step), p.Done, p.All, 100*share)
		return
	}
	done := int(share * barWidth)
	_, _ = fmt.Fprintf(b.out, "\r\033[K[%s%s] %3.0f %%  %s %s", strings.Repeat("█", done), strings.Repeat("░", barWidth-done), 100*share, stepWords(p.Step), p.Table)
}

func (b *progressBar) end() {
	if b.live {
		_, _ = io.WriteString(b.out, "\n")
	}
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	return ok && term.IsTerminal(int(f.Fd()))
}
