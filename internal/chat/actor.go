package chat

// ActorKind says what sort of actor did something.
type ActorKind string

// The five kinds of actors.
const (
	VisitorActor ActorKind = "visitor"
	AgentActor   ActorKind = "agent"
	BotActor     ActorKind = "bot"
	SystemActor  ActorKind = "system"
	KeyActor     ActorKind = "key"
)

// Role is what an agent may do on one site: Admin ⊇ Supervisor ⊇ RoleAgent.
// The zero Role may do nothing.
type Role int

// The roles, each containing those before it.
const (
	NoRole Role = iota
	RoleAgent
	RoleSupervisor
	RoleAdmin
)

func (r Role) String() string {
	switch r {
	case RoleAgent:
		return "agent"
	case RoleSupervisor:
		return "supervisor"
	case RoleAdmin:
		return "admin"
	}
	return ""
}

// ParseRole reads a role's name; anything else is NoRole and false.
func ParseRole(s string) (Role, bool) {
	for r := RoleAgent; r <= RoleAdmin; r++ {
		if r.String() == s {
			return r, true
		}
	}
	return NoRole, false
}

// Actor is who wants a change, already authenticated, with its role on the
// site of the conversation (NoRole for a visitor).
type Actor struct {
	Kind ActorKind
	ID   int64
	// Name is the snapshot that events keep; empty for visitors.
	Name string
	Role Role
}

// Ref is the actor as an event names it.
func (a Actor) Ref() ActorRef { return ActorRef{Kind: a.Kind, ID: a.ID, Name: a.Name} }

// Agent is the actor's id as an agent; zero for every other kind.
func (a Actor) Agent() AgentID {
	if a.Kind != AgentActor {
		return 0
	}
	return AgentID(a.ID)
}

func (a Actor) isAgent() bool { return a.Kind == AgentActor && a.Role >= RoleAgent }

// works tells whether the actor works on the site: an agent, and a bot or an API key
// that was given a role.
func (a Actor) works() bool {
	switch a.Kind {
	case AgentActor, BotActor, KeyActor:
		return a.Role >= RoleAgent
	}
	return false
}

func (a Actor) isSupervisor() bool { return a.works() && a.Role >= RoleSupervisor }

// Via is the API key by which an act of an agent or a bot came in.
type Via struct {
	ID   int64  `json:"id,string"`
	Name string `json:"name"`
}

// ActorRef refers to an actor from an event: kind, id, and its name then.
type ActorRef struct {
	Kind ActorKind
	ID   int64
	Name string
}

// Same tells whether both name the same actor, whatever its name was.
func (r ActorRef) Same(o ActorRef) bool { return r.Kind == o.Kind && r.ID == o.ID }

// System is the actor of what nobody asked for.
func System() Actor { return Actor{Kind: SystemActor} }
