package app

import (
	"context"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/faults"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/server"
	"github.com/kefu-chat/kefu/internal/webhook"
)

// makeWebhooks makes what tells websites' servers what happens, and lets it hear of commits.
func (a *App) makeWebhooks(context.Context) error {
	a.webhooks = webhook.New(webhook.Parts{
		Store: a.db, Audit: a.db, Queue: a.jobs, Client: a.outbound, Watch: a.figures, Told: a.tell.SiteChanged, Log: a.log, Now: faults.Now,
		Data: server.DataForWebhooks(func(id chat.AgentID) string { // asked when there are people: jobs begin last
			agent, _ := a.people.Agent(id)
			return agent.Name
		}),
	})
	a.webhooks.Start()
	a.tell.webhooks.Store(a.webhooks)
	a.stack.push("webhooks", func(context.Context) error {
		a.webhooks.Stop()
		return nil
	})
	return nil
}

// handleWebhooks delivers, on whichever node has room.
func (a *App) handleWebhooks(ctx context.Context) error {
	a.jobs.HandleMost(webhook.DeliverJob, webhook.DeliverSlots, a.webhooks.Deliver)
	a.jobs.Handle(webhook.ReplayJob, a.webhooks.ReplayOne)
	a.jobs.Handle(webhook.ReplaySinceJob, a.webhooks.ReplayRest)
	a.jobs.Handle(webhook.SettleJob, a.webhooks.Settle)
	a.jobs.Handle(webhook.TendJob, a.webhooks.Tend)
	a.jobs.Handle(webhook.TrimJob, a.webhooks.Trim)
	return a.webhooks.TendSoon(ctx)
}

// healing lets webhooks hear of what other nodes have changed as soon as this one does.
type healing struct {
	*identity.People
	webhooks *webhook.Hooks
}

// Heal implements live.People.
func (h healing) Heal(ctx context.Context) (bool, error) {
	changed, err := h.People.Heal(ctx)
	if changed {
		h.webhooks.Heard()
	}
	return changed, err
}
