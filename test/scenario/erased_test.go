//go:build linux

package scenario

import (
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/kefu-chat/kefu/internal/client"
)

// Whoever was erased after a backup is in it, and is gone again before a server that
// runs on it answers anybody. Without what lies beside the files it is there: by that
// the test sees that the backup has it.
func TestARestoreRepeatsErasures(t *testing.T) {
	s := newServer(t, loose...)
	s.start()
	v := s.visitor("visitor", client.NewSecret(), client.Observer{}, nil)
	say(t, v.Send("forget me"))
	erased := s.newestVisitor()
	other := s.visitor("other", client.NewSecret(), client.Observer{}, nil)
	say(t, other.Send("keep me"))
	kept := s.newestVisitor()
	backup := filepath.Join(t.TempDir(), "backup.db")
	run(t, s.program, "backup", "--data", s.in.data, backup)
	v.Close()
	other.Close()
	if _, err := rest(http.MethodDelete, s.visitorURL(erased), s.in.owner.cookie, nil, nil); err != nil {
		t.Fatal(err)
	}
	s.there(kept, true)
	s.there(erased, false)
	s.stop()

	journal, aside := filepath.Join(s.in.data, "files", "erasures"), filepath.Join(t.TempDir(), "aside")
	s.move(journal, aside)
	putBack(t, s, backup)
	s.start()
	s.there(erased, true)
	s.stop()

	s.move(aside, journal)
	putBack(t, s, backup)
	s.start()
	s.there(kept, true)
	s.there(erased, false)
	if !strings.Contains(s.p.output(), "they were repeated") {
		t.Error("the server did not say that its database is older than an erasure")
	}
	s.stop()
}

func (s *server) move(from, to string) {
	s.t.Helper()
	if err := os.Rename(from, to); err != nil {
		s.t.Fatal(err)
	}
}

func (s *server) visitorURL(id string) string {
	return s.base() + "/api/v1/sites/" + s.in.site + "/visitors/" + id
}

// newestVisitor is the id of the one who wrote first the shortest time ago.
func (s *server) newestVisitor() string {
	s.t.Helper()
	var found struct{ Visitors []struct{ ID string } }
	if _, err := rest(http.MethodGet, strings.TrimSuffix(s.visitorURL(""), "/"), s.in.owner.cookie, nil, &found); err != nil {
		s.t.Fatal(err)
	}
	if len(found.Visitors) == 0 {
		s.t.Fatal("the site has no visitors")
	}
	return found.Visitors[0].ID
}

func (s *server) there(id string, want bool) {
	s.t.Helper()
	_, err := rest(http.MethodGet, s.visitorURL(id), s.in.owner.cookie, nil, nil)
	if absent := err != nil && strings.Contains(err.Error(), "answered 404"); want != (err == nil) || !want != absent {
		s.t.Errorf("visitor %s is there: %v, want %t", id, err, want)
	}
}
