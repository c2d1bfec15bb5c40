package picture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"image"
	"image/color"
	"image/gif"
	"image/png"
	"os"
	"path/filepath"
	"testing"

	"pgregory.net/rapid"
)

// strip strips and gives what was written.
func strip(t testing.TB, typ string, data []byte) ([]byte, Facts, error) {
	t.Helper()
	f, err := os.Create(filepath.Join(t.TempDir(), "picture"))
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	facts, failed := Strip(typ, bytes.NewReader(data), f)
	out, err := os.ReadFile(f.Name())
	if err != nil {
		t.Fatal(err)
	}
	return out, facts, failed
}

// Of every kind of picture only the picture is left, its pixels as they were.
func TestOnlyThePictureIsKept(t *testing.T) {
	const secret, script = "secret place", "<script>alert(1)</script>PK\x03\x04"
	photo, drawing, moving := jpegOf(t, striped(40, 20)), pngOf(t, striped(40, 20)), gifOf(t, 3, 8, 6)
	comment := func(text string) []byte { return append([]byte{0x21, 0xfe, byte(len(text))}, text+"\x00"...) }
	for name, one := range map[string]struct {
		typ  string
		data []byte
		like []byte // what the pixels must be
	}{
		"JPEG with GPS": {"image/jpeg", jpegWith(photo, segment(0xe1, []byte(exifPrefix), exifWith(1))), photo},
		"JPEG with XMP, IPTC, a comment and a second picture": {"image/jpeg", jpegWith(photo,
			segment(0xe1, []byte("http://ns.adobe.com/xap/1.0/\x00"+secret)), segment(0xed, []byte("Photoshop 3.0\x00"+secret)),
			segment(0xfe, []byte(secret+script)), segment(0xe2, []byte("MPF\x00"+secret))), photo},
		"JPEG and ZIP":       {"image/jpeg", append(bytes.Clone(photo), secret+script...), photo},
		"PNG with texts":     {"image/png", pngWith(drawing, chunk("tEXt", []byte(secret)), chunk("iTXt", []byte(script)), chunk("eXIf", exifWith(1))), drawing},
		"PNG and ZIP":        {"image/png", append(bytes.Clone(drawing), secret+script...), drawing},
		"GIF with a comment": {"image/gif", append(append(bytes.Clone(moving[:len(moving)-1]), comment(secret+script)...), 0x3b), moving},
		"GIF and JS":         {"image/gif", append(bytes.Clone(moving), "=1;"+secret+script...), moving},
		"WebP with Exif and XMP": {"image/webp", webpWith(webpExif|webpXMP, webpChunk("EXIF", exifWith(1)), webpChunk("XMP ", []byte(secret+script))),
			webpWith(0)},
		"WebP with an unknown chunk and a tail": {"image/webp", append(webpWith(0, webpChunk("JUNK", []byte(secret))), script...), webpWith(0)},
	} {
		t.Run(name, func(t *testing.T) {
			if !bytes.Contains(one.data, []byte(secret)) {
				t.Fatal("there is nothing in it to be removed")
			}
			out, facts, err := strip(t, one.typ, one.data)
			if err != nil {
				t.Fatal(err)
			}
			for _, text := range []string{secret, "script", "GPS", "PK\x03\x04"} {
				if bytes.Contains(out, []byte(text)) {
					t.Errorf("%q is still in it", text)
				}
			}
			if facts.Width == 0 || facts.Height == 0 || facts.Orientation != 1 {
				t.Errorf("facts are %+v", facts)
			}
			samePixels(t, one.typ, out, one.like)
		})
	}
}

func samePixels(t *testing.T, typ string, got, want []byte) {
	t.Helper()
	a, err := decode(typ, bytes.NewReader(got))
	if err != nil {
		t.Fatal(err)
	}
	b, err := decode(typ, bytes.NewReader(want))
	if err != nil {
		t.Fatal(err)
	}
	if a.Bounds() != b.Bounds() {
		t.Fatalf("it is %v, was %v", a.Bounds(), b.Bounds())
	}
	for y := a.Bounds().Min.Y; y < a.Bounds().Max.Y; y++ {
		for x := a.Bounds().Min.X; x < a.Bounds().Max.X; x++ {
			if fmt.Sprint(a.At(x, y)) != fmt.Sprint(b.At(x, y)) {
				t.Fatalf("the pixel at %d, %d is another one", x, y)
			}
		}
	}
}

