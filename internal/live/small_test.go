package live

import (
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/kefu-chat/kefu/internal/chat"
)

// TestBucketRefusesNoMoreThanItMust: in any course of asking, what was let
// through never exceeds the rate, and a refusal ends when it said it would.
func TestBucketRefusesNoMoreThanItMust(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := Rate{Burst: float64(rapid.IntRange(1, 20).Draw(t, "burst")), PerSecond: rapid.Float64Range(0.5, 100).Draw(t, "rate")}
		var b bucket
		start := time.UnixMilli(1_000_000)
		now, passed := start, 0.0
		for range rapid.IntRange(1, 200).Draw(t, "asks") {
			now = now.Add(time.Duration(rapid.IntRange(0, 300).Draw(t, "pause")) * time.Millisecond)
			ok, wait := b.take(now, r)
			if ok {
				passed++
			} else {
				later := b
				if again, _ := later.take(now.Add(wait), r); !again {
					t.Fatalf("refused still after the %s that it named", wait)
				}
			}
			if most := r.Burst + now.Sub(start).Seconds()*r.PerSecond + 0.001; passed > most {
				t.Fatalf("%v passed, at most %v may", passed, most)
			}
		}
	})
}

func TestBrowserOf(t *testing.T) {
	for agent, want := range map[string]string{
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0":                                                    "Firefox 140, Windows",
		"Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/138.0.0.0 Safari/537.36 Edg/138.0.0.0":       "Edge 138, Windows",
		"Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.1 Safari/605.1.15":               "Safari 18, macOS",
		"Mozilla/5.0 (iPhone; CPU iPhone OS 18_1 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Mobile/15E148 MicroMessenger/8.0.50": "WeChat 8, iOS",
		"Mozilla/5.0 (Linux; Android 14) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/<script>":                                              "Chrome, Android",
		"curl/8.5": "",
		"":         "",
	} {
		if got := browserOf(agent); got != want {
			t.Errorf("%q is %q, want %q", agent, got, want)
		}
	}
}

func TestConversationsForgetWhatNobodyAsksFor(t *testing.T) {
	var k conversations
	k.init()
	first := chat.Conversation{ID: 1, UUID: chat.ConversationUUID{1}}
	k.put(first)
	for i := range 5 * knownConversations {
		k.put(chat.Conversation{ID: 2, UUID: chat.ConversationUUID{2, byte(i), byte(i >> 8), byte(i >> 16)}})
		if _, ok := k.find(first.UUID); !ok {
			t.Fatal("forgotten though it was asked for all the time")
		}
	}
	if n := len(k.now) + len(k.old); n > 2*knownConversations {
		t.Errorf("%d are remembered, at most %d may be", n, 2*knownConversations)
	}
	other := chat.ConversationUUID{2, 0, 0, 0}
	if _, ok := k.find(other); ok {
		t.Error("remembered though nobody asked for it")
	}
}
