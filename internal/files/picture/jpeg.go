package picture

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"io"
)

const (
	jpegSOI  = 0xd8
	jpegEOI  = 0xd9
	jpegSOS  = 0xda
	jpegAPP0 = 0xe0
	jpegAPPF = 0xef
	jpegCOM  = 0xfe
)

// stripJPEG copies the segments that the picture is made of, up to its end.
func stripJPEG(in *bufio.Reader, out *bufio.Writer, facts *Facts) error {
	marker, err := nextMarker(in)
	if err != nil || marker != jpegSOI {
		return broken("it does not begin as a JPEG does")
	}
	writeMarker(out, jpegSOI)
	if marker, err = nextMarker(in); err != nil {
		return err
	}
	for {
		switch {
		case marker == jpegEOI:
			writeMarker(out, jpegEOI)
			return nil
		case marker == 0x01 || marker >= 0xd0 && marker <= 0xd7: // without a length
			writeMarker(out, marker)
			if marker, err = nextMarker(in); err != nil {
				return err
			}
			continue
		}
		segment, err := readSegment(in)
		if err != nil {
			return err
		}
		if segment = keptSegment(marker, segment, facts); segment != nil {
			writeMarker(out, marker)
			writeSegment(out, segment)
		}
		if marker == jpegSOS {
			facts.Scans++
			marker, err = copyScan(in, out)
		} else {
			marker, err = nextMarker(in)
		}
		if err != nil {
			return err
		}
	}
}

// keptSegment is what remains of a segment; nil: nothing.
func keptSegment(marker byte, segment []byte, facts *Facts) []byte {
	switch {
	case marker == jpegCOM:
		return nil
	case marker < jpegAPP0 || marker > jpegAPPF:
		return segment
	case marker == jpegAPP0 && bytes.HasPrefix(segment, []byte("JFIF\x00")) && len(segment) >= 14:
		kept := bytes.Clone(segment[:14])
		kept[12], kept[13] = 0, 0 // no thumbnail, which may show more than the picture
		return kept
	case marker == jpegAPP0+1 && bytes.HasPrefix(segment, []byte(exifPrefix)):
		if o := orientationOf(tiffIn(segment)); o != 1 && facts.Orientation == 1 {
			facts.Orientation = o
			return append([]byte(exifPrefix), orientationOnly(o)...)
		}
	case marker == jpegAPP0+2 && bytes.HasPrefix(segment, []byte("ICC_PROFILE\x00")),
		marker == jpegAPP0+14 && bytes.HasPrefix(segment, []byte("Adobe")): // how colours are meant
		return segment
	}
	return nil
}

// nextMarker passes over what fills the space before a marker.
func nextMarker(in *bufio.Reader) (byte, error) {
	first, err := in.ReadByte()
	if err != nil {
		return 0, err
	}
	if first != 0xff {
		return 0, broken("a marker is missing")
	}
	for {
		b, err := in.ReadByte()
		if err != nil || b != 0xff {
			return b, err
		}
	}
}

func readSegment(in *bufio.Reader) ([]byte, error) {
	var length [2]byte
	if _, err := io.ReadFull(in, length[:]); err != nil {
		return nil, err
	}
	n := int(binary.BigEndian.Uint16(length[:]))
	if n < 2 {
		return nil, broken("a segment is shorter than its own length")
	}
	segment := make([]byte, n-2)
	_, err := io.ReadFull(in, segment)
	return segment, err
}

// The writers keep their first error until they are flushed.

func writeMarker(out *bufio.Writer, marker byte) { _, _ = out.Write([]byte{0xff, marker}) }

func writeSegment(out *bufio.Writer, segment []byte) {
	_, _ = out.Write(binary.BigEndian.AppendUint16(nil, uint16(len(segment)+2)))
	_, _ = out.Write(segment)
}

// copyScan copies what is compressed, and returns the marker behind it. A picture
// whose end was cut off ends there.
func copyScan(in *bufio.Reader, out *bufio.Writer) (marker byte, err error) {
	for {
		b, err := in.ReadByte()
		for err == nil && b == 0xff { // a marker, or a byte 0xff, which a 0 follows
			if b, err = in.ReadByte(); err != nil || b == 0xff {
				continue
			}
			if b != 0x00 && (b < 0xd0 || b > 0xd7) {
				return b, nil
			}
			_ = out.WriteByte(0xff)
			break
		}
		if errors.Is(err, io.EOF) {
			return jpegEOI, nil
		}
		if err != nil {
			return 0, err
		}
		_ = out.WriteByte(b)
	}
}
