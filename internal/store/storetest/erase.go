package storetest

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/kefu-chat/kefu/internal/audit"
	"github.com/kefu-chat/kefu/internal/broadcast"
	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/files"
	"github.com/kefu-chat/kefu/internal/retention"
	"github.com/kefu-chat/kefu/internal/webhook"
)

// erasing is what a store needs for it beside chat.Store and files.Store.
type erasing interface {
	retention.EraseStore
	retention.ExportStore
	audit.Store
	webhook.Store
	ErasedSince(ctx context.Context, spanMillis int64) ([]retention.Hash, chat.Millis, error)
	// Words are all texts and bytes of the rows of a table, for what must not be in them.
	Words(ctx context.Context) (map[string][]string, error)
}

// journal is one in memory.
type journal struct{ all []retention.Hash }

func (j *journal) Note(_ context.Context, h retention.Hash) error {
	j.all = append(j.all, h)
	return nil
}
func (j *journal) All(context.Context) ([]retention.Hash, error) { return j.all, nil }

// gone is told who was erased.
type gone []chat.Conversation

func (*gone) Shortened(chat.Conversation, chat.State) {}
func (g *gone) Erased(c chat.Conversation, _ []byte)  { *g = append(*g, c) }

func (f *fixture) eraser(j retention.Journal) (*retention.Eraser, erasing, *gone) {
	f.Helper()
	told := &gone{}
	store, ok := f.store.(erasing)
	if !ok {
		f.Fatal("the store erases nobody")
	}
	sweep := func(context.Context) error { return nil }
	return retention.NewEraser(store, store, j, told, sweep, f.Now, slog.New(slog.DiscardHandler)), store, told
}

const secretWord = "only-this-person-says"

// person is a visitor of whom something stands in as many places as there are.
func (f *fixture) person(n int) (c chat.Conversation, file chat.FileID, unsent chat.FileID) {
	f.Helper()
	begun := f.begin(chat.Beginning{Site: site, SecretHash: secret(n), Profile: chat.Profile{Name: secretWord, Email: secretWord + "@example.com"}}, secretWord)
	c = begun.Conversation
	visitor := chat.Actor{Kind: chat.VisitorActor, ID: int64(c.Visitor)}
	owner := chat.VisitorFiles(secret(n))
	file, unsent = f.upload(owner, site, true).ID, f.upload(owner, site, false).ID
	sent, err := f.sends(chat.Command{By: visitor, ClientID: newClientID(), Conversation: c.ID, Files: []chat.FileID{file}, Owner: owner}, secretWord)
	f.no(err)
	for _, text := range []string{secretWord + " again", "changed"} {
		_, err = f.ask(func(d *chat.Desk, done chat.Done) {
			d.Edit(chat.Command{By: visitor, ClientID: newClientID(), Conversation: c.ID}, sent.Events[sent.Answer].PublicSeq, text, done)
		})
		f.no(err)
	}
	f.must(f.message(c.ID, ann, "to "+secretWord))
	f.must(f.note(c.ID, ann, "about "+secretWord))
	f.must(command(c.ID, ann, chat.Resolve(ann)))
	_, _, err = f.mark(chat.MarkChange{Conversation: c.ID, Who: ann.Ref(), Read: 3})
	f.no(err)
	return c, file, unsent
}

