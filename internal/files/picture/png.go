package picture

import (
	"bufio"
	"encoding/binary"
	"hash/crc32"
	"io"
)

const pngSignature = "\x89PNG\r\n\x1a\n"

// maxChunk bounds a chunk's length, as the format does.
const maxChunk = 1<<31 - 1

// maxExif bounds what is read to learn which way is up.
const maxExif = 64 << 10

func stripPNG(in *bufio.Reader, out *bufio.Writer, facts *Facts) error {
	var signature [len(pngSignature)]byte
	if _, err := io.ReadFull(in, signature[:]); err != nil {
		return err
	}
	if string(signature[:]) != pngSignature {
		return broken("it does not begin as a PNG does")
	}
	_, _ = out.WriteString(pngSignature)
	facts.Frames = 0
	for first := true; ; first = false {
		var head [8]byte
		if _, err := io.ReadFull(in, head[:]); err != nil {
			return err
		}
		length, name := int64(binary.BigEndian.Uint32(head[:])), string(head[4:])
		if length > maxChunk || first != (name == "IHDR") {
			return broken("a chunk is too long, or out of its place")
		}
		switch {
		case keptChunk(name):
			if name == "fcTL" {
				facts.Frames++
			}
			_, _ = out.Write(head[:])
			if _, err := io.CopyN(out, in, length+4); err != nil { // with its sum
				return err
			}
		case name == "eXIf" && length <= maxExif:
			if err := pngOrientation(in, out, length, facts); err != nil {
				return err
			}
		default:
			if _, err := io.CopyN(io.Discard, in, length+4); err != nil {
				return err
			}
		}
		if name == "IEND" {
			facts.Frames = max(1, facts.Frames)
			return nil
		}
	}
}

// keptChunk tells which chunks say how the picture looks.
func keptChunk(name string) bool {
	switch name {
	case "IHDR", "PLTE", "IDAT", "IEND", "tRNS", "gAMA", "cHRM", "sRGB", "iCCP", "sBIT", "bKGD", "pHYs", "hIST",
		"cICP", "mDCV", "cLLI", "acTL", "fcTL", "fdAT":
		return true
	}
	return false
}

func pngOrientation(in *bufio.Reader, out *bufio.Writer, length int64, facts *Facts) error {
	block := make([]byte, length+4)
	if _, err := io.ReadFull(in, block); err != nil {
		return err
	}
	o := orientationOf(tiffIn(block[:length]))
	if o == 1 {
		return nil
	}
	facts.Orientation = o
	chunk := append([]byte("eXIf"), orientationOnly(o)...)
	_, _ = out.Write(binary.BigEndian.AppendUint32(nil, uint32(len(chunk)-4)))
	_, _ = out.Write(chunk)
	_, _ = out.Write(binary.BigEndian.AppendUint32(nil, crc32.ChecksumIEEE(chunk)))
	return nil
}
