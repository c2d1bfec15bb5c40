package store

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/gofrs/uuid/v5"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/test/engines"
)

// BenchmarkChange appends to 500 conversations in rotation in a database of a
// million events (50,000 with -short).
func BenchmarkChange(b *testing.B) {
	for name, where := range databases() {
		b.Run(name, func(b *testing.B) {
			db, err := Open(b.Context(), where(b), slog.New(slog.DiscardHandler))
			if err != nil {
				b.Fatal(err)
			}
			defer func() {
				if err := db.Close(); err != nil {
					b.Error(err)
				}
			}()
			ids := begin500(b, db)
			filled := 1_000_000
			if testing.Short() {
				filled = 50_000
			}
			fill(b, db, ids, filled)
			for _, inFlight := range []int{1, 64, 256} {
				b.Run(fmt.Sprintf("flight=%d", inFlight), func(b *testing.B) { rotate(b, db, ids, inFlight) })
			}
		})
	}
}

// databases are where a new database of each engine is made.
func databases() map[string]func(b *testing.B) Config {
	return map[string]func(b *testing.B) Config{
		"SQLite":     func(b *testing.B) Config { return Config{Path: filepath.Join(b.TempDir(), DatabaseFile)} },
		"PostgreSQL": func(b *testing.B) Config { return Config{URL: engines.SharedPostgreSQL(b).NewDatabase(b)} },
		"MariaDB":    func(b *testing.B) Config { return Config{URL: engines.SharedMariaDB(b).NewDatabase(b)} },
	}
}

// BenchmarkYardstick is the bare loop over as many events.
func BenchmarkYardstick(b *testing.B) {
	for name, where := range databases() {
		for _, inFlight := range []int{1, 64, 256} {
			b.Run(fmt.Sprintf("%s/flight=%d", name, inFlight), func(b *testing.B) {
				cfg := where(b)
				report := measure(b)
				m, err := Yardstick(context.Background(), cmp.Or(cfg.URL, cfg.Path), b.N, inFlight)
				if err != nil {
					b.Fatal(err)
				}
				report()
				b.ReportMetric(m.PerSecond(), "events/s")
			})
		}
	}
}

func begin500(b *testing.B, db *DB) []chat.ConversationID {
	ids := make([]chat.ConversationID, yardstickConversations)
	done := make(chan error, len(ids))
	for i := range ids {
		by := chat.Actor{Kind: chat.VisitorActor}
		hash := make([]byte, 32)
		hash[0], hash[1] = byte(i), byte(i>>8)
		db.Change(&chat.Change{
			Begin: &chat.Beginning{Site: 1, SecretHash: hash}, By: by, ClientID: uuid.Must(uuid.NewV7()), Decide: chat.SendMessage(by, "hello", world{}),
			Done: func(c chat.Changed, err error) { ids[i] = c.Conversation.ID; done <- err },
		})
	}
	for range ids {
		if err := <-done; err != nil {
			b.Fatal(err)
		}
	}
	return ids
}

// fill brings the conversations to n events in all, in rotation, quickly.
func fill(b *testing.B, db *DB, ids []chat.ConversationID, n int) {
	l, err := newBareLoop(db)
	if err != nil {
		b.Fatal(err)
	}
	for i, id := range ids {
		if l.heads[i], err = db.Head(b.Context(), id); err != nil {
			b.Fatal(err)
		}
	}
	if err := l.run(b.Context(), n, 5000); err != nil {
		b.Fatal(err)
	}
	for _, c := range db.committers {
		c.heads.clear() // nothing is queued: the committer waits
	}
}

func rotate(b *testing.B, db *DB, ids []chat.ConversationID, inFlight int) {
	by := chat.Actor{Kind: chat.VisitorActor, ID: 7}
	slots := make(chan struct{}, inFlight)
	var failed atomic.Int64
	report := measure(b)
	start := time.Now()
	for i := range b.N {
		slots <- struct{}{}
		text := "Is the blue one still there? I would take two of them. " + strconv.Itoa(i)
		db.Change(&chat.Change{
			Conversation: ids[i%len(ids)], By: by, ClientID: uuid.Must(uuid.NewV7()), Fingerprint: []byte("message\n" + text),
			Decide: chat.SendMessage(by, text, world{}),
			Done: func(_ chat.Changed, err error) {
				if err != nil {
					failed.Add(1)
				}
				<-slots
			},
		})
	}
	for range inFlight {
		slots <- struct{}{}
	}
	b.ReportMetric(float64(b.N)/time.Since(start).Seconds(), "events/s")
	report()
	if failed.Load() > 0 {
		b.Fatalf("%d changes failed", failed.Load())
	}
}

