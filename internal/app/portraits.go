package app

import (
	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/faults"
	"github.com/kefu-chat/kefu/internal/portrait"
)

// handlePortraits fetches the pictures that websites name for their visitors.
func (a *App) handlePortraits() {
	var drawer portrait.Drawer
	if a.files != nil {
		drawer = a.files
	}
	a.jobs.HandleMost(portrait.JobKind, portrait.Slots, portrait.New(a.db, a.outbound, drawer, &a.tell, a.jobs, a.log).Run)
}

// Portrayed implements portrait.Told.
func (t *toHub) Portrayed(on chat.SiteID, secretHash []byte, address string) {
	if h := t.hub.Load(); h != nil && !faults.Off("deliveries") {
		h.Portrayed(on, secretHash, address)
	}
}
