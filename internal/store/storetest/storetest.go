// Package storetest is what every chat.Store must do, whatever its database.
package storetest

import (
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/files"
	"github.com/kefu-chat/kefu/internal/retention"
)

// Engine is an open store.
type Engine interface {
	chat.Store
	files.Store
	retention.RoundStore
	Close() error
}

// Options are what a test needs of the engine that it opens.
type Options struct {
	// Place names the database: the same place, opened again, holds what it held.
	Place string
	Now   func() time.Time
	// Fast allows to lose what was acknowledged at a power cut.
	Fast      bool
	Committed func([]chat.Changed)
	Marked    func([]chat.Mark)
	// Commit wraps the commit of each group.
	Commit func(commit func() error) error
}

// Open opens a store; it fails the test when it cannot.
type Open func(t testing.TB, o Options) Engine

// Run checks a store.
func Run(t *testing.T, open Open) {
	for name, test := range map[string]func(*fixture){
		"Beginning":         testBeginning,
		"BeginningTogether": testBeginningTogether,
		"NotFound":          testNotFound,
		"Counters":          testCounters,
		"ConcurrentWriters": testConcurrentWriters,
		"Rollbacks":         testRollbacks,
		"Busy":              testClosed,
		"Repeats":           testRepeats,
		"RepeatsTogether":   testRepeatsTogether,
		"NothingChanged":    testNothingChanged,
		"PagingForward":     testPagingForward,
		"PagingBackward":    testPagingBackward,
		"PagingPublic":      testPagingPublic,
		"Positions":         testPositions,
		"Marks":             testMarks,
		"MarksPublic":       testMarksPublic,
		"MarksTruncated":    testMarksTruncated,
		"Edit":              testEdit,
		"Recall":            testRecall,
		"ReviseTogether":    testReviseTogether,
		"Truncate":          testTruncate,
		"ListWaiting":       testListWaiting,
		"ListMine":          testListMine,
		"ListNewest":        testListNewest,
		"ListRows":          testListRows,
		"Counts":            testCounts,
		"Sites":             testSites,
		"Healing":           testHealing,
		"TakeRace":          testTakeRace,
		"Rounds":            testRounds,
		"CommitFails":       testCommitFails,
		"CommitUnknown":     testCommitUnknown,
		"ToldInOrder":       testToldInOrder,
		"Reopen":            testReopen,
		"Model":             testModel,
		"BroadcastRows":     testBroadcastRows,
		"BroadcastLog":      testBroadcastLog,
		"BroadcastReaders":  testBroadcastReaders,
		"BroadcastSegment":  testBroadcastSegment,
		"BroadcastLists":    testBroadcastLists,
		"Carry":             testCarry,
		"CarryFiles":        testCarryFiles,
		"CarryJoins":        testCarryJoins,
		"CarryNothing":      testCarryNothing,
		"CarryFails":        testCarryFails,
		"CarryRace":         testCarryRace,
		"CarryLong":         testCarryLong,
		"FilesOfMessages":   testFilesOfMessages,
		"FilesRace":         testFilesRace,
		"FilesTogether":     testFilesTogether,
		"FilesGo":           testFilesGo,
		"FilesUploads":      testFilesUploads,
		"FilesQuotas":       testFilesQuotas,
		"FilesQuotasRace":   testFilesQuotasRace,

		"Retention":          testRetention,
		"RetentionAlive":     testRetentionAlive,
		"RetentionMarks":     testRetentionMarks,
		"RetentionSteps":     testRetentionSteps,
		"RetentionPositions": testRetentionPositions,
		"Erase":              testErase,
		"EraseReplay":        testEraseReplay,
		"EraseRace":          testEraseRace,
		"EraseCarried":       testEraseCarried,
		"EraseReplayCarried": testEraseReplayCarried,
		"EraseVerified":      testEraseVerified,
		"EraseFirst":         testEraseFirst,
		"EraseTickets":       testEraseTickets,
		"EraseListed":        testEraseListed,
		"Export":             testExport,
	} {
		t.Run(name, func(t *testing.T) { test(newFixture(t, open)) })
	}
}

