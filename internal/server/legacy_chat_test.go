package server_test

import (
	"fmt"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/legacy"
	"github.com/kefu-chat/kefu/internal/wire"
)

// TestChatRoom has a test for each row of the protocol's description, on two nodes.
func TestChatRoom(t *testing.T) {
	for _, row := range []struct {
		name string
		test func(t *testing.T, w *roomWorld)
	}{
		{"getWebSocketAddress is an absolute URL", addressRow},
		{"getHistoryChat has every message of a name, oldest first", historyRow},
		{"getUserList has the customers, online or not", usersRow},
		{"a customer is made on first sight", firstSightRow},
		{"key 1 and 2: who is here, for super_admin", listsRow},
		{"key 3: a message, to its sender and its receiver, on any node", messageRow},
		{"key 4: a second log-in replaces the first, and keeps its messages", replacedRow},
		{"the older path", olderPathRow},
		{"refused frames get an answer and change nothing", refusedRow},
		{"super_admin writes first", writesFirstRow},
	} {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			row.test(t, newRoom(t, openDoor()))
		})
	}
}

func addressRow(t *testing.T, w *roomWorld) {
	host := strings.TrimPrefix(w.bases[0], "http://")
	for name, c := range map[string]struct {
		user   string
		header http.Header
		want   string
	}{
		"plain":             {"alice", nil, "ws://" + host + "/websocket/mq/chat/alice"},
		"another name":      {"alice", http.Header{"Host": {"chat.example:8443"}}, "ws://chat.example:8443/websocket/mq/chat/alice"},
		"behind TLS":        {"alice", http.Header{"X-Forwarded-Proto": {"https"}, "X-Forwarded-Host": {"chat.example"}}, "wss://chat.example/websocket/mq/chat/alice"},
		"letters that hurt": {"爱 丽/丝?", nil, "ws://" + host + "/websocket/mq/chat/%E7%88%B1%20%E4%B8%BD%2F%E4%B8%9D%3F"},
		"super_admin":       {"super_admin", nil, "ws://" + host + "/websocket/mq/chat/super_admin"},
	} {
		out := w.call(0, "getWebSocketAddress/"+escaped(c.user), c.header)
		if out.Code != legacy.Success || out.Data != c.want {
			t.Errorf("%s: %+v, want %s", name, out, c.want)
		}
	}
	out := w.call(0, "getWebSocketAddress/"+escaped(" alice"), nil)
	if out.Code != legacy.Failure || !strings.Contains(out.Msg, "用户名") || !strings.Contains(out.Msg, "user name") || out.Data != nil {
		t.Errorf("a bad name: %+v", out)
	}
	page, _ := w.opensAt(w.call(1, "getWebSocketAddress/"+escaped("爱丽丝"), nil).Data.(string), "爱丽丝", nil)
	page.says("你好", "super_admin")
	page.told("爱丽丝>super_admin:你好")
}

func escaped(name string) string {
	var b strings.Builder
	for _, c := range []byte(name) {
		fmt.Fprintf(&b, "%%%02X", c)
	}
	return b.String()
}

func historyRow(t *testing.T, w *roomWorld) {
	if got := w.history(0, "alice"); len(got) != 0 {
		t.Errorf("before anything was said: %q", got)
	}
	alice, bob, admin := w.page(0, "alice"), w.page(1, "bob"), w.page(1, "super_admin")
	alice.says("one", "super_admin")
	alice.told("alice>super_admin:one")
	bob.says("two", "super_admin")
	bob.told("bob>super_admin:two")
	admin.says("three", "alice")
	alice.told("alice>super_admin:one", "super_admin>alice:three")
	for node := range 2 {
		for name, want := range map[string][]string{
			"alice":       {"alice>super_admin:one", "super_admin>alice:three"},
			"bob":         {"bob>super_admin:two"},
			"super_admin": {"alice>super_admin:one", "bob>super_admin:two", "super_admin>alice:three"},
		} {
			if got := w.history(node, name); !slices.Equal(got, want) {
				t.Errorf("the history of %s is %q, want %q", name, got, want)
			}
		}
	}
	list := w.call(0, "getHistoryChat/alice", nil).Data.([]any)
	first := list[0].(map[string]any)
	live := frameOf(alice, legacy.Message)
	date := regexp.MustCompile(`^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z$`)
	if first["id"] != live.Data.ID || first["createTime"] != live.Data.Created || !date.MatchString(live.Data.Created) {
		t.Errorf("the history has %v, the page was told %+v", first, live.Data)
	}
}

// frameOf is the first frame with a key.
func frameOf(p *page, key int) legacy.Frame {
	p.mu.Lock()
	defer p.mu.Unlock()
	i := slices.IndexFunc(p.frames, func(f legacy.Frame) bool { return f.Key == key })
	return p.frames[i]
}

