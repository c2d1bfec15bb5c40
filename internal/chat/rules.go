package chat

import "time"

// Decide is a rule applied to a conversation under its lock: the events that
// follow from it, or a *Refusal. It is pure: what it needs to know beyond the
// state it got before (Surroundings) or reads through log.
type Decide func(s State, log Log) ([]Draft, error)

// Log reads earlier events within the transaction that will append.
type Log interface {
	// Event is the event with this number among all (or, with public, among
	// public ones). Errors: NotFound when absent or removed by retention.
	Event(number int64, public bool) (Event, error)
	// Files are those uploads, held until the transaction ends; what is not there is left out.
	Files(ids []FileID) ([]Upload, error)
}

// Surroundings are what a rule needs to know of the world, sampled when the
// decision is taken.
type Surroundings interface {
	// Now is the moment of the change.
	Now() time.Time
	// Here tells whether the agent is online or away and still works on the site.
	Here(site SiteID, agent AgentID) bool
	// Absent tells whether the agent has been offline for AbsentAfter.
	Absent(site SiteID, agent AgentID) bool
}

// SendMessage is the rule for a message of either side.
func SendMessage(by Actor, text string, world Surroundings) Decide {
	return func(s State, _ Log) ([]Draft, error) {
		if err := s.ended(); err != nil {
			return nil, err
		}
		message := Draft{Kind: Message, Public: true, By: by.Ref(), Body: bodyOf(Text{Text: text}), Answers: true}
		if by.Kind == VisitorActor {
			return append(beforeVisitorMessage(s, by, world), message), nil
		}
		before, err := beforeReply(s, by)
		if err != nil {
			return nil, err
		}
		return append(before, message), nil
	}
}

// beforeVisitorMessage is the first, second and fifth row of the table of rounds.
func beforeVisitorMessage(s State, by Actor, world Surroundings) []Draft {
	now := At(world.Now())
	switch {
	case s.Round.State == Resolved && now-s.Round.ResolvedAt <= Millis(ReopenWithin.Milliseconds()):
		change := RoundChange{Round: s.Round.Number}
		if world.Here(s.Site, s.Round.Assignee) {
			change.Agent = s.Round.Assignee
		}
		return []Draft{roundDraft(Reopened, by, change)}
	case !s.Round.State.Open():
		return []Draft{roundDraft(Opened, by, RoundChange{Round: s.Round.Number + 1})}
	case s.Round.State == Assigned && world.Absent(s.Site, s.Round.Assignee):
		return []Draft{returned(s)}
	}
	return nil
}

func beforeReply(s State, by Actor) ([]Draft, error) {
	if by.Kind == BotActor && by.works() { // it answers while nobody has the round, and takes none
		if s.Round.State == Assigned {
			return nil, s.refuse(NotYours, "an agent has this round: a bot is silent then")
		}
		return nil, nil
	}
	if !by.isAgent() {
		return nil, s.refuse(NotAllowed, "only agents of this site may reply")
	}
	switch {
	case s.Round.State == Waiting:
		return []Draft{assigned(s, by, by.Agent(), by.Name)}, nil
	case s.Round.State == Assigned && s.Round.Assignee != by.Agent() && !by.isSupervisor():
		return nil, s.refuse(NotYours, "another agent has this round: ask for a hand-over, or add a note")
	}
	return nil, nil
}

// AddNote is the rule for a note: everybody who works on the site may add one.
func AddNote(by Actor, text string) Decide {
	return func(s State, _ Log) ([]Draft, error) {
		if !by.works() {
			return nil, s.refuse(NotAllowed, "only agents of this site may add notes")
		}
		if err := s.ended(); err != nil {
			return nil, err
		}
		return []Draft{{Kind: Note, By: by.Ref(), Body: bodyOf(Text{Text: text}), Answers: true}}, nil
	}
}

// Take is the rule by which an agent takes a waiting round.
func Take(by Actor) Decide {
	return func(s State, _ Log) ([]Draft, error) {
		if err := mayWork(s, by); err != nil {
			return nil, err
		}
		if !by.isAgent() {
			return nil, s.refuse(NotAllowed, "only an agent takes a round")
		}
		if s.Round.State == Assigned {
			if s.Round.Assignee == by.Agent() {
				return nil, nil
			}
			return nil, s.refuse(NotYours, "another agent has this round")
		}
		return []Draft{answer(assigned(s, by, by.Agent(), by.Name))}, nil
	}
}

