package ws

import "sync"

// buffer is a pooled slice of one of the class sizes.
type buffer struct{ b []byte }

const (
	smallBuffer = 4 << 10
	largeBuffer = 64 << 10
)

// buffers lends byte slices of 4 KiB to 1 MiB, by powers of four.
type buffers struct{ classes [5]sync.Pool }

// get returns a buffer of at least n bytes; over the largest class it is not pooled.
func (p *buffers) get(n int) *buffer {
	size := smallBuffer
	for i := range p.classes {
		if n <= size {
			if b, ok := p.classes[i].Get().(*buffer); ok {
				return b
			}
			return &buffer{b: make([]byte, size)}
		}
		size *= 4
	}
	return &buffer{b: make([]byte, n)}
}

func (p *buffers) put(b *buffer) {
	if b == nil {
		return
	}
	size := smallBuffer
	for i := range p.classes {
		if len(b.b) == size {
			p.classes[i].Put(b)
			return
		}
		size *= 4
	}
}