func TestAMovingPictureStillMoves(t *testing.T) {
	out, facts, err := strip(t, "image/gif", gifOf(t, 7, 8, 6))
	if err != nil {
		t.Fatal(err)
	}
	all, err := gif.DecodeAll(bytes.NewReader(out))
	if err != nil || len(all.Image) != 7 || all.Delay[0] != 5 || all.LoopCount != 0 || facts.Frames != 7 {
		t.Errorf("%d frames, %+v, %v", len(all.Image), facts, err)
	}
	if !bytes.Contains(out, []byte("NETSCAPE2.0")) {
		t.Error("it does not repeat any more")
	}
}

// Which way is up stays known, to browsers and to previews, and nothing else does.
func TestWhichWayIsUpIsKept(t *testing.T) {
	photo := striped(600, 400)
	for o := 1; o <= 8; o++ {
		for typ, data := range map[string][]byte{
			"image/jpeg": jpegWith(jpegOf(t, photo), segment(0xe1, []byte(exifPrefix), exifWith(o))),
			"image/png":  pngWith(pngOf(t, photo), chunk("eXIf", exifWith(o))),
		} {
			out, facts, err := strip(t, typ, data)
			if err != nil {
				t.Fatal(err)
			}
			wide := o < 5
			if facts.Orientation != o || (facts.Width > facts.Height) != wide || bytes.Contains(out, []byte("GPS")) {
				t.Errorf("%s turned %d: %+v", typ, o, facts)
			}
			again, facts2, err := strip(t, typ, out) // what is kept is read like what a camera writes
			if err != nil || facts2 != facts || !bytes.Equal(again, out) {
				t.Errorf("%s turned %d: stripped twice it is %+v, %v", typ, o, facts2, err)
			}
			checkUpright(t, typ, o, out)
		}
	}
	out, facts, err := strip(t, "image/webp", webpWith(webpExif, webpChunk("EXIF", exifWith(6))))
	if err != nil || facts.Orientation != 6 || out[webpFlagsAt]&webpExif == 0 || int(binary.LittleEndian.Uint32(out[4:])) != len(out)-8 {
		t.Errorf("%+v, %v, flags %x", facts, err, out[webpFlagsAt])
	}
	if o, err := orientationIn("image/webp", bytes.NewReader(out)); o != 6 || err != nil {
		t.Errorf("the WebP says %d, %v", o, err)
	}
}

// checkUpright looks in which corner the red quarter is shown.
func checkUpright(t *testing.T, typ string, orientation int, data []byte) {
	t.Helper()
	made, err := Previews(typ, bytes.NewReader(data), 1280, 320)
	if err != nil || len(made) != 1 {
		t.Fatalf("%d previews, %v", len(made), err)
	}
	small, err := decode(made[320].Type, bytes.NewReader(made[320].Data))
	if err != nil {
		t.Fatal(err)
	}
	b := small.Bounds()
	if max(b.Dx(), b.Dy()) != 320 || (b.Dx() > b.Dy()) != (orientation < 5) {
		t.Errorf("turned %d, the preview is %v", orientation, b)
	}
	right := map[int]bool{2: true, 3: true, 6: true, 7: true}[orientation]
	low := map[int]bool{3: true, 4: true, 7: true, 8: true}[orientation]
	x, y := b.Dx()/4, b.Dy()/4
	if right {
		x = b.Dx() - 1 - x
	}
	if low {
		y = b.Dy() - 1 - y
	}
	if r, _, blue, _ := small.At(x, y).RGBA(); r < 0xc000 || blue > 0x4000 {
		t.Errorf("%s turned %d: the red corner is not at %d, %d of %v", typ, orientation, x, y, b)
	}
}

func TestWhatShinesThroughStillDoes(t *testing.T) {
	drawing := striped(700, 700)
	for i := range drawing.Pix[:700*4*300] {
		drawing.Pix[i] = 0
	}
	made, err := Previews("image/png", bytes.NewReader(pngOf(t, drawing)), 1280, 320)
	if err != nil || made[320].Type != "image/png" {
		t.Fatalf("%v, %v", made[320].Type, err)
	}
	m, err := png.Decode(bytes.NewReader(made[320].Data))
	if err != nil {
		t.Fatal(err)
	}
	if _, _, _, a := m.At(5, 5).RGBA(); a != 0 {
		t.Error("it does not shine through any more")
	}
}

