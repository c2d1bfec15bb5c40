package wire_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/gofrs/uuid/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/wire"
)

var (
	lin = chat.ActorRef{Kind: chat.VisitorActor, ID: 100}
	ada = chat.ActorRef{Kind: chat.AgentActor, ID: 1, Name: "Ada"}
	ben = chat.ActorRef{Kind: chat.AgentActor, ID: 2, Name: "Ben"}
)

func names(id chat.AgentID) string {
	return map[chat.AgentID]string{1: "Ada L.", 2: "Ben K."}[id]
}

// log is a conversation with something of everything: by seq (public number)
// 1 opened (1), 2 message (2), 3 assigned (3), 4 note, 5 reply (4), 6 edit of
// the note, 7 edit of the reply (5), 8 recalled message (6), 9 its recall (7),
// 10 of a kind to come (8).
func log() []chat.Event {
	id := uuid.Must(uuid.FromString(idText))
	at := func(e chat.Event, seq, public int64) chat.Event {
		e.Seq, e.PublicSeq, e.Tag, e.V, e.At = seq, public, uint32(100+seq), 1, chat.Millis(1000*seq)
		return e
	}
	note := at(chat.Event{Kind: chat.Note, By: ada, Body: chat.Body(`{"text":"hidden"}`), Rev: 1}, 4, 3)
	reply := at(chat.Event{Kind: chat.Message, Public: true, By: ada, Body: chat.Body(`{"text":"hello"}`), Rev: 2, ClientID: id}, 5, 4)
	gone := at(chat.Event{Kind: chat.Message, Public: true, By: lin}, 8, 6)
	return []chat.Event{
		at(chat.Event{Kind: chat.Opened, Public: true, By: lin, Body: chat.Body(`{"round":1}`)}, 1, 1),
		at(chat.Event{Kind: chat.Message, Public: true, By: lin, Body: chat.Body(`{"text":"hi"}`), ClientID: id}, 2, 2),
		at(chat.Event{Kind: chat.AssignedTo, Public: true, By: ben, Body: chat.Body(`{"round":1,"agent":"1","agent_name":"Ada","from":"2","from_name":"Ben"}`)}, 3, 3),
		note,
		reply,
		at(chat.Event{Kind: chat.Edit, By: ada, Body: chat.Body(`{"seq":4}`), Target: &note}, 6, 4),
		at(chat.Event{Kind: chat.Edit, Public: true, By: ada, Body: chat.Body(`{"seq":5,"public_seq":4}`), Target: &reply}, 7, 5),
		gone,
		at(chat.Event{Kind: chat.Recall, Public: true, By: lin, Body: chat.Body(`{"seq":8,"public_seq":6}`), Target: &gone}, 9, 7),
		at(chat.Event{Kind: "wave", Public: true, By: ada, Body: chat.Body(`[1]`)}, 10, 8),
	}
}

func TestAVisitorSeesPublicEventsUnderPublicNumbers(t *testing.T) {
	page := wire.PageFor(chat.Page{Events: log(), State: chat.State{Seq: 10, PublicSeq: 8, Tag: 110, PublicTag: 110}}, wire.ForVisitor, lin)
	text, err := wire.Encode(wire.ServerPage{Page: page})
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(text), "hidden") || strings.Contains(string(text), `"note"`) || strings.Contains(string(text), "private") {
		t.Errorf("a note leaks: %s", text)
	}
	for i, e := range page.Events {
		if e.N != int64(i+1) {
			t.Errorf("event %d has number %d: a gap or a number among all events", i+1, e.N)
		}
	}
	if len(page.Events) != 8 || page.Head != (wire.Position{N: 8, Tag: 110}) {
		t.Errorf("%d events, head %+v", len(page.Events), page.Head)
	}
	if target := page.Events[4].Target; target == nil || target.N != 4 || target.Text != "hello" || target.Rev != 2 || target.ID != "" {
		t.Errorf("the edit's target is %+v", target)
	}
	if target := page.Events[6].Target; target == nil || target.N != 6 || !target.Erased || target.Text != "" {
		t.Errorf("the recall's target is %+v", target)
	}
	if page.Events[1].ID != idText || page.Events[3].ID != "" {
		t.Errorf("client ids %q of one's own, %q of another", page.Events[1].ID, page.Events[3].ID)
	}
}