// measure reports CPU, of this process and of the servers that it started, and
// bytes written for each event.
func measure(b *testing.B) func() {
	cpu, servers, written := cpuTime(), cpuOfServers(), bytesWritten()
	b.ResetTimer()
	return func() {
		b.StopTimer()
		if servers > 0 {
			b.ReportMetric(float64((cpuOfServers()-servers).Microseconds())/float64(b.N), "server-µs/event")
		}
		b.ReportMetric(float64((cpuTime()-cpu).Microseconds())/float64(b.N), "cpu-µs/event")
		b.ReportMetric(float64(bytesWritten()-written)/float64(b.N), "B-written/event")
		b.ReportMetric(0, "ns/op")
	}
}

func cpuTime() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// cpuOfServers is that of this process's children and theirs.
func cpuOfServers() (sum time.Duration) {
	const tick = 10 * time.Millisecond
	stats, _ := filepath.Glob("/proc/[0-9]*/stat")
	parents, used := map[int]int{}, map[int]time.Duration{}
	for _, path := range stats {
		data, _ := os.ReadFile(path)
		_, rest, _ := strings.Cut(string(data), ") ")
		fields := strings.Fields(rest)
		if len(fields) < 15 {
			continue
		}
		pid, _ := strconv.Atoi(filepath.Base(filepath.Dir(path)))
		parents[pid], _ = strconv.Atoi(fields[1])
		for _, field := range fields[11:15] { // user and system, its own and of its ended children
			n, _ := strconv.Atoi(field)
			used[pid] += time.Duration(n) * tick
		}
	}
	me := os.Getpid()
	for pid, parent := range parents {
		if parent == me || parents[parent] == me {
			sum += used[pid]
		}
	}
	return sum
}

func bytesWritten() int64 {
	data, err := os.ReadFile("/proc/self/io")
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(data)) {
		if n, ok := strings.CutPrefix(line, "wchar: "); ok {
			v, _ := strconv.ParseInt(strings.TrimSpace(n), 10, 64)
			return v
		}
	}
	return 0
}

// BenchmarkPage reads a newest page of 50 events and a head.
func BenchmarkPage(b *testing.B) {
	for name, where := range databases() {
		b.Run(name, func(b *testing.B) { readPages(b, where(b)) })
	}
}

func readPages(b *testing.B, cfg Config) {
	db, err := Open(b.Context(), cfg, slog.New(slog.DiscardHandler))
	if err != nil {
		b.Fatal(err)
	}
	defer func() { _ = db.Close() }()
	ids := begin500(b, db)
	fill(b, db, ids, 50_000)
	b.Run("page", func(b *testing.B) {
		for i := range b.N {
			p, err := db.Page(b.Context(), chat.PageQuery{Conversation: ids[i%len(ids)], Limit: 50})
			if err != nil || len(p.Events) != 50 {
				b.Fatal(len(p.Events), err)
			}
		}
	})
	b.Run("head", func(b *testing.B) {
		for i := range b.N {
			if _, err := db.Head(b.Context(), ids[i%len(ids)]); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("list", func(b *testing.B) {
		for range b.N {
			rows, err := db.List(b.Context(), chat.ListQuery{Sites: []chat.SiteID{1}, View: chat.ViewWaiting, Agent: 3, Limit: 100})
			if err != nil || len(rows) != 100 {
				b.Fatal(len(rows), err)
			}
		}
	})
}

// BenchmarkOpen is a start: of a new database, and of one that is there.
func BenchmarkOpen(b *testing.B) {
	for _, fresh := range []bool{true, false} {
		b.Run(fmt.Sprintf("fresh=%t", fresh), func(b *testing.B) {
			dir := b.TempDir()
			for i := range b.N {
				name := DatabaseFile
				if fresh {
					name = strconv.Itoa(i)
				}
				db, err := Open(b.Context(), Config{Path: filepath.Join(dir, name)}, slog.New(slog.DiscardHandler))
				if err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				if err := db.Close(); err != nil {
					b.Fatal(err)
				}
				b.StartTimer()
			}
		})
	}
}
