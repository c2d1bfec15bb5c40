package bench

import (
	"bufio"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

// Commands are what this package adds to the program's command line.
type Commands struct {
	Bench Command `command:"bench" description:"Measure this program on this machine: what it does, costs and takes."`
}

// NewCommands are the commands, each of which knows what is common to all.
func NewCommands() *Commands {
	c := &Commands{}
	b := &c.Bench
	b.Store.bench, b.Pairs.bench, b.Idle.bench, b.Start.bench, b.Fanout.bench = b, b, b, b, b
	b.Idle.Watched = true
	return c
}

// Command is "kefu bench".
type Command struct {
	Store  StoreCommand  `command:"store" description:"The bare store on this disk: the yardstick of the other figures."`
	Pairs  PairsCommand  `command:"pairs" description:"Visitors who write and agents who answer each message."`
	Idle   IdleCommand   `command:"idle" description:"Visitors who are connected and silent."`
	Fanout FanoutCommand `command:"fanout" description:"Broadcasts to connected visitors, against a bare loop."`
	Bare   BareCommand   `command:"bare" hidden:"yes" description:"The bare loop of fanout: writes each line of standard input to all who are connected."`
	Start  StartCommand  `command:"start" description:"The start, the memory at rest, the size of the program."`

	JSON   bool   `long:"json" description:"Print the figures as JSON."`
	Folder string `long:"folder" value-name:"FOLDER" description:"Where to put temporary databases: on the disk that is to be measured. By default the system's folder for temporary files."`
	// Database is not for "start" and "idle", which measure the one binary alone.
	Database string `long:"on" value-name:"URL" description:"With store and pairs: a MySQL or PostgreSQL of this machine to measure instead of SQLite, such as postgres://USER:PASSWORD@127.0.0.1:5432/NAME. The bench makes databases of its own there and drops them."`
}

// StoreCommand is "kefu bench store".
type StoreCommand struct {
	bench *Command

	InFlight []int   `long:"in-flight" default:"1,64,256,500" description:"Messages under way. A commit holds 256 at most."`
	Seconds  float64 `long:"seconds" default:"3" description:"How long each one takes, up to 60."`
}

// Running names a server that runs already.
type Running struct {
	URL           string `long:"url" value-name:"URL" description:"A running server on this machine, such as http://127.0.0.1:8080, instead of one that the bench starts. The bench makes a site of its own there, and agents. Its limits of messages and handshakes apply."`
	PID           int    `long:"pid" description:"Its process, for CPU and memory."`
	Email         string `long:"email" description:"An owner's e-mail address there."`
	PasswordStdin bool   `long:"password-stdin" description:"Read the owner's password from standard input."`
}

// PairsCommand is "kefu bench pairs".
type PairsCommand struct {
	bench *Command

	Running

	Nodes       int     `long:"nodes" default:"1" description:"How many nodes serve, up to 9: a mesh, with everybody spread over it; several need --on."`
	Visitors    int     `long:"visitors" default:"500" description:"Visitors, each with one message under way; up to 20,000."`
	Agents      int     `long:"agents" default:"50" description:"Agents who answer them; one looks at 20 conversations at most."`
	Seconds     float64 `long:"seconds" default:"20" description:"How long everybody writes as fast as it is answered; 0: not at all."`
	Rate        float64 `long:"rate" default:"400" description:"Then messages a second, of both sides, that do not wait for answers; 0: none."`
	RateSeconds float64 `long:"rate-seconds" default:"20" description:"For how long."`
}

// IdleCommand is "kefu bench idle".
type IdleCommand struct {
	bench *Command

	Running

	Visitors int           `long:"visitors" default:"10000" description:"Silent visitors, up to 100,000."`
	Known    bool          `long:"known" description:"Each has written before, and has a conversation."`
	Watched  bool          `long:"watched" description:"An agent watches who is there, as by default."`
	Unseen   bool          `long:"no-watched" description:"Nobody watches."`
	Settle   time.Duration `long:"settle" default:"260s" description:"How long to wait until the memory is measured: the runtime gives back what it does not need within two to four minutes."`
	Quiet    time.Duration `long:"quiet" default:"20s" description:"How long to measure the CPU of silence."`
}

// FanoutCommand is "kefu bench fanout".
type FanoutCommand struct {
	bench *Command

	Visitors  []int `long:"visitors" default:"1000,10000" description:"Connected visitors, up to 20,000 each; one in a hundred does not read."`
	Messages  int   `long:"messages" default:"25" description:"Broadcasts, one after the other, up to 40: those who do not read are given up after half a minute."`
	Newcomers bool  `long:"newcomers" description:"None has written before; else each has, and it is written down what came to it."`
}

// StartCommand is "kefu bench start".
type StartCommand struct {
	bench *Command

	Starts int           `long:"starts" default:"9" description:"How often to start, up to 100."`
	Settle time.Duration `long:"settle" default:"5s" description:"How long to wait, at most, until the memory rests."`
}

// Bounds of what may be asked for.
const (
	maxSeconds  = 600
	maxVisitors = 20_000
	maxIdle     = 100_000
	maxStarts   = 100
	maxMessages = 40
	maxNodes    = 9
	maxInFlight = 10_000
	maxOpen     = 20 // conversations of an agent, as the server has it
)

// Run measures the bare store.
func (c *StoreCommand) Run(ctx context.Context, out io.Writer) error {
	if err := within("seconds", c.Seconds, 0.1, 60); err != nil {
		return err
	}
	for _, n := range c.InFlight {
		if err := within("in-flight", float64(n), 1, maxInFlight); err != nil {
			return err
		}
	}
	ctx, stop := interruptible(ctx)
	defer stop()
	p, err := c.bench.place()
	if err != nil {
		return err
	}
	r, err := runStore(ctx, p, c.InFlight, c.Seconds)
	return c.bench.print(out, r, err)
}

// Run lets pairs talk.
func (c *PairsCommand) Run(ctx context.Context, out io.Writer) error {
	for _, bad := range []error{
		within("nodes", float64(c.Nodes), 1, maxNodes), within("visitors", float64(c.Visitors), 1, maxVisitors), within("agents", float64(c.Agents), 1, maxVisitors),
		within("seconds", c.Seconds, 0, maxSeconds), within("rate", c.Rate, 0, 1e6), within("rate-seconds", c.RateSeconds, 0.1, maxSeconds),
	} {
		if bad != nil {
			return bad
		}
	}
	if c.Agents*maxOpen < c.Visitors {
		return fmt.Errorf("agents is %d: one looks at %d conversations at most, so %d visitors need %d agents", c.Agents, maxOpen, c.Visitors, (c.Visitors+maxOpen-1)/maxOpen)
	}
	w, err := c.where(c.bench)
	if err != nil {
		return err
	}
	if w.nodes = c.Nodes; w.nodes > 1 && (w.database == "" || w.url != "") {
		return fmt.Errorf("nodes is %d: several share the database of a server: give --on URL, and leave out --url", w.nodes)
	}
	ctx, stop := interruptible(ctx)
	defer stop()
	r, err := runPairs(ctx, w, pairsPlan{
		visitors: c.Visitors, agents: c.Agents, warmUp: 2, seconds: c.Seconds, rate: c.Rate, rateSeconds: c.RateSeconds, storeSeconds: yardstickSeconds,
	})
	if err == nil && r.Anomalies > 0 {
		err = fmt.Errorf("%d anomalies: what was seen is not what was promised", r.Anomalies)
	}
	return c.bench.print(out, r, err)
}

// Run connects silent visitors.
func (c *IdleCommand) Run(ctx context.Context, out io.Writer) error {
	for _, bad := range []error{
		within("visitors", float64(c.Visitors), 1, maxIdle), within("settle", c.Settle.Seconds(), 0, maxSeconds), within("quiet", c.Quiet.Seconds(), 0, maxSeconds),
	} {
		if bad != nil {
			return bad
		}
	}
	w, err := c.where(c.bench)
	if err != nil {
		return err
	}
	ctx, stop := interruptible(ctx)
	defer stop()
	r, err := runIdle(ctx, w, idlePlan{visitors: c.Visitors, known: c.Known, watched: c.Watched && !c.Unseen, settle: c.Settle, quiet: c.Quiet})
	return c.bench.print(out, r, err)
}

// Run broadcasts.
func (c *FanoutCommand) Run(ctx context.Context, out io.Writer) error {
	if err := within("messages", float64(c.Messages), 1, maxMessages); err != nil {
		return err
	}
	for _, n := range c.Visitors {
		if err := within("visitors", float64(n), 1, maxVisitors); err != nil {
			return err
		}
	}
	w, err := (&Running{}).where(c.bench)
	if err != nil {
		return err
	}
	ctx, stop := interruptible(ctx)
	defer stop()
	r, err := runFanout(ctx, w, fanoutPlan{visitors: c.Visitors, messages: c.Messages, known: !c.Newcomers, idle: fanoutIdle, settle: fanoutSettle})
	return c.bench.print(out, r, err)
}

// Run starts the server again and again.
func (c *StartCommand) Run(ctx context.Context, out io.Writer) error {
	if err := within("starts", float64(c.Starts), 1, maxStarts); err != nil {
		return err
	}
	if err := within("settle", c.Settle.Seconds(), 0, maxSeconds); err != nil {
		return err
	}
	w, err := (&Running{}).where(c.bench)
	if err != nil {
		return err
	}
	ctx, stop := interruptible(ctx)
	defer stop()
	r, err := runStart(ctx, w, c.Starts, c.Settle)
	return c.bench.print(out, r, err)
}

func within(name string, value, least, most float64) error {
	if value >= least && value <= most {
		return nil
	}
	return fmt.Errorf("%s is %v: expected %v to %v", name, value, least, most)
}

func interruptible(ctx context.Context) (context.Context, context.CancelFunc) {
	return signal.NotifyContext(ctx, os.Interrupt, syscall.SIGTERM)
}

// place is where temporary databases go. Errors: a server of another machine.
func (b *Command) place() (place, error) {
	p := place{folder: b.Folder, database: b.Database}
	if p.folder == "" {
		p.folder = os.TempDir()
	}
	if u, err := url.Parse(b.Database); b.Database != "" && (err != nil || !onThisMachine(u.Hostname())) {
		return p, errors.New("on is not the URL of a database of this machine: a bench loads servers of this machine only; run it there")
	}
	return p, nil
}

// where finds the server to measure.
func (r *Running) where(b *Command) (where, error) {
	p, err := b.place()
	if err != nil {
		return where{}, err
	}
	own, err := ownProgram()
	w := where{place: p, program: own, pid: r.PID}
	if err != nil || r.URL == "" {
		return w, err
	}
	if w.url, err = loopback(r.URL); err != nil {
		return w, err
	}
	if r.Email == "" || !r.PasswordStdin {
		return w, fmt.Errorf("a running server is entered as an owner: give --email and --password-stdin")
	}
	line, err := bufio.NewReader(io.LimitReader(os.Stdin, 4<<10)).ReadString('\n')
	if err != nil && line == "" {
		return w, fmt.Errorf("read the password: %w", err)
	}
	w.account = account{email: r.Email, password: strings.TrimRight(line, "\r\n")}
	return w, nil
}

// report is what a bench prints.
type report interface{ text(w io.Writer) }

// print prints what there is, also of a bench that failed half-way.
func (b *Command) print(out io.Writer, r report, failed error) error {
	if b.JSON {
		e := json.NewEncoder(out)
		e.SetIndent("", "  ")
		if err := e.Encode(r); err != nil {
			return err
		}
		return failed
	}
	r.text(out)
	return failed
}
