// Command autobahn serves a WebSocket echo through the product's own upgrader,
// reader and writer, with the bounds that Autobahn|Testsuite needs. It prints
// its address on the first line and ends when its standard input does.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/kefu-chat/kefu/internal/ws"
)

// The suite's largest message is 16 MiB; its finest cut is 4 MiB in 64-byte
// frames, and an empty one at the end.
const (
	largestMessage = 16 << 20
	mostFrames     = 4<<20/64 + 1
)

func main() {
	addr := flag.String("addr", "127.0.0.1:0", "address to listen on")
	flag.Parse()
	if err := run(*addr); err != nil {
		log.Fatal(err)
	}
}

func run(addr string) error {
	server := ws.NewServer(ws.Config{
		ReadLimit: largestMessage, MaxFrames: mostFrames, AllowBinary: true, QueueBytes: 2 * largestMessage,
	})
	door := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(
		func(w http.ResponseWriter, r *http.Request) {
			if _, err := server.Upgrade(w, r, echo{}); err != nil {
				log.Print(err)
			}
		})}
	l, err := new(net.ListenConfig).Listen(context.Background(), "tcp", addr)
	if err != nil {
		return err
	}
	served := make(chan error, 1)
	go func() { served <- door.Serve(l) }()
	fmt.Fprintln(os.Stdout, l.Addr())
	_, _ = io.Copy(io.Discard, os.Stdin)
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	err = errors.Join(door.Shutdown(ctx), server.Shutdown(ctx, ws.CodeGoingAway, ""))
	if end := <-served; !errors.Is(end, http.ErrServerClosed) {
		err = errors.Join(err, end)
	}
	return err
}

type echo struct{}

func (echo) OnMessage(c *ws.Conn, data []byte) {
	send := c.Send
	if c.Binary() {
		send = c.SendBinary
	}
	if err := send(data); err != nil {
		log.Print(err)
	}
}

func (echo) OnClose(*ws.Conn, uint16, string, error) {}
