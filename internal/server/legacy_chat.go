package server

import (
	"encoding/json"
	"errors"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"

	"github.com/kefu-chat/kefu/internal/atp"
	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/legacy"
	"github.com/kefu-chat/kefu/internal/live"
	"github.com/kefu-chat/kefu/internal/site"
	"github.com/kefu-chat/kefu/internal/ws"
)

// The paths of the legacy chat room.
const (
	ChatRoomPath    = "/websocket/mq/chat/{userName}"
	OldChatRoomPath = "/websocket/chat/{userName}"
	chatRoomCalls   = "/test/mq/chatMsg/"
)

// ChatEntry is who may come into the legacy chat room.
type ChatEntry struct {
	Entry
	// Agent is the e-mail address of the agent behind the account that answers, where
	// the door is open; with tickets it is whoever has logged in.
	Agent string
	// AgentNetworks are those from which that account may come in by an open door.
	AgentNetworks []netip.Prefix
}

// mountChatRoom registers the legacy chat room, if there is one.
func (s *Server) mountChatRoom(mux *http.ServeMux) {
	if s.cfg.ChatRoom.Mode == "" {
		return
	}
	mux.HandleFunc("GET "+ChatRoomPath, s.chatRoomDoor)
	mux.HandleFunc("GET "+OldChatRoomPath, s.chatRoomDoor)
	history := newHistories().few(s.callChatRoom(s.chatRoomHistory), s.callChatRoom(tooManyHistories))
	for path, answer := range map[string]http.HandlerFunc{
		"getWebSocketAddress/{userName}": s.callChatRoom(s.chatRoomAddress),
		"getHistoryChat/{userName}":      history,
		"getUserList":                    s.callChatRoom(s.chatRoomUsers),
	} {
		mux.HandleFunc("GET "+chatRoomCalls+path, answer)
		mux.HandleFunc("OPTIONS "+chatRoomCalls+path, s.allowChatRoom)
	}
}

// comeIn is who comes into the chat room under a name.
type comeIn struct {
	entered
	agent identity.Agent // behind the account that answers
	login identity.Login
}

// enterChatRoom lets a request in under a name, or says why not.
func (s *Server) enterChatRoom(w http.ResponseWriter, r *http.Request, name string) (comeIn, error) {
	if !legacy.GoodName(name) {
		return comeIn{}, chat.Refuse(badRequest, "a user name has 1 to %d bytes, no control characters, and no spaces around it", legacy.MaxName)
	}
	if name == legacy.AgentName {
		return s.enterAsAnswering(w, r)
	}
	in, err := s.enterLegacy(r, s.cfg.ChatRoom.Entry, legacy.ChatDoor, name)
	return comeIn{entered: in}, err
}

// enterAsAnswering lets the account that answers in: by an open door from the networks
// that the configuration names, else by an agent's log-in.
func (s *Server) enterAsAnswering(w http.ResponseWriter, r *http.Request) (in comeIn, err error) {
	e := s.cfg.ChatRoom
	if in.site, err = s.legacySite(r.Context(), e.Site); err != nil {
		return in, err
	}
	// The site's own origins are those of its visitors' pages: an agent's right is not for their scripts.
	if err := s.legacyOrigin(r, e.Entry, site.Site{}); err != nil {
		return in, err
	}
	in.name = legacy.AgentName
	if e.Mode == OpenEntry {
		if err := vouched(whenceOf(r.Context()), e); err != nil {
			return in, err
		}
		var found bool
		if in.agent, found = s.parts.People.ByEmail(e.Agent); !found {
			s.freshen(r.Context())
			in.agent, found = s.parts.People.ByEmail(e.Agent)
		}
		if !found {
			return in, chat.Refuse(noAgent, "there is no agent with the address of legacy.atp.agent")
		}
	} else if in.login, in.agent, err = s.authenticate(discardCookies{w}, r); err != nil {
		return in, err
	}
	if in.agent.Disabled || in.agent.RoleOn(in.site.ID) == chat.NoRole {
		return in, chat.Refuse(noAgent, "the agent behind %s does not work on this site", legacy.AgentName)
	}
	return in, nil
}

