package bench

import (
	"fmt"
	"io"
	"text/tabwriter"
)

// table writes aligned lines.
type table struct{ w *tabwriter.Writer }

func newTable(w io.Writer) table { return table{tabwriter.NewWriter(w, 0, 8, 2, ' ', 0)} }

func (t table) line(name, format string, args ...any) {
	fmt.Fprintf(t.w, "%s\t%s\n", name, fmt.Sprintf(format, args...))
}

func (t table) end() { _ = t.w.Flush() } // what cannot be printed has no reader

func (t table) machine(m Machine) {
	t.line("machine", "%d × %s, %s, %s, %s", m.Cores, m.Model, m.Kernel, m.FileSystem, m.Go)
}

func (t table) yardstick(name string, y Yardstick) {
	t.line(name, "%.0f /s, %.1f µs of CPU each; a commit %.2f ms (p50 %.2f, p99 %.2f)", y.PerSecond, y.CPU, y.Commit.Mean, y.Commit.P50, y.Commit.P99)
}

func (r StoreReport) text(w io.Writer) {
	t := newTable(w)
	defer t.end()
	t.machine(r.Machine)
	for _, y := range r.Yardsticks {
		t.yardstick(fmt.Sprintf("store, %d in flight", y.InFlight), y)
	}
}

func (r PairsReport) text(w io.Writer) {
	t := newTable(w)
	defer t.end()
	t.machine(r.Machine)
	t.line("serving", "%d nodes over %s", r.Nodes, r.Database)
	t.line("who", "%d visitors, %d agents of one site, lists watched, marks sent", r.Visitors, r.Agents)
	t.yardstick("store, alone", r.Lone)
	for _, y := range r.Store {
		t.yardstick(fmt.Sprintf("store, %d in flight", y.InFlight), y)
	}
	if l := r.Closed; l != nil {
		t.line("", "")
		t.line("flat out", "%.0f messages/s acked (%d in %.1f s)", l.PerSecond, l.Messages, l.Seconds)
		t.line("of the store", "%.2f (aim: 0.40 or more)", r.Ratio)
		t.load(l, " (aim: 0.08 or less)")
	}
	if l := r.Paced; l != nil {
		t.line("", "")
		t.line("at a rate", "%.0f messages/s acked (%d in %.1f s)", l.PerSecond, l.Messages, l.Seconds)
		t.line("over a lone commit", "p50 %+.2f ms (aim: 0.5 or less), p99 %+.2f ms (aim: 2 or less)", l.Ack.P50-r.Lone.Commit.P50, l.Ack.P99-r.Lone.Commit.P99)
		t.load(l, "")
		t.line("pacer late", "p50 %.2f ms, p99 %.2f ms; skipped %d", l.Late.P50, l.Late.P99, l.Skipped)
	}
	t.line("", "")
	t.line("sent again", "%d", r.Again)
	t.line("on the wire", "%d events twice, %d before one they follow", r.Repeats, r.Gaps)
	t.line("anomalies", "%d", r.Anomalies)
	for _, one := range r.First {
		t.line("", "%s", one)
	}
}

func (t table) load(l *Load, aim string) {
	if l.Memory != nil {
		t.line("server CPU", "%.3f s per 1,000 messages%s", l.Server, aim)
		t.memory("server memory", *l.Memory)
	}
	t.line("generator CPU", "%.3f s per 1,000 messages", l.Generator)
	t.line("ack", "p50 %.2f ms, p99 %.2f ms, max %.2f ms", l.Ack.P50, l.Ack.P99, l.Ack.Max)
	t.line("delivery", "p50 %.2f ms, p99 %.2f ms, max %.2f ms", l.Delivery.P50, l.Delivery.P99, l.Delivery.Max)
}

func (r IdleReport) text(w io.Writer) {
	t := newTable(w)
	defer t.end()
	t.machine(r.Machine)
	who := "newcomers"
	if r.Known {
		who = "visitors with a conversation"
	}
	t.line("who", "%d silent %s, watched by %d agents", r.Connections, who, r.Agents)
	t.line("each", "%.0f bytes of RSS (aim: 6,000 or less); %.0f when all had just come", r.Each, r.EachAtOnce)
	t.memory("before", r.Before)
	t.memory("all had just come", r.AtOnce)
	t.memory("settled", r.After)
	t.line("connecting", "%.0f /s, %.2f ms of server CPU each", r.ConnectPerSecond, r.ConnectCPU)
	t.line("silence", "%.1f%% of a core", 100*r.IdleCPU)
	t.line("lost", "%d", r.Lost)
}

func (r FanoutReport) text(w io.Writer) {
	t := newTable(w)
	defer t.end()
	t.machine(r.Machine)
	who := "newcomers"
	if r.Known {
		who = "visitors with a conversation"
	}
	for _, f := range r.Runs {
		t.line("", "")
		t.line("who", "%d %s, of whom %d do not read; %d broadcasts of %d bytes", f.Visitors, who, f.NotReading, f.Messages, f.Bytes)
		turns := "one after the other: the limit of open files allows no more"
		if f.InTurns {
			turns = "message by message in turns"
		}
		t.line("server and bare loop", "%s", turns)
		t.line("deliveries", "%.0f /s; the bare loop %.0f /s", f.Server.PerSecond, f.Bare.PerSecond)
		t.line("of the bare loop", "%.2f (aim: 0.75 or more)", f.Ratio)
		t.line("server CPU", "%.2f µs a delivery; the bare loop %.2f µs", f.Server.CPU, f.Bare.CPU)
		t.line("of the bare loop", "%.2f (aim: 1.4 or less)", f.CPURatio)
		t.line("while all are silent", "%.1f%% of a core, not counted above; the bare loop %.1f%%; lost %d and %d", 100*f.Server.Idle, 100*f.Bare.Idle, f.Server.Lost, f.Bare.Lost)
		t.line("to the first", "p50 %.1f ms, p99 %.1f ms from the request", f.ToFirst.P50, f.ToFirst.P99)
		t.line("counted", "%d delivered of %d", f.Counted, f.Messages*f.Visitors)
	}
}

func (r StartReport) text(w io.Writer) {
	t := newTable(w)
	defer t.end()
	t.machine(r.Machine)
	t.line("first answer", "%.1f ms, at worst %.1f ms of %d (aim: 60 or less)", r.First, r.Worst, r.Starts)
	t.line("first hello", "%.1f ms", r.Hello)
	t.line("on an empty disk", "%.1f ms", r.Fresh)
	t.memory("at rest (aim: 30 or less)", r.Rest)
	t.line("program", "%.1f MiB (aim: 30 or less)", float64(r.Binary)/(1<<20))
}

func (t table) memory(name string, m Memory) {
	t.line(name, "%.1f MiB RSS, %.1f MiB anonymous, %d threads", mib(m.RSS), mib(m.Anonymous), m.Threads)
}

func mib(kib int64) float64 { return float64(kib) / 1024 }
