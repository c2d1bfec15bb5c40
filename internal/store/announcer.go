package store

import (
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/faults"
)

// outcome is what became of an item.
type outcome struct {
	item    item
	changed chat.Changed
	mark    chat.Mark
	moved   bool
	over    chat.CarriedOver
	err     error
	// handed tells that another committer decides it.
	handed bool
}

// announcer tells of committed groups, in commit order, while the next group
// commits: first every asker, then the listeners.
type announcer struct {
	committed func([]chat.Changed)
	marked    func([]chat.Mark)
	groups    chan []outcome
	ended     chan struct{}
}

// groupsUntold bounds how many groups may be committed before they are told of.
const groupsUntold = 16

func newAnnouncer(committed func([]chat.Changed), marked func([]chat.Mark)) *announcer {
	a := &announcer{committed: committed, marked: marked, groups: make(chan []outcome, groupsUntold), ended: make(chan struct{})}
	go a.run()
	return a
}

func (a *announcer) tell(outcomes []outcome) {
	now := time.Now()
	for i := range outcomes {
		outcomes[i].changed.Kept = now
		outcomes[i].over.From.Kept, outcomes[i].over.To.Kept = now, now
	}
	a.groups <- outcomes
}

func (a *announcer) close() {
	close(a.groups)
	<-a.ended
}

func (a *announcer) run() {
	defer close(a.ended)
	for group := range a.groups {
		var changes []chat.Changed
		var marks []chat.Mark
		for i := range group {
			changes, marks = group[i].tell(changes, marks)
		}
		if len(changes) > 0 {
			a.committed(changes)
		}
		if len(marks) > 0 {
			a.marked(marks)
		}
	}
}

// tell says to whoever asked what came of it, once, and adds what the others are told.
func (o *outcome) tell(changes []chat.Changed, marks []chat.Mark) ([]chat.Changed, []chat.Mark) {
	switch {
	case o.handed:
	case o.item.mark != nil:
		if o.item.mark.Done != nil {
			o.item.mark.Done(o.mark, o.moved, o.err)
		}
		if o.err == nil && o.moved {
			marks = append(marks, o.mark)
		}
	case o.item.carry != nil:
		if o.item.carry.Done != nil {
			o.item.carry.Done(o.over, o.err)
		}
		if o.err == nil && len(o.over.To.Events) > 0 { // first where it is now
			changes, marks = append(changes, o.over.To, o.over.From), append(marks, o.over.Marks...)
		}
	default:
		if o.item.change.Done != nil {
			o.item.change.Done(o.changed, o.err)
		}
		if o.err == nil && !o.changed.Repeat && len(o.changed.Events) > 0 {
			changes = append(changes, o.changed)
		}
	}
	return changes, marks
}

// publishEarly switches off the promise that nothing is told before it is committed.
func publishEarly() bool { return faults.Off("publish_before_commit") }
