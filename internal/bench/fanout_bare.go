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

// bareLoop is a running BareCommand.
type bareLoop struct {
	cmd     *exec.Cmd
	in      io.WriteCloser
	address string
}

func startBare(ctx context.Context, own program) (*bareLoop, error) {
	l := &bareLoop{cmd: exec.CommandContext(ctx, own.path, "bench", "bare")}
	l.cmd.Env = own.env
	var err error
	if l.in, err = l.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	out, err := l.cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := l.cmd.Start(); err != nil {
		return nil, fmt.Errorf("start the bare loop: %w", err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil {
		return nil, errors.Join(fmt.Errorf("start the bare loop: %w", err), l.stop())
	}
	l.address = strings.TrimSpace(line)
	return l, nil
}

func (l *bareLoop) stop() error { return errors.Join(l.in.Close(), l.cmd.Wait()) }

// maxBareText is what its frames hold; shorter than 126 bytes they would be others.
const minBareText, maxBareText = 126, 65_535

// toBare has the bare loop send as many bytes as came to the server's audience before.
func (f *Fanout) toBare(ctx context.Context, l *bareLoop, server *audience) (*sender, error) {
	audience, err := gather(ctx, f, "ws://"+l.address+"/", http.Header{}, nil)
	if err != nil {
		return nil, err
	}
	return &sender{pid: l.cmd.Process.Pid, audience: audience, one: func(int) error {
		size := int(server.bytes.Load())
		if size < minBareText || size > maxBareText {
			return fmt.Errorf("the server's frame has %d bytes: want %d to %d", size, minBareText, maxBareText)
		}
		const begin = `{"t":"broadcasts",`
		_, err := io.WriteString(l.in, begin+strings.Repeat("x", size-len(begin))+"\n")
		return err
	}}, nil
}
