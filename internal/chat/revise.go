package chat

import "errors"

// EditText is the rule for a new text of one's own message or note. number is
// the event's number as its author sees it: public for a visitor.
func EditText(by Actor, number int64, text string) Decide {
	return func(s State, log Log) ([]Draft, error) {
		if err := s.ended(); err != nil {
			return nil, err
		}
		target, err := revisable(s, log, by, number)
		if err != nil {
			return nil, err
		}
		if !target.By.Same(by.Ref()) {
			return nil, s.refuse(NotAllowed, "only its author edits a text")
		}
		body, err := target.Body.Text()
		if err != nil {
			return nil, err
		}
		if len(body.Files) == 0 && blank(text) {
			return nil, s.refuse(BlankText, "the text is blank: write something")
		}
		body.Text = text
		d := revision(Edit, by, target)
		d.Replace = &Replacement{Seq: target.Seq, Body: bodyOf(body)}
		return []Draft{d}, nil
	}
}

// RecallText is the rule for taking a text back: its author, or a supervisor
// for what agents wrote. The body is emptied, the row stays as a tombstone. What
// agents wrote in a conversation that has ended can still be taken back.
func RecallText(by Actor, number int64) Decide {
	return func(s State, log Log) ([]Draft, error) {
		target, err := revisable(s, log, by, number)
		if err != nil {
			return nil, err
		}
		if !target.By.Same(by.Ref()) && (!by.isSupervisor() || target.By.Kind == VisitorActor) {
			return nil, s.refuse(NotAllowed, "only its author, or for an agent's text a supervisor, recalls it")
		}
		d := revision(Recall, by, target)
		d.Erase = target.Seq
		return []Draft{d}, nil
	}
}

func revisable(s State, log Log, by Actor, number int64) (Event, error) {
	visitor := by.Kind == VisitorActor
	if !visitor && !by.isAgent() {
		return Event{}, s.refuse(NotAllowed, "only agents of this site and the visitor may do this")
	}
	if visitor {
		if err := s.ended(); err != nil {
			return Event{}, err
		}
	}
	target, err := log.Event(number, visitor)
	if errors.Is(err, &Refusal{Code: NotFound}) {
		return Event{}, s.refuse(NotFound, "there is no event %d in this conversation", number)
	}
	if err != nil {
		return Event{}, err
	}
	if (target.Kind != Message && target.Kind != Note) || target.Erased() {
		return Event{}, s.refuse(NotEditable, "event %d is no message or note, or was recalled", number)
	}
	if text, err := target.Body.Text(); err == nil && text.Carried {
		return Event{}, s.elsewhere()
	}
	return target, nil
}

// revision has the visibility of what it revises.
func revision(kind Kind, by Actor, target Event) Draft {
	ref := TargetRef{Seq: target.Seq}
	if target.Public {
		ref.PublicSeq = target.PublicSeq
	}
	return Draft{Kind: kind, Public: target.Public, By: by.Ref(), Body: bodyOf(ref), Answers: true}
}
