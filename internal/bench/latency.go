package bench

import (
	"math"
	"slices"
	"time"
)

// Latency sums up a sample, in milliseconds.
type Latency struct {
	N    int     `json:"n"`
	Mean float64 `json:"mean_ms"`
	P50  float64 `json:"p50_ms"`
	P99  float64 `json:"p99_ms"`
	Max  float64 `json:"max_ms"`
}

// latencyOf sorts the sample.
func latencyOf(sample []time.Duration) Latency {
	if len(sample) == 0 {
		return Latency{}
	}
	slices.Sort(sample)
	var sum time.Duration
	for _, d := range sample {
		sum += d
	}
	return Latency{
		N: len(sample), Mean: millis(sum) / float64(len(sample)),
		P50: millis(percentile(sample, 0.50)), P99: millis(percentile(sample, 0.99)), Max: millis(sample[len(sample)-1]),
	}
}

// percentile is the least value that at least the fraction p of a sorted sample
// does not exceed (nearest rank).
func percentile(sorted []time.Duration, p float64) time.Duration {
	rank := int(math.Ceil(p*float64(len(sorted)) - 1e-9))
	return sorted[min(max(rank, 1), len(sorted))-1]
}

// median of a sample, 0 of none; sorts it.
func median(sample []time.Duration) time.Duration {
	if len(sample) == 0 {
		return 0
	}
	slices.Sort(sample)
	return percentile(sample, 0.5)
}

func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }
