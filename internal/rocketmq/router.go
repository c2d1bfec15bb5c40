package rocketmq

import (
	"cmp"
	"context"
	"maps"
	"slices"
	"sync"
	"time"
)

// maxRoutes bounds the topics whose routes are kept; beyond it one makes room for another.
const maxRoutes = 4096

// staleWait is how often a route is asked for again, at most, after something went wrong with it.
const staleWait = 500 * time.Millisecond

// router knows the routes of the topics in use.
type router struct {
	names *nameServers

	mu     sync.Mutex
	topics map[string]*routeEntry
}

type routeEntry struct {
	asking chan struct{} // holds a token while the name server is asked
	route  *Route        // nil before the first answer
	lent   *Route        // where the topic would be made, while there is none; nobody reads there
	asked  time.Time
	stale  bool
}

func newRouter(names *nameServers) *router {
	return &router{names: names, topics: map[string]*routeEntry{}}
}

func (r *router) entry(topic string) *routeEntry {
	r.mu.Lock()
	defer r.mu.Unlock()
	e, ok := r.topics[topic]
	if !ok {
		for some := range r.topics {
			if len(r.topics) < maxRoutes {
				break
			}
			delete(r.topics, some)
		}
		e = &routeEntry{asking: make(chan struct{}, 1)}
		r.topics[topic] = e
	}
	return e
}

// known is the route at hand, and what is lent in its place, unless it should be asked for.
func (r *router) known(e *routeEntry) (route, lent *Route) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e.stale && time.Since(e.asked) > staleWait {
		return nil, nil
	}
	return e.route, e.lent
}

// lookup is the topic's route: the one at hand, or the name server's.
func (r *router) lookup(ctx context.Context, topic string) (*Route, error) {
	e := r.entry(topic)
	if route, _ := r.known(e); route != nil {
		return route, nil
	}
	select {
	case e.asking <- struct{}{}:
	default:
		if route := r.atHand(e); route != nil { // somebody else asks: it need not be waited for
			return route, nil
		}
		select {
		case e.asking <- struct{}{}:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	defer func() { <-e.asking }()
	if route, _ := r.known(e); route != nil { // somebody else has asked meanwhile
		return route, nil
	}
	return r.ask(ctx, topic, e)
}

func (r *router) atHand(e *routeEntry) *Route {
	r.mu.Lock()
	defer r.mu.Unlock()
	return e.route
}

// ask asks the name server. Where it fails the route at hand stays in use.
func (r *router) ask(ctx context.Context, topic string, e *routeEntry) (*Route, error) {
	route, err := r.fetch(ctx, topic)
	r.mu.Lock()
	defer r.mu.Unlock()
	e.asked = time.Now()
	if err == nil {
		e.route, e.lent, e.stale = route, nil, false
		return route, nil
	}
	if e.route == nil {
		return nil, err
	}
	e.stale = true
	return e.route, nil
}

func (r *router) fetch(ctx context.Context, topic string) (*Route, error) {
	answer, err := r.names.ask(ctx, func() *command {
		return &command{code: codeGetRouteInfoByTopic, ext: map[string]string{"topic": topic, "acceptStandardJsonOnly": "true"}}
	})
	if err != nil {
		return nil, err
	}
	return parseRoute(topic, answer.body)
}

// publish is where messages of the topic go: where it would be made, if there is no such topic.
func (r *router) publish(ctx context.Context, topic string) (*Route, error) {
	e := r.entry(topic)
	if route := cmp.Or(r.known(e)); route != nil {
		return route, nil
	}
	route, err := r.lookup(ctx, topic)
	if !isAnswer(err, TopicNotExist) {
		return route, err
	}
	lender, missing := r.lookup(ctx, autoCreateTopic)
	if isAnswer(missing, TopicNotExist) {
		return nil, err // topics are not made on the fly here
	}
	if missing != nil {
		return nil, missing
	}
	lent := lender.borrow(topic)
	r.mu.Lock()
	defer r.mu.Unlock()
	if e.route == nil {
		e.lent, e.stale, e.asked = lent, true, time.Now()
	}
	return lent, nil
}

// doubt has the route asked for again before long, because something went wrong with it.
func (r *router) doubt(topic string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if e, ok := r.topics[topic]; ok {
		e.stale = true
	}
}

// refresh asks for all routes in use.
func (r *router) refresh(ctx context.Context) {
	r.mu.Lock()
	topics := slices.Collect(maps.Keys(r.topics))
	r.mu.Unlock()
	for _, topic := range topics {
		e := r.entry(topic)
		select {
		case e.asking <- struct{}{}:
		case <-ctx.Done():
			return
		}
		_, _ = r.ask(ctx, topic, e) // what fails is asked again when it is needed
		<-e.asking
	}
}
