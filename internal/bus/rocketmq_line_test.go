package bus

import (
	"errors"
	"fmt"
	"slices"
	"testing"

	"github.com/kefu-chat/kefu/internal/rocketmq"
)

// said is a receiver that remembers what it was told of the connection.
type said struct{ all *[]string }

func (s said) came(string, []byte) {}
func (s said) up(bool)             { *s.all = append(*s.all, "up") }
func (s said) down(error)          { *s.all = append(*s.all, "down") }

// TestPartOfATopicIsEnough: one broker of several that does not answer takes the bus
// down for nobody.
func TestPartOfATopicIsEnough(t *testing.T) {
	var all []string
	line := &rocketLine{log: quiet(), to: said{&all}, begun: true}
	gone := errors.New("connection refused")
	for _, trouble := range []error{fmt.Errorf("%w: %w", rocketmq.ErrSomeQueues, gone), gone, fmt.Errorf("%w: %w", rocketmq.ErrSomeQueues, gone), nil} {
		line.watch(trouble)
	}
	if want := []string{"up", "down", "up", "up"}; !slices.Equal(all, want) {
		t.Errorf("it was %v, want %v", all, want)
	}
}