// fixture is a store under test, with a clock that only the test moves.
type fixture struct {
	testing.TB
	T     *testing.T
	open  Open
	o     Options
	store Engine
	clock atomic.Int64

	mu     sync.Mutex
	told   []chat.Changed
	marked []chat.Mark
	commit func(commit func() error) error
}

// site is the site of most tests; the agents work on it.
const site chat.SiteID = 71

var (
	ann  = chat.Actor{Kind: chat.AgentActor, ID: 101, Name: "Ann", Role: chat.RoleAgent}
	bo   = chat.Actor{Kind: chat.AgentActor, ID: 102, Name: "博", Role: chat.RoleAgent}
	boss = chat.Actor{Kind: chat.AgentActor, ID: 103, Name: "Boss", Role: chat.RoleSupervisor}
)

// start is when the clock of each test starts: in the middle of a second.
const start = 1_800_000_000_500

func newFixture(t *testing.T, open Open) *fixture {
	f := &fixture{TB: t, T: t, open: open}
	f.clock.Store(start)
	f.o = Options{Place: t.TempDir(), Now: func() time.Time { return time.UnixMilli(f.clock.Load()) }, Committed: f.hear, Marked: f.hearMarks, Commit: f.wrapCommit}
	f.store = open(t, f.o)
	t.Cleanup(func() {
		if err := f.store.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return f
}

// reopen closes the store and opens the same place again.
func (f *fixture) reopen() {
	f.Helper()
	f.no(f.store.Close())
	f.store = f.open(f.TB, f.o)
}

func (f *fixture) hear(batch []chat.Changed) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.told = append(f.told, batch...)
}

func (f *fixture) hearMarks(batch []chat.Mark) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.marked = append(f.marked, batch...)
}

func (f *fixture) wrapCommit(commit func() error) error {
	f.mu.Lock()
	wrap := f.commit
	f.mu.Unlock()
	if wrap == nil {
		return commit()
	}
	return wrap(commit)
}

func (f *fixture) onCommit(wrap func(commit func() error) error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.commit = wrap
}

// heard is what the listeners were told so far. The announcer tells a group's
// listeners after its Done: a later change, done, means that it has.
func (f *fixture) heard() ([]chat.Changed, []chat.Mark) {
	f.Helper()
	return f.heardAs(1 << 20)
}

