package app

import (
	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/server"
	"github.com/kefu-chat/kefu/internal/ws"
)

// LegacyConfig are the doors for pages of older systems.
type LegacyConfig struct {
	Push PushConfig `group:"Push by id" namespace:"push"`
}

// PushConfig is who may wait for pushes by id.
type PushConfig struct {
	Mode    string `long:"mode" default:"off" enum:"off,open,token" description:"Whether pages may wait for pushes at /websocket/{id}: not at all, open (whoever knows an id gets what is pushed to it) or token (with a ticket that the application's server got). See docs/LEGACY.md."`
	Site    string `long:"site" value-name:"ID" unset:"the oldest site" description:"The id of the site whose pushes come by the open door."`
	Anybody bool   `long:"anybody-may-connect" description:"Says that it is known what legacy.push.mode open means: whoever reaches this server and knows or guesses an id receives its pushes."`
}

// open tells whether any of the doors is.
func (c LegacyConfig) open() bool { return c.Push.Mode != "off" }

// legacyDoors adds to the server's configuration which of the doors are open to whom.
func (c Config) legacyDoors(s server.Config) (server.Config, error) {
	var err error
	s.Push, err = c.Legacy.Push.entry()
	return s, err
}

func (p PushConfig) entry() (server.Entry, error) {
	if p.Mode == "off" {
		return server.Entry{}, nil
	}
	if p.Mode == string(server.OpenEntry) && !p.Anybody {
		return server.Entry{}, usage("legacy.push.mode is open: whoever reaches this server and knows an id gets its pushes; set legacy.push.anybody_may_connect too, or take token")
	}
	site, err := siteSetting("legacy.push.site", p.Site)
	return server.Entry{Mode: server.EntryMode(p.Mode), Site: site}, err
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
