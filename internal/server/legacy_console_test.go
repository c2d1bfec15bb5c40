package server_test

import (
	"net/http"
	"strings"
	"time"

	"github.com/go-json-experiment/json"
	"github.com/gofrs/uuid/v5"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/server"
	"github.com/kefu-chat/kefu/internal/wire"
	"github.com/kefu-chat/kefu/internal/ws"
)

// console is an agent's session in frames.
type console struct {
	w    *roomWorld
	conn *ws.ClientConn
}

func (w *roomWorld) console(who *person) *console {
	w.t.Helper()
	conn, err := ws.Dial(w.t.Context(), strings.Replace(w.base, "http", "ws", 1)+server.AgentDoor, ws.DialOptions{
		Header: http.Header{"Origin": {w.base}, "Cookie": {who.cookie()}}, Subprotocols: []string{wire.Subprotocol},
	})
	w.must(err)
	w.t.Cleanup(func() { _ = conn.Close() })
	c := &console{w, conn}
	c.say(wire.ClientHello{})
	return c
}

func (c *console) say(f wire.Frame) {
	c.w.t.Helper()
	data, err := wire.Encode(f)
	c.w.must(err)
	c.w.must(c.conn.Write(data))
}

// await reads frames until one is what is awaited.
func await[F any](c *console, kind string, is func(F) bool) F {
	c.w.t.Helper()
	c.w.must(c.conn.SetReadDeadline(time.Now().Add(8 * time.Second)))
	for {
		data, err := c.conn.Read()
		if err != nil {
			c.w.t.Fatalf("no %s came: %v", kind, err)
		}
		var head struct {
			T string `json:"t"`
		}
		var f F
		if json.Unmarshal(data, &head) == nil && head.T == kind && json.Unmarshal(data, &f) == nil && is(f) {
			return f
		}
	}
}

// waiting finds the row of a visitor of that name, and opens its conversation.
func (c *console) waiting(name string) chat.ConversationUUID {
	c.w.t.Helper()
	c.say(wire.ClientList{T: "list", R: 1, View: chat.ViewOpen})
	list := await(c, "list", func(l wire.ServerList) bool { return true })
	for _, row := range list.Rows {
		if row.Visitor.Says != nil && row.Visitor.Says.Name == name {
			c.say(wire.ClientOpen{T: "open", R: 2, C: row.C})
			await(c, "conversation", func(wire.ServerConversation) bool { return true })
			return row.C
		}
	}
	c.w.t.Fatalf("%s is not in the list of %d rows", name, len(list.Rows))
	return chat.ConversationUUID{}
}

func (c *console) send(to chat.ConversationUUID, text string) {
	c.w.t.Helper()
	id := uuid.Must(uuid.NewV7())
	c.say(wire.ClientText{T: "send", ID: id, C: to, Text: text})
	await(c, "ack", func(a wire.ServerAck) bool { return a.ID == id })
}

// heard waits for a message by an agent of that name.
func (c *console) heard(in chat.ConversationUUID, text, by string) {
	c.w.t.Helper()
	await(c, "event", func(e wire.ServerEvent) bool { return e.C == in && e.E.Text == text && e.E.By.Name == by })
}
