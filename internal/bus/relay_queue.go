package bus

import "sync/atomic"

// queue holds parcels, bounded in number and in bytes.
type queue struct {
	waiting chan parcel
	bytes   *atomic.Int64
}

func newQueue() queue {
	return queue{make(chan parcel, relayQueue), new(atomic.Int64)}
}

// put tells whether there was room.
func (q queue) put(p parcel) bool {
	size := int64(len(p.envelope))
	if q.bytes.Add(size) <= relayBytes {
		select {
		case q.waiting <- p:
			return true
		default:
		}
	}
	q.bytes.Add(-size)
	return false
}

// taken is called with what was received from waiting.
func (q queue) taken(p parcel) parcel {
	q.bytes.Add(-int64(len(p.envelope)))
	return p
}

// more appends what waits, up to the batch's capacity.
func (q queue) more(batch []parcel) []parcel {
	for len(batch) < cap(batch) {
		select {
		case p := <-q.waiting:
			batch = append(batch, q.taken(p))
		default:
			return batch
		}
	}
	return batch
}
