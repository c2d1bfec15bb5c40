package broadcast

import (
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/site"
)

func TestAListIsRead(t *testing.T) {
	l, err := ReadList([]string{"126871239812399999", " 7\r", "126871239812399999", "9223372036854775807"})
	if err != nil || l.Len() != 3 || !l.Has(7) || !l.Has(126871239812399999) || !l.Has(9223372036854775807) || l.Has(8) || l.Has(0) {
		t.Errorf("read %+v, %v", l, err)
	}
	for _, bad := range []string{"", "abc", "-7", "0", "7.0", "1e9", "0x7", "9223372036854775808", strings.Repeat("9", 1000)} {
		_, err := ReadList([]string{"7", bad, "worse"})
		var field *site.FieldError
		if !errors.As(err, &field) || field.Field != "audience.ids" || !strings.Contains(field.Text, "place 2 of") || len(field.Text) > 200 {
			t.Errorf("%.40q: %v", bad, err)
		}
	}
	many := make([]string, MaxListed+1)
	for i := range many {
		many[i] = "7"
	}
	if _, err := ReadList(many); err == nil || !strings.Contains(err.Error(), "100000") || !strings.Contains(err.Error(), "100001") {
		t.Errorf("one too many: %v", err)
	}
	if l, err := ReadList(many[1:]); err != nil || l.Len() != 1 {
		t.Errorf("as many as may be: %+v, %v", l, err)
	}
}

func TestAListIsPacked(t *testing.T) {
	random := rand.New(rand.NewPCG(1, 2))
	for round := range 50 {
		ids := []chat.VisitorID{1, 1 << 62, 1<<63 - 1}
		for range random.IntN(300) {
			ids = append(ids, chat.VisitorID(random.Int64N(1<<random.IntN(62)+1)+1))
		}
		l := ListOf(ids)
		var back []chat.VisitorID
		for _, part := range l.Parts(1 + random.IntN(40)) {
			var err error
			if back, err = UnpackIDs(back, PackIDs(part)); err != nil {
				t.Fatal(err)
			}
		}
		if !slices.Equal(back, l.ids) || !slices.IsSorted(back) || slices.ContainsFunc(ids, func(id chat.VisitorID) bool { return !l.Has(id) }) {
			t.Fatalf("round %d: of %v came back %v", round, l.ids, back)
		}
	}
	packed := PackIDs([]chat.VisitorID{5, 6, 900})
	for name, b := range map[string][]byte{
		"cut": packed[:len(packed)-1], "nothing after": append(packed, 0), "too large": PackIDs([]chat.VisitorID{-1}), "behind": PackIDs([]chat.VisitorID{4}),
	} {
		if ids, err := UnpackIDs([]chat.VisitorID{4}, b); err == nil {
			t.Errorf("%s: %v was taken", name, ids)
		}
	}
	ids := make([]chat.VisitorID, MaxListed) // as they are made: one every ten seconds
	for i := range ids {
		ids[i] = chat.VisitorID(int64(i)*10_000<<23 | random.Int64N(1<<23))
	}
	if n := len(PackIDs(ids)); n > 7*MaxListed {
		t.Errorf("%d ids take %d bytes", MaxListed, n)
	}
}
