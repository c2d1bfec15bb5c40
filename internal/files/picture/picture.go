// Package picture copies JPEG, PNG, GIF and WebP without what they say beside the
// picture itself, tells their size, and makes previews of them.
package picture

import (
	"bufio"
	"errors"
	"fmt"
	"image"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"

	"golang.org/x/image/webp"
)

// Bounds of what is decoded, here and by whoever gets the picture.
const (
	MaxPixels = 40_000_000
	MaxSide   = 65_535 // pixels; making a line of 40 million smaller would need gigabytes
	MaxFrames = 1000
	MaxScans  = 100 // of a JPEG, each of which goes over all of it
	// MaxScanned are the pixels that all scans of a JPEG go over together: a dozen scans
	// of the largest picture. A hundred of them fit into 100 KB, and take a minute.
	MaxScanned = 12 * MaxPixels
)

// Facts are what is known of a picture without decoding it.
type Facts struct {
	// Width and Height are as it is shown, the right way up; 0 if it is not to be
	// decoded: too large, too many frames, or of a sort that no browser shows.
	Width, Height int
	// Orientation is Exif's: 1 to 8.
	Orientation int
	Frames      int
	Scans       int // of a JPEG
	// Wild: a browser or a decoder would have more to do than the header says.
	Wild bool
}

// ErrBroken is a picture that is not what its first bytes say.
var ErrBroken = errors.New("the picture is broken")

func broken(format string, args ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrBroken}, args...)...)
}

// Strip copies a picture of a type, such as image/jpeg, without comments, place,
// camera and whatever follows its end; the pixels stay as they are, and so does
// which way is up. Errors: ErrBroken, or those of r and w.
func Strip(typ string, r io.Reader, w io.ReadWriteSeeker) (Facts, error) {
	facts := Facts{Orientation: 1, Frames: 1}
	in, out := bufio.NewReaderSize(r, 64<<10), bufio.NewWriterSize(w, 64<<10)
	var err error
	switch typ {
	case "image/jpeg":
		err = stripJPEG(in, out, &facts)
	case "image/png":
		err = stripPNG(in, out, &facts)
	case "image/gif":
		err = stripGIF(in, out, &facts)
	case "image/webp":
		err = stripWebP(in, out, &facts)
	default:
		return facts, broken("%s is none that is known", typ)
	}
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		err = broken("it ends too early")
	}
	if err = errors.Join(err, out.Flush()); err != nil {
		return facts, err
	}
	if typ == "image/webp" {
		if err := completeWebP(w, facts.Orientation); err != nil {
			return facts, err
		}
	}
	return facts, facts.measure(typ, w)
}

// measure reads the header of what was written, and judges whether it may be decoded.
func (f *Facts) measure(typ string, w io.ReadSeeker) error {
	if _, err := w.Seek(0, io.SeekStart); err != nil {
		return err
	}
	header, err := config(typ, bufio.NewReader(w))
	if err != nil || !small(header) || f.Frames > MaxFrames || f.Scans > MaxScans || f.Wild ||
		int64(f.Scans)*int64(header.Width)*int64(header.Height) > MaxScanned {
		return nil //nolint:nilerr // it is kept, but never opened here
	}
	f.Width, f.Height = header.Width, header.Height
	if f.Orientation >= 5 {
		f.Width, f.Height = f.Height, f.Width
	}
	return nil
}

func small(c image.Config) bool {
	return c.Width > 0 && c.Height > 0 && max(c.Width, c.Height) <= MaxSide && int64(c.Width)*int64(c.Height) <= MaxPixels
}

func config(typ string, r io.Reader) (image.Config, error) {
	switch typ {
	case "image/jpeg":
		return jpeg.DecodeConfig(r)
	case "image/png":
		return png.DecodeConfig(r)
	case "image/gif":
		return gif.DecodeConfig(r)
	case "image/webp":
		return webp.DecodeConfig(r)
	}
	return image.Config{}, broken("%s is none that is known", typ)
}

func decode(typ string, r io.Reader) (image.Image, error) {
	switch typ {
	case "image/jpeg":
		return jpeg.Decode(r)
	case "image/png":
		return png.Decode(r)
	case "image/gif": // its first frame
		return gif.Decode(r)
	case "image/webp":
		return webp.Decode(r)
	}
	return nil, broken("%s is none that is known", typ)
}