// Of a visitor who was erased nothing is left, of the others everything.
func testErase(f *fixture) {
	j := &journal{}
	eraser, store, told := f.eraser(j)
	f.no(store.InsertWebhook(f.Context(), webhook.Webhook{ID: 1, Site: site, URL: "https://a.example", Types: []webhook.Type{"message.created"}, State: webhook.On}))
	f.no(store.RefreshWishes(f.Context()))
	other, otherFile, _ := f.person(1)
	c, file, unsent := f.person(2)
	before := f.all(other.ID)
	list := f.word(1, "to two")
	list.State = broadcast.Draft
	list.Content.Audience = broadcast.Audience{Kind: broadcast.Listed, List: broadcast.ListOf([]chat.VisitorID{c.Visitor, other.Visitor})}
	_, err := f.broadcasts().UpdateBroadcast(f.Context(), list)
	f.no(err)
	f.no(store.Log(f.Context(), webhook.Delivery{ID: 1, Webhook: 1, Conversation: c.ID, Seq: 2, Type: "message.created", At: start}))
	by := audit.By{Actor: ann.Ref(), Address: "192.0.2.1"}
	done, err := eraser.Erase(f.Context(), by, site, c.Visitor)
	f.no(err)
	if done.Removed.Outgoing == 0 {
		f.Error("nothing was still to be told to the webhook")
	}
	receipt := done
	done.Removed.Outgoing = 0
	// opened, two texts, two edits, assigned, answer, note, resolved
	if want := (retention.Removed{Rounds: 1, Events: 9, Revisions: 2, Files: 2, Bytes: 200, Lists: 1}); done.Removed != want || done.Site != site || done.At == 0 {
		f.Errorf("the receipt is %+v, want removed %+v", done, want)
	}
	for _, id := range []chat.FileID{file, unsent} {
		if got := f.file(id); got.State != files.Gone || got.DeleteAt == 0 {
			f.Errorf("file %d is %+v", id, got)
		}
		f.no(f.store.ForgetFile(f.Context(), id))
	}
	f.erased(store, c, done)
	if len(*told) != 1 || (*told)[0] != c || !slices.Equal(j.all, []retention.Hash{done.Hash}) {
		f.Errorf("told was %+v, the journal has %v", *told, j.all)
	}
	// Once more is once.
	again, err := eraser.Erase(f.Context(), by, site, c.Visitor)
	if f.no(err); again != receipt {
		f.Errorf("again the receipt is %+v, want %+v", again, receipt)
	}
	_, err = eraser.Erase(f.Context(), by, site, 12345)
	f.refused(err, chat.NotFound)
	_, err = eraser.Erase(f.Context(), by, site+1, other.Visitor)
	f.refused(err, chat.NotFound)
	// The other one is as it was.
	if got := f.all(other.ID); len(got) != len(before) || f.file(otherFile).State != files.Sent {
		f.Errorf("the other visitor has %d events, it had %d; its file is %s", len(got), len(before), f.file(otherFile).State)
	}
	words, err := f.broadcasts().BroadcastList(f.Context(), list.ID)
	if f.no(err); words.Len() != 1 || !words.Has(other.Visitor) {
		f.Errorf("the list names %d visitors", words.Len())
	}
	// Who comes back with the same secret is somebody new.
	back := f.begin(chat.Beginning{Site: site, SecretHash: secret(2)}, "hello again")
	if back.Conversation.ID == c.ID || back.Conversation.Visitor == c.Visitor || back.State.Seq != 2 {
		f.Errorf("who came back got %+v", back.State)
	}
}

// erased checks that nothing of the visitor is left.
func (f *fixture) erased(store erasing, c chat.Conversation, done retention.Erasure) {
	f.Helper()
	_, err := f.store.Head(f.Context(), c.ID)
	f.refused(err, chat.NotFound)
	_, err = f.store.Conversation(f.Context(), c.UUID)
	f.refused(err, chat.NotFound)
	_, err = f.try(f.message(c.ID, ann, "to nobody"))
	f.refused(err, chat.NotFound)
	rows, err := f.store.Rows(f.Context(), ann.Agent(), []chat.ConversationID{c.ID})
	if f.no(err); len(rows) != 0 {
		f.Errorf("the lists have %+v", rows)
	}
	hashes, _, err := store.ErasedSince(f.Context(), 1000)
	if f.no(err); !slices.Equal(hashes, []retention.Hash{done.Hash}) {
		f.Errorf("erased in the last second are %v", hashes)
	}
	entries, err := store.Entries(f.Context(), audit.Query{Limit: 10})
	f.no(err)
	if len(entries) != 1 || entries[0].What != audit.VisitorErased || entries[0].By != ann.Ref() || entries[0].Site != site {
		f.Errorf("the audit has %+v", entries)
	}
	tables, err := store.Words(f.Context())
	f.no(err)
	found := 0
	for table, words := range tables {
		for _, word := range words {
			if strings.Contains(word, secretWord) {
				found++
			}
			number := word == decimal(int64(c.ID)) || word == decimal(int64(c.Visitor))
			if number || strings.Contains(word, string(c.UUID[:])) || strings.Contains(word, string(secret(2))) {
				f.Errorf("the table %s names the visitor: %q", table, word)
			}
		}
	}
	if found != 7 { // what the other visitor has: its profile twice, two texts, what edits replaced, and ann's answer and note
		f.Errorf("%d texts have the word that two visitors used, want those of the one who is left", found)
	}
}

func decimal(n int64) string { return strconv.FormatInt(n, 10) }

// Whoever logged in is erased with the anonymous visitor that it was, in which its page
// may have said who it is.
func testEraseCarried(f *fixture) {
	f.begin(chat.Beginning{Site: site, SecretHash: anonymous(1), Profile: chat.Profile{Name: secretWord}}, secretWord)
	over := f.carry(1)
	j := &journal{}
	eraser, store, told := f.eraser(j)
	if _, err := eraser.Erase(f.Context(), audit.By{Actor: ann.Ref()}, site, over.To.Conversation.Visitor); err != nil {
		f.Fatal(err)
	}
	tables, err := store.Words(f.Context())
	f.no(err)
	for table, words := range tables {
		for _, word := range words {
			if strings.Contains(word, secretWord) {
				f.Errorf("the table %s has %q", table, word)
			}
		}
	}
	if len(*told) != 2 || len(j.all) != 2 || len(tables["carried"]) != 0 {
		f.Errorf("told was %+v, the journal has %v, carried are %q: want both visitors, and no carry", *told, j.all, tables["carried"])
	}
}

