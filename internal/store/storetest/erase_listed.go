package storetest

import (
	"context"
	"sync"

	"github.com/kefu-chat/kefu/internal/audit"
	"github.com/kefu-chat/kefu/internal/broadcast"
	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/retention"
)

// together is a journal whose notes wait for one another: what follows them is the
// reading of the lists.
type together struct {
	journal
	others *sync.WaitGroup
}

func (t *together) Note(ctx context.Context, h retention.Hash) error {
	t.others.Done()
	t.others.Wait()
	return t.journal.Note(ctx, h)
}

// Of visitors of one list who are erased at once none stays in it.
func testEraseListed(f *fixture) {
	const erasures = 12
	var listed []chat.VisitorID
	for n := range erasures + 1 {
		listed = append(listed, f.begin(chat.Beginning{Site: site, SecretHash: secret(n)}, "hello").Conversation.Visitor)
	}
	list := f.word(1, "to all of them")
	list.State = broadcast.Draft
	list.Content.Audience = broadcast.Audience{Kind: broadcast.Listed, List: broadcast.ListOf(listed)}
	_, err := f.broadcasts().UpdateBroadcast(f.Context(), list)
	f.no(err)
	var noted, ended sync.WaitGroup
	noted.Add(erasures)
	for _, id := range listed[:erasures] {
		eraser, _, _ := f.eraser(&together{others: &noted})
		ended.Go(func() {
			done, err := eraser.Erase(f.Context(), audit.By{Actor: ann.Ref()}, site, id)
			if err != nil || done.Removed.Lists != 1 {
				f.Errorf("the receipt is %+v, %v: want one list", done, err)
			}
		})
	}
	ended.Wait()
	left, err := f.broadcasts().BroadcastList(f.Context(), list.ID)
	if f.no(err); left.Len() != 1 || !left.Has(listed[erasures]) {
		f.Errorf("the list names %d visitors: want the one who is left", left.Len())
	}
}