func TestAgentsSeeEverythingUnderAllNumbers(t *testing.T) {
	page := wire.PageFor(chat.Page{Events: log(), State: chat.State{Seq: 10, PublicSeq: 8, Tag: 110}, More: true, Truncated: true}, wire.ForAgents, ada)
	private := map[int64]bool{4: true, 6: true}
	for i, e := range page.Events {
		if e.N != int64(i+1) || e.Private != private[e.N] {
			t.Errorf("event %d has number %d, private %v", i+1, e.N, e.Private)
		}
	}
	if len(page.Events) != 10 || page.Head.N != 10 || !page.More || !page.Truncated || page.Reset {
		t.Errorf("the page is %+v", page)
	}
	want := &wire.RoundChange{Number: 1, Agent: &wire.Agent{ID: 1, Name: "Ada"}, From: &wire.Agent{ID: 2, Name: "Ben"}}
	if diff := cmp.Diff(want, page.Events[2].Round); diff != "" {
		t.Errorf("the assignment (-want +got):\n%s", diff)
	}
	if page.Events[4].ID != idText || page.Events[1].ID != "" || page.Events[6].Target.N != 5 {
		t.Errorf("client ids %q, %q; target %+v", page.Events[4].ID, page.Events[1].ID, page.Events[6].Target)
	}
}

func TestAPrivateTargetNeverReachesAVisitor(t *testing.T) {
	note := log()[3]
	wrong := chat.Event{Kind: chat.Edit, Public: true, Seq: 5, PublicSeq: 4, By: ada, Target: &note}
	e, visible := wire.EventFor(&wrong, wire.ForVisitor, false)
	if !visible || e.Target != nil {
		t.Errorf("visible %v, target %+v", visible, e.Target)
	}
}

func TestEveryKindButTextsHasAFallback(t *testing.T) {
	for _, kind := range []chat.Kind{
		chat.Message, chat.Note, chat.Edit, chat.Recall, chat.Opened, chat.Reopened, chat.AssignedTo, chat.Released, chat.Returned, chat.Resolution, "wave",
	} {
		e, _ := wire.EventFor(&chat.Event{Kind: kind, Public: true, By: ada}, wire.ForVisitor, false)
		if hasText := kind == chat.Message || kind == chat.Note; hasText == (e.Fallback != "") {
			t.Errorf("%s has the fallback %q", kind, e.Fallback)
		}
	}
	newer := chat.Event{Kind: chat.Message, Public: true, V: 2, By: ada, Body: chat.Body(`["a form to come"]`)}
	if e, _ := wire.EventFor(&newer, wire.ForVisitor, false); e.Fallback == "" || e.Text != "" || e.Erased {
		t.Errorf("a body of a newer program becomes %+v", e)
	}
}

func TestPreviewCutsAtACodePoint(t *testing.T) {
	e := chat.Event{Kind: chat.Message, Public: true, By: lin, Body: chat.Body(`{"text":"` + strings.Repeat("😀", 201) + `"}`)}
	if got := wire.Preview(&e).Text; got != strings.Repeat("😀", 200) {
		t.Errorf("the preview has %d bytes", len(got))
	}
	if wire.Preview(nil) != nil {
		t.Error("nothing has a preview")
	}
}

