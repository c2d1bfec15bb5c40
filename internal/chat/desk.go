package chat

import (
	"errors"
	"strconv"
)

// Desk is the only code that changes conversations: each method turns a
// command into a rule and hands it to the store. All return at once; done is
// called once, after the commit, in commit order, and must not block.
type Desk struct {
	store   Store
	world   Surroundings
	members Members
	maxText int
}

// Members knows who works where.
type Members interface {
	// Member is the agent's name, and whether it has a role on the site.
	Member(site SiteID, agent AgentID) (name string, ok bool)
}

// NewDesk makes a desk over a store. maxText is in code points.
func NewDesk(store Store, world Surroundings, members Members, maxText int) *Desk {
	return &Desk{store: store, world: world, members: members, maxText: maxText}
}

// Done gets the outcome of a command: a *Refusal when nothing was changed.
type Done = func(Changed, error)

// Command is who asks for what, where.
type Command struct {
	By       Actor
	ClientID ClientID // required
	// Conversation, or Begin for a visitor who has none yet.
	Conversation ConversationID
	Begin        *Beginning
	// Files are the uploads of a message or note, in the order in which they are
	// shown; Owner is whose they must be.
	Files []FileID
	Owner FileOwner
	// Broadcast is the one that a visitor's message answers; 0: none.
	Broadcast int64
	// Named is the broadcast that the visitor named, answered or not: a repetition names
	// it again, wherever it comes in and whatever is known there of broadcasts by then.
	Named int64
	// Via is the API key by which the command came in; nil: none.
	Via *Via
}

// Send appends a message; with files its text may be blank. Refusals: BadText, BlankText, TextTooLong,
// BadFiles, NotYours, NotAllowed, ClientIDReused.
func (d *Desk) Send(c Command, text string, done Done) {
	d.text(c, "message", text, SendMessage(c.By, text, d.world), done)
}

// Note appends a note. Refusals: as Send, but for NotYours.
func (d *Desk) Note(c Command, text string, done Done) {
	d.text(c, "note", text, AddNote(c.By, text), done)
}

// Edit gives a message or note, by its number as the actor sees it, a new text;
// its files stay. Refusals: as Note, and NotFound, NotEditable.
func (d *Desk) Edit(c Command, number int64, text string, done Done) {
	if err := CheckText(text, d.maxText); err != nil && CodeOf(err) != BlankText { // blank beside files
		done(Changed{Answer: -1}, err)
		return
	}
	d.change(c, "edit "+strconv.FormatInt(number, 10)+"\n"+text, EditText(c.By, number, text), done)
}

// Recall takes a message or note back. Refusals: NotFound, NotEditable, NotAllowed, ClientIDReused.
func (d *Desk) Recall(c Command, number int64, done Done) {
	d.change(c, "recall "+strconv.FormatInt(number, 10), RecallText(c.By, number), done)
}

// Take gives a waiting round to the agent who asks. Refusals: NoOpenRound, NotYours, NotAllowed.
func (d *Desk) Take(c Command, done Done) { d.change(c, "take", Take(c.By), done) }

// Assign gives the round to an agent. Refusals: NoOpenRound, NotYours, NotAllowed, NotMember.
func (d *Desk) Assign(c Command, site SiteID, to AgentID, done Done) {
	name, member := d.members.Member(site, to)
	d.change(c, "assign "+strconv.FormatInt(int64(to), 10), Assign(c.By, to, name, member), done)
}

// Release gives the round back to the queue. Refusals: NoOpenRound, Conflict, NotYours, NotAllowed.
func (d *Desk) Release(c Command, done Done) { d.change(c, "release", Release(c.By), done) }

// Resolve ends the round. Refusals: NoOpenRound, NotYours, NotAllowed.
func (d *Desk) Resolve(c Command, done Done) { d.change(c, "resolve", Resolve(c.By), done) }

// ReturnAbsent lets the round of an absent agent wait again; anything else
// changes nothing, so it may be repeated by anybody.
func (d *Desk) ReturnAbsent(id ConversationID, agent AgentID, done Done) {
	d.store.Change(&Change{Conversation: id, By: System(), Decide: d.naming(ReturnAbsent(agent, d.world)), Done: done})
}

