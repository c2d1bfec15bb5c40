package wire

import "github.com/kefu-chat/kefu/internal/chat"

// ServerGone is "gone", to agents who have a conversation open: its visitor was
// erased, and nothing of it is left. Lists drop its row.
type ServerGone struct {
	T string                `json:"t"`
	C chat.ConversationUUID `json:"c"`
}

func (f ServerGone) typed() any { f.T = "gone"; return &f }
