package ws

import (
	"bytes"
	"errors"
	"net/http"
	"strings"
	"testing"

	"github.com/gobwas/ws"
)

// TestBrokenRules sends what a client must not send; each row names the close
// code, or the message that comes back first.
func TestBrokenRules(t *testing.T) {
	unmasked := string(appendFrame(nil, ws.OpText, []byte("x")))
	rsv := frame(ws.OpText, true, "x")
	rsv[0] |= 0x40
	longer := frame(ws.OpPing, true, strings.Repeat("x", 126))
	rows := []struct {
		name string
		sent string
		code uint16
	}{
		{"unmasked", unmasked, 1002},
		{"reserved bit", string(rsv), 1002},
		{"reserved data opcode", string(frame(3, true, "")), 1002},
		{"reserved control opcode", string(frame(0xb, true, "")), 1002},
		{"long control frame", string(longer), 1002},
		{"fragmented control frame", string(frame(ws.OpPing, false, "")), 1002},
		{"continuation of nothing", string(frame(ws.OpContinuation, true, "x")), 1002},
		{"message inside a message", string(frame(ws.OpText, false, "x")) + string(frame(ws.OpText, true, "y")), 1002},
		{"length over 63 bits", "\x81\xff\xff\xff\xff\xff\xff\xff\xff\xff\x00\x00\x00\x00", 1002},
		{"length of 5 in 16 bits", "\x81\xfe\x00\x05\x00\x00\x00\x00hello", 1002},
		{"length of 5 in 64 bits", "\x81\xff\x00\x00\x00\x00\x00\x00\x00\x05\x00\x00\x00\x00hello", 1002},
		{"binary", string(frame(ws.OpBinary, true, "x")), 1003},
		{"bad text", string(frame(ws.OpText, true, "\xff")), 1007},
		{"surrogate", string(frame(ws.OpText, true, "\xed\xa0\x80")), 1007},
		{"text cut in a character", string(frame(ws.OpText, true, "\xe5\xae")), 1007},
		{"fragments cut in a character", string(frame(ws.OpText, false, "\xe5")) + string(frame(ws.OpContinuation, true, "\xae")), 1007},
		{"bad text in an unfinished message", string(frame(ws.OpText, false, "ok\xe5x")), 1007},
		{"bad text in an unfinished frame", string(frame(ws.OpText, true, "ok\xe5x and more")[:12]), 1007},
		{"over the limit by one", string(frame(ws.OpText, true, strings.Repeat("x", 1001))), 1009},
		{"announced over the limit", string(frame(ws.OpText, true, strings.Repeat("x", 2000))[:8]), 1009},
		{"announced as 2^62", "\x81\xff\x40\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00\x00", 1009},
		{"fragments over the limit", string(frame(ws.OpText, false, strings.Repeat("x", 600))) + string(frame(ws.OpContinuation, true, strings.Repeat("x", 401))), 1009},
		{"too many fragments", string(frame(ws.OpText, false, "")) + strings.Repeat(string(frame(ws.OpContinuation, false, "")), 10), 1008},
		{"too many pings", strings.Repeat(string(frame(ws.OpPing, true, "")), 30), 1008},
		{"close with half a code", string(frame(ws.OpClose, true, "\x03")), 1002},
		{"close code 1005", string(frame(ws.OpClose, true, "\x03\xed")), 1002},
		{"close code 999", string(frame(ws.OpClose, true, "\x03\xe7")), 1002},
		{"close code 5000", string(frame(ws.OpClose, true, "\x13\x88")), 1002},
		{"close reason not text", string(frame(ws.OpClose, true, "\x03\xe8\xff")), 1007},
	}
	cfg := Config{ReadLimit: 1000, MaxFrames: 10, MaxControl: 20}
	for _, row := range rows {
		t.Run(row.name, func(t *testing.T) {
			d := open(t, cfg, func(_ *Conn, data []byte) { t.Errorf("delivered %.20q", data) })
			c := d.dial(DialOptions{})
			if _, err := c.NetConn().Write([]byte(row.sent)); err != nil {
				t.Fatal(err)
			}
			wantClose(t, c, row.code)
			end := d.end()
			var rule *ProtocolError
			if end.code != row.code || !errors.As(end.err, &rule) || rule.Code != row.code {
				t.Errorf("OnClose got %+v", end)
			}
			if n := d.ws.Stats().Broken; n != 1 {
				t.Errorf("counted %d broken connections", n)
			}
		})
	}
}