// A bomb is never decoded: it is kept as a file like any other, without a size.
func TestBombsAreNotDecoded(t *testing.T) {
	huge := pngOf(t, striped(4, 4))
	binary.BigEndian.PutUint32(huge[16:], 50_000)
	binary.BigEndian.PutUint32(huge[20:], 50_000)
	copy(huge[8:], chunk("IHDR", huge[16:29]))
	hugeJPEG := jpegOf(t, striped(8, 8))
	at := bytes.Index(hugeJPEG, []byte{0xff, 0xc0})
	binary.BigEndian.PutUint16(hugeJPEG[at+5:], 60_000)
	binary.BigEndian.PutUint16(hugeJPEG[at+7:], 60_000)
	hugeGIF := gifOf(t, 1, 4, 4)
	binary.LittleEndian.PutUint16(hugeGIF[6:], 65_000)
	binary.LittleEndian.PutUint16(hugeGIF[8:], 65_000)
	line := pngOf(t, striped(4, 4))
	binary.BigEndian.PutUint32(line[16:], 1)
	binary.BigEndian.PutUint32(line[20:], 40_000_000)
	copy(line[8:], chunk("IHDR", line[16:29]))
	frames := pngOf(t, striped(4, 4))
	for range MaxFrames + 1 {
		frames = pngWith(frames, chunk("fcTL", make([]byte, 26)))
	}
	enlarging := gifOf(t, 1, 4, 4)
	at = bytes.Index(enlarging, []byte{gifImage, 0, 0, 0, 0, 4, 0, 4, 0})
	binary.LittleEndian.PutUint16(enlarging[at+5:], 65_000)
	scans := jpegOf(t, striped(8, 8))
	at = bytes.Index(scans, []byte{0xff, jpegSOS})
	scan := scans[at : len(scans)-2]
	scans = append(bytes.Repeat(scan, MaxScans+1), 0xff, jpegEOI)
	scans = append(jpegOf(t, striped(8, 8))[:at:at], scans...)
	for name, one := range map[string]struct {
		typ  string
		data []byte
	}{
		"GIF with a larger frame": {"image/gif", enlarging},
		"JPEG of too many scans":  {"image/jpeg", scans},
		"1 x 40,000,000 PNG":      {"image/png", line},
		"50,000 x 50,000 PNG":     {"image/png", huge},
		"60,000 x 60,000 JPEG":    {"image/jpeg", hugeJPEG},
		"65,000 x 65,000 GIF":     {"image/gif", hugeGIF},
		"GIF of 5,000 frames":     {"image/gif", gifOf(t, 5000, 4, 4)},
		"PNG of too many frames":  {"image/png", frames},
	} {
		out, facts, err := strip(t, one.typ, one.data)
		if err != nil || facts.Width != 0 || facts.Height != 0 {
			t.Errorf("%s: %+v, %v", name, facts, err)
		}
		if facts.Frames > 1 || facts.Scans > 1 || facts.Wild {
			continue // it may be decoded in part, but nobody asks for it: it has no width
		}
		if _, err := Previews(one.typ, bytes.NewReader(out), 320); !errors.Is(err, ErrBroken) {
			t.Errorf("%s: a preview was made: %v", name, err)
		}
	}
	if _, facts, err := strip(t, "image/gif", gifOf(t, MaxFrames, 4, 4)); err != nil || facts.Width != 4 {
		t.Errorf("%d frames: %+v, %v", MaxFrames, facts, err)
	}
}

func TestWhatOnlyBeginsAsAPictureIsBroken(t *testing.T) {
	photo, drawing, moving := jpegOf(t, striped(40, 20)), pngOf(t, striped(40, 20)), gifOf(t, 1, 8, 6)
	for typ, all := range map[string][][]byte{
		"image/jpeg": {nil, photo[:1], photo[:30], []byte("\xff\xd8<html>"), append(bytes.Clone(photo[:2]), 0xff, 0xe1, 0, 1)},
		"image/png":  {nil, drawing[:20], drawing[:len(drawing)-9], append(bytes.Clone(drawing[:8]), chunk("IDAT", []byte("x"))...)},
		"image/gif":  {nil, moving[:10], []byte("GIF89a/*" + "\x01\x00\x00\x00\x00*/=1;alert(1)"), append(bytes.Clone(moving[:13]), 0x3b)},
		"image/webp": {nil, []byte("RIFF\xff\xff\xff\xffWEBPVP8 \xff\xff\xff\x7f"), []byte("RIFF\x04\x00\x00\x00WEBP"), webpWith(0)[:40]},
		"image/bmp":  {[]byte("BM")},
	} {
		for _, data := range all {
			if _, facts, err := strip(t, typ, data); !errors.Is(err, ErrBroken) {
				t.Errorf("%s %q: %+v, %v", typ, data, facts, err)
			}
		}
	}
	out, facts, err := strip(t, "image/jpeg", photo[:len(photo)-20]) // the end is missing: it is shown as far as it goes
	if err != nil || facts.Width != 40 || !bytes.HasSuffix(out, []byte{0xff, 0xd9}) {
		t.Errorf("%+v, %v", facts, err)
	}
}

