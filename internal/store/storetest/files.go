package storetest

import (
	"fmt"
	"slices"
	"sync"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/files"
)

const keep = 24 * time.Hour

var annsFiles = chat.AgentFiles(ann.Agent())

// Member is chat.Members: nobody needs it here.
func (f *fixture) Member(chat.SiteID, chat.AgentID) (string, bool) { return "", true }

// upload begins an upload; complete says whether it is made whole, too.
func (f *fixture) upload(owner chat.FileOwner, on chat.SiteID, complete bool) chat.File {
	f.Helper()
	id := chat.FileID(chat.NewID(time.Now()))
	begun, err := f.store.InsertFile(f.Context(), files.File{File: chat.File{ID: id, Name: fmt.Sprintf("图 %d.png", id), Type: "x/y", Size: 100}, Site: on, Owner: owner}, files.Use{Keep: keep})
	f.no(err)
	if complete {
		begun.State, begun.Type, begun.Width, begun.Height = files.Complete, "image/png", 3, 4
		f.no(f.store.CompleteFile(f.Context(), begun))
	}
	return begun.File
}

// ask carries a command of the desk out.
func (f *fixture) ask(command func(d *chat.Desk, done chat.Done)) (chat.Changed, error) {
	f.Helper()
	out := make(chan result, 1)
	command(chat.NewDesk(f.store, f, f, 1000), func(changed chat.Changed, err error) { out <- result{changed, err} })
	return f.await(out)
}

func (f *fixture) sends(c chat.Command, text string) (chat.Changed, error) {
	f.Helper()
	return f.ask(func(d *chat.Desk, done chat.Done) { d.Send(c, text, done) })
}

func (f *fixture) file(id chat.FileID) files.File {
	f.Helper()
	got, err := f.store.File(f.Context(), id)
	f.no(err)
	return got
}

// attached are the files of the event that answers a command.
func (f *fixture) attached(c chat.Changed) []chat.File {
	f.Helper()
	text, err := c.Events[c.Answer].Body.Text()
	f.no(err)
	return text.Files
}

func testFilesOfMessages(f *fixture) {
	hash := secret(1)
	mine := chat.VisitorFiles(hash)
	first, second := f.upload(mine, site, true), f.upload(mine, site, true)
	begin := chat.Command{
		By: chat.Actor{Kind: chat.VisitorActor}, ClientID: newClientID(), Begin: &chat.Beginning{Site: site, SecretHash: hash},
		Files: []chat.FileID{second.ID, first.ID}, Owner: mine,
	}
	sent, err := f.sends(begin, " ") // a newcomer's first message, blank but for its files
	f.no(err)
	want := []chat.File{second, first}
	if diff := cmp.Diff(want, f.attached(sent)); diff != "" {
		f.Fatalf("the message's files (-want +got):\n%s", diff)
	}
	event := sent.Events[sent.Answer]
	got := f.file(first.ID)
	if got.State != files.Sent || got.Conversation != sent.Conversation.ID || got.Seq != event.Seq || !got.Public || got.DeleteAt != 0 {
		f.Errorf("the file is %+v", got)
	}
	repeat, err := f.sends(begin, " ")
	f.no(err)
	if !repeat.Repeat || repeat.Events[0].Seq != event.Seq || !cmp.Equal(f.attached(repeat), want) {
		f.Errorf("the repeat got %+v", repeat)
	}
	begin.Files = begin.Files[:1]
	_, err = f.sends(begin, " ")
	f.refused(err, chat.ClientIDReused)

	id, visitor := sent.Conversation.ID, chat.Actor{Kind: chat.VisitorActor, ID: int64(sent.Conversation.Visitor)}
	for name, one := range map[string]struct {
		owner chat.FileOwner
		id    chat.FileID
	}{
		"in another message": {mine, first.ID},
		"somebody else's":    {chat.VisitorFiles(secret(2)), f.upload(mine, site, true).ID},
		"of nobody":          {"", f.upload(mine, site, true).ID},
		"of another site":    {mine, f.upload(mine, site+1, true).ID},
		"not complete":       {mine, f.upload(mine, site, false).ID},
		"never there":        {mine, 12345},
	} {
		before := f.head(id).Seq
		_, err := f.sends(chat.Command{By: visitor, ClientID: newClientID(), Conversation: id, Files: []chat.FileID{one.id}, Owner: one.owner}, "look")
		if chat.CodeOf(err) != chat.BadFiles || f.head(id).Seq != before {
			f.Errorf("a file %s: %v", name, err)
		}
	}
	note := chat.Command{By: ann, ClientID: newClientID(), Conversation: id, Files: []chat.FileID{f.upload(annsFiles, site, true).ID}, Owner: annsFiles}
	noted, err := f.ask(func(d *chat.Desk, done chat.Done) { d.Note(note, "", done) })
	f.no(err)
	if got := f.file(note.Files[0]); got.State != files.Sent || got.Public || got.Seq != noted.Events[0].Seq {
		f.Errorf("the note's file is %+v", got)
	}
}

