package metrics

import "time"

const hookDelivered, hookFailed = "delivered", "failed"

// WebhooksMade counts messages to webhooks that were appended here.
func (m *Metrics) WebhooksMade(n int) { m.hooksMade.Add(float64(n)) }

// WebhookSent counts a try to send one.
func (m *Metrics) WebhookSent(delivered bool, _ time.Duration) {
	result := hookFailed
	if delivered {
		result = hookDelivered
	}
	m.hooksSent.WithLabelValues(result).Inc()
}

// webhookFigures are the same on all nodes: what waits stands in the database.
func webhookFigures() []figure {
	return []figure{
		one(gauge("kefu_webhook_waiting", "Conversations of which messages wait for webhooks, on all nodes: do not sum it."), func(p *picture) int64 { return p.hooks }),
		{gauge("kefu_webhook_oldest_seconds", "How long ago the oldest of what waits for webhooks happened; 0 where nothing waits. The same on all nodes."),
			func(p *picture, put put) { put(p.hooksOldest.Seconds()) }},
	}
}
