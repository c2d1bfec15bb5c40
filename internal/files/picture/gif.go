package picture

import (
	"bufio"
	"encoding/binary"
	"io"
	"slices"
)

// The blocks of a GIF.
const (
	gifExtension = 0x21
	gifImage     = 0x2c
	gifTrailer   = 0x3b

	gifControl     = 0xf9 // how long a frame is shown
	gifApplication = 0xff
)

func stripGIF(in *bufio.Reader, out *bufio.Writer, facts *Facts) error {
	var head [13]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return err
	}
	if v := string(head[:6]); v != "GIF87a" && v != "GIF89a" {
		return broken("it does not begin as a GIF does")
	}
	_, _ = out.Write(head[:])
	if err := copyColours(in, out, head[10]); err != nil {
		return err
	}
	width, height := binary.LittleEndian.Uint16(head[6:]), binary.LittleEndian.Uint16(head[8:])
	facts.Frames = 0
	for {
		block, err := in.ReadByte()
		if err != nil && facts.Frames > 0 { // cut off: what is there is shown
			block = gifTrailer
		} else if err != nil {
			return err
		}
		switch block {
		case 0x00: // some programs write it between blocks
		case gifExtension:
			err = stripExtension(in, out)
		case gifImage:
			facts.Frames++
			err = copyFrame(in, out, width, height, facts)
		case gifTrailer:
			if facts.Frames == 0 {
				return broken("there is no frame in it")
			}
			return out.WriteByte(gifTrailer)
		default:
			return broken("a block is none that is known")
		}
		if err != nil {
			return err
		}
	}
}

// copyColours copies a table of colours, if the flags before it announce one.
func copyColours(in *bufio.Reader, out *bufio.Writer, flags byte) error {
	if flags&0x80 == 0 {
		return nil
	}
	_, err := io.CopyN(out, in, 3<<(flags&7+1))
	return err
}

// copyFrame copies a frame; one that is larger than the picture makes browsers enlarge it.
func copyFrame(in *bufio.Reader, out *bufio.Writer, width, height uint16, facts *Facts) error {
	var head [9]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return err
	}
	within := func(at, length int, most uint16) bool {
		return int(binary.LittleEndian.Uint16(head[at:]))+int(binary.LittleEndian.Uint16(head[length:])) <= int(most)
	}
	facts.Wild = facts.Wild || !within(0, 4, width) || !within(2, 6, height)
	_ = out.WriteByte(gifImage)
	_, _ = out.Write(head[:])
	if err := copyColours(in, out, head[8]); err != nil {
		return err
	}
	codeSize, err := in.ReadByte()
	if err != nil {
		return err
	}
	_ = out.WriteByte(codeSize)
	return copyBlocks(in, out)
}

// copyBlocks copies blocks of at most 255 bytes up to the empty one.
func copyBlocks(in *bufio.Reader, out io.Writer) error {
	for {
		length, err := in.ReadByte()
		if err != nil {
			return err
		}
		if _, err := out.Write([]byte{length}); err != nil {
			return err
		}
		if _, err := io.CopyN(out, in, int64(length)); err != nil || length == 0 {
			return err
		}
	}
}

// stripExtension keeps what tells how frames are shown, and how often.
func stripExtension(in *bufio.Reader, out *bufio.Writer) error {
	label, err := in.ReadByte()
	if err != nil {
		return err
	}
	to := io.Discard
	if label == gifControl {
		to = out
	}
	if label == gifApplication {
		name, err := in.Peek(12)
		if err == nil && slices.Contains([]string{"\x0bNETSCAPE2.0", "\x0bANIMEXTS1.0"}, string(name)) {
			to = out
		}
	}
	if _, err := to.Write([]byte{gifExtension, label}); err != nil {
		return err
	}
	return copyBlocks(in, to)
}