// heardAs waits for as many changes as reach each committer, of visitors numbered from n.
func (f *fixture) heardAs(n int) ([]chat.Changed, []chat.Mark) {
	f.Helper()
	for i := range 32 {
		f.begin(chat.Beginning{Site: 9999, SecretHash: secret(n + i)}, "a change of its own, to wait for")
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	ofOthers := func(c chat.Changed) bool { return c.Conversation.Site == 9999 }
	return slices.DeleteFunc(slices.Clone(f.told), ofOthers), slices.Clone(f.marked)
}

func (f *fixture) pass(d time.Duration) { f.clock.Add(d.Milliseconds()) }

// The clock of the rules: nobody is absent, everybody is here.

func (f *fixture) Now() time.Time                        { return time.UnixMilli(f.clock.Load()) }
func (f *fixture) Here(chat.SiteID, chat.AgentID) bool   { return true }
func (f *fixture) Absent(chat.SiteID, chat.AgentID) bool { return false }

func secret(n int) []byte {
	hash := make([]byte, 32)
	hash[0], hash[1], hash[2] = byte(n), byte(n>>8), byte(n>>16)
	return hash
}

func newClientID() chat.ClientID { return uuid.Must(uuid.NewV7()) }

// deadline is long after anything that works is done.
const deadline = 20 * time.Second

// result is what Done got.
type result struct {
	changed chat.Changed
	err     error
}

// submit queues a change; the channel gets its outcome.
func (f *fixture) submit(c chat.Change) <-chan result {
	out := make(chan result, 2)
	c.Done = func(changed chat.Changed, err error) { out <- result{changed, err} }
	f.store.Change(&c)
	return out
}

func (f *fixture) await(out <-chan result) (chat.Changed, error) {
	f.Helper()
	select {
	case r := <-out:
		return r.changed, r.err
	case <-time.After(deadline):
		f.Fatal("Done was not called")
		return chat.Changed{}, nil
	}
}

// try changes and waits.
func (f *fixture) try(c chat.Change) (chat.Changed, error) {
	f.Helper()
	return f.await(f.submit(c))
}

// must changes, waits, and fails if it was refused.
func (f *fixture) must(c chat.Change) chat.Changed {
	f.Helper()
	changed, err := f.try(c)
	f.no(err)
	return changed
}

func (f *fixture) no(err error) {
	f.Helper()
	if err != nil {
		f.Fatal(err)
	}
}

// refused checks the code of a refusal.
func (f *fixture) refused(err error, want chat.Code) {
	f.Helper()
	if err == nil || chat.CodeOf(err) != want {
		f.Fatalf("got %v, want a refusal %s", err, want)
	}
}

func (f *fixture) begin(b chat.Beginning, text string) chat.Changed {
	f.Helper()
	by := chat.Actor{Kind: chat.VisitorActor}
	return f.must(chat.Change{Begin: &b, By: by, ClientID: newClientID(), Fingerprint: []byte(text), Decide: chat.SendMessage(by, text, f)})
}

// conversation is a new one of the site with its visitor; it has events 1
// (opened) and 2 (message).
func (f *fixture) conversation(n int) (chat.ConversationID, chat.Actor) {
	f.Helper()
	c := f.begin(chat.Beginning{Site: site, SecretHash: secret(n)}, "hello")
	return c.Conversation.ID, chat.Actor{Kind: chat.VisitorActor, ID: int64(c.Conversation.Visitor)}
}

func (f *fixture) message(id chat.ConversationID, by chat.Actor, text string) chat.Change {
	return chat.Change{Conversation: id, By: by, ClientID: newClientID(), Fingerprint: []byte(text), Decide: chat.SendMessage(by, text, f)}
}

func (f *fixture) note(id chat.ConversationID, by chat.Actor, text string) chat.Change {
	return chat.Change{Conversation: id, By: by, ClientID: newClientID(), Fingerprint: []byte(text), Decide: chat.AddNote(by, text)}
}

// command is any other rule.
func command(id chat.ConversationID, by chat.Actor, rule chat.Decide) chat.Change {
	return chat.Change{Conversation: id, By: by, ClientID: newClientID(), Fingerprint: []byte("command"), Decide: rule}
}

func (f *fixture) head(id chat.ConversationID) chat.State {
	f.Helper()
	s, err := f.store.Head(f.Context(), id)
	f.no(err)
	return s
}

func (f *fixture) page(q chat.PageQuery) chat.Page {
	f.Helper()
	p, err := f.store.Page(f.Context(), q)
	f.no(err)
	return p
}

// all reads every event of a conversation, page by page.
func (f *fixture) all(id chat.ConversationID) []chat.Event {
	f.Helper()
	var events []chat.Event
	after := chat.Position{}
	for {
		p := f.page(chat.PageQuery{Conversation: id, After: &after, Limit: 200})
		if p.Reset {
			f.Fatalf("the position %v, read a moment ago, is not of this log", after)
		}
		events = append(events, p.Events...)
		if !p.More {
			return events
		}
		last := p.Events[len(p.Events)-1]
		after = chat.Position{Number: last.Seq, Tag: last.Tag}
	}
}

// texts are the bodies of messages and notes; "" for erased ones.
func (f *fixture) texts(events []chat.Event) []string {
	f.Helper()
	var out []string
	for _, e := range events {
		if e.Kind != chat.Message && e.Kind != chat.Note {
			continue
		}
		text, err := e.Body.Text()
		f.no(err)
		out = append(out, text.Text)
	}
	return out
}
