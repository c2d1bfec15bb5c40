package app

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"testing"
	"time"

	realengines "github.com/kefu-chat/kefu/test/engines"
)

// byHand is "kefu rocketmq" with the servers in its environment.
type byHand struct{ env []string }

func (h byHand) run(ctx context.Context, in io.Reader, out, err io.Writer, args ...string) int {
	return Main(append([]string{"rocketmq"}, args...), h.env, Process{Context: ctx, In: in, Out: out, Err: err})
}

// do is a command that must go well; it gives what it printed.
func (h byHand) do(t *testing.T, args ...string) string {
	t.Helper()
	var out, err bytes.Buffer
	if status := h.run(t.Context(), strings.NewReader(""), &out, &err, args...); status != 0 {
		t.Fatalf("%v: status %d: %s", args, status, &err)
	}
	return out.String()
}

// receive begins to receive, and gives the lines of what comes, until the test ends.
func (h byHand) receive(t *testing.T, args ...string) <-chan string {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	out, lines := newLineWriter()
	err, said := newLineWriter()
	ended := make(chan int, 1)
	go func() { ended <- h.run(ctx, nil, out, err, append([]string{"receive"}, args...)...) }()
	t.Cleanup(func() {
		cancel()
		if status := <-ended; status != 0 {
			t.Errorf("receive ended with %d", status)
		}
	})
	if line := nextLine(t, said); !strings.HasPrefix(line, "Receiving from") {
		t.Fatal(line)
	}
	return lines
}

// lineWriter gives each line that is written to a channel.
type lineWriter struct {
	lines chan string
	rest  string
}

func newLineWriter() (*lineWriter, <-chan string) {
	w := &lineWriter{lines: make(chan string, 100)}
	return w, w.lines
}

func (w *lineWriter) Write(b []byte) (int, error) {
	w.rest += string(b)
	for {
		line, rest, ok := strings.Cut(w.rest, "\n")
		if !ok {
			return len(b), nil
		}
		w.lines <- line
		w.rest = rest
	}
}

func nextLine(t *testing.T, lines <-chan string) string {
	t.Helper()
	select {
	case line := <-lines:
		return line
	case <-time.After(30 * time.Second):
		t.Fatal("no line came in time")
		return ""
	}
}

func TestRocketMQByHand(t *testing.T) {
	servers := realengines.SharedRocketMQ(t, realengines.RocketMQVersions()[0])
	h := byHand{[]string{"KEFU_ROCKETMQ_NAME_SERVERS=" + strings.Join(servers.Names(), ",")}}
	if got := h.do(t, "topic", "create", "--queues=2", "HAND"); got != "HAND has 2 queues on every master now.\n" {
		t.Error(got)
	}
	if got := h.do(t, "topic", "show", "HAND"); !strings.Contains(got, "broker broker-a/0 of kefu-test at 127.0.0.1:") || !strings.Contains(got, "HAND/broker-a/1]") {
		t.Error(got)
	}
	lines := h.receive(t, "--json", "HAND")
	for name, args := range map[string][]string{
		"synchronous":  {},
		"asynchronous": {"--async"},
		"one-way":      {"--oneway"},
		"ordered":      {"--order-key=k"},
		"by level":     {"--delay-level=1"},
		"by moment":    {"--delay=1500ms"},
		"committed":    {"--transaction=commit"},
		"checked":      {"--transaction=check", "--group=GID_CHECKED"},
	} {
		bodies := []string{name + " 1", name + " 2"}[:max(1, 2-strings.Count(name, "checked"))]
		printed := h.do(t, slices.Concat([]string{"send", "--tag=t", "--keys=a,b", "--property=own=yes"}, args, []string{"HAND"}, bodies)...)
		if want := len(bodies); name != "one-way" && strings.Count(printed, "SEND_OK") != want || name == "one-way" && printed != "" {
			t.Errorf("%s: it printed %q", name, printed)
		}
		for range bodies {
			var got struct {
				Body, Tag  string
				Keys       []string
				Properties map[string]string
			}
			if err := json.Unmarshal([]byte(nextLine(t, lines)), &got); err != nil {
				t.Fatal(err)
			}
			if !slices.Contains(bodies, got.Body) || got.Tag != "t" || fmt.Sprint(got.Keys) != "[a b]" || got.Properties["own"] != "yes" {
				t.Errorf("%s: got %+v", name, got)
			}
		}
	}
	h.do(t, "send", "--transaction=rollback", "HAND", "never seen")
	h.do(t, "send", "--tag=last", "HAND", "last")
	if line := nextLine(t, lines); !strings.Contains(line, `"body":"last"`) {
		t.Error(line)
	}
}