func TestInfoCountsAndMarksForItsReader(t *testing.T) {
	s := chat.State{
		Seq: 20, PublicSeq: 15, Tag: 1, PublicTag: 2, VisitorMessages: 6, AgentMessages: 5, RepliedTo: 2, UnansweredSince: 50, WaitingSince: 60,
		Round: chat.Round{Number: 3, State: chat.Assigned, Assignee: 1, OpenedAt: 40},
	}
	marks := []chat.Mark{
		{Who: lin, Received: 18, Read: 16, ReceivedPublic: 13, ReadPublic: 12, AgentMessagesRead: 4, VisitorMessagesRead: 5},
		{Who: ada, Received: 20, Read: 10, ReceivedPublic: 15, ReadPublic: 8, VisitorMessagesRead: 3},
		{Who: ben, Received: 12, Read: 12, ReceivedPublic: 10, ReadPublic: 10, VisitorMessagesRead: 4},
	}
	c := chat.Conversation{UUID: uuid.Must(uuid.FromString(cText))}
	round := wire.Round{Number: 3, State: chat.Assigned, Agent: &wire.Agent{ID: 1, Name: "Ada L."}, OpenedAt: 40, WaitingSince: 60, UnansweredSince: 50}
	for _, tc := range []struct {
		reader chat.ActorRef
		want   wire.ConversationInfo
	}{
		{lin, wire.ConversationInfo{C: c.UUID, Head: wire.Position{N: 15, Tag: 2}, Round: round, Unread: 1, Mine: wire.Marks{Received: 13, Read: 12}, Theirs: wire.Marks{Received: 15, Read: 10}}},
		{ada, wire.ConversationInfo{C: c.UUID, Head: wire.Position{N: 20, Tag: 1}, Round: round, Unread: 3, Mine: wire.Marks{Received: 20, Read: 10}, Theirs: wire.Marks{Received: 18, Read: 16}}},
		{chat.ActorRef{Kind: chat.AgentActor, ID: 9}, wire.ConversationInfo{C: c.UUID, Head: wire.Position{N: 20, Tag: 1}, Round: round, Unread: 4, Theirs: wire.Marks{Received: 18, Read: 16}}},
	} {
		if diff := cmp.Diff(tc.want, wire.InfoFor(c, s, marks, tc.reader, names)); diff != "" {
			t.Errorf("for %s %d (-want +got):\n%s", tc.reader.Kind, tc.reader.ID, diff)
		}
	}
	if m := wire.MarkFor(c.UUID, marks[1], wire.ForVisitor); m.Who != (wire.Person{Kind: chat.AgentActor}) || m.Marks != (wire.Marks{Received: 15, Read: 8}) {
		t.Errorf("a visitor is told %+v", m)
	}
	if m := wire.MarkFor(c.UUID, marks[1], wire.ForAgents); m.Who.ID != 1 || m.Marks != (wire.Marks{Received: 20, Read: 10}) {
		t.Errorf("agents are told %+v", m)
	}
}

func TestAckNamesTheEventOrTheHead(t *testing.T) {
	events := log()
	id := uuid.Must(uuid.FromString(idText))
	changed := chat.Changed{State: chat.State{Seq: 10, PublicSeq: 8, Tag: 110, PublicTag: 109, LastAt: 10000}, Events: events[2:5], Answer: 2}
	for _, tc := range []struct {
		answer int
		a      wire.Audience
		want   wire.Position
		at     int64
	}{
		{2, wire.ForAgents, wire.Position{N: 5, Tag: 105}, 5000},
		{2, wire.ForVisitor, wire.Position{N: 4, Tag: 105}, 5000},
		{-1, wire.ForAgents, wire.Position{N: 10, Tag: 110}, 10000},
		{-1, wire.ForVisitor, wire.Position{N: 8, Tag: 109}, 10000},
	} {
		changed.Answer = tc.answer
		ack := wire.AckFor(&changed, id, tc.a)
		if ack.ID != id || ack.N != tc.want.N || ack.Tag != tc.want.Tag || ack.At != tc.at {
			t.Errorf("%s, answer %d: %+v, want %+v at %d", tc.a, tc.answer, ack, tc.want, tc.at)
		}
	}
}

func TestErrorsSayWhatToDoAndNothingElse(t *testing.T) {
	id := uuid.Must(uuid.FromString(idText))
	refusal := &chat.Refusal{Code: chat.NotYours, Reason: "another agent has it", Round: chat.Round{Number: 2, State: chat.Assigned, Assignee: 2, OpenedAt: 5}}
	secret := errors.New("SQL logic error near /var/lib")
	for name, tc := range map[string]struct {
		err  error
		id   chat.ClientID
		r    int64
		want wire.ServerError
	}{
		"a refusal": {
			fmt.Errorf("send: %w", refusal), id, 0,
			wire.ServerError{ID: id, Code: chat.NotYours, Text: "another agent has it", Do: wire.Fix, Round: &wire.Round{Number: 2, State: chat.Assigned, Agent: &wire.Agent{ID: 2, Name: "Ben K."}, OpenedAt: 5}},
		},
		"without a round": {chat.Refuse(chat.NotFound, "no such"), chat.ClientID{}, 4, wire.ServerError{R: 4, Code: chat.NotFound, Text: "no such", Do: wire.Fix}},
		"busy":            {chat.Refuse(chat.Busy, "full"), id, 0, wire.ServerError{ID: id, Code: chat.Busy, Text: "full", Do: wire.Retry, RetryAfter: 1000}},
		"of a frame": {
			&wire.FrameError{Code: wire.BadFrame, Reason: "bad", R: 9}, chat.ClientID{}, 0,
			wire.ServerError{R: 9, Code: wire.BadFrame, Text: "bad", Do: wire.Fix},
		},
		"of the engine, to a command": {
			secret, id, 0,
			wire.ServerError{ID: id, Code: chat.Unknown, Text: "it is not known whether this was kept: send it again with the same id", Do: wire.Retry, RetryAfter: 500},
		},
		"cancelled, to a request": {
			context.Canceled, chat.ClientID{}, 4,
			wire.ServerError{R: 4, Code: wire.Unavailable, Text: "the server cannot answer this now: try again", Do: wire.Retry, RetryAfter: 2000},
		},
	} {
		tc.want.T = "error"
		if diff := cmp.Diff(tc.want, wire.ErrorFor(tc.err, tc.id, tc.r, names)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", name, diff)
		}
	}
}