// Whatever comes is stripped or refused: nothing panics, nothing grows.
func TestAnythingIsStrippedOrRefused(t *testing.T) {
	seeds := map[string][]byte{
		"image/jpeg": jpegWith(jpegOf(t, striped(16, 16)), segment(0xe1, []byte(exifPrefix), exifWith(6))),
		"image/png":  pngWith(pngOf(t, striped(16, 16)), chunk("eXIf", exifWith(6))),
		"image/gif":  gifOf(t, 2, 8, 6),
		"image/webp": webpWith(webpExif, webpChunk("EXIF", exifWith(6))),
	}
	path := filepath.Join(t.TempDir(), "out")
	rapid.Check(t, func(r *rapid.T) {
		typ := rapid.SampledFrom([]string{"image/jpeg", "image/png", "image/gif", "image/webp"}).Draw(r, "type")
		data := bytes.Clone(seeds[typ])
		for range rapid.IntRange(0, 6).Draw(r, "changes") {
			data[rapid.IntRange(0, len(data)-1).Draw(r, "at")] = rapid.Byte().Draw(r, "byte")
		}
		data = data[:rapid.IntRange(0, len(data)).Draw(r, "length")]
		f, err := os.Create(path)
		if err != nil {
			r.Fatal(err)
		}
		defer f.Close()
		facts, err := Strip(typ, bytes.NewReader(data), f)
		size, _ := f.Seek(0, 2)
		if err == nil && (size > int64(len(data)+64) || facts.Width*facts.Height > MaxPixels) {
			r.Fatalf("%d bytes became %d, %+v", len(data), size, facts)
		}
		if err == nil && facts.Width > 0 && facts.Width*facts.Height < 1e6 {
			_, _ = Previews(typ, f, 8)
		}
	})
}

func TestAPortraitIsSmallAndNew(t *testing.T) {
	made, err := Portrait("image/jpeg", bytes.NewReader(jpegOf(t, striped(2000, 1000))), 512)
	if err != nil {
		t.Fatal(err)
	}
	c, _, err := image.DecodeConfig(bytes.NewReader(made.Data))
	if err != nil || c.Width != 512 || c.Height != 512 || made.Width != 512 || made.Height != 512 || made.Type != "image/jpeg" {
		t.Errorf("%+v, %s, %v", c, made.Type, err)
	}
}

// What is left of a picture is its middle, the right way up, and nothing that stood beside it.
func TestAPortraitIsTheMiddleTheRightWayUp(t *testing.T) {
	m := image.NewRGBA(image.Rect(0, 0, 90, 30)) // as stored: red, then green above blue in the middle, then red
	for y := range 30 {
		for x := range 90 {
			c := color.RGBA{255, 0, 0, 255}
			if x >= 30 && x < 60 {
				c = color.RGBA{0, 255, 0, 255}
				if y >= 15 {
					c = color.RGBA{0, 0, 255, 255}
				}
			}
			m.SetRGBA(x, y, c)
		}
	}
	upload := jpegWith(jpegOf(t, m), segment(0xe1, []byte("Exif\x00\x00"), exifWith(6))) // to be turned clockwise
	stripped, _, err := strip(t, "image/jpeg", upload)
	if err != nil {
		t.Fatal(err)
	}
	made, err := Portrait("image/jpeg", bytes.NewReader(stripped), 20)
	if err != nil {
		t.Fatal(err)
	}
	got, _, err := image.Decode(bytes.NewReader(made.Data))
	if err != nil || got.Bounds() != image.Rect(0, 0, 20, 20) {
		t.Fatal(got.Bounds(), err)
	}
	if r, g, b, _ := got.At(4, 10).RGBA(); b < 3*g || b < 3*r {
		t.Errorf("on the left is %d %d %d, and not what was below", r>>8, g>>8, b>>8)
	}
	if r, g, b, _ := got.At(15, 10).RGBA(); g < 3*b || g < 3*r {
		t.Errorf("on the right is %d %d %d, and not what was above", r>>8, g>>8, b>>8)
	}
	if bytes.Contains(made.Data, []byte("secret")) || bytes.Contains(made.Data, []byte("Exif")) {
		t.Error("the portrait tells the place")
	}
}

func TestALogoKeepsItsShapeAndWhatShinesThrough(t *testing.T) {
	m := image.NewNRGBA(image.Rect(0, 0, 800, 200))
	m.Set(0, 0, color.NRGBA{255, 0, 0, 255})
	made, err := Logo("image/png", bytes.NewReader(pngOf(t, m)), 400)
	if err != nil || made.Type != "image/png" || made.Width != 400 || made.Height != 100 {
		t.Errorf("%s %d×%d, %v", made.Type, made.Width, made.Height, err)
	}
}