func usersRow(t *testing.T, w *roomWorld) {
	w.page(0, "super_admin")
	gone := w.page(0, "bob")
	w.page(1, "alice")
	w.must(gone.conn.Close())
	out := w.call(1, "getUserList", nil)
	if out.Code != legacy.Success || fmt.Sprint(out.Data) != "[alice bob]" {
		t.Errorf("%+v, want alice and bob", out)
	}
}

func listsRow(t *testing.T, w *roomWorld) {
	admin := w.page(0, "super_admin")
	admin.lists(legacy.Connected, "", "")
	alice := w.page(1, "alice")
	admin.lists(legacy.Connected, "alice", "alice")
	bob := w.page(0, "bob")
	admin.lists(legacy.Connected, "alice,bob", "alice,bob")
	w.must(alice.conn.CloseWith(1000, "bye"))
	admin.lists(legacy.Disconnected, "bob", "alice,bob")
	bob.mu.Lock()
	defer bob.mu.Unlock()
	if len(bob.frames) != 0 {
		t.Errorf("a customer was told %s", bob.frames[0].Encode())
	}
}

func messageRow(t *testing.T, w *roomWorld) {
	alice, bob, admin := w.page(0, "alice"), w.page(1, "bob"), w.page(1, "super_admin")
	alice.says("hello", "super_admin")
	alice.told("alice>super_admin:hello")
	admin.told("alice>super_admin:hello")
	admin.says("good morning", "alice")
	alice.told("alice>super_admin:hello", "super_admin>alice:good morning")
	admin.told("alice>super_admin:hello", "super_admin>alice:good morning")
	bob.says("me too", "super_admin")
	bob.told("bob>super_admin:me too")
	admin.told("alice>super_admin:hello", "super_admin>alice:good morning", "bob>super_admin:me too")
	for i := range 50 {
		alice.says(fmt.Sprint("many ", i), "super_admin")
	}
	want := []string{"alice>super_admin:hello", "super_admin>alice:good morning"}
	for i := range 50 {
		want = append(want, fmt.Sprint("alice>super_admin:many ", i))
	}
	alice.told(want...)
	admin.told(append([]string{want[0], want[1], "bob>super_admin:me too"}, want[2:]...)...)
}

func replacedRow(t *testing.T, w *roomWorld) {
	first, admin := w.page(0, "alice"), w.page(0, "super_admin")
	first.says("from the first", "super_admin")
	first.told("alice>super_admin:from the first")
	second := w.page(1, "alice")
	first.until("key 4", func(frames []legacy.Frame, _ uint16) bool {
		return len(frames) > 0 && frames[len(frames)-1].Key == legacy.Replaced
	})
	first.closedWith(wire.CloseElsewhere)
	admin.lists(legacy.Connected, "alice", "alice") // the first one's end took nobody from the list
	admin.says("to the second", "alice")
	second.told("super_admin>alice:to the second")
	third := w.page(1, "alice")
	second.closedWith(wire.CloseElsewhere)
	third.says("from the third", "super_admin")
	third.told("alice>super_admin:from the third")
	other := w.page(1, "super_admin")
	admin.closedWith(wire.CloseElsewhere)
	third.says("to the other", "super_admin")
	other.told("alice>super_admin:to the other")
	other.lists(legacy.Connected, "alice", "alice")
}

func olderPathRow(t *testing.T, w *roomWorld) {
	alice, status := w.opensAt(w.bases[0]+"/websocket/chat/alice", "alice", nil)
	if alice == nil {
		t.Fatalf("%d", status)
	}
	alice.says("hello", "super_admin")
	alice.told("alice>super_admin:hello")
}

