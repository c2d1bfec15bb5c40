package chat_test

import (
	"testing"

	"github.com/kefu-chat/kefu/internal/chat"
)

// longThread has, by seq: 1 opened, 2 the visitor's message, 3 Ada takes it,
// 4 Ada's note, 5 Ada's reply (public 4), 6 the visitor's message (public 5).
func longThread(t testing.TB) *thread {
	th := newThread()
	th.says(t, visitor, "one")
	th.must(t, chat.Take(ada))
	th.must(t, chat.AddNote(ada, "a note"))
	th.says(t, ada, "a reply")
	th.says(t, visitor, "two")
	return th
}

func TestWhoMayEditAndRecall(t *testing.T) {
	former := ada
	former.Role = chat.NoRole
	other := chat.Actor{Kind: chat.VisitorActor, ID: 999}
	renamed := ada
	renamed.Name = "Ada Lovelace"
	for name, tc := range map[string]struct {
		by           chat.Actor
		number       int64
		edit, recall chat.Code // empty: allowed
	}{
		"the visitor its own":         {visitor, 5, "", ""},
		"the visitor a reply":         {visitor, 4, chat.NotAllowed, chat.NotAllowed},
		"the visitor a system event":  {visitor, 1, chat.NotEditable, chat.NotEditable},
		"the visitor beyond the end":  {visitor, 6, chat.NotFound, chat.NotFound},
		"the visitor nothing":         {visitor, 0, chat.NotFound, chat.NotFound},
		"another visitor":             {other, 5, chat.NotAllowed, chat.NotAllowed},
		"Ada her reply":               {ada, 5, "", ""},
		"Ada under another name":      {renamed, 5, "", ""},
		"Ada her note":                {ada, 4, "", ""},
		"Ada the visitor's":           {ada, 2, chat.NotAllowed, chat.NotAllowed},
		"Ada an assignment":           {ada, 3, chat.NotEditable, chat.NotEditable},
		"Ben Ada's reply":             {ben, 5, chat.NotAllowed, chat.NotAllowed},
		"a supervisor Ada's reply":    {supervisor, 5, chat.NotAllowed, ""},
		"a supervisor Ada's note":     {supervisor, 4, chat.NotAllowed, ""},
		"a supervisor the visitor's":  {supervisor, 2, chat.NotAllowed, chat.NotAllowed},
		"an admin Ada's reply":        {admin, 5, chat.NotAllowed, ""},
		"an admin beyond the end":     {admin, 7, chat.NotFound, chat.NotFound},
		"Ada after she lost her role": {former, 5, chat.NotAllowed, chat.NotAllowed},
		"a stranger":                  {stranger, 5, chat.NotAllowed, chat.NotAllowed},
		"the system":                  {chat.System(), 5, chat.NotAllowed, chat.NotAllowed},
	} {
		t.Run(name, func(t *testing.T) {
			for what, c := range map[string]struct {
				rule chat.Decide
				want chat.Code
			}{
				"edit":   {chat.EditText(tc.by, tc.number, "new"), tc.edit},
				"recall": {chat.RecallText(tc.by, tc.number), tc.recall},
			} {
				th := longThread(t)
				_, err := th.apply(c.rule)
				if c.want == "" && err != nil || c.want != "" && chat.CodeOf(err) != c.want {
					t.Errorf("%s: got %v, want %q", what, err, c.want)
				}
			}
		})
	}
}

func TestARevisionHasTheVisibilityOfItsTarget(t *testing.T) {
	th := longThread(t)
	for _, tc := range []struct {
		rule chat.Decide
		want chat.TargetRef
	}{
		{chat.EditText(ada, 4, "another note"), chat.TargetRef{Seq: 4}},
		{chat.EditText(ada, 5, "another reply"), chat.TargetRef{Seq: 5, PublicSeq: 4}},
		{chat.EditText(visitor, 5, "TWO"), chat.TargetRef{Seq: 6, PublicSeq: 5}},
		{chat.RecallText(ada, 4), chat.TargetRef{Seq: 4}},
		{chat.RecallText(visitor, 5), chat.TargetRef{Seq: 6, PublicSeq: 5}},
	} {
		before := th.state
		e := th.must(t, tc.rule)[0]
		ref, err := e.Body.TargetRef()
		if err != nil || ref != tc.want {
			t.Errorf("event %d is about %+v, %v; want %+v", e.Seq, ref, err, tc.want)
		}
		if public := tc.want.PublicSeq != 0; e.Public != public || (th.state.PublicSeq != before.PublicSeq) != public {
			t.Errorf("event %d about %+v: public is %v, public seq %d after %d", e.Seq, ref, e.Public, th.state.PublicSeq, before.PublicSeq)
		}
		if th.state.VisitorMessages != before.VisitorMessages || th.state.AgentMessages != before.AgentMessages {
			t.Errorf("event %d is counted as a message", e.Seq)
		}
	}
	if text, _ := th.events[4].Body.Text(); text.Text != "another reply" || th.events[4].Rev != 1 {
		t.Errorf("event 5 is %q, rev %d", text.Text, th.events[4].Rev)
	}
	if !th.events[5].Erased() || !th.events[3].Erased() {
		t.Error("what was recalled still has its text")
	}
}

func TestWhatWasRecalledIsNotEditable(t *testing.T) {
	th := longThread(t)
	th.must(t, chat.RecallText(supervisor, 5))
	for _, rule := range []chat.Decide{chat.EditText(ada, 5, "new"), chat.RecallText(ada, 5), chat.RecallText(supervisor, 5)} {
		_, err := th.apply(rule)
		if chat.CodeOf(err) != chat.NotEditable {
			t.Errorf("got %v, want %s", err, chat.NotEditable)
		}
	}
}
