// Command world starts a server with a site, an agent, an API key and visitors, for the
// tests of the clients in other languages and modules. The first line that it prints is
// JSON: where all is. It ends when its input does.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
)

func main() {
	program := flag.String("kefu", "bin/kefu", "the server's program")
	flag.Parse()
	if err := run(context.Background(), *program, os.Stdin, os.Stdout); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// run has a world until nothing more can be read from in.
func run(ctx context.Context, program string, in io.Reader, out io.Writer) (err error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	s, err := startServer(ctx, program)
	if err != nil {
		return err
	}
	defer func() {
		if ended := s.end(); err == nil {
			err = ended
		}
	}()
	w := &world{server: s, visitors: map[string]*visitor{}}
	defer w.leave()
	if err := w.setUp(ctx); err != nil {
		return err
	}
	listens := net.ListenConfig{}
	l, err := listens.Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	w.Control = "http://" + l.Addr().String()
	control := &http.Server{Handler: w.control(), ReadHeaderTimeout: limit}
	ended := make(chan error, 1)
	go func() { ended <- control.Serve(l) }()
	defer func() {
		_ = control.Close()
		if served := <-ended; err == nil && !errors.Is(served, http.ErrServerClosed) {
			err = served
		}
	}()
	if err := json.NewEncoder(out).Encode(w); err != nil {
		return err
	}
	_, err = io.Copy(io.Discard, in)
	return err
}
