package picture

import (
	"bytes"
	"image"
	"image/jpeg"
	"image/png"
	"io"

	"golang.org/x/image/draw"
)

// Preview is a smaller copy of a picture.
type Preview struct {
	Type          string // image/jpeg, or image/png where something shines through
	Data          []byte
	Width, Height int
}

const quality = 82

// Previews decodes a picture once and makes copies of it, each at most as many
// pixels wide and high as asked; sizes come largest first. What is no larger
// anyway gets none. The header is looked at before anything is decoded.
func Previews(typ string, r io.ReadSeeker, sizes ...int) (map[int]Preview, error) {
	whole, orientation, err := open(typ, r)
	if err != nil {
		return nil, err
	}
	made := map[int]Preview{}
	longest := max(whole.Bounds().Dx(), whole.Bounds().Dy())
	for _, size := range sizes {
		if longest <= size {
			continue
		}
		scaled := scale(whole, whole.Bounds(), size)
		whole = scaled
		if made[size], err = encode(upright(scaled, orientation)); err != nil {
			return nil, err
		}
	}
	return made, nil
}

// Portrait makes of any picture that may be decoded the largest square of its
// middle, at most so many pixels wide. Errors: ErrBroken, or those of r.
func Portrait(typ string, r io.ReadSeeker, size int) (Preview, error) {
	return anew(typ, r, size, middle)
}

// Logo makes of any picture that may be decoded one that is at most so many pixels
// wide and high. Errors: ErrBroken, or those of r.
func Logo(typ string, r io.ReadSeeker, size int) (Preview, error) {
	return anew(typ, r, size, image.Image.Bounds)
}

// anew draws a part of a picture anew; nothing but its pixels is left of it.
func anew(typ string, r io.ReadSeeker, size int, part func(image.Image) image.Rectangle) (Preview, error) {
	whole, orientation, err := open(typ, r)
	if err != nil {
		return Preview{}, err
	}
	return encode(upright(scale(whole, part(whole), size), orientation))
}

// middle is the largest square in the middle of a picture, which lies there
// whichever way the picture is turned.
func middle(m image.Image) image.Rectangle {
	b := m.Bounds()
	side := min(b.Dx(), b.Dy())
	x, y := b.Min.X+(b.Dx()-side)/2, b.Min.Y+(b.Dy()-side)/2
	return image.Rect(x, y, x+side, y+side)
}

// open decodes a picture if its header allows that.
func open(typ string, r io.ReadSeeker) (whole image.Image, orientation int, err error) {
	facts := Facts{Orientation: 1, Frames: 1}
	if err := facts.measure(typ, r); err != nil {
		return nil, 1, err
	}
	if facts.Width == 0 {
		return nil, 1, broken("it is too large to be decoded, or of a sort that is not")
	}
	if orientation, err = orientationIn(typ, r); err != nil {
		return nil, 1, err
	}
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return nil, 1, err
	}
	if whole, err = decode(typ, r); err != nil {
		return nil, 1, broken("it cannot be decoded: %v", err)
	}
	return whole, orientation, nil
}

// orientationIn reads which way is up from a picture that Strip has written.
func orientationIn(typ string, r io.ReadSeeker) (int, error) {
	if _, err := r.Seek(0, io.SeekStart); err != nil {
		return 1, err
	}
	head := make([]byte, 128<<10)
	n, err := io.ReadFull(r, head)
	if n == 0 {
		return 1, err
	}
	marker := map[string]string{"image/jpeg": "Exif\x00\x00MM\x00*", "image/png": "eXIfMM\x00*", "image/webp": "EXIF"}[typ]
	if typ == "image/webp" { // behind the picture
		return webpTail(r, head)
	}
	at := bytes.Index(head[:n], []byte(marker))
	if marker == "" || at < 0 {
		return 1, nil
	}
	return orientationOf(head[at+len(marker)-4 : n]), nil
}

// webpTail reads the end of a WebP, where Strip leaves what it keeps of Exif.
func webpTail(r io.ReadSeeker, buffer []byte) (int, error) {
	length := int64(8 + len(orientationOnly(1)))
	end, err := r.Seek(0, io.SeekEnd)
	if err != nil || end < length {
		return 1, err
	}
	if _, err := r.Seek(end-length, io.SeekStart); err != nil {
		return 1, err
	}
	if _, err := io.ReadFull(r, buffer[:length]); err != nil || string(buffer[:4]) != "EXIF" {
		return 1, err
	}
	return orientationOf(buffer[8:length]), nil
}

// scale makes a part of a picture fit into a square.
func scale(from image.Image, b image.Rectangle, size int) *image.RGBA {
	width, height := fit(b.Dx(), b.Dy(), size)
	to := image.NewRGBA(image.Rect(0, 0, width, height))
	draw.BiLinear.Scale(to, to.Bounds(), from, b, draw.Src, nil)
	return to
}

func fit(width, height, size int) (int, int) {
	if width <= size && height <= size {
		return width, height
	}
	if width >= height {
		return size, max(1, (height*size+width/2)/width)
	}
	return max(1, (width*size+height/2)/height), size
}

// upright turns and mirrors a picture as Exif's orientation asks.
func upright(from *image.RGBA, orientation int) *image.RGBA {
	if orientation <= 1 {
		return from
	}
	w, h := from.Rect.Dx(), from.Rect.Dy()
	to := image.NewRGBA(image.Rect(0, 0, w, h))
	if orientation >= 5 {
		to = image.NewRGBA(image.Rect(0, 0, h, w))
	}
	for y := range h {
		for x := range w {
			tx, ty := place(x, y, w, h, orientation)
			to.SetRGBA(tx, ty, from.RGBAAt(x, y))
		}
	}
	return to
}

// place is where a stored pixel is shown.
func place(x, y, w, h, orientation int) (int, int) {
	switch orientation {
	case 2:
		return w - 1 - x, y
	case 3:
		return w - 1 - x, h - 1 - y
	case 4:
		return x, h - 1 - y
	case 5:
		return y, x
	case 6:
		return h - 1 - y, x
	case 7:
		return h - 1 - y, w - 1 - x
	case 8:
		return y, w - 1 - x
	}
	return x, y
}

func encode(m *image.RGBA) (Preview, error) {
	var out bytes.Buffer
	made := Preview{Type: "image/png", Width: m.Rect.Dx(), Height: m.Rect.Dy()}
	var err error
	if m.Opaque() {
		made.Type = "image/jpeg"
		err = jpeg.Encode(&out, m, &jpeg.Options{Quality: quality})
	} else {
		err = (&png.Encoder{CompressionLevel: png.BestSpeed}).Encode(&out, m)
	}
	made.Data = out.Bytes()
	return made, err
}