// vouched refuses the account that answers, by an open door, to whoever is not known to
// be in its networks. A website elsewhere can give its own name the address of this
// server, so only names that the configuration has count.
func vouched(from whence, e ChatEntry) error {
	switch {
	case !isTrusted(from.address, e.AgentNetworks):
		return chat.Refuse(chat.NotAllowed, "%s may not come in from this address: see legacy.atp.agent_networks", legacy.AgentName)
	case from.relayed:
		return chat.Refuse(chat.NotAllowed, "%s may not come in by a proxy that trusted_proxies does not name: whom it speaks for is not known", legacy.AgentName)
	case !from.plainHost() && !slices.Contains(e.Origins, from.origin()):
		return chat.Refuse(chat.NotAllowed, "%s may come in under a number, localhost, or one of legacy.atp.origins: add %s there", legacy.AgentName, from.origin())
	}
	return nil
}

// noAgent says that nobody stands behind the account that answers.
const noAgent chat.Code = "no_agent"

// chatRoomDoor is the room's WebSocket.
func (s *Server) chatRoomDoor(w http.ResponseWriter, r *http.Request) {
	from := whenceOf(r.Context())
	if !s.stays(w) || !s.mayKnock(w, from.network) {
		return
	}
	name := r.PathValue("userName")
	in, err := s.enterChatRoom(w, r, name)
	if err != nil {
		problemJSON(w, problemOf(r.Context(), s.log, err))
		return
	}
	if s.parts.PlainSockets.Check(w, r) != nil { // whoever just looks must not take a name from its owner
		return
	}
	if !s.takeSeat(w, from.network) {
		return
	}
	conn, err := s.parts.ChatRoom.Open(r.Context(), atp.Who{
		Site: in.site.ID, Name: strings.Clone(name), Agent: in.agent, Login: in.login,
		Meta: live.Meta{Address: from.address.String(), UserAgent: strings.Clone(r.UserAgent())},
	})
	if err != nil {
		s.seats.leave(from.network)
		problemJSON(w, problemOf(r.Context(), s.log, err))
		return
	}
	tied := s.enrol(entered{key: in.key})
	seat := &chatSeat{server: s, conn: conn, leave: func() { tied.leave(); s.seats.leave(from.network) }}
	c, err := s.parts.PlainSockets.Upgrade(w, r, seat)
	if err != nil { // refused, or the server is stopping: there is no OnClose
		conn.End()
		seat.leave()
		s.log.DebugContext(r.Context(), "a handshake was refused", "error", err)
		return
	}
	tied.conn.Store(c)
	conn.Begin(c)
}

// chatSeat is a connection of the chat room.
type chatSeat struct {
	server *Server
	conn   *atp.Conn
	leave  func()
}

// OnMessage hands a frame to the room; the first may come before the door's Begin.
func (p *chatSeat) OnMessage(c *ws.Conn, data []byte) {
	p.conn.Begin(c)
	p.conn.Said(data)
}

// OnClose ends the connection.
func (p *chatSeat) OnClose(_ *ws.Conn, code uint16, _ string, err error) {
	p.server.watch.Closed(code)
	if errors.Is(err, ws.ErrPingTimeout) {
		p.conn.Silent()
	}
	p.conn.End()
	p.leave()
	var panicked *ws.PanicError
	if errors.As(err, &panicked) {
		p.server.log.Error("a connection's frame made the server panic", "panic", panicked.Value, "stack", string(panicked.Stack))
	}
}

// chatRoomCall answers a call of the room over HTTP.
type chatRoomCall func(w http.ResponseWriter, r *http.Request) (data any, err error)

// chatRoomAnswer is the shape of every answer. Failures come with status 200, too:
// the page looks at the code only.
type chatRoomAnswer struct {
	Code int    `json:"code"`
	Msg  string `json:"msg"`
	Data any    `json:"data"`
}

