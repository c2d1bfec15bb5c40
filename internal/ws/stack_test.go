//go:build unix && !race

package ws

import (
	"runtime"
	"testing"

	"github.com/gobwas/ws"
)

// deep needs a stack of more than 8 KiB.
func deep(n int) (sum byte) {
	var held [512]byte
	if n > 0 {
		held[n%len(held)] = deep(n-1) + 1
	}
	for _, b := range held {
		sum += b
	}
	return sum
}

func stacks() int {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int(m.StackInuse)
}

// TestSilenceGivesTheStackBack: what handling a message took of the stack is
// not kept by a peer that only answers pings afterwards.
func TestSilenceGivesTheStackBack(t *testing.T) {
	const conns = 400
	d := open(t, Config{}, func(c *Conn, data []byte) {
		if deep(20) == 99 {
			t.Error("the compiler left it out")
		}
		echo(c, data)
	})
	before := stacks()
	clients := make([]*ClientConn, conns)
	for i := range clients {
		clients[i] = d.dial(DialOptions{ReadBuffer: 64})
		if err := clients[i].Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		if _, err := clients[i].Read(); err != nil {
			t.Fatal(err)
		}
	}
	if grown := (stacks() - before) / conns; grown < 4<<10 {
		t.Fatalf("a message grew the stacks to %d bytes only: this test sees nothing", grown)
	}
	for _, c := range clients {
		if err := c.WriteFrame(ws.OpPong, true, nil); err != nil {
			t.Fatal(err)
		}
	}
	until(t, "stacks of less than 3 KiB", func() bool { return (stacks()-before)/conns < 3<<10 })
	for _, c := range clients { // they are as they were
		if err := c.Write([]byte("again")); err != nil {
			t.Fatal(err)
		}
		if got, err := c.Read(); err != nil || string(got) != "again" {
			t.Fatalf("%q, %v", got, err)
		}
	}
}
