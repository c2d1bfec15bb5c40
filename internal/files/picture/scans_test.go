package picture

import (
	"bytes"
	"encoding/binary"
	"testing"
)

// inScans is a grey progressive JPEG of so many scans, all but the first of which take
// a few bytes, and have a decoder go over all of the picture.
func inScans(side, scans int) []byte {
	blocks := (side + 7) / 8 * ((side + 7) / 8)
	b := []byte{0xff, jpegSOI}
	segment := func(marker byte, data ...byte) {
		b = append(b, 0xff, marker)
		b = append(binary.BigEndian.AppendUint16(b, uint16(len(data)+2)), data...)
	}
	oneCode := func(class, symbol byte) {
		segment(0xc4, append(append([]byte{class, 1}, make([]byte, 15)...), symbol)...)
	}
	segment(0xdb, append([]byte{0}, bytes.Repeat([]byte{1}, 64)...)...)
	segment(0xc2, 8, byte(side>>8), byte(side), byte(side>>8), byte(side), 1, 1, 0x11, 0)
	oneCode(0x00, 0)
	segment(jpegSOS, 1, 1, 0, 0, 0, 0)
	b = append(b, make([]byte, (blocks+7)/8)...)
	oneCode(0x10, 0xe0) // 16,384 blocks of nothing
	for range scans - 1 {
		segment(jpegSOS, 1, 1, 0, 1, 63, 0)
		b = append(b, make([]byte, ((blocks+16383)/16384*15+7)/8)...)
	}
	return append(b, 0xff, jpegEOI)
}

// A JPEG of 84 KB would keep a decoder busy for half a minute: it is a download. What
// cameras and programs make is a picture.
func TestAJPEGIsNotGoneOverForever(t *testing.T) {
	for _, c := range []struct {
		side, scans int
		picture     bool
	}{{6320, 12, true}, {6320, 13, false}, {6320, 90, false}, {2000, 90, true}, {200, MaxScans, true}, {8, MaxScans + 1, false}} {
		_, facts, err := strip(t, "image/jpeg", inScans(c.side, c.scans))
		if err != nil || facts.Scans != c.scans || (facts.Width > 0) != c.picture {
			t.Errorf("%d scans over %d×%d: %+v, %v", c.scans, c.side, c.side, facts, err)
		}
	}
	if _, err := Previews("image/jpeg", bytes.NewReader(inScans(200, 20)), 100); err != nil {
		t.Errorf("what this test makes is no JPEG: %v", err)
	}
}
