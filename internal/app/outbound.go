package app

import (
	"context"
	"net/netip"

	"github.com/kefu-chat/kefu/internal/outbound"
)

// OutboundConfig is which servers are asked whose addresses people named.
type OutboundConfig struct {
	Allow []Network `long:"allow" value-name:"NETWORK" description:"Networks that webhooks and other addresses named by people may lead to although they are private, such as 10.1.0.0/16, separated by commas; there http and every port will do. What a server there answers can be read by whoever names the address."`
}

// makeOutbound makes the client for addresses that people named.
func (a *App) makeOutbound(context.Context) error {
	var allow []netip.Prefix
	for _, n := range a.cfg.Outbound.Allow {
		allow = append(allow, n.Prefix)
	}
	a.outbound = outbound.New(outbound.Config{Allow: allow, Agent: "Kefu/" + a.version})
	a.stack.push("outbound", func(context.Context) error {
		a.outbound.Close()
		return nil
	})
	return nil
}
