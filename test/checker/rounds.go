package checker

import (
	"math"
	"slices"

	"github.com/anishathalye/porcupine"

	"github.com/kefu-chat/kefu/internal/chat"
)

// Rounds tells whether the takes and releases of agents (no supervisors) can
// have happened one after the other, each between its sending and its answer:
// who was refused was told who had the round. who maps a client's name to its
// agent. Each conversation must have one open round that waits when the history begins.
func Rounds(h *History, who map[string]chat.AgentID) (ok bool, operations int) {
	var history []porcupine.Operation
	clients := map[string]int{}
	for _, c := range h.Commands() {
		if c.T != "take" && c.T != "release" {
			continue
		}
		if _, known := clients[c.By]; !known {
			clients[c.By] = len(clients)
		}
		end := int64(c.Last)
		if c.Fate == Pending {
			end = math.MaxInt64
		}
		history = append(history, porcupine.Operation{
			ClientId: clients[c.By], Call: int64(c.First), Return: end,
			Input:  roundInput{c.Conversation, c.T, who[c.By]},
			Output: roundOutput{c.Fate, c.Code, c.Holder},
		})
	}
	return porcupine.CheckOperations(roundModel(), history), len(history)
}

type roundInput struct {
	conversation chat.ConversationUUID
	t            string
	agent        chat.AgentID
}

type roundOutput struct {
	fate   Fate
	code   chat.Code
	holder chat.AgentID
}

// roundModel is the table of rounds, as far as takes and releases go. The state
// is who has the round; 0: it waits.
func roundModel() porcupine.Model {
	model := porcupine.NondeterministicModel{
		Partition: func(all []porcupine.Operation) [][]porcupine.Operation {
			parts := map[chat.ConversationUUID][]porcupine.Operation{}
			for _, op := range all {
				c := op.Input.(roundInput).conversation
				parts[c] = append(parts[c], op)
			}
			var out [][]porcupine.Operation
			for _, part := range parts {
				out = append(out, part)
			}
			return out
		},
		Init: func() []any { return []any{chat.AgentID(0)} },
		Step: func(state, in, out any) []any {
			return stepRound(state.(chat.AgentID), in.(roundInput), out.(roundOutput))
		},
	}
	return model.ToModel()
}

// stepRound is the states in which the round may be after an operation with this outcome; none: it cannot be.
func stepRound(holder chat.AgentID, in roundInput, out roundOutput) []any {
	after, code, told := holder, chat.Code(""), chat.AgentID(0)
	switch {
	case in.t == "take" && holder == 0:
		after = in.agent
	case in.t == "take" && holder != in.agent:
		code, told = chat.NotYours, holder
	case in.t == "release" && holder == 0:
		code = chat.Conflict
	case in.t == "release" && holder != in.agent:
		code, told = chat.NotYours, holder
	case in.t == "release":
		after = 0
	}
	switch out.fate {
	case Pending: // it may have happened or not
		return slices.Compact([]any{holder, after})
	case Refused:
		if code == "" || out.code != code || out.holder != told {
			return nil
		}
	case Acked:
		if code != "" {
			return nil
		}
	}
	return []any{after}
}
