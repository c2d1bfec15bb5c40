//go:build linux

package scenario

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/kefu-chat/kefu/internal/client"
	"github.com/kefu-chat/kefu/test/checker"
)

// A backup is made while the server serves. Later it is put back by hand, and
// others write past the point that a client had seen: the client is told to
// start anew, drops its copy, and keeps its outbox, which goes through once.
func TestOldCopyPutBack(t *testing.T) {
	s := newServer(t, loose...)
	s.start()
	based := make(chan client.Base, 10)
	v := s.visitor("visitor", client.NewSecret(), client.Observer{
		Based: func(_ *client.Conversation, why client.Base, _ int64) { based <- why },
	}, nil)
	ours := s.h
	s.h = checker.New() // this agent does not come back: what it saw is not judged by the restored log
	a := s.agent(s.in.agents[0], client.Observer{}, nil)
	s.h = ours
	c := say(t, v.Send("before the backup")).AckedIn
	ac := a.Open(c, true)
	for i := range 5 {
		say(t, a.Send(c, fmt.Sprint("before the backup, ", i)))
	}

	backup := filepath.Join(t.TempDir(), "backup.db")
	run(t, s.program, "backup", "--data", s.in.data, backup)
	for i := range 10 {
		say(t, v.Send(fmt.Sprint("after the backup, ", i)))
		say(t, a.Send(c, fmt.Sprint("after the backup, reply ", i)))
	}
	seen := v.Conversation().At().N
	eventually(t, behind(ac, seen))
	a.Close()
	s.stop()
	unsent := v.Send("written while the server was away")

	putBack(t, s, backup)
	home := s.address
	s.address = elsewhere(t) // so that the visitor does not come back yet
	s.start()
	other := s.agent(s.in.agents[0], client.Observer{}, nil)
	oc := other.Open(c, true)
	for i := 0; oc.At().N <= seen+3; i++ {
		say(t, other.Send(c, fmt.Sprint("in the restored log, ", i)))
		eventually(t, behind(oc, int64(7+i)))
	}
	other.Close()
	s.stop()
	s.address = home
	s.start()
	say(t, unsent)
	if why := await(t, "the visitor to be told to start anew", based); why != client.Reset {
		t.Errorf("the visitor's copy began anew because of %q, want reset", why)
	}
	eventually(t, behind(v.Conversation(), seen+4))
	v.Close()
	s.stop()
	for _, found := range checker.Check(s.h, s.read(), checker.Expect{Settled: true, MayReset: true}) {
		if found.Promise != checker.Kept { // what was acked after the backup is gone with it
			t.Error(found)
		}
	}
}

// A copy that is made while a crowd writes is whole: it holds all that was acked
// before, under its numbers, and a server starts on it.
func TestBackupUnderLoad(t *testing.T) {
	s := newServer(t, loose...)
	s.start()
	c := newCrowd(s, 20, 5, nil)
	c.await(200)
	var before []checker.Command
	for _, k := range s.h.Commands() {
		if k.Fate == checker.Acked {
			before = append(before, k)
		}
	}
	backup := filepath.Join(t.TempDir(), "backup.db")
	run(t, s.program, "backup", "--data", s.in.data, backup)
	c.await(50)
	c.still.Store(true)
	c.close()
	s.stop()

	restored := newServer(t, loose...)
	restored.in.data = filepath.Join(t.TempDir(), "restored")
	run(t, s.program, "restore", "--data", restored.in.data, backup)
	restored.start()
	restored.stop()
	copied := restored.read()
	if found := checker.Check(checker.New(), copied, checker.Expect{}); len(found) > 0 {
		t.Errorf("the checker found in the copy:\n%s", checker.Say(found))
	}
	for _, k := range before {
		if !copied.Holds(k) {
			t.Errorf("%s %q of %s was acked at %d before the backup, and is not in it", k.T, k.Text, k.By, k.At.N)
		}
	}
	t.Logf("%d commands were acked before the backup", len(before))
}

// say waits for a command's ack.
func say(t *testing.T, i *client.Item) *client.Item {
	t.Helper()
	await(t, "an ack for "+i.T+" "+i.Text, i.Done())
	if i.State != client.Acked {
		t.Fatalf("%s %q was refused: %+v", i.T, i.Text, i.Refusal)
	}
	return i
}

func run(t *testing.T, program string, args ...string) {
	t.Helper()
	if out, err := exec.CommandContext(t.Context(), program, args...).CombinedOutput(); err != nil {
		t.Fatalf("%v: %v: %s", args, err, out)
	}
}

func elsewhere(t *testing.T) string {
	t.Helper()
	address, err := freeAddress()
	if err != nil {
		t.Fatal(err)
	}
	return address
}

// putBack replaces the database by a copy, as one does by hand.
func putBack(t *testing.T, s *server, backup string) {
	t.Helper()
	content, err := os.ReadFile(backup)
	if err != nil {
		t.Fatal(err)
	}
	for _, end := range []string{"-wal", "-shm"} {
		if err := os.Remove(s.databaseFile() + end); err != nil && !os.IsNotExist(err) {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(s.databaseFile(), content, 0o600); err != nil {
		t.Fatal(err)
	}
}