func (s *Server) callChatRoom(call chatRoomCall) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		head := w.Header()
		head.Set("Content-Type", "application/json")
		head.Set("Cache-Control", "no-store")
		s.sayOrigin(w, r)
		answer := chatRoomAnswer{Code: legacy.Success, Msg: "成功 / success"}
		var err error
		if s.requests.take(whenceOf(r.Context()).network) > 0 {
			err = chat.Refuse("rate_limited", "too many requests came from this address")
		} else {
			answer.Data, err = call(w, r)
		}
		if err != nil {
			answer = chatRoomAnswer{Code: legacy.Failure, Msg: string(s.chatRoomWords(r, err))}
		}
		_ = json.NewEncoder(w).Encode(answer) // the page may be gone
	}
}

// chatRoomWords are what the page shows about an error.
func (s *Server) chatRoomWords(r *http.Request, err error) legacy.Words {
	switch code := chat.CodeOf(err); code {
	case badRequest:
		return legacy.BadName
	case noAgent:
		return legacy.NoAgent
	case chat.Unknown:
		_ = problemOf(r.Context(), s.log, err) // it logs what nobody foresaw
		return legacy.NotNow
	case chat.NotFound:
		return legacy.NoAgent
	default:
		return legacy.WordsFor(code)
	}
}

// sayOrigin lets the pages of the room's origins read the answer, and sends their cookies along.
func (s *Server) sayOrigin(w http.ResponseWriter, r *http.Request) {
	w.Header().Add("Vary", "Origin")
	origin := r.Header.Get("Origin")
	if origin == "" {
		return
	}
	on, err := s.legacySite(r.Context(), s.cfg.ChatRoom.Site)
	if err == nil && s.legacyOrigin(r, s.cfg.ChatRoom.Entry, on) == nil {
		w.Header().Set("Access-Control-Allow-Origin", origin)
		w.Header().Set("Access-Control-Allow-Credentials", "true")
	}
}

// allowChatRoom answers a browser that asks before it calls from another origin.
func (s *Server) allowChatRoom(w http.ResponseWriter, r *http.Request) {
	s.sayOrigin(w, r)
	w.Header().Set("Access-Control-Allow-Methods", "GET")
	w.Header().Set("Access-Control-Allow-Headers", "Authorization, Content-Type, X-Requested-With")
	w.WriteHeader(http.StatusNoContent)
}

// chatRoomAddress is where the WebSocket of a name is, as the page's browser sees
// this server; with tickets it carries one, for it may be another host.
func (s *Server) chatRoomAddress(w http.ResponseWriter, r *http.Request) (any, error) {
	name := r.PathValue("userName")
	in, err := s.enterChatRoom(w, r, name)
	if err != nil {
		return nil, err
	}
	from := whenceOf(r.Context())
	scheme := "ws"
	if from.secure() {
		scheme = "wss"
	}
	address := scheme + "://" + from.host + strings.Replace(ChatRoomPath, "{userName}", url.PathEscape(name), 1)
	if s.cfg.ChatRoom.Mode == TokenEntry && name != legacy.AgentName {
		shown, _, err := s.addTicket(r.Context(), legacy.Ticket{Site: in.site.ID, Door: legacy.ChatDoor, Name: name, Key: in.key}, legacy.TicketLasts)
		if err != nil {
			return nil, err
		}
		address += "?" + ticketParameter + "=" + shown
	}
	return address, nil
}

// chatRoomHistory are the messages of a name.
func (s *Server) chatRoomHistory(w http.ResponseWriter, r *http.Request) (any, error) {
	in, err := s.enterChatRoom(w, r, r.PathValue("userName"))
	if err != nil {
		return nil, err
	}
	return s.parts.ChatRoom.History(r.Context(), in.site.ID, in.name)
}

// chatRoomUsers are the customers' names, for the account that answers.
func (s *Server) chatRoomUsers(w http.ResponseWriter, r *http.Request) (any, error) {
	in, err := s.enterAsAnswering(w, r)
	if err != nil {
		return nil, err
	}
	return s.parts.ChatRoom.Users(r.Context(), in.site.ID)
}