// TestBounds sends what is just allowed.
func TestBounds(t *testing.T) {
	d := open(t, Config{ReadLimit: 1000, MaxFrames: 10, MaxControl: 20}, echo)
	c := d.dial(DialOptions{})
	full := strings.Repeat("x", 1000)
	sent := [][]byte{
		frame(ws.OpText, true, full),
		frame(ws.OpText, false, full[:600]), frame(ws.OpContinuation, true, full[:400]),
		frame(ws.OpText, false, "many"), bytes.Repeat(frame(ws.OpContinuation, false, ""), 8), frame(ws.OpContinuation, true, ""),
		bytes.Repeat(frame(ws.OpPong, true, "unasked"), 10), bytes.Repeat(frame(ws.OpPing, true, ""), 10),
		frame(ws.OpText, true, "end"),
	}
	if _, err := c.NetConn().Write(bytes.Join(sent, nil)); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{full, full, "many", "end"} {
		wantMessage(t, c, want)
	}
}

// TestReadLimitGrows is the log-in: little before, more after, both in one packet.
func TestReadLimitGrows(t *testing.T) {
	d := open(t, Config{ReadLimit: 10}, func(c *Conn, data []byte) {
		c.SetReadLimit(100)
		_ = c.Send(data)
	})
	c := d.dial(DialOptions{})
	long := strings.Repeat("x", 100)
	for _, text := range []string{"log-in", long, long + "x"} {
		if err := c.Write([]byte(text)); err != nil {
			t.Fatal(err)
		}
	}
	wantMessage(t, c, "log-in")
	wantMessage(t, c, long)
	wantClose(t, c, CodeTooBig)
}

func TestHandshakeRefused(t *testing.T) {
	ok := "HTTP/1.1\r\nHost: x\r\nUpgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n" +
		"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Protocol: a, kefu.1\r\n\r\n"
	rows := []struct {
		name, old, new string
		status         int
		header, value  string
	}{
		{"correct", "", "", 101, "Sec-Websocket-Accept", "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="},
		{"correct, odd case", "Upgrade: websocket\r\nConnection: Upgrade", "upgrade: WebSocket\r\nconnection: Keep-Alive, UPGRADE", 101, "Sec-Websocket-Protocol", "kefu.1"},
		{"no upgrade", "Upgrade: websocket\r\n", "", 426, "Upgrade", "websocket"},
		{"no connection", "Connection: Upgrade", "Connection: close", 426, "Sec-Websocket-Version", "13"},
		{"old version", "Version: 13", "Version: 8", 426, "Sec-Websocket-Version", "13"},
		{"no key", "Sec-WebSocket-Key", "X-Key", 400, "", ""},
		{"short key", "dGhlIHNhbXBsZSBub25jZQ==", "dGhl", 400, "", ""},
		{"two keys", "\r\n\r\n", "\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n", 400, "", ""},
		{"key not base64", "dGhlIHNhbXBsZSBub25jZQ==", "!!!!!!!!!!!!!!!!!!!!!!==", 400, "", ""},
		{"other subprotocol", "kefu.1", "kefu.2", 400, "", ""},
		{"no subprotocol", "Sec-WebSocket-Protocol: a, kefu.1\r\n", "", 400, "", ""},
		{"HTTP/1.0", "HTTP/1.1", "HTTP/1.0", 400, "", ""},
		{"a body", "\r\n\r\n", "\r\nContent-Length: 2\r\n\r\nab", 400, "", ""},
	}
	d := open(t, Config{Subprotocols: []string{"kefu.1"}}, echo)
	refused := uint64(0)
	for _, row := range rows {
		_, r := d.rawDial("GET / " + strings.Replace(ok, row.old, row.new, 1))
		resp, err := http.ReadResponse(r, nil)
		if err != nil {
			t.Fatal(row.name, err)
		}
		if resp.StatusCode != row.status || row.header != "" && resp.Header.Get(row.header) != row.value {
			t.Errorf("%s: got %d with %v", row.name, resp.StatusCode, resp.Header)
		}
		if row.status != 101 {
			refused++
		}
	}
	_, r := d.rawDial("POST / " + ok)
	if resp, err := http.ReadResponse(r, nil); err != nil || resp.StatusCode != 405 || resp.Header.Get("Allow") != "GET" {
		t.Errorf("POST: %v %v", resp, err)
	}
	until(t, "the right counts", func() bool {
		n := d.ws.Stats()
		return n.Refused == refused+1 && n.Accepted == 2
	})
}

// TestClosePayload holds the bounds of a close frame we send.
func TestClosePayload(t *testing.T) {
	for _, reason := range []string{"", "short", strings.Repeat("x", 200), "a" + strings.Repeat("客", 60), "\xff", strings.Repeat("\xff", 200)} {
		p := closePayload(4000, reason)
		code, got, err := parseClose(p)
		if err != nil || code != 4000 || len(p) > 125 || !strings.HasPrefix(reason, got) {
			t.Errorf("%.10q: %d bytes, %d %q %v", reason, len(p), code, got, err)
		}
	}
	if n := len(closePayload(4000, "a"+strings.Repeat("客", 60))); n != 2+121 {
		t.Errorf("cut to %d bytes, not between the characters nearest to the bound", n)
	}
}
