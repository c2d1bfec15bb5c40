package bench

import (
	"io"
	"strings"
	"testing"
	"time"
)

func TestPercentilesAreNearestRank(t *testing.T) {
	var hundred []time.Duration
	for i := 100; i >= 1; i-- {
		hundred = append(hundred, time.Duration(i)*time.Millisecond)
	}
	got := latencyOf(hundred)
	if want := (Latency{N: 100, Mean: 50.5, P50: 50, P99: 99, Max: 100}); got != want {
		t.Errorf("1..100 ms: %+v, want %+v", got, want)
	}
	three := []time.Duration{30, 10, 20}
	if got := latencyOf(three); got.P50 != millis(20) || got.P99 != millis(30) {
		t.Errorf("10, 20, 30: %+v", got)
	}
	if got := latencyOf([]time.Duration{time.Second}); got.P50 != 1000 || got.P99 != 1000 || got.Mean != 1000 {
		t.Errorf("one value: %+v", got)
	}
	if got := latencyOf(nil); got != (Latency{}) {
		t.Errorf("no value: %+v", got)
	}
	if got := median([]time.Duration{9, 1, 5, 3}); got != 3 {
		t.Errorf("the median of four is %d, want the second", got)
	}
}

func TestCPUIsReadBehindAnyName(t *testing.T) {
	const tail = " S 1 4242 4242 0 -1 4194304 900 0 3 0 250 50 7 7 20 0 9 0 100 1000 200"
	for _, name := range []string{"kefu", "a b", "x) R 1 2 3 4 5 6 7 8 9 10 11 12 13 14", "((("} {
		got, err := parseCPU("4242 (" + name + ")" + tail)
		if err != nil || got != 3*time.Second {
			t.Errorf("%q: %v, %v; want 3 s", name, got, err)
		}
	}
	for _, bad := range []string{"", "4242 (kefu) S 1 2", "4242 (kefu) S 1 2 3 4 5 6 7 8 9 10 x y 13 14 15"} {
		if _, err := parseCPU(bad); err == nil {
			t.Errorf("%q was taken for a stat", bad)
		}
	}
}

func TestMemoryIsReadInKiB(t *testing.T) {
	got, err := parseMemory("Name:\tVmRSS: 7\nVmRSS:\t   23552 kB\nRssAnon:\t    6900 kB\nThreads:\t8\n")
	if err != nil || got != (Memory{RSS: 23552, Anonymous: 6900, Threads: 8}) {
		t.Errorf("%+v, %v", got, err)
	}
	for _, bad := range []string{"", "Name:\tkefu\nThreads:\t1\n", "VmRSS:\tx kB\nRssAnon:\t1 kB\nThreads:\t1\n"} {
		if _, err := parseMemory(bad); err == nil {
			t.Errorf("%q was taken for a status", bad)
		}
	}
}

func TestTheFileSystemIsThatOfTheNearestMount(t *testing.T) {
	mounts := strings.Join([]string{
		"20 1 254:0 / / rw,relatime shared:1 - ext4 /dev/vda rw",
		"21 20 0:30 / /tmp rw - tmpfs tmpfs rw",
		"22 21 0:31 / /tmp/deep rw - xfs /dev/vdb rw",
		"23 21 0:32 / /tmp/deep rw - btrfs /dev/vdc rw",
		"broken line",
	}, "\n") + "\n"
	for folder, want := range map[string]string{
		"/home": "ext4", "/": "ext4", "/tmp": "tmpfs", "/tmp/other": "tmpfs", "/tmpfile": "ext4", "/tmp/deep/er": "btrfs", "/tmp/deeper": "tmpfs",
	} {
		if got := fileSystemOf(mounts, folder); got != want {
			t.Errorf("%s lies on %s, want %s", folder, got, want)
		}
	}
	if got := modelOf("processor\t: 0\nmodel name\t: A CPU @ 2 GHz\n", "arm64"); got != "A CPU @ 2 GHz" {
		t.Errorf("model %q", got)
	}
}

func TestOnlyThisMachineIsLoaded(t *testing.T) {
	for _, good := range []string{"http://127.0.0.1:8080", "http://localhost:8080/", "http://[::1]:80", "http://127.3.2.1"} {
		if _, err := loopback(good); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for _, bad := range []string{"http://example.com", "https://127.0.0.1", "http://10.0.0.1:8080", "127.0.0.1:8080", "http://localhost.example.com", ""} {
		if base, err := loopback(bad); err == nil {
			t.Errorf("%q was taken for this machine: %s", bad, base)
		}
	}
}

func TestTheOrderOnTheWireIsWatched(t *testing.T) {
	const c = "0197a1c0-5d00-7000-8000-0000000000c1"
	event := func(n string) []byte {
		return []byte(`{"t":"event","c":"` + c + `","e":{"n":` + n + `,"tag":7,"kind":"message","text":"\"e\":{\"n\":9"}}`)
	}
	if id, ok := eventConversation(event("4")); !ok || id.String() != c {
		t.Errorf("the conversation is %s, %v", id, ok)
	}
	if _, ok := eventConversation([]byte(`{"t":"ack","c":"` + c + `"}`)); ok {
		t.Error("an ack was taken for an event")
	}
	var o wireOrder
	var seen []string
	for _, n := range []string{"4", "5", "5", "4", "6", "8", "9"} {
		repeat, gap := o.see(event(n))
		switch {
		case repeat:
			seen = append(seen, n+" twice")
		case gap:
			seen = append(seen, n+" early")
		}
	}
	if got := strings.Join(seen, ", "); got != "5 twice, 4 twice, 8 early" {
		t.Errorf("seen: %s", got)
	}
}

func TestAddressesHoldNoMoreThanTheirShare(t *testing.T) {
	count := map[string]int{}
	for i := range maxIdle {
		count[localAddress(i)]++
	}
	for address, n := range count {
		if n > sessionsPerAddress {
			t.Errorf("%d connections from %s", n, address)
		}
	}
}

func TestLimitsOfWhatMayBeAskedFor(t *testing.T) {
	for _, c := range []PairsCommand{
		{Visitors: 0, Agents: 1, RateSeconds: 1}, {Visitors: 41, Agents: 2, RateSeconds: 1}, {Visitors: 1, Agents: 1, Seconds: 601, RateSeconds: 1},
		{Visitors: 1, Agents: 1, RateSeconds: 1, Running: Running{URL: "http://example.com"}},
		{Visitors: 1, Agents: 1, RateSeconds: 1, Running: Running{URL: "http://127.0.0.1"}},
	} {
		c.bench = &Command{}
		if err := c.Run(t.Context(), io.Discard); err == nil {
			t.Errorf("%+v was accepted", c)
		}
	}
}