func TestRocketMQByHandReadsStandardInput(t *testing.T) {
	servers := realengines.SharedRocketMQ(t, realengines.RocketMQVersions()[0])
	h := byHand{[]string{"KEFU_ROCKETMQ_NAME_SERVERS=" + strings.Join(servers.Names(), ",")}}
	h.do(t, "topic", "create", "STDIN")
	lines := h.receive(t, "--count=3", "--tags=a", "STDIN")
	for _, body := range []string{"one line", "\xff\x00", "two\nlines"} {
		var out, err bytes.Buffer
		if status := h.run(t.Context(), strings.NewReader(body), &out, &err, "send", "--tag=a", "STDIN"); status != 0 {
			t.Fatal(err.String())
		}
		want := body
		if body != "one line" {
			want = fmt.Sprintf("%q", body)
		}
		if line := nextLine(t, lines); !strings.Contains(line, "STDIN/broker-a/") || !strings.HasSuffix(line, " tag=a keys= "+want) {
			t.Error(line)
		}
	}
}

func TestRocketMQByHandSaysWhatIsWrong(t *testing.T) {
	nobody := byHand{[]string{"KEFU_ROCKETMQ_NAME_SERVERS=127.0.0.1:1,127.0.0.1:2"}}
	for _, c := range []struct {
		h      byHand
		args   []string
		status int
		says   string
	}{
		{byHand{}, []string{"send", "T", "x"}, 2, "rocketmq.name_servers is empty"},
		{byHand{[]string{"KEFU_ROCKETMQ_NAME_SERVERS=nowhere"}}, []string{"send", "T", "x"}, 2, "is not host:port"},
		{nobody, []string{"send", "T", "x"}, 1, "connection refused; rocketmq: 127.0.0.1:2"},
		{nobody, []string{"send", "T", ""}, 2, "the message is empty"},
		{nobody, []string{"send", "T"}, 2, "the message is empty"}, // standard input is empty
		{nobody, []string{"send", "--async", "T", ""}, 2, "the message is empty"},
		{nobody, []string{"send", "a b", "x"}, 2, `the topic's name "a b"`},
		{nobody, []string{"send", "--delay-level=19", "T", "x"}, 2, "the delay level is 19"},
		{nobody, []string{"send", "--async", "--oneway", "T", "x"}, 2, "can't be used together"},
		{nobody, []string{"send", "--transaction=perhaps", "T", "x"}, 2, "expected commit, rollback or check"},
		{nobody, []string{"receive", "--count=-1", "T"}, 2, "expected 1 or more"},
		{nobody, []string{"receive", "T"}, 1, "connection refused"},
		{nobody, []string{"topic", "create", "T"}, 1, "connection refused"},
		{nobody, []string{"topic", "create", "--queues=0", "T"}, 2, "is to have 0 queues"},
	} {
		var err bytes.Buffer
		status := c.h.run(t.Context(), strings.NewReader(""), io.Discard, &err, c.args...)
		if status != c.status || !strings.Contains(err.String(), c.says) || strings.Count(err.String(), "\n") != 1 {
			t.Errorf("%v: status %d: %q; want %d and one line with %q", c.args, status, err.String(), c.status, c.says)
		}
	}
}
