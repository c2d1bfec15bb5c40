package push_test

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/push"
)

func TestWhomAPushReaches(t *testing.T) {
	for name, c := range map[string]struct {
		ids []string
		id  string
		got bool
	}{
		"all":         {nil, "anybody", true},
		"one":         {[]string{"7"}, "7", true},
		"another one": {[]string{"7"}, "77", false},
		"several":     {[]string{"a", "b", "客"}, "客", true},
		"none of it":  {[]string{"a", "b"}, "A", false},
	} {
		if got := (&push.Push{IDs: c.ids}).Reaches(c.id, false); got != c.got {
			t.Errorf("%s: %t, want %t", name, got, c.got)
		}
	}
}

// TestVerified: what is for verified visitors reaches nobody who only names an id.
func TestVerified(t *testing.T) {
	for name, c := range map[string]struct {
		ids          []string
		id           string
		named, proof bool
	}{
		"one": {[]string{"b", "a"}, "a", false, true}, "another": {[]string{"b", "c"}, "a", false, false}, "all": {nil, "a", false, true},
	} {
		o := push.Order{Request: "r", IDs: c.ids, Payload: "p", Verified: true}
		if err := o.Check(); err != nil {
			t.Fatal(name, err)
		}
		p := push.Push{IDs: o.IDs}
		if got := p.Reaches(c.id, false); got != c.named {
			t.Errorf("%s: whoever names the id: %t", name, got)
		}
		if got := p.Reaches(c.id, true); got != c.proof {
			t.Errorf("%s: whoever proved it: %t, want %t", name, got, c.proof)
		}
		plain := push.Order{Request: "r", IDs: c.ids, Payload: "p"}
		if err := plain.Check(); err != nil || string(plain.Fingerprint()) == string(o.Fingerprint()) {
			t.Errorf("%s: the two orders are one request, %v", name, err)
		}
	}
}

// TestOrders: what is refused says so, and what is good is put in order.
func TestOrders(t *testing.T) {
	long := func(n int) string { return strings.Repeat("x", n) }
	payload := `{"userId":1,"cId":7,"userIocn":"https://shop.example/a.png","cltext":"hello","createtime":1,"clstate":"0","tpye":"0"}`
	for name, c := range map[string]struct {
		order push.Order
		good  bool
	}{
		"the page's own payload": {push.Order{Request: "r", IDs: []string{"1"}, Payload: payload}, true},
		"to all":                 {push.Order{Request: "r", Payload: "p"}, true},
		"as much as may be":      {push.Order{Request: long(push.MaxRequest), IDs: slices.Repeat([]string{long(push.MaxID)}, push.MaxIDs), Payload: long(push.MaxPayload)}, true},
		"no request":             {push.Order{Payload: "p"}, false},
		"a long request":         {push.Order{Request: long(push.MaxRequest + 1), Payload: "p"}, false},
		"no payload":             {push.Order{Request: "r"}, false},
		"a long payload":         {push.Order{Request: "r", Payload: long(push.MaxPayload + 1)}, false},
		"not Unicode":            {push.Order{Request: "r", Payload: "\xff"}, false},
		"too many ids":           {push.Order{Request: "r", IDs: slices.Repeat([]string{"a"}, push.MaxIDs+1), Payload: "p"}, false},
		"an empty id":            {push.Order{Request: "r", IDs: []string{"a", ""}, Payload: "p"}, false},
		"a long id":              {push.Order{Request: "r", IDs: []string{long(push.MaxID + 1)}, Payload: "p"}, false},
		"an id with U+0000":      {push.Order{Request: "r", IDs: []string{"a\x00"}, Payload: "p"}, false},
	} {
		err := c.order.Check()
		if (err == nil) != c.good || err != nil && chat.CodeOf(err) != chat.BadText {
			t.Errorf("%s: %v, want that it is good: %t", name, err, c.good)
		}
	}
	o := push.Order{Request: "r", IDs: []string{"b", "a", "b"}, Payload: "p"}
	if err := o.Check(); err != nil || !slices.Equal(o.IDs, []string{"a", "b"}) {
		t.Errorf("the ids are %q, %v: want each once, sorted", o.IDs, err)
	}
}

// TestFingerprint: the same order has the same one, whatever order its ids stand in;
// no other one has.
func TestFingerprint(t *testing.T) {
	print := func(payload string, ids ...string) []byte {
		o := push.Order{Request: "r", IDs: ids, Payload: payload}
		if err := o.Check(); err != nil {
			t.Fatal(err)
		}
		return o.Fingerprint()
	}
	if !bytes.Equal(print("p", "a", "b"), print("p", "b", "a", "a")) {
		t.Error("the same order has two fingerprints")
	}
	all := [][]byte{print("p"), print("q"), print("p", "a"), print("p", "ab"), print("p", "a", "b"), print("p", "1:a"), print("a\np"), print("p", "a\np")}
	for i, one := range all {
		for j, other := range all {
			if i != j && bytes.Equal(one, other) {
				t.Errorf("orders %d and %d have one fingerprint", i, j)
			}
		}
	}
}
