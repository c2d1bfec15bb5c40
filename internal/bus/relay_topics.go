package bus

import (
	"strings"
	"sync"
)

// joinTogether bounds how many topics a carrier is given at a time.
const joinTogether = 512

// topics are what a node wants to hear, and what its carrier has been told of it.
type topics struct {
	mu      sync.RWMutex
	wanted  map[string]struct{}
	held    map[string]struct{} // joined at the network
	changed map[string]struct{} // wanted and held may differ
	live    bool
	// generation counts the connections: what was joined on an earlier one is not held.
	generation int
	wake       chan struct{}
}

func newTopics() topics {
	return topics{
		wanted: map[string]struct{}{}, held: map[string]struct{}{}, changed: map[string]struct{}{},
		wake: make(chan struct{}, 1),
	}
}

// validTopic holds the rules of MaxTopic.
func validTopic(topic string) bool {
	if topic == "" || len(topic) > MaxTopic || strings.Trim(topic, "/") != topic || strings.Contains(topic, "//") {
		return false
	}
	for i := range len(topic) {
		c := topic[i]
		letter := c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z'
		if !letter && (c < '0' || c > '9') && c != '/' && c != '-' && c != '_' {
			return false
		}
	}
	return true
}

func (t *topics) joined(topic string) bool {
	t.mu.RLock()
	defer t.mu.RUnlock()
	_, ok := t.wanted[topic]
	return ok
}

func (t *topics) want(topic string, join bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if _, is := t.wanted[topic]; is == join {
		return
	}
	if join {
		t.wanted[topic] = struct{}{}
	} else {
		delete(t.wanted, topic)
	}
	t.changed[topic] = struct{}{}
	t.signal()
}

func (t *topics) connected(kept bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.live = true
	t.generation++
	if !kept {
		clear(t.held)
		for topic := range t.wanted {
			t.changed[topic] = struct{}{}
		}
	}
	t.signal()
}

func (t *topics) disconnected() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.live = false
}

func (t *topics) signal() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

// next gives some of the topics to join and to leave, and no longer counts them as changed.
func (t *topics) next() (join, leave []string, generation int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.live {
		return nil, nil, t.generation
	}
	for topic := range t.changed {
		if len(join)+len(leave) == joinTogether {
			break
		}
		delete(t.changed, topic)
		_, wanted := t.wanted[topic]
		_, held := t.held[topic]
		switch {
		case wanted && !held:
			join = append(join, topic)
		case held && !wanted:
			leave = append(leave, topic)
		}
	}
	return join, leave, t.generation
}

// settled takes down what the carrier did on the connection of a generation.
func (t *topics) settled(some []string, joined bool, generation int, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, topic := range some {
		if err != nil || generation != t.generation {
			t.changed[topic] = struct{}{}
			continue
		}
		if joined {
			t.held[topic] = struct{}{}
		} else {
			delete(t.held, topic)
		}
		if _, wanted := t.wanted[topic]; wanted != joined {
			t.changed[topic] = struct{}{}
		}
	}
}

// follow tells the carrier what is wanted, in the order of the changes' batches.
func (r *Relay) follow() {
	failures := 0
	for {
		join, leave, generation := r.topics.next()
		if len(join)+len(leave) == 0 {
			select {
			case <-r.ctx.Done():
				return
			case <-r.topics.wake:
			}
			continue
		}
		var err error
		if len(leave) > 0 {
			err = r.carrier.leave(r.ctx, leave)
			r.topics.settled(leave, false, generation, err)
		}
		if len(join) > 0 {
			joinErr := r.carrier.join(r.ctx, join)
			r.topics.settled(join, true, generation, joinErr)
			if joinErr != nil {
				err = joinErr
			}
		}
		failures++
		if err == nil {
			failures = 0
		} else if !sleep(r.ctx, backoff(failures)) {
			return
		}
	}
}