// Mark moves a participant's marks.
func (d *Desk) Mark(m *MarkChange) { d.store.Mark(m) }

func (d *Desk) text(c Command, what, text string, rule Decide, done Done) {
	err := CheckText(text, d.maxText)
	if len(c.Files) > 0 {
		if CodeOf(err) == BlankText {
			err = nil
		}
		rule, what = attaching(rule, c, text), c.fingerprint(what)
	}
	if c.Broadcast != 0 {
		rule = answering(rule, c.Broadcast)
	}
	if c.Named != 0 {
		what += " to " + strconv.FormatInt(c.Named, 10)
	}
	if err != nil {
		done(Changed{Answer: -1}, err)
		return
	}
	d.change(c, what+"\n"+text, rule, done)
}

// answering adds to a rule which broadcast its message answers.
func answering(rule Decide, broadcast int64) Decide {
	return func(s State, log Log) ([]Draft, error) {
		drafts, err := rule(s, log)
		for i := range drafts {
			if drafts[i].Kind != Message {
				continue
			}
			text, err := drafts[i].Body.Text()
			if err != nil { // a draft of this package: its body was just made
				panic(err)
			}
			text.Broadcast = broadcast
			drafts[i].Body = bodyOf(text)
		}
		return drafts, err
	}
}

// through adds to a rule by which API key its changes came in.
func through(rule Decide, via *Via) Decide {
	return func(s State, log Log) ([]Draft, error) {
		drafts, err := rule(s, log)
		for i := range drafts {
			if drafts[i].By.Kind != SystemActor {
				drafts[i].Body = drafts[i].Body.through(drafts[i].Kind, via)
			}
		}
		return drafts, err
	}
}

// through is a draft's body with the API key in it.
func (b Body) through(kind Kind, via *Via) Body {
	switch {
	case kind == Message || kind == Note:
		text, err := b.Text()
		if err != nil { // a draft of this package: its body was just made
			panic(err)
		}
		text.Via = via
		return bodyOf(text)
	case kind.turnsRound():
		change, err := b.RoundChange()
		if err != nil {
			panic(err)
		}
		change.Via = via
		return bodyOf(change)
	}
	return b
}

func (d *Desk) change(c Command, fingerprint string, rule Decide, done Done) {
	if c.Via != nil {
		rule = through(rule, c.Via)
	}
	if c.By.Kind == BotActor { // a key's bots have one id
		fingerprint = "bot " + c.By.Name + "\n" + fingerprint
	}
	d.store.Change(&Change{
		Conversation: c.Conversation, Begin: c.Begin, By: c.By,
		ClientID: c.ClientID, Fingerprint: []byte(fingerprint), Decide: d.naming(rule), Done: done,
	})
}

// naming adds to a rule the names of the agents whom its changes of the round
// refer to: events keep a snapshot of them.
func (d *Desk) naming(rule Decide) Decide {
	return func(s State, log Log) ([]Draft, error) {
		drafts, err := rule(s, log)
		for i := range drafts {
			if drafts[i].Kind.turnsRound() {
				drafts[i].Body = d.named(s.Site, drafts[i].Body)
			}
		}
		return drafts, err
	}
}

func (d *Desk) named(site SiteID, body Body) Body {
	change, err := body.RoundChange()
	if err != nil { // a draft of this package: its body was just made
		panic(err)
	}
	if change.Agent != 0 && change.AgentName == "" {
		change.AgentName, _ = d.members.Member(site, change.Agent)
	}
	if change.From != 0 && change.FromName == "" {
		change.FromName, _ = d.members.Member(site, change.From)
	}
	return bodyOf(change)
}

// CodeOf is the code of a refusal, or Unknown for any other error: the caller
// repeats with the same client_id and learns what became of it.
func CodeOf(err error) Code {
	var r *Refusal
	if errors.As(err, &r) {
		return r.Code
	}
	return Unknown
}
