package portrait

import (
	"errors"
	"maps"
	"net/url"
	"strings"
	"sync"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
)

// Slots is how many pictures are fetched at once on a node.
const Slots = 8

const (
	// turnsOfSite is how many of them are of one site: nobody knows before whether its
	// servers answer.
	turnsOfSite = 2
	// pace is how far apart a site's pictures are put off that find no turn.
	pace = 250 * time.Millisecond
	// putOffMost bounds by how much.
	putOffMost = 10 * time.Minute
	// leftAlone is for how long a server that did not answer in time is not asked.
	leftAlone = time.Minute
)

// server is one of a site's: what a site makes of the server of another harms only itself.
type server struct {
	site chat.SiteID
	host string
}

func serverOf(w Wanted) server {
	u, err := url.Parse(w.Address)
	if err != nil { // it is refused when it is asked
		return server{site: w.Site}
	}
	return server{w.Site, strings.ToLower(u.Host)}
}

// line is of the site's pictures.
type line struct {
	underWay int
	next     time.Time // when the one that was put off last is to come
}

// turns keeps sites whose servers do not answer from holding up the pictures of others:
// what this node knows of them. Safe for concurrent use.
type turns struct {
	mu     sync.Mutex
	lines  map[chat.SiteID]*line
	silent map[server]time.Time // until when they are left alone
}

func newTurns() *turns {
	return &turns{lines: map[chat.SiteID]*line{}, silent: map[server]time.Time{}}
}

var errLeftAlone = errors.New("the website's picture could not be fetched: its server did not answer in time, and is left alone for a minute")

// begin takes a turn, which end gives back, or tells after how long to ask for one again.
// Of a server that was silent one asks whether it answers by now, the others do not wait
// for that. Errors: errLeftAlone.
func (t *turns) begin(s server, now time.Time) (wait time.Duration, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	until, silent := t.silent[s]
	if silent && now.Before(until) {
		return 0, errLeftAlone
	}
	l := t.lines[s.site]
	if l == nil {
		l = &line{}
		t.lines[s.site] = l
	}
	if l.underWay >= turnsOfSite {
		if l.next.Before(now) {
			l.next = now
		}
		l.next = l.next.Add(pace)
		return min(l.next.Sub(now), putOffMost), nil
	}
	if silent {
		t.silent[s] = now.Add(leftAlone)
	}
	l.underWay++
	return 0, nil
}

// end gives a turn back, and tells whether the server was silent.
func (t *turns) end(s server, now time.Time, silent bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if l := t.lines[s.site]; l.underWay > 1 {
		l.underWay--
	} else {
		delete(t.lines, s.site)
	}
	// Of those that nobody asks any more none stays.
	maps.DeleteFunc(t.silent, func(_ server, until time.Time) bool { return now.After(until.Add(putOffMost)) })
	if silent {
		t.silent[s] = now.Add(leftAlone)
	} else {
		delete(t.silent, s)
	}
}
