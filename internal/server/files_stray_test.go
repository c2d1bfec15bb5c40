package server_test

import (
	"fmt"
	"io"
	"net/http"
	"net/http/httptrace"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/files"
	"github.com/kefu-chat/kefu/internal/server"
)

// leaves puts bytes into the folder of files as a crash does: without a row.
func (a *archive) leaves(key string, age time.Duration) {
	a.t.Helper()
	at := filepath.Join(a.folder, filepath.FromSlash(key))
	a.must(os.MkdirAll(filepath.Dir(at), 0o700))
	a.must(os.WriteFile(at, []byte("left"), 0o600))
	a.ages(key, age)
}

func (a *archive) ages(key string, age time.Duration) {
	a.t.Helper()
	then := a.clock.Now().Add(-age)
	a.must(os.Chtimes(filepath.Join(a.folder, filepath.FromSlash(key)), then, then))
}

func (a *archive) has(key string) bool {
	_, err := os.Stat(filepath.Join(a.folder, filepath.FromSlash(key)))
	return err == nil
}

// TestStrayBytes: what a crash left is deleted when it is a day old; what the database
// knows, what is young, and what is not ours stays.
func TestStrayBytes(t *testing.T) {
	a := newArchive(t, files.Config{})
	a.uploaded(a.visitor(), "notes.txt", []byte("kept, and of a file that the database knows"))
	const old = files.StrayAge + time.Hour
	kept, err := a.blobsAt.List(t.Context(), "", 10)
	a.must(err)
	if len(kept) != 1 {
		t.Fatalf("%v are there, want the one file", kept)
	}
	a.ages(kept[0].Key, old)
	stays := map[string]time.Duration{"7/0b/124x1": files.StrayAge - time.Hour, "7/0b/README": old, "lost+found": old}
	goes := []string{"7/0a/123x2k", "7/0a/123x2k.320", "7/0a/123.p1", "9/ff/99.p12", "unfinished/0011"}
	for key, age := range stays {
		a.leaves(key, age)
	}
	for _, key := range goes {
		a.leaves(key, old)
	}
	for _, want := range []int{len(goes), 0} {
		if n, err := a.keeper.SweepStray(t.Context()); err != nil || n != want {
			t.Errorf("%d were deleted, %v; want %d", n, err, want)
		}
	}
	for _, key := range goes {
		if a.has(key) {
			t.Errorf("%s is still there", key)
		}
	}
	stays[kept[0].Key] = old
	for key := range stays {
		if !a.has(key) {
			t.Errorf("%s was deleted", key)
		}
	}
}

// TestStrayBytesAreSoughtBitByBit: each search looks at a bounded number, and goes on
// where the last one ended.
func TestStrayBytesAreSoughtBitByBit(t *testing.T) {
	a := newArchive(t, files.Config{})
	for i := range 1000 {
		a.leaves(fmt.Sprintf("1/00/%04d-not-ours", i), 48*time.Hour)
	}
	a.leaves("2/00/5x1", 48*time.Hour)
	for i, want := range []int{0, 1, 0, 0} {
		if n, err := a.keeper.SweepStray(t.Context()); err != nil || n != want {
			t.Errorf("search %d deleted %d, %v; want %d", i, n, err, want)
		}
	}
}

// TestAWrongDatabaseDeletesNoFiles: where hardly any bytes are of a file that the database
// knows, it is more likely the wrong one.
func TestAWrongDatabaseDeletesNoFiles(t *testing.T) {
	a := newArchive(t, files.Config{})
	for i := range 120 {
		a.leaves(fmt.Sprintf("1/00/%dx1", i+1), 48*time.Hour)
	}
	if n, err := a.keeper.SweepStray(t.Context()); err == nil || n != 0 || !a.has("1/00/1x1") {
		t.Errorf("%d were deleted, %v; want none, and that it is said", n, err)
	}
}

// TestPartsAtOnceAreBounded: who comes while a server takes as many as it can is told to
// come back, and then the part is taken.
func TestPartsAtOnceAreBounded(t *testing.T) {
	a := newArchive(t, files.Config{})
	a.server = server.New(server.Config{Now: a.clock.Now, Uploads: 1}, a.parts)
	a.listen()
	first, second := a.visitor(), a.visitor()
	part := func(p *person) string {
		return "/files/v1/uploads/" + a.begin(p, "notes.txt", 4).string("id") + "/parts/1"
	}
	held, put := part(first), part(second)
	body, in := io.Pipe()
	// The server asks for the body of a part when it has a seat for it, and not before.
	asked := make(chan struct{})
	trace := &httptrace.ClientTrace{Got100Continue: func() { close(asked) }}
	request, err := http.NewRequestWithContext(httptrace.WithClientTrace(t.Context(), trace), http.MethodPut, a.base+held, body)
	a.must(err)
	request.Header, request.ContentLength = first.header.Clone(), 4
	request.Header.Set("Expect", "100-continue")
	done := make(chan int, 1)
	go func() {
		answered, err := http.DefaultClient.Do(request)
		if err != nil {
			done <- 0
			return
		}
		_ = answered.Body.Close()
		done <- answered.StatusCode
	}()
	select {
	case <-asked:
	case status := <-done:
		t.Fatalf("the first part: %d, want that its body is asked for", status)
	}
	_, err = in.Write([]byte("no"))
	a.must(err)
	refused := second.ask("PUT", put, "note")
	if refused.status != 429 {
		t.Fatalf("while another part comes: %d %s, want 429", refused.status, refused.text)
	}
	if refused.code() != "too_many" || refused.get("retry_after") == nil {
		t.Errorf("the refusal is %s", refused.text)
	}
	_, err = in.Write([]byte("te"))
	a.must(err)
	a.must(in.Close())
	if status := <-done; status != 204 {
		t.Errorf("the part that came slowly: %d", status)
	}
	if after := second.ask("PUT", put, "note"); after.status != 204 {
		t.Errorf("after it: %d %s", after.status, after.text)
	}
}
