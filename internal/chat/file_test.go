package chat_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/kefu-chat/kefu/internal/chat"
)

var (
	adas = chat.AgentFiles(ada.Agent())
	plan = chat.File{ID: 5, Name: "plan.pdf", Type: "application/pdf", Size: 9}
)

func withFiles(by chat.Actor, owner chat.FileOwner, ids ...chat.FileID) chat.Command {
	return chat.Command{By: by, ClientID: newClientID(), Conversation: 11, Files: ids, Owner: owner}
}

func TestOnlyTheSendersOwnFreeUploadsBecomeAMessages(t *testing.T) {
	visitors := chat.VisitorFiles(make([]byte, 32))
	for name, upload := range map[string]chat.Upload{
		"own and free":            {File: plan, Site: site, Owner: adas, Free: true},
		"in a message":            {File: plan, Site: site, Owner: adas},
		"of a visitor":            {File: plan, Site: site, Owner: visitors, Free: true},
		"of another agent":        {File: plan, Site: site, Owner: chat.AgentFiles(ben.Agent()), Free: true},
		"uploaded to another one": {File: plan, Site: site + 1, Owner: adas, Free: true},
		"another file":            {File: chat.File{ID: 6}, Site: site, Owner: adas, Free: true},
	} {
		desk, m := newDesk()
		m.says(t, visitor, "hello")
		m.files = []chat.Upload{upload}
		before := m.state.Seq
		var o outcomeOf
		desk.Send(withFiles(ada, adas, 5), "", o.done)
		if name == "own and free" {
			if o.err != nil {
				t.Fatal(o.err)
			}
			text, err := o.changed.Events[o.changed.Answer].Body.Text()
			if diff := cmp.Diff(chat.Text{Files: []chat.File{plan}}, text); err != nil || diff != "" {
				t.Errorf("the message is %v (-want +got):\n%s", err, diff)
			}
			continue
		}
		if chat.CodeOf(o.err) != chat.BadFiles || m.state.Seq != before {
			t.Errorf("a file %s: %v", name, o.err)
		}
	}
}

func TestAnEditKeepsFilesAndMayEmptyTheTextBesideThem(t *testing.T) {
	desk, m := newDesk()
	m.says(t, visitor, "hello")
	m.files = []chat.Upload{{File: plan, Site: site, Owner: adas, Free: true}}
	var sent, plain, edited, blank outcomeOf
	desk.Send(withFiles(ada, adas, 5), "the plan", sent.done)
	desk.Send(withFiles(ada, ""), "words", plain.done)
	at := func(o outcomeOf) int64 { return o.changed.Events[o.changed.Answer].Seq }
	desk.Edit(withFiles(ada, ""), at(sent), " ", edited.done)
	desk.Edit(withFiles(ada, ""), at(plain), " ", blank.done)
	if chat.CodeOf(blank.err) != chat.BlankText {
		t.Errorf("a message without files was emptied: %v", blank.err)
	}
	text, err := m.events[at(sent)-1].Body.Text()
	if diff := cmp.Diff(chat.Text{Text: " ", Files: []chat.File{plan}}, text); edited.err != nil || err != nil || diff != "" {
		t.Errorf("%v, %v (-want +got):\n%s", edited.err, err, diff)
	}
}

func TestOtherFilesAreAnotherCommand(t *testing.T) {
	desk, m := newDesk()
	prints := map[string]bool{}
	for _, ids := range [][]chat.FileID{nil, {1}, {2}, {1, 2}, {2, 1}, {12}} {
		desk.Send(withFiles(visitor, adas, ids...), "1,2", func(chat.Changed, error) {})
		prints[string(m.changes[len(m.changes)-1].Fingerprint)] = true
	}
	if len(prints) != 6 {
		t.Errorf("six commands have %d fingerprints", len(prints))
	}
}
