package seal_test

import (
	"bytes"
	"encoding/hex"
	"encoding/json"
	"errors"
	"flag"
	"log/slog"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/kefu-chat/kefu/internal/bus/bustest"
	"github.com/kefu-chat/kefu/internal/bus/seal"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestSealedOpensForItsTopicOnly(t *testing.T) {
	keys := bustest.NewKeys()
	mine, theirs := bustest.NewSealer(t, keys), bustest.NewSealer(t, keys)
	notice := []byte("a notice")
	envelope, err := mine.Seal("c/1", "node-1", notice)
	if err != nil {
		t.Fatal(err)
	}
	if bytes.Contains(envelope, notice) {
		t.Error("the notice stands in the envelope as it is")
	}
	if len(envelope) > len(notice)+seal.Overhead {
		t.Errorf("an envelope of %d bytes for %d", len(envelope), len(notice))
	}
	if node, ok := seal.Sender(envelope); !ok || node != "node-1" {
		t.Errorf("the sender is %q, %v", node, ok)
	}
	node, got, err := theirs.Open("c/1", envelope)
	if err != nil || node != "node-1" || !bytes.Equal(got, notice) {
		t.Errorf("opened as %q of %q, %v", got, node, err)
	}
	if _, _, err := theirs.Open("c/2", envelope); !errors.Is(err, seal.ErrGarbled) {
		t.Errorf("opened for another topic: %v", err)
	}
	again, _ := mine.Seal("c/1", "node-1", notice)
	if bytes.Equal(envelope, again) {
		t.Error("the same notice twice gives the same envelope")
	}
}

// TestWhatIsNotOursIsRefused damages an envelope at every byte.
func TestWhatIsNotOursIsRefused(t *testing.T) {
	sealer := bustest.NewSealer(t, bustest.NewKeys())
	other := bustest.NewSealer(t, bustest.NewKeys())
	envelope, _ := sealer.Seal("all", "node", []byte("notice"))
	for i := range envelope {
		damaged := bytes.Clone(envelope)
		damaged[i] ^= 0x40
		if _, _, err := sealer.Open("all", damaged); err == nil {
			t.Errorf("opened with byte %d changed", i)
		}
		if _, _, err := sealer.Open("all", envelope[:i]); err == nil {
			t.Errorf("opened with %d of %d bytes", i, len(envelope))
		}
	}
	later := bytes.Clone(envelope)
	later[0] = 2
	if _, _, err := sealer.Open("all", later); !errors.Is(err, seal.ErrVersion) {
		t.Errorf("a later version: %v", err)
	}
	if _, _, err := other.Open("all", envelope); !errors.Is(err, seal.ErrGarbled) {
		t.Errorf("another cluster's key of the same number: %v", err)
	}
	if _, _, err := sealer.Open("all", []byte(`{"unsealed":true}`)); !errors.Is(err, seal.ErrVersion) {
		t.Errorf("an unsealed notice: %v", err)
	}
}

func TestANodeNeedsAName(t *testing.T) {
	sealer := bustest.NewSealer(t, bustest.NewKeys())
	for _, node := range []string{"", strings.Repeat("n", seal.MaxNode+1)} {
		if _, err := sealer.Seal("all", node, nil); err == nil {
			t.Errorf("sealed for a name of %d bytes", len(node))
		}
	}
	longest := strings.Repeat("n", seal.MaxNode)
	envelope, err := sealer.Seal("all", longest, nil)
	if err != nil {
		t.Fatal(err)
	}
	if node, notice, err := sealer.Open("all", envelope); err != nil || node != longest || len(notice) != 0 {
		t.Errorf("an empty notice of the longest name: %v", err)
	}
}

var record = flag.Bool("record", false, "write testdata/envelope-v1.json anew: only when it is lost")

type recorded struct {
	Secret, Topic, Node, Notice, Envelope string
	Number                                uint32
}

// TestReadsVersion1 opens what a node of version 1 sent: the next version must
// read it too.
func TestReadsVersion1(t *testing.T) {
	const file = "testdata/envelope-v1.json"
	keys := bustest.NewKeys()
	if *record {
		writeEnvelope(t, keys, file)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var r recorded
	if err := json.Unmarshal(text, &r); err != nil {
		t.Fatal(err)
	}
	key := seal.Key{Number: r.Number}
	secret, _ := hex.DecodeString(r.Secret)
	copy(key.Secret[:], secret)
	keys = bustest.NewKeys()
	if err := keys.AddClusterKey(t.Context(), key); err != nil {
		t.Fatal(err)
	}
	envelope, _ := hex.DecodeString(r.Envelope)
	node, notice, err := bustest.NewSealer(t, keys).Open(r.Topic, envelope)
	if err != nil || node != r.Node || string(notice) != r.Notice {
		t.Errorf("opened as %q of %q, %v", notice, node, err)
	}
}

func writeEnvelope(t *testing.T, keys *bustest.Keys, file string) {
	t.Helper()
	sealer := bustest.NewSealer(t, keys)
	all, _ := keys.ClusterKeys(t.Context())
	envelope, err := sealer.Seal("c/42", "node-a", []byte("changed"))
	if err != nil {
		t.Fatal(err)
	}
	text, _ := json.MarshalIndent(recorded{
		Secret: hex.EncodeToString(all[0].Secret[:]), Number: all[0].Number,
		Topic: "c/42", Node: "node-a", Notice: "changed", Envelope: hex.EncodeToString(envelope),
	}, "", "  ")
	if err := os.WriteFile(file, append(text, '\n'), 0o600); err != nil {
		t.Fatal(err)
	}
}

// TestRotation: a new key seals only when every node has had time to read it, and
// the old one opens as long as anybody may use it.
func TestRotation(t *testing.T) {
	keys := bustest.NewKeys()
	prompt, late := bustest.NewSealer(t, keys), bustest.NewSealer(t, keys)
	if keys.Added() != 1 {
		t.Fatalf("%d keys, want the first one only", keys.Added())
	}
	passes := func() {
		t.Helper()
		for _, pair := range [][2]*seal.Sealer{{prompt, late}, {late, prompt}} {
			envelope, err := pair[0].Seal("all", "n", []byte("x"))
			if err != nil {
				t.Fatal(err)
			}
			if _, _, err := pair[1].Open("all", envelope); err != nil {
				t.Fatalf("%v at %v", err, keys.Now())
			}
		}
	}
	refresh := func(s *seal.Sealer) {
		t.Helper()
		if err := s.Refresh(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	for day := range 5 {
		keys.Pass(24 * time.Hour)
		refresh(prompt) // it makes the next key, which the other has not read yet
		if keys.Added() != day+2 {
			t.Fatalf("day %d: %d keys were made", day, keys.Added())
		}
		passes()
		keys.Pass(50 * time.Second)
		refresh(late)
		passes()
		keys.Pass(9 * time.Second)
		passes()
		before := sealedWith(t, prompt)
		keys.Pass(time.Second)
		if after := sealedWith(t, prompt); after == before {
			t.Errorf("day %d: a key of a minute does not seal", day)
		}
		passes()
	}
	if live, _ := keys.ClusterKeys(t.Context()); len(live) != 2 {
		t.Errorf("%d keys are live, want 2", len(live))
	}
}

func sealedWith(t *testing.T, s *seal.Sealer) string {
	t.Helper()
	envelope, err := s.Seal("all", "n", nil)
	if err != nil {
		t.Fatal(err)
	}
	return string(envelope[1:5])
}

// TestOneKeyOfMany: of nodes that begin at a time, or add a key at a time, one wins.
func TestOneKeyOfMany(t *testing.T) {
	keys := bustest.NewKeys()
	var nodes [8]*seal.Sealer
	for i := range nodes {
		nodes[i] = bustest.NewSealer(t, keys)
	}
	keys.Pass(25 * time.Hour)
	var all sync.WaitGroup
	for _, s := range nodes {
		all.Go(func() { _ = s.Refresh(t.Context()) })
	}
	all.Wait()
	if keys.Added() != 2 {
		t.Errorf("%d keys were made, want the first and one more", keys.Added())
	}
}

// TestAnUnknownKeyIsReadAtOnce, without waiting for the next time.
func TestAnUnknownKeyIsReadAtOnce(t *testing.T) {
	keys := bustest.NewKeys()
	config := seal.Config{Keys: keys, Log: slog.New(slog.DiscardHandler), Now: keys.Now, ReadEvery: time.Hour}
	sender, err := seal.New(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer sender.Close()
	receiver, err := seal.New(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer receiver.Close()
	keys.Pass(24 * time.Hour)
	if err := sender.Refresh(t.Context()); err != nil {
		t.Fatal(err)
	}
	keys.Pass(time.Hour) // the sender uses it; the receiver was away so long
	envelope, _ := sender.Seal("all", "n", nil)
	if _, _, err := receiver.Open("all", envelope); !errors.Is(err, seal.ErrKey) {
		t.Fatalf("want %v, have %v", seal.ErrKey, err)
	}
	for deadline := time.Now().Add(5 * time.Second); ; <-time.After(time.Millisecond) {
		if _, _, err = receiver.Open("all", envelope); err == nil {
			return
		}
		if time.Now().After(deadline) {
			t.Fatalf("not opened in time: %v", err)
		}
	}
}

// TestKeysThatCannotBeRead: at start that is an error, later the known ones go on.
func TestKeysThatCannotBeRead(t *testing.T) {
	keys, lines := bustest.NewKeys(), bustest.NewLines()
	keys.Fail(errors.New("no database"))
	config := seal.Config{Keys: keys, Log: lines.Log(), Now: keys.Now, ReadEvery: time.Millisecond}
	if _, err := seal.New(t.Context(), config); err == nil || !strings.Contains(err.Error(), "no database") {
		t.Errorf("started without keys: %v", err)
	}
	keys.Fail(nil)
	s, err := seal.New(t.Context(), config)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	keys.Fail(errors.New("no database"))
	for deadline := time.Now().Add(5 * time.Second); lines.Count("cannot be read") == 0; <-time.After(time.Millisecond) {
		if time.Now().After(deadline) {
			t.Fatal("it is not said that the keys cannot be read")
		}
	}
	envelope, err := s.Seal("all", "n", []byte("x"))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := s.Open("all", envelope); err != nil {
		t.Error(err)
	}
}
