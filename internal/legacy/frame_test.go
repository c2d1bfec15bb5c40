package legacy_test

import (
	"encoding/json"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gofrs/uuid/v5"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/legacy"
)

// TestSaid: what a page says is read as its pages write it, and refused by the name of the connection.
func TestSaid(t *testing.T) {
	const agent = legacy.AgentName
	for name, c := range map[string]struct {
		frame, own string
		read       bool
		words      legacy.Words
	}{
		"as in the description": {`{"msg": "text", "sender": "alice", "receiver": "super_admin", "createTime": "2023-05-16T08:00:00.000Z"}`, "alice", true, ""},
		"no time":               {`{"msg":"你好 👩‍💻","sender":"爱丽丝","receiver":"super_admin"}`, "爱丽丝", true, ""},
		"members of tomorrow":   {`{"msg":"a","sender":"alice","receiver":"super_admin","id":7,"extra":{"a":[1]}}`, "alice", true, ""},
		"the account's":         {`{"msg":"a","sender":"super_admin","receiver":"alice"}`, agent, true, ""},
		"another's name":        {`{"msg":"a","sender":"bob","receiver":"super_admin"}`, "alice", true, legacy.ForeignSender},
		"no sender":             {`{"msg":"a","receiver":"super_admin"}`, "alice", true, legacy.ForeignSender},
		"as the account":        {`{"msg":"a","sender":"super_admin","receiver":"super_admin"}`, "alice", true, legacy.ForeignSender},
		"blank":                 {`{"msg":" \n\u3000","sender":"alice","receiver":"super_admin"}`, "alice", true, legacy.Blank},
		"no text":               {`{"sender":"alice","receiver":"super_admin"}`, "alice", true, legacy.Blank},
		"to another customer":   {`{"msg":"a","sender":"alice","receiver":"bob"}`, "alice", true, legacy.WrongReceiver},
		"to nobody":             {`{"msg":"a","sender":"alice"}`, "alice", true, legacy.WrongReceiver},
		"the account to itself": {`{"msg":"a","sender":"super_admin","receiver":"super_admin"}`, agent, true, legacy.WrongReceiver},
		"the account, no name":  {`{"msg":"a","sender":"super_admin","receiver":" x"}`, agent, true, legacy.WrongReceiver},
		"a list":                {`[]`, "alice", false, ""},
		"a number for text":     {`{"msg":7,"sender":"alice","receiver":"super_admin"}`, "alice", false, ""},
		"cut off":               {`{"msg":"a`, "alice", false, ""},
		"nothing":               {``, "alice", false, ""},
		"not Unicode":           {"{\"msg\":\"\xff\",\"sender\":\"alice\",\"receiver\":\"super_admin\"}", "alice", false, ""},
		"a member twice":        {`{"msg":"a","msg":"b","sender":"alice","receiver":"super_admin"}`, "alice", false, ""},
	} {
		said, ok := legacy.ReadSaid([]byte(c.frame))
		if ok != c.read {
			t.Errorf("%s: read %t, want %t", name, ok, c.read)
		}
		if !ok {
			continue
		}
		if words, good := said.Check(c.own); words != c.words || good != (c.words == "") {
			t.Errorf("%s: %q, want %q", name, words, c.words)
		}
	}
}

// TestFrames: what the server sends has the members that the description names, and no others.
func TestFrames(t *testing.T) {
	conversation := uuid.Must(uuid.FromString("01890a5d-ac96-774b-bcce-b302099a8057"))
	tell := func(by chat.ActorKind) *legacy.Told {
		told := legacy.TellOf("alice", conversation, 12, by, 1_684_224_000_007, "你好")
		return &told
	}
	online, users := []string{}, []string{"alice", "bob"}
	for want, frame := range map[string][]byte{
		`{"key":1,"onlineList":[],"userList":["alice","bob"]}`: legacy.Frame{Key: legacy.Connected, Online: &online, Users: &users}.Encode(),
		`{"key":2,"onlineList":[],"userList":["alice","bob"]}`: legacy.Frame{Key: legacy.Disconnected, Online: &online, Users: &users}.Encode(),
		`{"key":3,"data":{"id":"01890a5d-ac96-774b-bcce-b302099a8057-12","msg":"你好","sender":"alice","receiver":"super_admin","createTime":"2023-05-16T08:00:00.007Z"}}`: legacy.Frame{Key: legacy.Message, Data: tell(chat.VisitorActor)}.Encode(),
		`{"key":3,"data":{"id":"01890a5d-ac96-774b-bcce-b302099a8057-12","msg":"你好","sender":"super_admin","receiver":"alice","createTime":"2023-05-16T08:00:00.007Z"}}`: legacy.Frame{Key: legacy.Message, Data: tell(chat.AgentActor)}.Encode(),
		`{"key":4}`: legacy.Frame{Key: legacy.Replaced}.Encode(),
		`{"key":0,"code":0,"msg":"` + string(legacy.Blank) + `"}`: legacy.Refusal(legacy.Blank),
	} {
		if string(frame) != want {
			t.Errorf("got  %s\nwant %s", frame, want)
		}
	}
	if system := tell(chat.SystemActor); system.Sender != legacy.AgentName {
		t.Errorf("what nobody wrote is from %s: pages know one account only", system.Sender)
	}
}

