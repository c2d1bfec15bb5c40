package picture

import (
	"bufio"
	"encoding/binary"
	"errors"
	"io"
)

// Flags of a WebP's header.
const (
	webpExif = 1 << 3
	webpXMP  = 1 << 2
)

// webpFlagsAt is where the flags stand when there are any: behind RIFF, size, WEBP, VP8X, size.
const webpFlagsAt = 20

// stripWebP copies the chunks of the picture. The size in its head is written later.
func stripWebP(in *bufio.Reader, out *bufio.Writer, facts *Facts) error {
	var head [12]byte
	if _, err := io.ReadFull(in, head[:]); err != nil {
		return err
	}
	if string(head[:4]) != "RIFF" || string(head[8:]) != "WEBP" {
		return broken("it does not begin as a WebP does")
	}
	_, _ = out.Write(head[:])
	left := int64(binary.LittleEndian.Uint32(head[4:])) - 4
	body := bufio.NewReader(io.LimitReader(in, left))
	facts.Frames = 0
	chunks, extended := 0, false
	for {
		var chunk [8]byte
		_, err := io.ReadFull(body, chunk[:])
		if errors.Is(err, io.EOF) && chunks > 0 {
			facts.Frames = max(1, facts.Frames)
			if !extended { // without flags there is no Exif
				facts.Orientation = 1
			}
			if facts.Orientation != 1 {
				writeWebPOrientation(out, facts.Orientation)
			}
			return nil
		}
		if err != nil {
			return err
		}
		extended = extended || chunks == 0 && string(chunk[:4]) == "VP8X"
		chunks++
		if err := stripChunk(body, out, chunk, facts); err != nil {
			return err
		}
	}
}

func stripChunk(in *bufio.Reader, out *bufio.Writer, head [8]byte, facts *Facts) error {
	length := int64(binary.LittleEndian.Uint32(head[4:]))
	padded := length + length%2
	switch string(head[:4]) {
	case "ANMF":
		facts.Frames++
		_, _ = out.Write(head[:])
		return stripFrame(in, out, padded)
	case "VP8X":
		return stripFlags(in, out, head, padded)
	case "VP8 ", "VP8L", "ALPH", "ANIM", "ICCP":
	case "EXIF":
		return webpOrientation(in, padded, facts)
	default:
		_, err := io.CopyN(io.Discard, in, padded)
		return err
	}
	_, _ = out.Write(head[:])
	_, err := io.CopyN(out, in, padded)
	return err
}

// frameHead is what a frame of an animation begins with: place, size and duration.
const frameHead = 16

// stripFrame copies a frame, whose length has been written: what is in it beside the
// picture is made empty, and stays as long as it was.
func stripFrame(in *bufio.Reader, out *bufio.Writer, left int64) error {
	if left < frameHead {
		return broken("a frame is too short")
	}
	if _, err := io.CopyN(out, in, frameHead); err != nil {
		return err
	}
	for left -= frameHead; left > 0; {
		var head [8]byte
		if _, err := io.ReadFull(in, head[:min(8, left)]); err != nil {
			return err
		}
		padded := int64(binary.LittleEndian.Uint32(head[4:]))
		padded += padded % 2
		if left -= 8 + padded; left < 0 {
			return broken("a frame ends within a chunk")
		}
		if err := stripFrameChunk(in, out, head, padded); err != nil {
			return err
		}
	}
	return nil
}

func stripFrameChunk(in *bufio.Reader, out *bufio.Writer, head [8]byte, padded int64) error {
	switch string(head[:4]) {
	case "VP8 ", "VP8L", "ALPH":
		_, _ = out.Write(head[:])
		_, err := io.CopyN(out, in, padded)
		return err
	}
	if _, err := io.CopyN(io.Discard, in, padded); err != nil {
		return err
	}
	copy(head[:], "JUNK")
	_, _ = out.Write(head[:])
	_, err := io.CopyN(out, zeros{}, padded)
	return err
}

type zeros struct{}

func (zeros) Read(b []byte) (int, error) {
	clear(b)
	return len(b), nil
}

// stripFlags unsets what says that there is more; the orientation sets it again.
func stripFlags(in *bufio.Reader, out *bufio.Writer, head [8]byte, padded int64) error {
	_, _ = out.Write(head[:])
	flags, err := in.ReadByte()
	if err != nil {
		return err
	}
	_ = out.WriteByte(flags &^ (webpExif | webpXMP))
	_, err = io.CopyN(out, in, padded-1)
	return err
}

// webpOrientation reads which way is up. It is written behind the picture.
func webpOrientation(in *bufio.Reader, padded int64, facts *Facts) error {
	if padded > maxExif {
		_, err := io.CopyN(io.Discard, in, padded)
		return err
	}
	block := make([]byte, padded)
	if _, err := io.ReadFull(in, block); err != nil {
		return err
	}
	facts.Orientation = orientationOf(tiffIn(block))
	return nil
}

func writeWebPOrientation(out *bufio.Writer, orientation int) {
	tiff := orientationOnly(orientation)
	_, _ = out.WriteString("EXIF")
	_, _ = out.Write(binary.LittleEndian.AppendUint32(nil, uint32(len(tiff))))
	_, _ = out.Write(tiff)
}

// completeWebP puts the size into the head, and the flag of Exif if some was kept.
func completeWebP(w io.ReadWriteSeeker, orientation int) error {
	size, err := w.Seek(0, io.SeekEnd)
	if err != nil {
		return err
	}
	if err := writeAt(w, 4, binary.LittleEndian.AppendUint32(nil, uint32(size-8))); err != nil || orientation == 1 {
		return err
	}
	if _, err := w.Seek(webpFlagsAt, io.SeekStart); err != nil {
		return err
	}
	var flags [1]byte
	if _, err := io.ReadFull(w, flags[:]); err != nil {
		return err
	}
	return writeAt(w, webpFlagsAt, []byte{flags[0] | webpExif})
}

func writeAt(w io.WriteSeeker, at int64, b []byte) error {
	if _, err := w.Seek(at, io.SeekStart); err != nil {
		return err
	}
	_, err := w.Write(b)
	return err
}