// Of many messages that name a file, in many conversations, one gets it.
func testFilesRace(f *fixture) {
	const racers = 12
	var ids [racers]chat.ConversationID
	for i := range ids {
		ids[i], _ = f.conversation(i)
	}
	one, other := f.upload(annsFiles, site, true), f.upload(annsFiles, site, true)
	var all sync.WaitGroup
	won := make(chan chat.Changed, racers)
	for i, id := range ids {
		all.Go(func() {
			named := []chat.FileID{one.ID, other.ID}
			if i%2 == 1 {
				slices.Reverse(named)
			}
			changed, err := f.sends(chat.Command{By: ann, ClientID: newClientID(), Conversation: id, Files: named, Owner: annsFiles}, "here")
			switch {
			case err == nil:
				won <- changed
			case chat.CodeOf(err) != chat.BadFiles:
				f.Errorf("conversation %d: %v", id, err)
			}
		})
	}
	all.Wait()
	if len(won) != 1 {
		f.Fatalf("%d messages have the file", len(won))
	}
	if w := <-won; f.file(one.ID).Conversation != w.Conversation.ID || f.file(other.ID).Conversation != w.Conversation.ID {
		f.Error("the file is in another conversation than its message")
	}
}

// Messages that wait for the same commit group and name one file: one gets it.
func testFilesTogether(f *fixture) {
	const racers = 8
	var ids [racers]chat.ConversationID
	for i := range ids {
		ids[i], _ = f.conversation(i)
	}
	one := f.upload(annsFiles, site, true)
	held, release := make(chan struct{}), make(chan struct{})
	var first sync.Once
	f.onCommit(func(commit func() error) error {
		first.Do(func() {
			close(held)
			<-release
		})
		return commit()
	})
	before := f.submit(f.note(ids[0], ann, "the others gather behind it"))
	<-held
	desk, outs := chat.NewDesk(f.store, f, f, 1000), make(chan result, racers)
	for _, id := range ids {
		named := chat.Command{By: ann, ClientID: newClientID(), Conversation: id, Files: []chat.FileID{one.ID}, Owner: annsFiles}
		desk.Send(named, "here", func(changed chat.Changed, err error) { outs <- result{changed, err} })
	}
	close(release)
	_, err := f.await(before)
	f.no(err)
	var won []chat.ConversationID
	for range ids {
		changed, err := f.await(outs)
		if err == nil {
			won = append(won, changed.Conversation.ID)
		} else {
			f.refused(err, chat.BadFiles)
		}
	}
	if len(won) != 1 || f.file(one.ID).Conversation != won[0] {
		f.Fatalf("conversations %v have the file, which is in %d", won, f.file(one.ID).Conversation)
	}
}

func testFilesGo(f *fixture) {
	id, _ := f.conversation(1)
	send := func() (chat.FileID, chat.Event) {
		one := f.upload(annsFiles, site, true)
		sent, err := f.sends(chat.Command{By: ann, ClientID: newClientID(), Conversation: id, Files: []chat.FileID{one.ID}, Owner: annsFiles}, "look")
		f.no(err)
		return one.ID, sent.Events[sent.Answer]
	}
	command := func() chat.Command { return chat.Command{By: ann, ClientID: newClientID(), Conversation: id} }
	recalled, message := send()
	edited, err := f.ask(func(d *chat.Desk, done chat.Done) { d.Edit(command(), message.Seq, "", done) })
	f.no(err) // beside a file a text may be empty
	if text, err := edited.Events[0].Target.Body.Text(); err != nil || len(text.Files) != 1 || text.Text != "" {
		f.Errorf("the edited message has %+v, %v", text, err)
	}
	if f.file(recalled).State != files.Sent {
		f.Error("an edit took the file away")
	}
	_, err = f.ask(func(d *chat.Desk, done chat.Done) { d.Recall(command(), message.Seq, done) })
	f.no(err)
	if got := f.file(recalled); got.State != files.Gone || got.DeleteAt == 0 {
		f.Errorf("the recalled message's file is %+v", got)
	}
	plain := f.must(f.message(id, ann, "no files"))
	_, err = f.ask(func(d *chat.Desk, done chat.Done) { d.Edit(command(), plain.Events[0].Seq, " ", done) })
	f.refused(err, chat.BlankText)

	old, _ := send()
	kept, last := send()
	f.no(f.store.Truncate(f.Context(), id, last.Seq))
	if f.file(old).State != files.Gone || f.file(kept).State != files.Sent {
		f.Errorf("after a prefix went, its file is %s, a later one %s", f.file(old).State, f.file(kept).State)
	}
	due, err := f.store.DueFiles(f.Context(), 10)
	f.no(err)
	var ids []chat.FileID
	for _, d := range due {
		ids = append(ids, d.ID)
	}
	slices.Sort(ids)
	if want := []chat.FileID{recalled, old}; !slices.Equal(ids, want) {
		f.Errorf("due are %v, want %v", ids, want)
	}
	for range 2 { // twice is once
		f.no(f.store.ForgetFile(f.Context(), old))
	}
	_, err = f.store.File(f.Context(), old)
	f.refused(err, chat.NotFound)
	f.refused(f.store.ForgetFile(f.Context(), kept), chat.Conflict)
	f.refused(f.store.GiveUp(f.Context(), kept), chat.Conflict)
}

