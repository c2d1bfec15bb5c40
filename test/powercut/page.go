//go:build linux

package powercut

import (
	"maps"
	"math/rand/v2"
	"slices"
)

const (
	pageSize   = 4096
	sectorSize = 512
)

type page [pageSize]byte

// image is the content of a file at one moment. A nil page is a hole.
type image struct {
	size  int64
	pages []*page
}

// content is a regular file: what processes see (live) and what a cut leaves (stable). A page that both share is never
// written again; write replaces it first.
type content struct {
	live, stable image
	dirty        map[int]struct{} // pages that the next sync makes durable
	doubtful     map[int]struct{} // pages that a failed sync gave up: readable, never durable until written again
	low          int64            // the smallest live size since the last sync
}

func newContent(stable image) content {
	return content{
		live:     image{size: stable.size, pages: slices.Clone(stable.pages)},
		stable:   stable,
		dirty:    map[int]struct{}{},
		doubtful: map[int]struct{}{},
		low:      stable.size,
	}
}

func pagesFor(size int64) int { return int((size + pageSize - 1) / pageSize) }

func (m *image) page(i int) *page {
	if i >= len(m.pages) {
		return nil
	}
	return m.pages[i]
}

func (m *image) setPage(i int, p *page) {
	if i >= len(m.pages) {
		m.pages = append(m.pages, make([]*page, i+1-len(m.pages))...)
	}
	m.pages[i] = p
}

// read fills dst from offset and answers how much the file had.
func (m *image) read(dst []byte, offset int64) int {
	if offset >= m.size {
		return 0
	}
	dst = dst[:min(int64(len(dst)), m.size-offset)]
	for done := 0; done < len(dst); {
		at := offset + int64(done)
		rest := dst[done:min(len(dst), done+pageSize-int(at%pageSize))]
		if p := m.page(int(at / pageSize)); p != nil {
			copy(rest, p[at%pageSize:])
		} else {
			clear(rest)
		}
		done += len(rest)
	}
	return len(dst)
}

// cutTo shortens the image to size; the rest of the last page becomes zeros, in a copy, for the page may be shared.
func (m *image) cutTo(size int64) {
	m.size = size
	if keep := pagesFor(size); keep < len(m.pages) {
		clear(m.pages[keep:])
		m.pages = m.pages[:keep]
	}
	last := int(size / pageSize)
	if p := m.page(last); p != nil {
		fresh := *p
		clear(fresh[size%pageSize:])
		m.pages[last] = &fresh
	}
}

// missing counts the pages that a write of length bytes at offset would have to allot.
func (c *content) missing(offset int64, length int) int {
	count := 0
	for i := int(offset / pageSize); i < pagesFor(offset+int64(length)); i++ {
		if c.live.page(i) == nil {
			count++
		}
	}
	return count
}

func (c *content) held() int {
	count := 0
	for _, p := range c.live.pages {
		if p != nil {
			count++
		}
	}
	return count
}

func (c *content) write(data []byte, offset int64) {
	c.live.size = max(c.live.size, offset+int64(len(data)))
	for len(data) > 0 {
		i, from := int(offset/pageSize), int(offset%pageSize)
		n := copy(c.writable(i)[from:], data)
		data, offset = data[n:], offset+int64(n)
	}
}

func (c *content) writable(i int) *page {
	p := c.live.page(i)
	switch {
	case p == nil:
		p = new(page)
		c.live.setPage(i, p)
	case p == c.stable.page(i):
		fresh := *p
		p = &fresh
		c.live.setPage(i, p)
	}
	c.dirty[i] = struct{}{}
	delete(c.doubtful, i)
	return p
}

// truncate sets the size and answers how many pages it gave back.
func (c *content) truncate(size int64) (freed int) {
	if size >= c.live.size {
		c.live.size = size
		return 0
	}
	before := c.held()
	c.live.cutTo(size)
	c.low = min(c.low, size)
	gone := func(i int, _ struct{}) bool { return i >= pagesFor(size) }
	maps.DeleteFunc(c.dirty, gone)
	maps.DeleteFunc(c.doubtful, gone)
	if last := int(size / pageSize); c.live.page(last) != nil {
		c.dirty[last] = struct{}{}
	}
	return before - c.held()
}

// sync makes the live content durable and answers how many pages that wrote.
func (c *content) sync() (pages int) {
	if c.low < c.stable.size {
		c.stable.cutTo(c.low)
	}
	for i := range c.dirty {
		c.stable.setPage(i, c.live.page(i))
	}
	pages = len(c.dirty)
	clear(c.dirty)
	c.stable.size, c.low = c.live.size, c.live.size
	return pages
}

// failSync is what Linux does when writing back fails: the pages count as clean but were not written, so a
// later successful sync does not save them.
func (c *content) failSync() {
	maps.Copy(c.doubtful, c.dirty)
	clear(c.dirty)
}

// surviving answers what a disk that writes back by itself may hold after a cut.
func (c *content) surviving(rng *rand.Rand) image {
	left := image{size: c.stable.size, pages: slices.Clone(c.stable.pages)}
	candidates := map[int]struct{}{}
	maps.Copy(candidates, c.dirty)
	maps.Copy(candidates, c.doubtful)
	if c.low < c.stable.size {
		if rng.IntN(2) == 0 {
			left.cutTo(c.low)
		} else {
			// The file was not shortened: what was written after that belongs to blocks it never got.
			kept := int(c.low / pageSize)
			maps.DeleteFunc(candidates, func(i int, _ struct{}) bool { return i >= kept })
		}
	}
	share := float64(rng.IntN(5)) / 4
	for _, i := range slices.Sorted(maps.Keys(candidates)) {
		if rng.Float64() >= share {
			continue
		}
		left.setPage(i, torn(rng, left.page(i), c.live.page(i)))
		if end := min(c.live.size, int64(i+1)*pageSize); end > left.size {
			left.size = end
		}
	}
	return left
}

// torn answers the new page, or, one time in four, its first sectors followed by what the disk held before.
func torn(rng *rand.Rand, before, after *page) *page {
	if rng.IntN(4) != 0 {
		return after
	}
	var mixed page
	if before != nil {
		mixed = *before
	}
	copy(mixed[:(1+rng.IntN(pageSize/sectorSize-1))*sectorSize], after[:])
	return &mixed
}
