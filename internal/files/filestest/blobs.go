// Package filestest is what every files.Blobs must do, wherever it keeps them.
package filestest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"testing/iotest"

	"github.com/kefu-chat/kefu/internal/files"
)

// Blobs checks a place that is empty.
func Blobs(t *testing.T, b files.Blobs) {
	ctx := t.Context()
	put := func(key, text string) {
		t.Helper()
		if err := b.Put(ctx, key, strings.NewReader(text), int64(len(text))); err != nil {
			t.Fatal(err)
		}
	}
	get := func(key string) (string, error) {
		t.Helper()
		blob, err := b.Open(ctx, key)
		if err != nil {
			return "", err
		}
		defer blob.Close()
		text, err := io.ReadAll(blob)
		if err == nil && blob.Size() != int64(len(text)) {
			t.Errorf("%s says %d bytes and has %d", key, blob.Size(), len(text))
		}
		return string(text), err
	}
	want := func(key, text string) {
		t.Helper()
		if got, err := get(key); got != text || err != nil {
			t.Errorf("%s is %.40q, %v; want %.40q", key, got, err, text)
		}
	}
	const key = "7/0a/123"
	if _, err := get(key); !errors.Is(err, files.ErrNoBlob) {
		t.Errorf("what is not there: %v", err)
	}
	put(key, "first")
	put(key+".p1", "part")
	want(key, "first")
	put(key, "second, longer") // in its place
	want(key, "second, longer")
	want(key+".p1", "part")

	large := bytes.Repeat([]byte("0123456789abcdef"), 5<<16+1) // 5 MiB and a little
	if err := b.Put(ctx, "7/0b/124", io.MultiReader(bytes.NewReader(large[:10]), iotest.HalfReader(bytes.NewReader(large[10:]))), int64(len(large))); err != nil {
		t.Fatal(err)
	}
	blob, err := b.Open(ctx, "7/0b/124")
	if err != nil {
		t.Fatal(err)
	}
	defer blob.Close()
	some := make([]byte, 20)
	for _, at := range []int64{5 << 20, 16, 0} {
		if _, err := blob.Seek(at, io.SeekStart); err != nil {
			t.Fatal(err)
		}
		if n, err := io.ReadFull(blob, some); !bytes.Equal(some[:n], large[at:at+int64(n)]) || n < 16 {
			t.Errorf("from %d: %q, %v", at, some[:n], err)
		}
	}
	for name, r := range map[string]io.Reader{
		"one that fails": io.MultiReader(strings.NewReader("sec"), iotest.ErrReader(errors.New("cut"))), "too short": strings.NewReader("sec"), "too long": io.MultiReader(strings.NewReader("second and more")),
	} {
		if name == "too long" {
			r = iotest.DataErrReader(r)
		}
		if _, isFile := r.(io.Seeker); isFile {
			r = io.MultiReader(r)
		}
		if err := b.Put(ctx, key, r, 6); err == nil {
			t.Errorf("%s was stored", name)
		}
		want(key, "second, longer")
	}
	atOnce(t, b)
	if err := b.Delete(ctx, key, "7/0f/999", key+".p1"); err != nil {
		t.Error(err)
	}
	if _, err := get(key); !errors.Is(err, files.ErrNoBlob) {
		t.Errorf("after its end: %v", err)
	}
}

// atOnce has many write one blob: it is one of theirs, whole.
func atOnce(t *testing.T, b files.Blobs) {
	var all sync.WaitGroup
	for i := range 8 {
		all.Go(func() {
			text := strings.Repeat(fmt.Sprint(i), 10000)
			if err := b.Put(t.Context(), "7/0c/125", strings.NewReader(text), int64(len(text))); err != nil {
				t.Error(err)
			}
		})
	}
	all.Wait()
	blob, err := b.Open(t.Context(), "7/0c/125")
	if err != nil {
		t.Fatal(err)
	}
	defer blob.Close()
	text, err := io.ReadAll(blob)
	if err != nil || len(text) != 10000 || strings.Trim(string(text), string(text[:1])) != "" {
		t.Errorf("%d bytes, %v", len(text), err)
	}
}
