package metrics

import (
	"fmt"
	"strings"

	"github.com/prometheus/client_golang/prometheus"
)

// family is a metric's name with what is said of it; docs/METRICS.md is made of these.
type family struct {
	name   string
	kind   string // counter, gauge, histogram
	labels []string
	help   string
}

func counter(name, help string, labels ...string) family {
	return family{name: name, kind: "counter", labels: labels, help: help}
}

func gauge(name, help string, labels ...string) family {
	return family{name: name, kind: "gauge", labels: labels, help: help}
}

func histogram(name, help string, labels ...string) family {
	return family{name: name, kind: "histogram", labels: labels, help: help}
}

func (f family) desc() *prometheus.Desc { return prometheus.NewDesc(f.name, f.help, f.labels, nil) }

func (f family) valueType() prometheus.ValueType {
	if f.kind == "counter" {
		return prometheus.CounterValue
	}
	return prometheus.GaugeValue
}

func (f family) counterVec() *prometheus.CounterVec {
	return prometheus.NewCounterVec(prometheus.CounterOpts{Name: f.name, Help: f.help}, f.labels)
}

func (f family) histogramVec(buckets []float64) *prometheus.HistogramVec {
	return prometheus.NewHistogramVec(prometheus.HistogramOpts{Name: f.name, Help: f.help, Buckets: buckets}, f.labels)
}

// Page is docs/METRICS.md: every metric of Kefu's own.
func Page() string {
	var b strings.Builder
	b.WriteString(`# Metrics

<!-- Generated from internal/metrics: go test ./internal/metrics -run Page -update -->

` + "`/metrics` on `admin.listen`" + ` answers in the format of Prometheus. Names and labels are stable: a metric may be added, one that is
here is not renamed. No label carries a visitor, an agent, an address or a text. All figures are of this node; sum them over the
nodes. Beside these there are the Go runtime's and the process's own (` + "`go_…`, `process_…`" + `) as Prometheus' library gives them.

| metric | kind | labels | what it says |
|---|---|---|---|
`)
	for _, f := range families() {
		labels := "none"
		if len(f.labels) > 0 {
			labels = "`" + strings.Join(f.labels, "`, `") + "`"
		}
		fmt.Fprintf(&b, "| `%s` | %s | %s | %s |\n", f.name, f.kind, labels, f.help)
	}
	return b.String()
}

// families are all metrics of Kefu's own, in the order of the page.
func families() []family {
	all := counted().families()
	for _, f := range figures() {
		all = append(all, f.family)
	}
	return all
}
