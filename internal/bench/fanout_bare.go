package bench

import (
	"bufio"
	"context"
	"crypto/sha1" //nolint:gosec // the handshake of RFC 6455
	"encoding/base64"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// BareCommand is "kefu bench bare": what fanout is set against, in a process of its own.
type BareCommand struct{}

// Run accepts WebSockets, without any check, queue or bound, prints its address, and
// writes each line of standard input to all of them, one connection after the other.
func (c *BareCommand) Run(ctx context.Context, out io.Writer) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(out, l.Addr()); err != nil {
		return err
	}
	all := &bareConns{}
	var accepting sync.WaitGroup
	accepting.Go(func() {
		for {
			nc, err := l.Accept()
			if err != nil {
				return
			}
			accepting.Go(func() { all.admit(nc) })
		}
	})
	lines := bufio.NewReader(os.Stdin)
	for {
		line, err := lines.ReadString('\n')
		if err != nil {
			break
		}
		all.write([]byte(strings.TrimSuffix(line, "\n")))
	}
	err = l.Close()
	accepting.Wait()
	all.close()
	return err
}

type bareConns struct {
	mu  sync.Mutex
	all []net.Conn
}

// admit shakes hands.
func (b *bareConns) admit(nc net.Conn) {
	_ = nc.SetReadDeadline(time.Now().Add(startWithin))
	r, err := http.ReadRequest(bufio.NewReader(nc))
	if err != nil {
		_ = nc.Close()
		return
	}
	sum := sha1.Sum([]byte(r.Header.Get("Sec-Websocket-Key") + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11")) //nolint:gosec // the handshake of RFC 6455
	b.mu.Lock()
	b.all = append(b.all, nc)
	b.mu.Unlock()
	_, _ = fmt.Fprintf(nc, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Accept: %s\r\n"+
		"Sec-WebSocket-Protocol: %s\r\n\r\n", base64.StdEncoding.EncodeToString(sum[:]), r.Header.Get("Sec-Websocket-Protocol"))
}

// write writes a text frame, encoded once.
func (b *bareConns) write(text []byte) {
	const final, medium = 0x81, 126
	frame := append(binary.BigEndian.AppendUint16([]byte{final, medium}, uint16(len(text))), text...)
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, nc := range b.all {
		_, _ = nc.Write(frame) // who is gone gets nothing
	}
}

func (b *bareConns) close() {
	for _, nc := range b.all {
		_ = nc.Close()
	}
}

// measureBare does with the bare loop what was done with the server.
func (f *Fanout) measureBare(ctx context.Context, own program, p fanoutPlan) error {
	cmd := exec.CommandContext(ctx, own.path, "bench", "bare")
	cmd.Env = own.env
	in, err := cmd.StdinPipe()
	if err != nil {
		return err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return err
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the bare loop: %w", err)
	}
	err = f.feed(ctx, cmd.Process.Pid, in, out, p)
	return errors.Join(err, in.Close(), cmd.Wait())
}

// maxBareText is what its frames hold; shorter than 126 bytes they would be others.
const minBareText, maxBareText = 126, 65_535

func (f *Fanout) feed(ctx context.Context, pid int, in io.Writer, out io.Reader, p fanoutPlan) error {
	address, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return fmt.Errorf("start the bare loop: %w", err)
	}
	if f.Bytes < minBareText || f.Bytes > maxBareText {
		return fmt.Errorf("the server's frame has %d bytes: want %d to %d", f.Bytes, minBareText, maxBareText)
	}
	audience, err := gather(ctx, f, "ws://"+strings.TrimSpace(address)+"/", http.Header{}, nil)
	if err != nil {
		return err
	}
	defer audience.close()
	text := `{"t":"broadcasts",` + strings.Repeat("x", f.Bytes-len(`{"t":"broadcasts",`)) + "\n"
	return f.send(ctx, audience, pid, p, &f.Bare, func(int) error {
		_, err := io.WriteString(in, text)
		return err
	}, func(time.Duration) {})
}
