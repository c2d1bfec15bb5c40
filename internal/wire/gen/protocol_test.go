package main

import (
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/wire"
)

func protocol(t *testing.T) string {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(root, "docs", "PROTOCOL.md"))
	if err != nil {
		t.Fatal(err)
	}
	return string(text)
}

func sourceOf(t *testing.T, name string) *source {
	t.Helper()
	s, err := read(filepath.Join(root, "internal", name))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func TestTheProtocolsExamplesAreFrames(t *testing.T) {
	shown := map[string]bool{}
	side := ""
	for line := range strings.SplitSeq(protocol(t), "\n") {
		if fence, ok := strings.CutPrefix(line, "```"); ok {
			side = strings.TrimPrefix(fence, "json ")
			continue
		}
		if side == "" {
			continue
		}
		name, err := exactFrame(side, line)
		if err != nil {
			t.Errorf("%s: %s\n%v", side, line, err)
		}
		shown[side+" "+name] = true
	}
	count := 0
	for typ, names := range sourceOf(t, "wire").names {
		for _, name := range names {
			count++
			if side := strings.ToLower(typ[:len("server")]); !shown[side+" "+name] {
				t.Errorf("the protocol shows no %s frame %q", side, name)
			}
		}
	}
	if count < 30 {
		t.Errorf("the sources name only %d frames", count)
	}
}

// exactFrame reads an example and tells whether it is what this program writes.
func exactFrame(side, line string) (name string, err error) {
	var f wire.Frame
	switch side {
	case "client":
		f, name, err = wire.Decode([]byte(line))
	case "server":
		f, name, err = wire.DecodeServer([]byte(line))
	default:
		return "", fmt.Errorf("the block is neither json client nor json server, but %q", side)
	}
	if err != nil || f == nil {
		return name, fmt.Errorf("no frame: %w", err)
	}
	text, err := wire.Encode(f)
	if err == nil && string(text) != line {
		err = fmt.Errorf("is written as %s", text)
	}
	return name, err
}

func TestTheProtocolNamesEveryCodeWithItsAdvice(t *testing.T) {
	text := protocol(t)
	codes := append(pick(sourceOf(t, "wire").consts, "chat.Code"), pick(sourceOf(t, "chat").consts, "Code")...)
	known := wire.Codes()
	if len(codes) != len(known) {
		t.Errorf("the sources have %d codes, wire.Codes %d", len(codes), len(known))
	}
	for _, c := range codes {
		code := chat.Code(c.value)
		if !slices.Contains(known, code) {
			t.Errorf("wire.Codes leaves out %s", code)
		}
		if row := fmt.Sprintf("| `%s` | %s |", code, wire.AdviceFor(code)); !strings.Contains(text, row) {
			t.Errorf("the protocol has no row %s", row)
		}
	}
}

func TestTheProtocolNamesCloseCodesKindsAndViews(t *testing.T) {
	text := protocol(t)
	for _, c := range pick(sourceOf(t, "wire").consts, "CloseCode") {
		var code wire.CloseCode
		if _, err := fmt.Sscan(c.value, &code); err != nil {
			t.Fatal(err)
		}
		if !slices.Contains(wire.CloseCodes(), code) {
			t.Errorf("wire.CloseCodes leaves out %d", code)
		}
		advice := "stay away"
		if code.ComeBack() {
			advice = "come back"
		}
		if row := fmt.Sprintf("| %d | %s |", code, advice); !strings.Contains(text, row) {
			t.Errorf("the protocol has no row %s", row)
		}
	}
	nouns := sourceOf(t, "chat").consts
	if kinds := pick(nouns, "Kind"); len(kinds) != len(chat.Kinds()) {
		t.Errorf("chat.Kinds are %v of %d kinds", chat.Kinds(), len(kinds))
	}
	for _, c := range append(pick(nouns, "Kind"), pick(nouns, "View")...) {
		if !strings.Contains(text, "`"+c.value+"`") {
			t.Errorf("the protocol does not name %s", c.value)
		}
	}
}
