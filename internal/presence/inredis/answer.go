package inredis

import (
	"fmt"
	"slices"
	"strconv"
	"strings"

	"github.com/redis/rueidis"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/presence"
)

// reader reads the parts of a script's answer one after another; its first error stays.
type reader struct {
	all []rueidis.RedisMessage
	err error
}

func (r *reader) next() (m rueidis.RedisMessage) {
	switch {
	case r.err != nil:
	case len(r.all) == 0:
		r.err = fmt.Errorf("presence in redis: the answer is too short: is another program using the same redis.prefix?")
	default:
		m, r.all = r.all[0], r.all[1:]
	}
	return m
}

func (r *reader) integer() int64 {
	m := r.next()
	if r.err != nil {
		return 0
	}
	n, err := m.AsInt64()
	r.err = err
	return n
}

func (r *reader) text() string {
	m := r.next()
	if r.err != nil {
		return ""
	}
	s, err := m.ToString()
	r.err = err
	return s
}

func (r *reader) revision() uint64 {
	s := r.text()
	if r.err != nil {
		return 0
	}
	n, err := strconv.ParseUint(s, 10, 64)
	r.err = err
	return n
}

// texts reads a list of strings; there is false when nil stands there.
func (r *reader) texts() (list []string, there bool) {
	m := r.next()
	if r.err != nil || m.IsNil() {
		return nil, false
	}
	list, r.err = m.AsStrSlice()
	return list, true
}

func (r *reader) key(s string) (key presence.Key) {
	if len(s) != len(key) && r.err == nil {
		r.err = fmt.Errorf("presence in redis: a key of %d bytes: want %d", len(s), len(key))
	}
	copy(key[:], s)
	return key
}

func (r *reader) keys() []presence.Key {
	list, there := r.texts()
	if !there {
		return nil
	}
	keys := make([]presence.Key, len(list))
	for i, s := range list {
		keys[i] = r.key(s)
	}
	return keys
}

func readerOf(result rueidis.RedisResult) *reader {
	all, err := result.ToArray()
	return &reader{all: all, err: err}
}

func readAgents(result rueidis.RedisResult) (*presence.AgentsAnswer, error) {
	r := readerOf(result)
	a := &presence.AgentsAnswer{Lost: r.integer() != 0}
	if a.Lost {
		return a, r.err
	}
	a.Revision = r.revision()
	var on []string
	on, a.Changed = r.texts()
	for pair := range slices.Chunk(on, 2) {
		agent, name, _ := strings.Cut(pair[0], " ")
		id, err := strconv.ParseInt(agent, 10, 64)
		if err != nil {
			return nil, fmt.Errorf("presence in redis: %q is no agent's id", agent)
		}
		state, err := strconv.ParseUint(pair[1], 10, 8)
		if err != nil {
			return nil, fmt.Errorf("presence in redis: %q is no state", pair[1])
		}
		a.On = append(a.On, presence.AgentOn{Agent: chat.AgentID(id), Name: name, State: presence.State(state)})
	}
	a.Alive, _ = r.texts()
	return a, r.err
}

// readSite reads what site.lua returned.
func readSite(result rueidis.RedisResult, a *presence.SiteAnswer) error {
	r := readerOf(result)
	if a.Lost = r.integer() != 0; a.Lost {
		return r.err
	}
	a.Revision = r.revision()
	a.Count, a.Mine, a.More = r.integer(), r.integer(), r.integer() != 0
	a.Names, _ = r.texts()
	slices.Sort(a.Names)
	page := r.next()
	if r.err == nil && !page.IsNil() {
		a.Paged = true
		list, err := page.AsStrSlice()
		r.err = err
		for _, s := range list {
			a.Page = append(a.Page, r.key(s))
		}
	}
	a.Fed, a.FedAll = r.revision(), r.integer() != 0
	records := r.next()
	if r.err != nil {
		return r.err
	}
	all, err := records.ToArray()
	if err != nil {
		return err
	}
	for _, m := range all {
		fields, err := m.AsStrSlice()
		if err != nil {
			return fmt.Errorf("presence in redis: a visitor that cannot be read: %w", err)
		}
		if len(fields) < 2 || len(fields)%2 != 0 {
			return fmt.Errorf("presence in redis: a visitor of %d fields: want a key, a revision, and pairs of name and data", len(fields))
		}
		record := presence.Record{Key: r.key(fields[0])}
		if record.Revision, err = strconv.ParseUint(fields[1], 10, 64); err != nil {
			return err
		}
		for pair := range slices.Chunk(fields[2:], 2) {
			record.Parts = append(record.Parts, presence.RecordPart{Name: pair[0], Data: []byte(pair[1])})
		}
		a.Records = append(a.Records, record)
	}
	ids, _ := r.texts()
	for _, s := range ids {
		id, err := strconv.ParseInt(s, 10, 64)
		if err != nil {
			return err
		}
		a.AbsentIDs = append(a.AbsentIDs, chat.VisitorID(id))
	}
	a.AbsentKeys = r.keys()
	return r.err
}
