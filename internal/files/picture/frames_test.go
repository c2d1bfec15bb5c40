package picture

import (
	"bytes"
	"testing"
)

// What a frame of an animated WebP says beside its picture is not kept either.
func TestAFrameOfAWebPSaysNothingBesideItsPicture(t *testing.T) {
	frame := func(chunks ...[]byte) []byte {
		return webpChunk("ANMF", append(make([]byte, frameHead), bytes.Join(chunks, nil)...))
	}
	animated := webpWith(2, webpChunk("ANIM", make([]byte, 6)), frame(losslessWebP, webpChunk("EXIF", exifWith(6)), webpChunk("XMP ", []byte(gps))), frame(losslessWebP))
	out, facts, err := strip(t, "image/webp", animated)
	if err != nil || facts.Frames != 2 || len(out) != len(animated) {
		t.Fatalf("%+v, %v, %d bytes of %d", facts, err, len(out), len(animated))
	}
	if bytes.Contains(out, []byte("secret")) || bytes.Contains(out, []byte("EXIF")) || bytes.Count(out, losslessWebP) != 3 {
		t.Errorf("there is left %q", out)
	}
	for name, chunk := range map[string][]byte{
		"too short": webpChunk("ANMF", make([]byte, frameHead-2)), "cut off": frame(losslessWebP[:20]), "ends within a head": frame(losslessWebP[:4]),
	} {
		if out, _, err := strip(t, "image/webp", webpWith(2, chunk)); err == nil {
			t.Errorf("a frame that is %s: %q", name, out)
		}
	}
}
