package main

import (
	"os"
	"strings"
	"testing"
)

const root = "../../.."

func TestTheGeneratedFileIsWhatGenerationGives(t *testing.T) {
	want, err := generate(root)
	if err != nil {
		t.Fatal(err)
	}
	got, err := os.ReadFile(target(root))
	if err != nil {
		t.Fatal(err)
	}
	if string(got) != string(want) {
		t.Error("web/client/src/wire.gen.ts is stale: run go generate ./internal/wire")
	}
}

func TestTwinsSayWhatJSONSays(t *testing.T) {
	text, err := generate(root)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"export const subprotocol = 'kefu.1'",
		"  t: 'send' | 'note' | 'edit'\n",
		"  t: 'recall' | 'take' | 'assign' | 'release' | 'resolve'\n",
		"  t: 'open' | 'close'\n",
		"  agent?: string\n", "  sites: string[]\n", "  look?: Look\n", "  kind: EventKind | (string & {})\n",
		"  fields?: Record<string, string>\n", "  events: Event[]\n", "  unread?: number\n",
		"  not_yours: 'fix',\n", "  unknown_outcome: 'retry',\n", "  hello_first: 'stop',\n",
		"  revoked: 4500,\n", "![1002, 1003, 1007, 1008].includes(code)",
		"  | ServerPong\n", "  | ClientPing\n",
	} {
		if !strings.Contains(string(text), want) {
			t.Errorf("%q is missing", want)
		}
	}
}