// A restored database has both: to repeat the first takes the second along, whose turn
// comes then and finds nobody.
func testEraseReplayCarried(f *fixture) {
	to := f.begin(chat.Beginning{Site: site, SecretHash: verified(1), Visitor: 1000}, "here before").Conversation
	from := f.begin(chat.Beginning{Site: site, SecretHash: anonymous(1), Visitor: 2000}, secretWord).Conversation
	if over := f.carry(1); !over.Carried || to.Visitor >= from.Visitor {
		f.Fatalf("%d was not carried to %d: %+v", from.Visitor, to.Visitor, over)
	}
	j := &journal{all: []retention.Hash{retention.HashOf(site, to.Visitor), retention.HashOf(site, from.Visitor)}}
	eraser, _, _ := f.eraser(j)
	if n, err := eraser.Replay(f.Context()); err != nil || n != 1 {
		f.Fatalf("%d were erased again, %v", n, err)
	}
	for _, c := range []chat.Conversation{to, from} {
		_, err := f.store.Head(f.Context(), c.ID)
		f.refused(err, chat.NotFound)
	}
}

// Whoever was erased does not come back by what its tab sends at that moment.
func testEraseVerified(f *fixture) {
	_, err := f.try(chat.Change{
		Begin:    &chat.Beginning{Site: site, SecretHash: verified(1), Visitor: 77, Profile: chat.Profile{Vouched: &chat.Vouched{ID: "u-1"}}},
		By:       chat.Actor{Kind: chat.VisitorActor},
		ClientID: newClientID(), Fingerprint: []byte("x"), Decide: chat.SendMessage(chat.Actor{Kind: chat.VisitorActor}, secretWord, f),
	})
	f.refused(err, "log_in_ended")
}

// A database that is older than an erasure has the visitor: nobody is served before it
// is erased again. Who is not there is noted, too.
func testEraseReplay(f *fixture) {
	c, _, _ := f.person(1)
	other, _, _ := f.person(2)
	j := &journal{all: []retention.Hash{retention.HashOf(site, c.Visitor), retention.HashOf(site, 99)}}
	eraser, store, _ := f.eraser(j)
	n, err := eraser.Replay(f.Context())
	if f.no(err); n != 1 {
		f.Errorf("%d were erased again", n)
	}
	_, err = f.store.Head(f.Context(), c.ID)
	f.refused(err, chat.NotFound)
	f.head(other.ID)
	if unknown, err := store.Unknown(f.Context(), j.all); err != nil || len(unknown) != 0 {
		f.Errorf("unknown are %v, %v", unknown, err)
	}
	if n, err = eraser.Replay(f.Context()); n != 0 || err != nil {
		f.Errorf("a second time %d were erased, %v", n, err)
	}
}

// A visitor may write while it is erased: that goes, too, or it is the first word of somebody new.
func testEraseRace(f *fixture) {
	begun := f.begin(chat.Beginning{Site: site, SecretHash: secret(1)}, "hello")
	id, visitor := begun.Conversation.ID, chat.Actor{Kind: chat.VisitorActor, ID: int64(begun.Conversation.Visitor)}
	for range 600 {
		f.submit(f.message(id, visitor, "more"))
	}
	eraser, _, _ := f.eraser(&journal{})
	stop, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		for {
			select {
			case <-stop:
				return
			default:
			}
			if _, err := f.try(f.message(id, visitor, "and more")); err != nil && chat.CodeOf(err) != chat.NotFound && !errors.Is(err, context.Canceled) {
				f.Errorf("the visitor is answered %v", err)
			}
		}
	}()
	done, err := eraser.Erase(f.Context(), audit.By{Actor: ann.Ref()}, site, begun.Conversation.Visitor)
	close(stop)
	<-ended
	f.no(err)
	if done.Removed.Events < 602 {
		f.Errorf("removed was %+v", done.Removed)
	}
	_, err = f.store.Head(f.Context(), id)
	f.refused(err, chat.NotFound)
	if p, err := f.store.Page(f.Context(), chat.PageQuery{Conversation: id, Limit: 10}); chat.CodeOf(err) != chat.NotFound {
		f.Errorf("the page is %+v, %v", p, err)
	}
	f.pass(time.Second)
}