func refusedRow(t *testing.T, w *roomWorld) {
	alice, admin := w.page(0, "alice"), w.page(0, "super_admin")
	frame := func(text, sender, receiver string) string {
		return fmt.Sprintf(`{"msg":%q,"sender":%q,"receiver":%q}`, text, sender, receiver)
	}
	for i, c := range []struct {
		page  *page
		frame string
		words legacy.Words
	}{
		{alice, frame(" \n\t ", "alice", "super_admin"), legacy.Blank},
		{alice, frame("", "alice", "super_admin"), legacy.Blank},
		{alice, `{"sender":"alice","receiver":"super_admin"}`, legacy.Blank},
		{alice, "hello", legacy.Malformed},
		{alice, `["hello"]`, legacy.Malformed},
		{alice, `{"msg":7,"sender":"alice","receiver":"super_admin"}`, legacy.Malformed},
		{alice, `{"msg":"a","msg":"b","sender":"alice","receiver":"super_admin"}`, legacy.Malformed},
		{alice, `{"msg":"a\u0000b","sender":"alice","receiver":"super_admin"}`, legacy.Malformed},
		{alice, frame(strings.Repeat("界", 20_001), "alice", "super_admin"), legacy.TooLong},
		{alice, frame(strings.Repeat("x", 300<<10), "alice", "super_admin"), legacy.TooLong},
		{alice, frame("hello", "bob", "super_admin"), legacy.ForeignSender},
		{alice, frame("hello", "super_admin", "alice"), legacy.ForeignSender},
		{alice, frame("hello", "", "super_admin"), legacy.ForeignSender},
		{alice, frame("hello", "alice", "bob"), legacy.WrongReceiver},
		{alice, frame("hello", "alice", ""), legacy.WrongReceiver},
		{admin, frame("hello", "super_admin", "nobody"), legacy.WrongReceiver},
		{admin, frame("hello", "super_admin", "super_admin"), legacy.WrongReceiver},
		{admin, frame("hello", "alice", "super_admin"), legacy.ForeignSender},
		{admin, frame(" ", "super_admin", "alice"), legacy.Blank},
	} {
		w.must(c.page.conn.Write([]byte(c.frame)))
		n := 0
		c.page.until("one more answer", func(frames []legacy.Frame, _ uint16) bool {
			n = 0
			for _, f := range frames {
				if f.Key == legacy.Refused {
					n++
				}
			}
			return n > c.page.answers
		})
		c.page.answers = n
		if got := c.page.answered(n); got != string(c.words) {
			t.Errorf("%d: %q, want %q", i, got, c.words)
		}
	}
	alice.says("at last", "super_admin")
	alice.told("alice>super_admin:at last")
	if got := w.history(1, "super_admin"); len(got) != 1 {
		t.Errorf("the history is %q: want the one good message", got)
	}
}

func writesFirstRow(t *testing.T, w *roomWorld) {
	alice, admin := w.page(0, "alice"), w.page(1, "super_admin")
	admin.says("may I help you?", "alice")
	alice.told("super_admin>alice:may I help you?")
	admin.told("super_admin>alice:may I help you?")
	alice.says("yes", "super_admin")
	alice.told("super_admin>alice:may I help you?", "alice>super_admin:yes")
	admin.told("super_admin>alice:may I help you?", "alice>super_admin:yes")
	w.must(alice.conn.Close())
	admin.lists(legacy.Disconnected, "", "alice")
	admin.says("are you there?", "alice")
	admin.told("super_admin>alice:may I help you?", "alice>super_admin:yes", "super_admin>alice:are you there?")
	back := w.page(1, "alice")
	back.says("back", "super_admin")
	back.told("alice>super_admin:back")
	if got := w.history(0, "alice"); len(got) != 4 || got[2] != "super_admin>alice:are you there?" {
		t.Errorf("the history is %q", got)
	}
}

// TestChatRoomInTheConsole: agents see the room's conversations as any other, and
// their answers come to the page from super_admin.
func TestChatRoomInTheConsole(t *testing.T) {
	w := newRoomWithOwner(t, openDoor())
	alice := w.page(0, "alice")
	alice.says("hello", "super_admin")
	alice.told("alice>super_admin:hello")
	supervisor := w.invite(w.owner, "sue", idOf(w.firstSite()), "supervisor")
	console := w.console(supervisor)
	row := console.waiting("alice")
	console.send(row, "from the console")
	alice.told("alice>super_admin:hello", "super_admin>alice:from the console")
	admin := w.page(1, "super_admin")
	admin.lists(legacy.Connected, "alice", "alice")
	console.send(row, "while super_admin is here")
	admin.told("super_admin>alice:while super_admin is here")
	admin.says("from super_admin", "alice")
	console.heard(row, "from super_admin", "Olive")
}

// firstSightRow: who came once is a customer, though it said nothing: no conversation is made.
func firstSightRow(t *testing.T, w *roomWorld) {
	w.page(1, "alice")
	out := w.call(0, "getUserList", nil)
	if fmt.Sprint(out.Data) != "[alice]" {
		t.Errorf("%+v, want alice", out)
	}
	for _, bad := range []string{" ", "a\tb", " alice", strings.Repeat("x", legacy.MaxName+1)} {
		if _, status := w.opens(1, bad, nil); status != http.StatusBadRequest {
			t.Errorf("%q: %d, want 400", bad, status)
		}
	}
	_, err := w.db.ThreadOf(t.Context(), w.firstSite().ID, "alice")
	if chat.CodeOf(err) != chat.NotFound {
		t.Errorf("alice has a conversation: %v", err)
	}
}