func testFilesUploads(f *fixture) {
	ctx := f.Context()
	one := f.upload(annsFiles, site, false)
	for _, n := range []int{3, 1, 3} {
		f.no(f.store.AddPart(ctx, one.ID, n))
	}
	if parts, err := f.store.PartsOf(ctx, one.ID); err != nil || !slices.Equal(parts, []int{1, 3}) {
		f.Errorf("parts are %v, %v", parts, err)
	}
	f.refused(f.store.AddPart(ctx, 999, 1), chat.NotFound)
	whole := f.file(one.ID)
	whole.State, whole.Size, whole.Attempt = files.Complete, 60, 1<<62
	f.no(f.store.CompleteFile(ctx, whole))
	f.refused(f.store.CompleteFile(ctx, whole), chat.Conflict)
	f.refused(f.store.AddPart(ctx, one.ID, 2), chat.Conflict)
	f.no(f.store.SetPreviews(ctx, one.ID, files.Small|files.Tried))
	if got := f.file(one.ID); got.Previews != files.Small|files.Tried || got.Size != 60 || got.Attempt != 1<<62 {
		f.Errorf("the file is %+v", got)
	}
	if due, err := f.store.DueFiles(ctx, 10); err != nil || len(due) != 0 {
		f.Errorf("due are %v, %v", due, err)
	}
	f.pass(keep + time.Millisecond)
	due, err := f.store.DueFiles(ctx, 10)
	f.no(err)
	if len(due) != 1 || due[0].ID != one.ID {
		f.Errorf("after its time due are %v", due)
	}
	f.no(f.store.GiveUp(ctx, one.ID))
	f.no(f.store.GiveUp(ctx, one.ID))
	key, err := f.store.FilesKey(ctx)
	f.no(err)
	again, err := f.store.FilesKey(ctx)
	f.no(err)
	if len(key) != 32 || !slices.Equal(key, again) {
		f.Errorf("the keys are %x and %x", key, again)
	}
}

func testFilesQuotas(f *fixture) {
	ctx := f.Context()
	next := chat.FileID(0)
	begin := func(owner chat.FileOwner, size int64) (files.File, error) {
		next++
		return f.store.InsertFile(ctx, files.File{File: chat.File{ID: next, Size: size}, Site: site, Owner: owner},
			files.Use{OwnerBytes: 100, SiteBytes: 150, Unsent: 3, Keep: keep})
	}
	a, b := chat.VisitorFiles(secret(1)), chat.VisitorFiles(secret(2))
	first, err := begin(a, 90)
	f.no(err)
	_, err = begin(a, 11)
	f.refused(err, files.QuotaReached)
	_, err = begin(b, 61)
	f.refused(err, files.QuotaReached)
	first.State, first.Size = files.Complete, 40 // it was announced as larger than it is
	f.no(f.store.CompleteFile(ctx, first))
	_, err = begin(b, 61)
	f.no(err)
	f.no(f.store.GiveUp(ctx, first.ID))
	f.no(f.store.ForgetFile(ctx, first.ID))
	for range 3 {
		_, err = begin(a, 1)
		f.no(err)
	}
	_, err = begin(a, 1)
	f.refused(err, files.TooMany)
	if _, err = begin(b, 30); err != nil {
		f.Errorf("what was refused was counted: %v", err)
	}
}

// testFilesQuotasRace has many begin at the same time what only some have space for.
func testFilesQuotasRace(f *fixture) {
	var all sync.WaitGroup
	took := make(chan bool, 12)
	for i := range cap(took) {
		all.Go(func() {
			upload := files.File{File: chat.File{ID: chat.FileID(100 + i), Size: 20}, Site: site, Owner: chat.VisitorFiles(secret(i % 2))}
			_, err := f.store.InsertFile(f.Context(), upload, files.Use{OwnerBytes: 80, SiteBytes: 100, Keep: keep})
			if err == nil {
				took <- true
			} else if chat.CodeOf(err) != files.QuotaReached {
				f.Errorf("upload %d: %v", i, err)
			}
		})
	}
	all.Wait()
	if len(took) != 5 {
		f.Errorf("%d uploads of 20 bytes began where 100 are allowed", len(took))
	}
}