func TestCountsAddUpTheSites(t *testing.T) {
	got := wire.CountsFor(map[chat.SiteID]chat.Counts{
		1: {Waiting: 2, Assigned: map[chat.AgentID]int64{1: 3, 2: 1}},
		2: {Waiting: 1, Assigned: map[chat.AgentID]int64{1: 1}},
	}, 1, 9)
	if want := (wire.Counts{Waiting: 3, Mine: 4, Open: 8, Visitors: 9}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestCloseCodesSayComeBackOrStayAway(t *testing.T) {
	for code, back := range map[wire.CloseCode]bool{
		1000: true, 1001: true, 1002: false, 1003: false, 1006: true, 1007: false, 1008: false, 1009: true, 1011: true, 1012: true, 1013: true,
		wire.CloseSlow: true, wire.CloseNoHello: true, wire.CloseSilent: true, wire.CloseRate: true, wire.CloseChanged: true, 4499: true,
		wire.CloseRevoked: false, wire.CloseRefused: false, wire.CloseElsewhere: false, wire.CloseBadClient: false, 4999: false,
	} {
		if code.ComeBack() != back {
			t.Errorf("%d: come back is %v, want %v", code, code.ComeBack(), back)
		}
	}
}

func TestFramesAreWrittenWithTheirNameAndEmptyLists(t *testing.T) {
	for _, tc := range []struct {
		frame wire.Frame
		want  string
	}{
		{wire.ServerPong{Now: 5}, `{"t":"pong","now":5}`},
		{&wire.ServerPong{Now: 5}, `{"t":"pong","now":5}`},
		{wire.ServerPage{}, `{"t":"page","c":"00000000-0000-0000-0000-000000000000","page":{"events":[],"head":{"n":0,"tag":0}}}`},
		{wire.ServerHello{Agents: []wire.AgentInfo{{ID: 1 << 60, Name: "Ada", Presence: wire.Away, Sites: wire.SiteIDs{1<<62 + 1}}}},
			`{"t":"hello","session":"","you":{"kind":""},"sites":[],"limits":{"frame_bytes":0,"text_code_points":0,"message_burst":0,"message_per_second":0,` +
				`"ping_seconds":0,"backoff_min":0,"backoff_max":0},"now":0,"agents":[{"id":"1152921504606846976","name":"Ada","presence":"away","sites":["4611686018427387905"]}]}`},
		{wire.ClientPing{}, `{"t":"ping"}`},
		{wire.ClientText{T: "send", Text: "<a> & \u2028"}, `{"t":"send","id":"00000000-0000-0000-0000-000000000000","text":"<a> & ` + "\u2028" + `"}`},
	} {
		got, err := wire.Encode(tc.frame)
		if err != nil || string(got) != tc.want {
			t.Errorf("%T is written as %s, %v; want %s", tc.frame, got, err, tc.want)
		}
	}
	if text, err := wire.Encode(wire.ServerError{Text: "\xff"}); err == nil {
		t.Errorf("bad UTF-8 is written as %q", text)
	}
	var back wire.SiteIDs
	f, _, err := wire.DecodeServer([]byte(`{"t":"hello","agents":[{"id":"1","sites":["4611686018427387905"]}]}`))
	if err == nil {
		back = f.(*wire.ServerHello).Agents[0].Sites
	}
	if len(back) != 1 || back[0] != 1<<62+1 {
		t.Errorf("sites are read as %v, %v", back, err)
	}
}
