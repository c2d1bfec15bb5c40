package app

import (
	"context"
	"net/netip"

	"github.com/kefu-chat/kefu/internal/atp"
	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/server"
	"github.com/kefu-chat/kefu/internal/ws"
)

// LegacyConfig are the doors for pages of older systems.
type LegacyConfig struct {
	Push PushConfig `group:"Legacy: push by id" namespace:"push"`
	ATP  ATPConfig  `group:"Legacy: the chat room" namespace:"atp"`
}

// PushConfig is who may wait for pushes by id.
type PushConfig struct {
	Mode    string `long:"mode" default:"off" enum:"off,open,token" description:"Whether pages may wait for pushes at /websocket/{id}: not at all, open (whoever knows an id gets what is pushed to it) or token (with a ticket that the application's server got). See docs/LEGACY.md."`
	Site    string `long:"site" value-name:"ID" unset:"the oldest site" description:"The id of the site whose pushes come by the open door."`
	Anybody bool   `long:"anybody-may-connect" description:"Says that it is known what legacy.push.mode open means: whoever reaches this server and knows or guesses an id receives its pushes."`
}

// ATPConfig is who may come into the legacy chat room.
type ATPConfig struct {
	Mode          string    `long:"mode" default:"off" enum:"off,open,token" description:"Whether pages of the chat room ATP may come in at /websocket/mq/chat/{userName}: not at all, open (unchanged; whoever gives a name has it) or token (with a ticket that the application's server got; super_admin by an agent's log-in). See docs/LEGACY.md."`
	Site          string    `long:"site" value-name:"ID" unset:"the oldest site" description:"The id of the site whose conversations the chat room's are."`
	Agent         string    `long:"agent" value-name:"EMAIL" description:"The e-mail address of the agent who stands behind super_admin where the mode is open: one of its own, who works on the site."`
	Origins       []string  `long:"origins" value-name:"ORIGIN" description:"Origins of pages that may use the chat room, such as https://shop.example, besides Kefu's own and the site's; super_admin only from these and Kefu's own, and where the mode is open under a name of these only, a number or localhost."`
	AgentNetworks []Network `long:"agent-networks" unset:"127.0.0.0/8, ::1" value-name:"NETWORK" description:"From where super_admin may come in, and read its history and the list of users, where the mode is open."`
	Anybody       bool      `long:"anybody-may-connect" description:"Says that it is known what legacy.atp.mode open means: whoever reaches this server reads and writes under any name but super_admin."`
}

// open tells whether any of the doors is.
func (c LegacyConfig) open() bool { return c.Push.Mode != "off" || c.ATP.Mode != "off" }

// legacyDoors adds to the server's configuration which of the doors are open to whom.
func (c Config) legacyDoors(s server.Config) (server.Config, error) {
	var err error
	if s.Push, err = c.Legacy.Push.entry(); err != nil {
		return s, err
	}
	s.ChatRoom, err = c.Legacy.ATP.entry()
	return s, err
}

func (p PushConfig) entry() (server.Entry, error) {
	return entryOf("legacy.push", p.Mode, p.Site, p.Anybody, "whoever reaches this server and knows an id gets its pushes")
}

func (a ATPConfig) entry() (out server.ChatEntry, err error) {
	out.Entry, err = entryOf("legacy.atp", a.Mode, a.Site, a.Anybody, "whoever reaches this server reads and writes under any name")
	if err != nil || out.Mode == "" {
		return out, err
	}
	if a.Agent == "" && out.Mode == server.OpenEntry {
		return out, usage("legacy.atp.mode is open, and legacy.atp.agent names no agent: set it to the e-mail address of the one who stands behind super_admin")
	}
	out.Origins, out.Agent = a.Origins, a.Agent
	for _, n := range a.AgentNetworks {
		out.AgentNetworks = append(out.AgentNetworks, n.Prefix)
	}
	if len(out.AgentNetworks) == 0 {
		out.AgentNetworks = []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8"), netip.MustParsePrefix("::1/128")}
	}
	return out, nil
}

// entryOf is who may come in by a door; means says what it is for it to be open.
func entryOf(key, mode, site string, anybody bool, means string) (server.Entry, error) {
	if mode == "off" {
		return server.Entry{}, nil
	}
	if mode == string(server.OpenEntry) && !anybody {
		return server.Entry{}, usage("%s.mode is open: %s; set %s.anybody_may_connect too, or take token", key, means, key)
	}
	id, err := siteSetting(key+".site", site)
	return server.Entry{Mode: server.EntryMode(mode), Site: id}, err
}

// siteSetting reads a site's id; 0: none is named.
func siteSetting(key, text string) (chat.SiteID, error) {
	if text == "" {
		return 0, nil
	}
	id, err := chat.ParseID(text)
	if err != nil {
		return 0, usage("%s is %q: expected a site's id, a whole number such as the console's address shows", key, text)
	}
	return chat.SiteID(id), nil
}

// plainSockets are the connections of legacy pages, which name no subprotocol.
func (c Config) plainSockets() ws.Config {
	plain := c.sockets()
	plain.Subprotocols = nil
	return plain
}

// startChatRoom begins the legacy chat room, where it is open; its connections end before it.
func (a *App) startChatRoom(context.Context) error {
	if a.cfg.Legacy.ATP.Mode == "off" {
		return nil
	}
	a.room = atp.Start(atp.Config{FrameBytes: a.cfg.Limits.FrameBytes}, atp.Parts{
		Node: a.node, Hub: a.hub, Names: a.db, Store: a.db, Presence: a.presence, Log: a.log,
	})
	a.stack.push("legacy chat room", func(context.Context) error {
		a.room.Close()
		return nil
	})
	return nil
}

// missChatAgent warns where nobody stands behind super_admin.
func (a *App) missChatAgent() {
	if _, there := a.people.ByEmail(a.cfg.Legacy.ATP.Agent); !there && a.cfg.Legacy.ATP.Mode == string(server.OpenEntry) {
		a.log.Warn("nobody has the address that legacy.atp.agent names: super_admin cannot come in before an agent of the site has it")
	}
}

// chatRoomConnections are how many there are in the legacy chat room here; none where it is closed.
func (a *App) chatRoomConnections() int64 {
	if a.room == nil {
		return 0
	}
	return a.room.Connections()
}
