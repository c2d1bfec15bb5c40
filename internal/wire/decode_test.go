package wire_test

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/gofrs/uuid/v5"
	"github.com/google/go-cmp/cmp"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/wire"
)

const (
	idText = "01890a5d-ac96-774b-bcce-b302099a8057"
	cText  = "01890a5d-ac96-7000-8000-000000000001"
)

func TestDecodeReadsEveryFrame(t *testing.T) {
	id, c := uuid.Must(uuid.FromString(idText)), uuid.Must(uuid.FromString(cText))
	for _, tc := range []struct {
		in   string
		want wire.Frame
	}{
		{
			`{"t":"hello","site":"k","secret":"s","at":{"n":3,"tag":4294967295},"presence":"away","language":"zh-CN",` +
				`"page":{"url":"https://a.example/","title":"客服","referrer":"http://b.example/"},` +
				`"says":{"name":"Ada","email":"ada@a.example","fields":{"plan":"pro"}},"client":"widget/1"}`,
			&wire.ClientHello{
				T: "hello", Site: "k", Secret: "s", At: &wire.Position{N: 3, Tag: 4294967295}, Presence: "away", Language: "zh-CN",
				Page:   &wire.PageInfo{URL: "https://a.example/", Title: "客服", Referrer: "http://b.example/"},
				Says:   &wire.Says{Name: "Ada", Email: "ada@a.example", Fields: map[string]string{"plan": "pro"}},
				Client: "widget/1",
			},
		},
		{`{"t":"send","id":"` + idText + `","text":" 你好\u0000 "}`, &wire.ClientText{T: "send", ID: id, Text: " 你好\x00 "}},
		{`{"t":"send","id":"` + idText + `","text":"\\\"[[[[[[[[[[[[[[[[[[\\"}`, &wire.ClientText{T: "send", ID: id, Text: `\"[[[[[[[[[[[[[[[[[[\`}},
		{`{"t":"note","id":"` + idText + `","c":"` + cText + `","text":"n"}`, &wire.ClientText{T: "note", ID: id, C: c, Text: "n"}},
		{`{"text":"x","n":7,"id":"` + idText + `","t":"edit"}`, &wire.ClientText{T: "edit", ID: id, N: 7, Text: "x"}},
		{`{"t":"recall","id":"` + idText + `","n":7}`, &wire.ClientCommand{T: "recall", ID: id, N: 7}},
		{`{"t":"take","id":"` + idText + `","c":"` + cText + `"}`, &wire.ClientCommand{T: "take", ID: id, C: c}},
		{`{"t":"assign","id":"` + idText + `","c":"` + cText + `","agent":"9223372036854775807"}`, &wire.ClientCommand{T: "assign", ID: id, C: c, Agent: 9223372036854775807}},
		{`{"t":"release","id":"` + idText + `","c":"` + cText + `"}`, &wire.ClientCommand{T: "release", ID: id, C: c}},
		{`{"t":"resolve","id":"` + idText + `","c":"` + cText + `"}`, &wire.ClientCommand{T: "resolve", ID: id, C: c}},
		{`{"t":"mark","received":5,"read":4}`, &wire.ClientMark{T: "mark", Received: 5, Read: 4}},
		{`{"t":"typing","c":"` + cText + `","on":true,"note":true}`, &wire.ClientTyping{T: "typing", C: c, On: true, Note: true}},
		{`{"t":"presence","presence":"online"}`, &wire.ClientPresence{T: "presence", Presence: "online"}},
		{`{"t":"says","says":{"name":"B"}}`, &wire.ClientSays{T: "says", Says: wire.Says{Name: "B"}}},
		{`{"t":"open","r":1,"c":"` + cText + `","at":{"n":0,"tag":0}}`, &wire.ClientOpen{T: "open", R: 1, C: c, At: &wire.Position{}}},
		{`{"t":"close","c":"` + cText + `"}`, &wire.ClientOpen{T: "close", C: c}},
		{`{"t":"page","r":2,"after":{"n":9007199254740991,"tag":1},"limit":200}`, &wire.ClientPage{T: "page", R: 2, After: &wire.Position{N: 1<<53 - 1, Tag: 1}, Limit: 200}},
		{`{"t":"page","r":2,"c":"` + cText + `","before":8}`, &wire.ClientPage{T: "page", R: 2, C: c, Before: 8}},
		{`{"t":"list","r":3,"view":"waiting","after":"` + cText + `"}`, &wire.ClientList{T: "list", R: 3, View: chat.ViewWaiting, After: c}},
		{`{"t":"visitors","r":4,"on":true}`, &wire.ClientVisitors{T: "visitors", R: 4, On: true}},
		{"{ \"t\" : \"ping\" , \"later\" : [ { \"t\" : \"pong\", \"x\\\"\" : 1e3 } ] }\n", &wire.ClientPing{T: "ping"}},
	} {
		got, name, err := wire.Decode([]byte(tc.in))
		if err != nil {
			t.Errorf("%s: %v", tc.in, err)
			continue
		}
		if diff := cmp.Diff(tc.want, got); diff != "" || !strings.Contains(tc.in, `"`+name+`"`) {
			t.Errorf("%s: name %q, difference (-want +got):\n%s", tc.in, name, diff)
		}
	}
}

func TestDecodeRefuses(t *testing.T) {
	send := func(members string) string { return `{"t":"send","id":"` + idText + `",` + members + `}` }
	deep := strings.Repeat("[", 16) + strings.Repeat("]", 16)
	for name, tc := range map[string]struct {
		in   string
		code chat.Code
		says string
	}{
		"nothing":              {``, wire.BadFrame, "one JSON object"},
		"no object":            {`["t","ping"]`, wire.BadFrame, "one JSON object"},
		"no type":              {`{"x":1}`, wire.BadFrame, "no type"},
		"a type of number":     {`{"t":5}`, wire.BadFrame, "no type"},
		"an inner type":        {`{"x":{"t":"ping"}}`, wire.BadFrame, "no type"},
		"a list of types":      {`{"t":["ping"]}`, wire.BadFrame, "no type"},
		"an unknown type":      {`{"t":"bogus"}`, wire.UnknownFrame, `"bogus"`},
		"a server's type":      {`{"t":"ack"}`, wire.UnknownFrame, `"ack"`},
		"an escaped type":      {`{"t":"\u0070ing"}`, wire.UnknownFrame, ""},
		"an escaped name":      {`{"\u0074":"ping"}`, wire.BadFrame, "no type"},
		"another case":         {`{"T":"ping"}`, wire.BadFrame, "no type"},
		"half a frame":         {`{"t":"ping"`, wire.BadFrame, "one JSON object"},
		"two frames":           {`{"t":"ping"}{"t":"ping"}`, wire.BadFrame, "one JSON object"},
		"bad UTF-8":            {send("\"text\":\"\xff\""), wire.BadFrame, "UTF-8"},
		"half a surrogate":     {send(`"text":"\ud83d"`), wire.BadFrame, "UTF-8"},
		"bad UTF-8 unread":     {send("\"text\":\"a\",\"later\":\"\xc0\x80\""), wire.BadFrame, "UTF-8"},
		"a name twice":         {send(`"text":"a","text":"b"`), wire.BadFrame, "every name once"},
		"an unread name twice": {send(`"text":"a","z":{"y":1,"y":2}`), wire.BadFrame, "every name once"},
		"the type twice":       {`{"t":"ping","t":"ping"}`, wire.BadFrame, "every name once"},
		"too deep":             {`{"t":"ping","z":` + deep + `}`, wire.BadFrame, "17 deep"},
		"text no string":       {send(`"text":5`), wire.BadFrame, "/text"},
		"n no integer":         {`{"t":"edit","id":"` + idText + `","text":"a","n":1.5}`, wire.BadFrame, "/n"},
		"n beyond int64":       {`{"t":"edit","id":"` + idText + `","text":"a","n":9223372036854775808}`, wire.BadFrame, "/n"},
		"n beyond JavaScript":  {`{"t":"edit","id":"` + idText + `","text":"a","n":9007199254740992}`, wire.BadFrame, "2^53-1"},
		"edit of nothing":      {`{"t":"edit","id":"` + idText + `","text":"a"}`, wire.BadFrame, "n is 0"},
		"recall of nothing":    {`{"t":"recall","id":"` + idText + `"}`, wire.BadFrame, "n is 0"},
		"take of a negative":   {`{"t":"take","id":"` + idText + `","n":-1}`, wire.BadFrame, "n is -1"},
		"no id":                {`{"t":"send","text":"a"}`, wire.BadFrame, "id is no UUID"},
		"zero id":              {`{"t":"send","id":"00000000-0000-0000-0000-000000000000","text":"a"}`, wire.BadFrame, "id is no UUID"},
		"id no UUID":           {`{"t":"send","id":"1","text":"a"}`, wire.BadFrame, "/id"},
		"oversized id":         {`{"t":"send","id":"` + strings.Repeat("a", 5000) + `","text":"a"}`, wire.BadFrame, "/id"},
		"id in upper case":     {`{"t":"send","id":"` + strings.ToUpper(idText) + `","text":"a"}`, wire.BadFrame, "lower case"},
		"id in braces":         {`{"t":"send","id":"{` + idText + `}","text":"a"}`, wire.BadFrame, "36 characters"},
		"id without dashes":    {`{"t":"take","id":"` + strings.ReplaceAll(idText, "-", "") + `"}`, wire.BadFrame, "36 characters"},
		"c in upper case":      {send(`"text":"a","c":"` + strings.ToUpper(cText) + `"`), wire.BadFrame, "c is no UUID"},
		"assign to nobody":     {`{"t":"assign","id":"` + idText + `"}`, wire.BadFrame, "agent is missing"},
		"assign to a number":   {`{"t":"assign","id":"` + idText + `","agent":7}`, wire.BadFrame, "/agent"},
		"a negative agent":     {`{"t":"take","id":"` + idText + `","agent":"-7"}`, wire.BadFrame, "agent is no id"},
		"a negative mark":      {`{"t":"mark","received":-1,"read":0}`, wire.BadFrame, "received is -1"},
		"mark's c":             {`{"t":"mark","c":"urn:uuid:` + cText + `","received":1,"read":0}`, wire.BadFrame, "c is no UUID"},
		"typing's c":           {`{"t":"typing","c":"x","on":true}`, wire.BadFrame, "/c"},
		"no presence":          {`{"t":"presence"}`, wire.BadFrame, "online nor away"},
		"offline":              {`{"t":"presence","presence":"offline"}`, wire.BadFrame, "online nor away"},
		"open of nothing":      {`{"t":"open","r":1}`, wire.BadFrame, "c is missing"},
		"a negative position":  {`{"t":"open","r":1,"c":"` + cText + `","at":{"n":-1,"tag":0}}`, wire.BadFrame, "at.n is -1"},
		"a tag over 32 bits":   {`{"t":"page","r":1,"after":{"n":1,"tag":4294967296}}`, wire.BadFrame, "/after/tag"},
		"page without r":       {`{"t":"page"}`, wire.BadFrame, "r is 0"},
		"limit over 200":       {`{"t":"page","r":1,"limit":201}`, wire.BadFrame, "limit is 201"},
		"limit below 0":        {`{"t":"page","r":1,"limit":-1}`, wire.BadFrame, "limit is -1"},
		"both ways":            {`{"t":"page","r":1,"after":{"n":1,"tag":1},"before":5}`, wire.BadFrame, "exclude"},
		"no view":              {`{"t":"list","r":1,"view":"all"}`, wire.BadFrame, "view is none"},
		"visitors without r":   {`{"t":"visitors","on":true}`, wire.BadFrame, "r is 0"},
		"long key":             {`{"t":"hello","site":"` + strings.Repeat("k", 65) + `"}`, wire.BadFrame, "longer"},
		"long language":        {`{"t":"hello","language":"` + strings.Repeat("k", 36) + `"}`, wire.BadFrame, "35"},
		"hello offline":        {`{"t":"hello","presence":"offline"}`, wire.BadFrame, "online nor away"},
		"U+0000 in the title":  {`{"t":"hello","page":{"url":"https://a","title":"\u0000"}}`, wire.BadFrame, "U+0000"},
		"U+0000 in says":       {`{"t":"says","says":{"name":"\u0000"}}`, wire.BadFrame, "U+0000"},
		"U+0000 in a field":    {`{"t":"says","says":{"fields":{"a\u0000":""}}}`, wire.BadFrame, "U+0000"},
		"long name":            {`{"t":"says","says":{"name":"` + strings.Repeat("客", 201) + `"}}`, wire.BadFrame, "200"},
		"long e-mail":          {`{"t":"says","says":{"email":"` + strings.Repeat("a", 255) + `"}}`, wire.BadFrame, "254"},
		"many fields":          {`{"t":"says","says":{"fields":{` + fields(21) + `}}}`, wire.BadFrame, "21 fields"},
		"long field":           {`{"t":"says","says":{"fields":{"a":"` + strings.Repeat("客", 501) + `"}}}`, wire.BadFrame, "500"},
		"long field name":      {`{"t":"says","says":{"fields":{"` + strings.Repeat("客", 65) + `":""}}}`, wire.BadFrame, "64"},
	} {
		t.Run(name, func(t *testing.T) {
			f, _, err := wire.Decode([]byte(tc.in))
			var refused *wire.FrameError
			if !errors.As(err, &refused) || f != nil {
				t.Fatalf("decoded %#v, %v: want a FrameError", f, err)
			}
			if refused.Code != tc.code || !strings.Contains(refused.Reason, tc.says) {
				t.Errorf("refused with %s: %s; want %s … %s", refused.Code, refused.Reason, tc.code, tc.says)
			}
			if strings.Contains(refused.Reason, "Go ") || len(refused.Reason) > 200 || !utf8.ValidString(refused.Reason) {
				t.Errorf("no sentence for a client: %q", refused.Reason)
			}
		})
	}
}

func fields(n int) string {
	var parts []string
	for i := range n {
		parts = append(parts, `"f`+string(rune('a'+i))+`":"v"`)
	}
	return strings.Join(parts, ",")
}

func TestDecodeTakesWhatReachesTheBounds(t *testing.T) {
	for _, in := range []string{
		`{"t":"says","says":{"name":"` + strings.Repeat("😀", 200) + `","email":"` + strings.Repeat("a", 254) + `","fields":{` + fields(20) + `}}}`,
		`{"t":"says","says":{"fields":{"` + strings.Repeat("客", 64) + `":"` + strings.Repeat("😀", 500) + `"}}}`,
		`{"t":"ping","z":` + strings.Repeat("[", 15) + strings.Repeat("]", 15) + `}`,
	} {
		if _, _, err := wire.Decode([]byte(in)); err != nil {
			t.Errorf("%.60s…: %v", in, err)
		}
	}
}

func TestDecodeCutsThePageAtACodePoint(t *testing.T) {
	long := strings.Repeat("客", 1000)
	in := `{"t":"presence","presence":"away","page":{"url":"https://a/` + long + `","title":"` + long + `","referrer":"javascript:alert(1)"}}`
	f, _, err := wire.Decode([]byte(in))
	if err != nil {
		t.Fatal(err)
	}
	page := f.(*wire.ClientPresence).Page
	if want := "https://a/" + long[:2037]; page.URL != want { // 10 + 679 × 3 = 2047
		t.Errorf("url has %d bytes, want %d", len(page.URL), len(want))
	}
	if page.Title != long[:510] {
		t.Errorf("title has %d bytes, want 510", len(page.Title))
	}
	if page.Referrer != "" {
		t.Errorf("referrer %q is no address on the web", page.Referrer)
	}
}

func TestARefusedFrameKeepsWhatAnswersIt(t *testing.T) {
	id := uuid.Must(uuid.FromString(idText))
	for _, tc := range []struct {
		in string
		id chat.ClientID
		r  int64
	}{
		{`{"t":"send","id":"` + idText + `","text":5}`, id, 0},
		{`{"text":"\"id\":\"x\"","id":"` + idText + `","t":"bogus","r":12}`, id, 12},
		{`{"t":"page","r":7,"limit":999}`, chat.ClientID{}, 7},
		{`{"t":"page","r":-7}`, chat.ClientID{}, 0},
		{`{"t":"page","r":1.5}`, chat.ClientID{}, 0},
		{`{"t":"page","r":99999999999999999999}`, chat.ClientID{}, 0},
		{`{"t":"send","id":"` + strings.ToUpper(idText) + `"}`, chat.ClientID{}, 0},
		{`{"t":"send","x":{"id":"` + idText + `","r":5}}`, chat.ClientID{}, 0},
	} {
		_, _, err := wire.Decode([]byte(tc.in))
		var refused *wire.FrameError
		if !errors.As(err, &refused) || refused.ID != tc.id || refused.R != tc.r {
			t.Errorf("%s: %+v, want id %s and r %d", tc.in, err, tc.id, tc.r)
		}
	}
}

func FuzzDecode(f *testing.F) {
	for _, in := range []string{
		`{"t":"send","id":"` + idText + `","text":"a\"b\\"}`, `{"t":"ping"}`, `{"t":"page","r":2,"after":{"n":1,"tag":1},"limit":20}`,
		`{"t":"hello","site":"k","says":{"fields":{"a":"b"}},"page":{"url":"http://a","title":"t"}}`,
		`{"t":"list","r":3,"view":"mine"}`, `{"t":"assign","id":"` + idText + `","agent":"5","c":"` + cText + `"}`, `{"t":"mark","received":1,"read":1}`,
	} {
		f.Add([]byte(in))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		frame, name, err := wire.Decode(data)
		if err != nil {
			var refused *wire.FrameError
			if !errors.As(err, &refused) || !utf8.ValidString(refused.Reason) {
				t.Fatalf("refused without a sentence: %v", err)
			}
			return
		}
		again, err := wire.Encode(frame)
		if err != nil {
			t.Fatalf("decoded what does not encode: %v", err)
		}
		second, secondName, err := wire.Decode(again)
		if err != nil || name != secondName || !cmp.Equal(frame, second) {
			t.Fatalf("%s became %s: %v\n%s", data, again, err, cmp.Diff(frame, second))
		}
	})
}

func BenchmarkDecode(b *testing.B) {
	in := []byte(`{"t":"send","id":"` + idText + `","text":"Hello, is the blue one still there?"}`)
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := wire.Decode(in); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkEncode(b *testing.B) {
	frame := wire.ServerEvent{C: uuid.Must(uuid.FromString(cText)), E: wire.Event{
		N: 5, Tag: 9, Kind: chat.Message, V: 1, At: 1750000000000, By: wire.Person{Kind: chat.AgentActor, ID: 7, Name: "Ada"}, Text: "Hello, it is.",
	}}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := wire.Encode(&frame); err != nil {
			b.Fatal(err)
		}
	}
}

// What a visitor says of itself stands among other words in the console.
func TestNothingSaidTurnsTheWordsAroundIt(t *testing.T) {
	f, _, err := wire.Decode([]byte(`{"t":"says","says":{"name":"\u202eevil\u0007\u001b[31m \u2067x\u2069","email":"a@b\u0085.c","fields":{"k":"a\nb"}}}`))
	if err != nil {
		t.Fatal(err)
	}
	got := f.(*wire.ClientSays).Says
	if want := (wire.Says{Name: "evil[31m x", Email: "a@b.c", Fields: map[string]string{"k": "ab"}}); !cmp.Equal(got, want) {
		t.Errorf("%+q, want %+q", got, want)
	}
	f, _, err = wire.Decode([]byte(`{"t":"presence","presence":"online","page":{"url":"https://a.example/","title":"\u202dA\u200f\u0634"}}`))
	if err != nil || f.(*wire.ClientPresence).Page.Title != "A\u200f\u0634" {
		t.Errorf("%+v, %v", f, err)
	}
}
