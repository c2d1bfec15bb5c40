// Package inredis keeps presence in a Redis: one server, one with sentinels, or a
// cluster. All of a site lies in one slot, and all of the agents in another one.
package inredis

import (
	"context"
	"crypto/sha1" //nolint:gosec // the name that Redis gives a script
	_ "embed"
	"encoding/hex"
	"fmt"
	"strconv"
	"time"

	"github.com/redis/rueidis"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/presence"
)

//go:embed site.lua
var siteScript string // what nodes know of one site

//go:embed agents.lua
var agentsScript string // where agents are

// clean bounds how many visitors of dead nodes one exchange clears away.
const clean = 500

// lives is how many leases long a key stays that nobody writes any more.
const lives = 8

// Place is presence in a Redis.
type Place struct {
	client       rueidis.Client
	prefix       string
	site, agents script
}

var _ presence.Place = (*Place)(nil)

// New makes a place whose keys begin with prefix. The client stays the caller's.
func New(client rueidis.Client, prefix string) *Place {
	return &Place{client: client, prefix: prefix, site: scriptOf(siteScript), agents: scriptOf(agentsScript)}
}

type script struct{ text, hash string }

func scriptOf(text string) script {
	sum := sha1.Sum([]byte(text)) //nolint:gosec // the name that Redis gives a script
	return script{text: text, hash: hex.EncodeToString(sum[:])}
}

type call struct {
	script     *script
	keys, args []string
}

// run calls scripts in one round trip, and those that the server does not know in another one.
func (p *Place) run(ctx context.Context, calls []call) ([]rueidis.RedisResult, error) {
	commands := make(rueidis.Commands, len(calls))
	for i, c := range calls {
		commands[i] = p.client.B().Evalsha().Sha1(c.script.hash).Numkeys(int64(len(c.keys))).Key(c.keys...).Arg(c.args...).Build()
	}
	results := p.client.DoMulti(ctx, commands...)
	var unknown []int
	var again rueidis.Commands
	for i, r := range results {
		if err, is := rueidis.IsRedisErr(r.Error()); is && err.IsNoScript() {
			c := calls[i]
			unknown = append(unknown, i)
			again = append(again, p.client.B().Eval().Script(c.script.text).Numkeys(int64(len(c.keys))).Key(c.keys...).Arg(c.args...).Build())
		}
	}
	for i, r := range p.client.DoMulti(ctx, again...) {
		results[unknown[i]] = r
	}
	for _, r := range results {
		if err := r.Error(); err != nil {
			return nil, fmt.Errorf("presence in redis: %w", err)
		}
	}
	return results, nil
}

func (p *Place) agentKeys() []string {
	tag := p.prefix + ":presence:{" + p.prefix + "}:"
	return []string{tag + "revision", tag + "agents", tag + "leases"}
}

func (p *Place) siteKeys(site chat.SiteID) []string {
	tag := p.prefix + ":presence:{" + p.prefix + ":" + strconv.FormatInt(int64(site), 36) + "}:"
	return []string{tag + "revision", tag + "here", tag + "visitors", tag + "by", tag + "ids", tag + "shared", tag + "leases"}
}

// Exchange implements presence.Place: one round trip.
func (p *Place) Exchange(ctx context.Context, ask *presence.Ask) (*presence.Answer, error) {
	var calls []call
	if ask.Agents != nil {
		calls = append(calls, call{&p.agents, p.agentKeys(), agentsArgs(ask)})
	}
	for i := range ask.Sites {
		args, err := siteArgs(ask, &ask.Sites[i])
		if err != nil {
			return nil, err
		}
		calls = append(calls, call{&p.site, p.siteKeys(ask.Sites[i].Site), args})
	}
	if len(calls) == 0 {
		return &presence.Answer{}, nil
	}
	results, err := p.run(ctx, calls)
	if err != nil {
		return nil, err
	}
	answer := &presence.Answer{Sites: make([]presence.SiteAnswer, len(ask.Sites))}
	if ask.Agents != nil {
		if answer.Agents, err = readAgents(results[0]); err != nil {
			return nil, err
		}
		results = results[1:]
	}
	for i, r := range results {
		if err := readSite(r, &answer.Sites[i]); err != nil {
			return nil, err
		}
	}
	return answer, nil
}

// Leave implements presence.Place: whoever comes next finds the leases over.
func (p *Place) Leave(ctx context.Context, name string, sites []chat.SiteID) error {
	keys := []string{p.agentKeys()[2]}
	for _, site := range sites {
		keys = append(keys, p.siteKeys(site)[6])
	}
	commands := make(rueidis.Commands, len(keys))
	for i, key := range keys {
		commands[i] = p.client.B().Zadd().Key(key).Xx().ScoreMember().ScoreMember(0, name).Build()
	}
	for _, r := range p.client.DoMulti(ctx, commands...) {
		if err := r.Error(); err != nil {
			return fmt.Errorf("presence in redis: %w", err)
		}
	}
	return nil
}

func agentsArgs(ask *presence.Ask) []string {
	args := []string{ask.Name, flag(ask.Agents.Begin), millis(ask.Lease), millis(lives * ask.Lease), number(ask.Agents.Known)}
	for agent, state := range ask.Agents.Set {
		args = append(args, strconv.FormatInt(int64(agent), 10), strconv.Itoa(int(state)))
	}
	return args
}

func siteArgs(ask *presence.Ask, a *presence.SiteAsk) ([]string, error) {
	args := []string{
		ask.Name, flag(a.Writes), flag(a.Begin), millis(ask.Lease), millis(lives * ask.Lease), strconv.Itoa(a.Page),
		number(a.After), strconv.Itoa(a.Feed), number(a.Shared), strconv.Itoa(clean),
		strconv.Itoa(len(a.Drop)), strconv.Itoa(len(a.Put)), strconv.Itoa(len(a.IDs)), strconv.Itoa(len(a.Keys)),
	}
	for _, key := range a.Drop {
		args = append(args, string(key[:]))
	}
	for _, v := range a.Put {
		data, err := presence.Encode(v)
		if err != nil {
			return nil, fmt.Errorf("a visitor's presence cannot be written: %w", err)
		}
		id := ""
		if v.Conversation.Visitor != 0 {
			id = strconv.FormatInt(int64(v.Conversation.Visitor), 10)
		}
		args = append(args, string(v.Key[:]), strconv.FormatInt(int64(v.Since), 10), id, rueidis.BinaryString(data))
	}
	for _, look := range a.IDs {
		args = append(args, strconv.FormatInt(int64(look.ID), 10), number(look.Known))
	}
	for _, look := range a.Keys {
		args = append(args, string(look.Key[:]), number(look.Known))
	}
	return args, nil
}

func flag(on bool) string {
	if on {
		return "1"
	}
	return "0"
}

func number(n uint64) string { return strconv.FormatUint(n, 10) }

func millis(d time.Duration) string { return strconv.FormatInt(d.Milliseconds(), 10) }
