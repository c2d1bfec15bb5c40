package chat

// Append numbers the drafts that a decision returned and folds them into the
// state: pure, so that every store numbers alike. tag yields the random tag of
// each event; clientID is given to the draft that answers the command.
func Append(s State, drafts []Draft, clientID ClientID, now Millis, tag func() uint32) (State, []Event) {
	events := make([]Event, len(drafts))
	for i := range drafts {
		d := &drafts[i]
		s = s.count(d, now)
		s.Tag = tag()
		if d.Public {
			s.PublicTag = s.Tag
		}
		events[i] = Event{
			Conversation: s.Conversation,
			Seq:          s.Seq, PublicSeq: s.PublicSeq, Public: d.Public, Tag: s.Tag,
			Kind: d.Kind, V: BodyVersion, By: d.By, At: now, Body: d.Body,
			VisitorMessages: s.VisitorMessages, AgentMessages: s.AgentMessages,
		}
		if d.Answers {
			events[i].ClientID = clientID
		}
	}
	return s, events
}

// count advances the numbers and what follows from the event's kind.
func (s State) count(d *Draft, now Millis) State {
	s.Seq++
	if d.Public {
		s.PublicSeq++
	}
	s.LastAt = now
	switch {
	case d.Kind == Message:
		return s.countMessage(d.By.Kind, now)
	case d.Kind.turnsRound():
		return s.turnRound(d, now)
	}
	return s
}

func (s State) countMessage(by ActorKind, now Millis) State {
	if by == VisitorActor {
		s.VisitorMessages++
		if s.UnansweredSince == 0 {
			s.UnansweredSince = now
		}
		return s
	}
	s.AgentMessages++
	if by == BotActor { // no reply: whoever waited for a person still does
		return s
	}
	s.LastReplySeq, s.RepliedTo = s.Seq, s.VisitorMessages
	s.UnansweredSince = 0
	return s
}

func (s State) turnRound(d *Draft, now Millis) State {
	change, err := d.Body.RoundChange()
	if err != nil { // a draft of this package: its body was just made
		panic(err)
	}
	s.Round.Number, s.Round.Assignee = change.Round, change.Agent
	s.Round.State = Waiting
	switch {
	case d.Kind == Resolution || d.Kind == Carried:
		s.Round.State, s.Round.ResolvedAt = Resolved, now
		s.Round.Assignee = change.From
		s.UnansweredSince = 0
	case change.Agent != 0:
		s.Round.State = Assigned
	}
	if d.Kind == Opened {
		s.Round.OpenedAt = now
	}
	if s.Round.State.Open() {
		s.Round.ResolvedAt = 0
	}
	switch {
	case s.Round.State != Waiting:
		s.WaitingSince = 0
	case s.UnansweredSince != 0:
		s.WaitingSince = s.UnansweredSince
	default:
		s.WaitingSince = now
	}
	return s
}