// Assign is the rule by which a supervisor gives a round to an agent, or its
// agent hands it over. member tells whether the agent works on the site.
func Assign(by Actor, to AgentID, toName string, member bool) Decide {
	return func(s State, _ Log) ([]Draft, error) {
		if err := mayWork(s, by); err != nil {
			return nil, err
		}
		own := s.Round.State == Assigned && s.Round.Assignee == by.Agent()
		switch {
		case !own && !by.isSupervisor() && s.Round.State == Assigned:
			return nil, s.refuse(NotYours, "another agent has this round: only that agent or a supervisor hands it over")
		case !own && !by.isSupervisor():
			return nil, s.refuse(NotAllowed, "only a supervisor gives a waiting round to somebody: take it first")
		case !member:
			return nil, s.refuse(NotMember, "the agent does not work on this site: choose one who does")
		case s.Round.State == Assigned && s.Round.Assignee == to:
			return nil, nil
		}
		return []Draft{answer(assigned(s, by, to, toName))}, nil
	}
}

// Release is the rule by which its agent or a supervisor gives a round back to the queue.
func Release(by Actor) Decide {
	return func(s State, _ Log) ([]Draft, error) {
		if err := mayWork(s, by); err != nil {
			return nil, err
		}
		if s.Round.State != Assigned {
			return nil, s.refuse(Conflict, "the round waits already: nobody has it")
		}
		if s.Round.Assignee != by.Agent() && !by.isSupervisor() {
			return nil, s.refuse(NotYours, "another agent has this round: only that agent or a supervisor releases it")
		}
		return []Draft{answer(roundDraft(Released, by, RoundChange{Round: s.Round.Number, From: s.Round.Assignee}))}, nil
	}
}

// Resolve is the rule by which a round is done.
func Resolve(by Actor) Decide {
	return func(s State, _ Log) ([]Draft, error) {
		if err := mayWork(s, by); err != nil {
			return nil, err
		}
		from := s.Round.Assignee
		if s.Round.State == Assigned && from != by.Agent() && !by.isSupervisor() {
			return nil, s.refuse(NotYours, "another agent has this round: only that agent or a supervisor resolves it")
		}
		return []Draft{answer(roundDraft(Resolution, by, RoundChange{Round: s.Round.Number, From: from}))}, nil
	}
}

// ReturnAbsent is the rule of the sweep: the round of an absent agent waits
// again if its visitor awaits an answer. Anything else changes nothing.
func ReturnAbsent(agent AgentID, world Surroundings) Decide {
	return func(s State, _ Log) ([]Draft, error) {
		if s.Round.State != Assigned || s.Round.Assignee != agent || s.UnansweredSince == 0 || !world.Absent(s.Site, agent) {
			return nil, nil
		}
		return []Draft{returned(s)}, nil
	}
}

func mayWork(s State, by Actor) error {
	if !by.works() {
		return s.refuse(NotAllowed, "only agents of this site may do this")
	}
	if err := s.ended(); err != nil {
		return err
	}
	if !s.Round.State.Open() {
		return s.refuse(NoOpenRound, "no round is open: a message of the visitor opens one")
	}
	return nil
}

// ended refuses what would go on in a conversation that goes on elsewhere.
func (s State) ended() error {
	if s.CarriedTo == 0 {
		return nil
	}
	return s.elsewhere()
}

func (s State) elsewhere() error {
	return s.refuse(Ended, "this conversation went along with its visitor's log-in: go on in the other one")
}

func assigned(s State, by Actor, to AgentID, name string) Draft {
	return roundDraft(AssignedTo, by, RoundChange{Round: s.Round.Number, Agent: to, AgentName: name, From: s.Round.Assignee})
}

func returned(s State) Draft {
	return roundDraft(Returned, System(), RoundChange{Round: s.Round.Number, From: s.Round.Assignee})
}

func roundDraft(kind Kind, by Actor, change RoundChange) Draft {
	return Draft{Kind: kind, Public: true, By: by.Ref(), Body: bodyOf(change)}
}

func answer(d Draft) Draft {
	d.Answers = true
	return d
}
