package presence_test

import (
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/kefu-chat/kefu/internal/presence"
	"github.com/kefu-chat/kefu/internal/presence/presencetest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestMemory(t *testing.T) { presencetest.Run(t, presencetest.Engine{Memory: presence.NewMemory}) }

func TestChangesTooLongAgoAreUnknown(t *testing.T) {
	m := presence.NewMemory(time.Now).On("a")
	for i := range 3000 {
		m.SetVisitor(&presence.Visitor{Site: 1, Key: presence.Key{2}, State: presence.State(1 + i%2)})
	}
	if _, _, known := m.Changed(1, 1); known {
		t.Error("changes of 3000 revisions ago are known")
	}
	changed, revision, known := m.Changed(1, 2990)
	if !known || len(changed) != 1 || revision != 3000 {
		t.Errorf("%d changed at %d, %t; want the one visitor at 3000", len(changed), revision, known)
	}
}
