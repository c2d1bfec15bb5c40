package app

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"net"
	"os/signal"
	"strconv"
	"syscall"
	"time"

	"github.com/kefu-chat/kefu/internal/identity"
)

// ServeCommand is "kefu serve".
type ServeCommand struct {
	Config
}

// Run serves until a signal or a failure ends it: a signal lets the connections
// go to the other nodes first, a second one ends it at once.
func (c *ServeCommand) Run(s *Process) error {
	log := newLog(c.Log, s.Err)
	ctx, forget := signal.NotifyContext(s.Context, syscall.SIGINT, syscall.SIGTERM)
	defer forget()
	a, err := Start(ctx, c.Config, s.Version, log)
	if err != nil {
		return err
	}
	if err := a.announce(ctx, s.Out); err != nil {
		stopped := a.Stop()
		if ctx.Err() != nil { // asked to stop before it had said where it is
			return stopped
		}
		return err
	}
	select {
	case <-ctx.Done():
		forget()
		return a.Leave()
	case err := <-a.Failed():
		_ = a.Stop()
		return fmt.Errorf("the server stopped by itself: %w", err)
	}
}

// announce prints where to go.
func (a *App) announce(ctx context.Context, out io.Writer) error {
	a.awaitCertificate(ctx)
	base := a.base()
	text := "Kefu " + a.version + " is ready.\n\n"
	if a.people.HasOwner() {
		text += "  Console    " + base + "/console/\n"
	} else {
		made, err := a.people.MakeSetup(ctx, a.cfg.Database.URL != "")
		if err != nil {
			return fmt.Errorf("make the set-up link: %w", err)
		}
		text += "  Set it up  " + base + "/setup#" + made.Secret + "\n" +
			"             The link works once, until " + clock(made.Link) + ". A new start makes a new one.\n" +
			"  Console    " + base + "/console/\n"
	}
	if _, ok := a.sites.Demo(); ok || !a.people.HasOwner() {
		text += "  Demo shop  " + base + "/demo" + afterSetUp(ok) + "\n"
	}
	_, err := io.WriteString(out, text+"\n")
	return err
}

func afterSetUp(ready bool) string {
	if ready {
		return ""
	}
	return "  (after the set-up)"
}

func clock(l identity.Link) string { return l.ExpiresAt.Time().Local().Format(time.TimeOnly) }

// baseURL is where a browser on this machine finds the server.
func baseURL(addr net.Addr) string {
	tcp, ok := addr.(*net.TCPAddr)
	if !ok {
		return "http://" + addr.String()
	}
	host := tcp.IP.String()
	if tcp.IP.IsUnspecified() || tcp.IP.IsLoopback() && host == "127.0.0.1" {
		host = "localhost"
	}
	if tcp.Port == 80 {
		return "http://" + host
	}
	return "http://" + net.JoinHostPort(host, strconv.Itoa(tcp.Port))
}

func newLog(c LogConfig, w io.Writer) *slog.Logger {
	var level slog.Level
	_ = level.UnmarshalText([]byte(c.Level)) // checked: one of the four names
	options := &slog.HandlerOptions{Level: level}
	if c.Format == "json" {
		return slog.New(slog.NewJSONHandler(w, options))
	}
	return slog.New(slog.NewTextHandler(w, options))
}
