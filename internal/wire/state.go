package wire

import "github.com/kefu-chat/kefu/internal/chat"

// RoundOf is the present round of a conversation.
func RoundOf(s chat.State, names NameOf) Round {
	r := roundOf(s.Round, names)
	r.WaitingSince, r.UnansweredSince = int64(s.WaitingSince), int64(s.UnansweredSince)
	return r
}

func roundOf(r chat.Round, names NameOf) Round {
	return Round{
		Number: r.Number, State: r.State, Agent: AgentRef(r.Assignee, names),
		OpenedAt: int64(r.OpenedAt), ResolvedAt: int64(r.ResolvedAt),
	}
}

// InfoFor is a conversation's head as reader sees it; marks are everybody's.
func InfoFor(c chat.Conversation, s chat.State, marks []chat.Mark, reader chat.ActorRef, names NameOf) ConversationInfo {
	a := AudienceOf(reader.Kind)
	mine, theirs := chat.Mark{}, Marks{}
	for _, m := range marks {
		if m.Who.Same(reader) {
			mine = m
		}
		if AudienceOf(m.Who.Kind) != a {
			other := MarksFor(m, a)
			theirs.Received, theirs.Read = max(theirs.Received, other.Received), max(theirs.Read, other.Read)
		}
	}
	return ConversationInfo{
		C: c.UUID, Head: HeadOf(s, a), Round: RoundOf(s, names),
		Unread: UnreadFor(s, mine, a), Mine: MarksFor(mine, a), Theirs: theirs,
	}
}

// AudienceOf is the audience to which an actor belongs.
func AudienceOf(kind chat.ActorKind) Audience {
	if kind == chat.VisitorActor {
		return ForVisitor
	}
	return ForAgents
}

// UnreadFor is how many messages of the other side a reader with these marks has not seen.
func UnreadFor(s chat.State, mine chat.Mark, a Audience) int64 {
	if a == ForVisitor {
		return max(0, s.UnreadByVisitor(mine))
	}
	return max(0, s.Unread(mine))
}

// MarksFor are marks in the numbers of the audience.
func MarksFor(m chat.Mark, a Audience) Marks {
	if a == ForVisitor {
		return Marks{Received: m.ReceivedPublic, Read: m.ReadPublic}
	}
	return Marks{Received: m.Received, Read: m.Read}
}

// MarkFor tells an audience that somebody's marks moved. For a visitor all
// agents are one, and have no name.
func MarkFor(c chat.ConversationUUID, m chat.Mark, a Audience) ServerMark {
	who := PersonOf(m.Who)
	if a == ForVisitor && m.Who.Kind != chat.VisitorActor {
		who = Person{Kind: chat.AgentActor}
	}
	return ServerMark{T: "mark", C: c, Who: who, Marks: MarksFor(m, a)}
}

// RowFor is a list's row. visitor is what presence and profile say of its visitor.
func RowFor(r chat.ListRow, visitor Visitor, names NameOf) Row {
	return Row{
		C: r.Conversation.UUID, V: r.State.Seq, Site: r.Conversation.Site, Visitor: visitor,
		Round: RoundOf(r.State, names), Last: Preview(r.Last), LastAt: int64(r.State.LastAt), Unread: max(0, r.Unread),
	}
}

// RoundsOf are a conversation's rounds.
func RoundsOf(records []chat.RoundRecord, names NameOf) []PastRound {
	rounds := make([]PastRound, len(records))
	for i, r := range records {
		rounds[i] = PastRound{
			Number: r.Number, OpenedAt: int64(r.OpenedAt), ResolvedAt: int64(r.ResolvedAt),
			Agent: AgentRef(r.Assignee, names), N: r.FirstSeq,
		}
	}
	return rounds
}

// CountsFor adds up the open rounds of an agent's sites.
func CountsFor(sites map[chat.SiteID]chat.Counts, agent chat.AgentID, visitors int64) Counts {
	out := Counts{Visitors: visitors}
	for _, c := range sites {
		out.Waiting += c.Waiting
		out.Open += c.Waiting
		for id, n := range c.Assigned {
			out.Open += n
			if id == agent {
				out.Mine += n
			}
		}
	}
	return out
}

// SaysOf is what a visitor's page said of it; nil when it said nothing.
func SaysOf(p chat.Profile) *Says {
	if p.Name == "" && p.Email == "" && len(p.Fields) == 0 {
		return nil
	}
	return &Says{Name: p.Name, Email: p.Email, Fields: p.Fields}
}

// VouchedOf is what a visitor's website vouches for; nil of one who is not verified.
func VouchedOf(p chat.Profile) *Vouched {
	if p.Vouched == nil {
		return nil
	}
	return &Vouched{ID: p.Vouched.ID, Name: p.Vouched.Name, Email: p.Vouched.Email, Fields: p.Vouched.Fields, Portrait: p.Vouched.Portrait}
}

// Apply puts what the page says now in place of what it said before.
func (s *Says) Apply(p chat.Profile) chat.Profile {
	if s != nil {
		p.Name, p.Email, p.Fields = s.Name, s.Email, s.Fields
	}
	return p
}
