package app

import (
	"log/slog"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/kefu-chat/kefu/internal/server"
)

// TestTheLegacyPagesExamplesAreGood: what docs/LEGACY.md shows opens the doors that it says.
func TestTheLegacyPagesExamplesAreGood(t *testing.T) {
	page, err := os.ReadFile("../../docs/LEGACY.md")
	if err != nil {
		t.Fatal(err)
	}
	var modes []server.EntryMode
	for _, found := range regexp.MustCompile("(?s)```yaml\n(.*?)```").FindAllSubmatch(page, -1) {
		file := filepath.Join(t.TempDir(), "kefu.yaml")
		if err := os.WriteFile(file, found[1], 0o600); err != nil {
			t.Fatal(err)
		}
		cli := &commands{}
		env := []string{"KEFU_CONFIG=" + file}
		read, err := values(configFile(nil, env), env)
		if err != nil {
			t.Fatalf("%s\n%v", found[1], err)
		}
		line, err := newCommandLine(read, cli)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := line.parse([]string{"serve"}); err != nil {
			t.Fatalf("%s\n%v", found[1], err)
		}
		made, err := cli.Serve.legacyDoors(server.Config{})
		if err != nil {
			t.Fatalf("%s\n%v", found[1], err)
		}
		modes = append(modes, made.ChatRoom.Mode, made.Push.Mode)
		if made.ChatRoom.Mode == server.OpenEntry && (made.ChatRoom.Agent == "" || len(made.ChatRoom.Origins) != 1 || len(made.ChatRoom.AgentNetworks) != 2) {
			t.Errorf("the open room is %+v", made.ChatRoom)
		}
	}
	want := []server.EntryMode{server.OpenEntry, "", server.TokenEntry, "", "", server.TokenEntry}
	if len(modes) != len(want) {
		t.Fatalf("they open %q, want %q", modes, want)
	}
	for i := range want {
		if modes[i] != want[i] {
			t.Errorf("they open %q, want %q", modes, want)
		}
	}
}

// TestAChatRoomWithoutItsAgentIsToldAtTheStart: not only to the first page that asks.
func TestAChatRoomWithoutItsAgentIsToldAtTheStart(t *testing.T) {
	log := &tail{}
	a, err := Start(t.Context(), configured(t, "--data="+t.TempDir(), "--legacy-atp-mode=open", "--legacy-atp-anybody-may-connect", "--legacy-atp-agent=nobody@example.com"),
		"test", slog.New(slog.NewTextHandler(log, nil)))
	if err != nil {
		t.Fatal(err)
	}
	if err := a.Stop(); err != nil {
		t.Error(err)
	}
	if said := log.String(); !strings.Contains(said, "legacy.atp.agent") || strings.Contains(said, "nobody@") {
		t.Errorf("the log says %s: want it to name the key, and no address", said)
	}
}
