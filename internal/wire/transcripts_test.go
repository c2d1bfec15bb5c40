package wire

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/go-json-experiment/json"
	"github.com/go-json-experiment/json/jsontext"

	"github.com/kefu-chat/kefu/internal/chat"
)

type transcript struct {
	Client string `json:"client"`
	What   string `json:"what"`
	Steps  []step `json:"steps"`
}

type step struct {
	From  string         `json:"from"`
	Over  string         `json:"over,omitzero"`
	Frame jsontext.Value `json:"frame,omitzero"`
	Event jsontext.Value `json:"event,omitzero"`
}

func TestTranscriptsSpeakTheProtocol(t *testing.T) {
	paths, err := filepath.Glob("testdata/transcripts/*.json")
	if err != nil || len(paths) < 15 {
		t.Fatalf("%d transcripts, %v: want at least 15", len(paths), err)
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".json"), func(t *testing.T) {
			text, err := os.ReadFile(path)
			if err != nil {
				t.Fatal(err)
			}
			var script transcript
			if err := json.Unmarshal(text, &script, json.RejectUnknownMembers(true)); err != nil {
				t.Fatal(err)
			}
			if script.What == "" || (script.Client != "visitor" && script.Client != "agent") {
				t.Fatalf("client is %q, what is %q", script.Client, script.What)
			}
			d := dialogue{client: script.Client}
			for i, s := range script.Steps {
				if err := d.take(s); err != nil {
					t.Errorf("step %d, %s %s%s: %v", i, s.From, s.Frame, s.Event, err)
				}
			}
			if d.frames == 0 {
				t.Error("nobody says anything")
			}
		})
	}
}

// dialogue holds what makes sense of a frame: what was asked before.
type dialogue struct {
	client  string
	frames  int
	asked   map[int64]string
	ordered map[chat.ClientID]bool
	before  map[chat.ClientID]bool // ordered over the connection before
	greeted bool
}

func (d *dialogue) take(s step) error {
	switch s.From {
	case "client":
		d.frames++
		return d.fromClient(s.Frame)
	case "server":
		d.frames++
		if s.Over != "" { // what it answers was sent before this connection
			d = &dialogue{client: d.client, ordered: d.before}
		}
		return d.fromServer(s.Frame)
	case "event":
		return d.happened(s.Event)
	}
	return fmt.Errorf("from is none of client, server, event")
}

func (d *dialogue) happened(event jsontext.Value) error {
	var what struct {
		Do string `json:"do"`
	}
	if err := json.Unmarshal(event, &what); err != nil {
		return err
	}
	switch what.Do {
	case "connect", "lost":
		d.before = d.ordered
		d.greeted, d.asked, d.ordered = false, map[int64]string{}, map[chat.ClientID]bool{}
	case "send", "note", "open", "watch", "read", "wait", "show", "old":
	default:
		return fmt.Errorf("README.md knows no event %q", what.Do)
	}
	return nil
}

func (d *dialogue) fromClient(raw jsontext.Value) error {
	f, name, err := Decode(raw)
	if err != nil {
		return err
	}
	if !d.greeted && name != "hello" {
		return fmt.Errorf("%s before hello", name)
	}
	switch f := f.(type) {
	case *ClientHello:
		d.greeted = true
	case *ClientText:
		d.ordered[f.ID] = true
	case *ClientCommand:
		d.ordered[f.ID] = true
	case *ClientOpen:
		d.asked[f.R] = "conversation"
	case *ClientPage:
		d.asked[f.R] = "page"
	case *ClientList:
		d.asked[f.R] = "list"
	}
	return exactly(raw, f)
}

func (d *dialogue) fromServer(raw jsontext.Value) error {
	f, name, err := DecodeServer(raw)
	if err != nil || f == nil {
		return fmt.Errorf("no frame of a server: %w", err)
	}
	switch f := f.(type) {
	case *ServerAck:
		err = d.ordersAnswered(f.ID)
	case *ServerError:
		if !f.ID.IsNil() {
			err = d.ordersAnswered(f.ID)
		}
		if f.Do != AdviceFor(f.Code) {
			err = fmt.Errorf("%s is advised %s", f.Code, AdviceFor(f.Code))
		}
	case *ServerPage:
		err = d.answered(f.R, name)
	case *ServerConversation:
		err = d.answered(f.R, name)
	case *ServerList:
		err = d.answered(f.R, name)
	case *ServerEvent:
		err = d.checkEvent(&f.E)
	}
	if err != nil {
		return err
	}
	return exactly(raw, f)
}

func (d *dialogue) checkEvent(e *Event) error {
	if d.client == "visitor" && e.Private {
		return fmt.Errorf("a visitor gets what is private")
	}
	if e.Kind == chat.Message || e.Kind == chat.Note || e.Kind == "wave" {
		return nil
	}
	if want := fallback(e.Kind, e.Round); e.Fallback != want {
		return fmt.Errorf("the fallback is %q, the server says %q", e.Fallback, want)
	}
	return nil
}

func (d *dialogue) ordersAnswered(id chat.ClientID) error {
	if !d.ordered[id] {
		return fmt.Errorf("nobody sent %s over this connection", id)
	}
	return nil
}

func (d *dialogue) answered(r int64, name string) error {
	if r != 0 && d.asked[r] != name {
		return fmt.Errorf("r %d asked for %q", r, d.asked[r])
	}
	return nil
}

// exactly tells whether the frame is, byte by byte, what this program writes.
func exactly(raw jsontext.Value, f Frame) error {
	text, err := Encode(f)
	if err != nil {
		return err
	}
	if string(raw) != string(text) {
		return fmt.Errorf("is written as %s", text)
	}
	return nil
}