// TestTextOf: pages that know no files get their names.
func TestTextOf(t *testing.T) {
	for _, c := range []struct {
		text  string
		files []string
		want  string
	}{
		{"hello", nil, "hello"},
		{"", []string{"a.png"}, "[文件 / file: a.png]"},
		{"see", []string{"a.png", "合同.pdf"}, "see\n[文件 / file: a.png]\n[文件 / file: 合同.pdf]"},
	} {
		if got := legacy.TextOf(c.text, c.files); got != c.want {
			t.Errorf("%q, want %q", got, c.want)
		}
	}
}

// TestEveryRefusalHasWords: whatever is refused, a person is told something in both languages.
func TestEveryRefusalHasWords(t *testing.T) {
	for code, want := range map[chat.Code]legacy.Words{
		chat.BlankText: legacy.Blank, chat.TextTooLong: legacy.TooLong, chat.BadText: legacy.Malformed, "rate_limited": legacy.TooFast, "too_many": legacy.TooFast,
		chat.NotYours: legacy.Elsewhere, chat.NotAllowed: legacy.NotAllowed, "cross_origin": legacy.NotAllowed, "not_logged_in": legacy.NotAllowed,
		chat.NotFound: legacy.WrongReceiver, legacy.TooManyNames: legacy.NamesFull, chat.Busy: legacy.NotNow, "of_tomorrow": legacy.NotNow,
	} {
		if got := legacy.WordsFor(code); got != want || !strings.Contains(string(got), " / ") {
			t.Errorf("%s: %q, want %q", code, got, want)
		}
	}
}

// TestTickets: what is shown leads to its hash, and nothing else to any.
func TestTickets(t *testing.T) {
	shown, hash := legacy.NewTicket()
	if again, ok := legacy.HashTicket(shown); !ok || string(again) != string(hash) || strings.Contains(shown, string(hash)) {
		t.Errorf("%s: %x, %t, want %x", shown, again, ok, hash)
	}
	if other, _ := legacy.NewTicket(); other == shown {
		t.Error("two tickets are the same")
	}
	for _, bad := range []string{"", shown[:42], shown + "A", shown + "=", strings.Repeat("!", 43), strings.Repeat("A", 1<<20)} {
		if _, ok := legacy.HashTicket(bad); ok {
			t.Errorf("%.50q was taken for a ticket", bad)
		}
	}
}

// FuzzSaid: no frame of a page makes the reader panic, and what passes the check has a
// text, a good receiver and the connection's own name.
func FuzzSaid(f *testing.F) {
	for _, seed := range []string{
		`{"msg":"a","sender":"alice","receiver":"super_admin","createTime":"2023-05-16T08:00:00.000Z"}`, `{"msg":"a","sender":"super_admin","receiver":"alice"}`,
		`[]`, `{"msg":`, `{"msg":"\ud800","sender":"alice"}`, "\x00", `{"MSG":"a"}`,
	} {
		f.Add([]byte(seed), "alice")
		f.Add([]byte(seed), legacy.AgentName)
	}
	f.Fuzz(func(t *testing.T, data []byte, own string) {
		said, ok := legacy.ReadSaid(data)
		if !ok {
			return
		}
		if !utf8.ValidString(said.Text + said.Sender + said.Receiver) {
			t.Fatalf("%q has words that are no Unicode: %+v", data, said)
		}
		words, ok := said.Check(own)
		if !ok {
			var answer map[string]any
			if err := json.Unmarshal(legacy.Refusal(words), &answer); err != nil || words == "" {
				t.Fatalf("the refusal of %q is %q, %v", data, words, err)
			}
			return
		}
		if said.Sender != own || strings.TrimSpace(said.Text) == "" || (own == legacy.AgentName) == (said.Receiver == legacy.AgentName) {
			t.Fatalf("%q of %q passes: %+v", data, own, said)
		}
	})
}
