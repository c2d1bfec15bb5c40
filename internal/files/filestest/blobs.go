// Package filestest is what every files.Blobs must do, wherever it keeps them.
package filestest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/iotest"
	"time"

	"github.com/kefu-chat/kefu/internal/files"
)

const key = "7/0a/123"

// Blobs checks a place that is empty.
func Blobs(t *testing.T, b files.Blobs) {
	p := place{t, b}
	p.absent(key)
	p.put(key, "first")
	p.put(key+".p1", "part")
	p.want(key, "first")
	p.put(key, "second, longer") // in its place
	p.want(key, "second, longer")
	p.want(key+".p1", "part")
	p.fromAnywhere()
	p.wholeOrNot()
	atOnce(t, b)
	p.listed()
	if err := b.Delete(t.Context(), key, "7/0f/999", key+".p1"); err != nil {
		t.Error(err)
	}
	p.absent(key)
}

// place is what is checked.
type place struct {
	t *testing.T
	b files.Blobs
}

func (p place) put(key, text string) {
	p.t.Helper()
	if err := p.b.Put(p.t.Context(), key, strings.NewReader(text), int64(len(text))); err != nil {
		p.t.Fatal(err)
	}
}

func (p place) get(key string) (string, error) {
	p.t.Helper()
	blob, err := p.b.Open(p.t.Context(), key)
	if err != nil {
		return "", err
	}
	defer blob.Close()
	text, err := io.ReadAll(blob)
	if err == nil && blob.Size() != int64(len(text)) {
		p.t.Errorf("%s says %d bytes and has %d", key, blob.Size(), len(text))
	}
	return string(text), err
}

func (p place) want(key, text string) {
	p.t.Helper()
	if got, err := p.get(key); got != text || err != nil {
		p.t.Errorf("%s is %.40q, %v; want %.40q", key, got, err, text)
	}
}

func (p place) absent(key string) {
	p.t.Helper()
	if _, err := p.get(key); !errors.Is(err, files.ErrNoBlob) {
		p.t.Errorf("%s, which is not there: %v", key, err)
	}
}

// fromAnywhere reads a large blob here and there.
func (p place) fromAnywhere() {
	t, ctx := p.t, p.t.Context()
	large := bytes.Repeat([]byte("0123456789abcdef"), 5<<16+1) // 5 MiB and a little
	slow := io.MultiReader(bytes.NewReader(large[:10]), iotest.HalfReader(bytes.NewReader(large[10:])))
	if err := p.b.Put(ctx, "7/0b/124", slow, int64(len(large))); err != nil {
		t.Fatal(err)
	}
	blob, err := p.b.Open(ctx, "7/0b/124")
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
}

// wholeOrNot has blobs come that end too early or too late: what was there stays.
func (p place) wholeOrNot() {
	for name, r := range map[string]io.Reader{
		"one that fails": io.MultiReader(strings.NewReader("sec"), iotest.ErrReader(errors.New("cut"))),
		"too short":      io.MultiReader(strings.NewReader("sec")),
		"too long":       iotest.DataErrReader(io.MultiReader(strings.NewReader("second and more"))),
	} {
		if err := p.b.Put(p.t.Context(), key, r, 6); err == nil {
			p.t.Errorf("%s was stored", name)
		}
		p.want(key, "second, longer")
	}
}

// listed are all blobs in the order of their keys, page by page.
func (p place) listed() {
	want := []string{"7/0a/123", "7/0a/123.p1", "7/0b/124", "7/0c/125", "71/00/9", "8/00/1"}
	p.put("8/00/1", "x")
	p.put("71/00/9", "x")
	for _, limit := range []int{1, 2, 1000} {
		var all []string
		for after, more := "", true; more; {
			page, err := p.b.List(p.t.Context(), after, limit)
			if err != nil || len(page) > limit {
				p.t.Fatalf("%d blobs after %q, %v: want %d at most", len(page), after, err, limit)
			}
			for _, one := range page {
				if age := time.Since(one.At); age < -time.Minute || age > time.Hour {
					p.t.Errorf("%s was put %s ago", one.Key, age)
				}
				after, all = one.Key, append(all, one.Key)
			}
			more = len(page) == limit
		}
		if !slices.Equal(all, want) {
			p.t.Errorf("by %d: %q, want %q", limit, all, want)
		}
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
