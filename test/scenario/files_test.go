//go:build linux

package scenario

import (
	"bytes"
	"encoding/json"
	"fmt"
	"image"
	"image/png"
	"io"
	"io/fs"
	"net/http"
	"path/filepath"
	"strings"
	"testing"

	"github.com/gofrs/uuid/v5"

	"github.com/kefu-chat/kefu/internal/client"
	"github.com/kefu-chat/kefu/internal/files"
	"github.com/kefu-chat/kefu/test/engines"
)

// letterbox asks a cluster's nodes about files, in the name of a visitor or an agent.
type letterbox struct {
	t      *testing.T
	c      *cluster
	header http.Header
}

// ask asks a node, and wants a status.
func (l letterbox) ask(node, status int, method, path string, body []byte) []byte {
	l.t.Helper()
	base := l.c.nodes[node].base()
	req, err := http.NewRequestWithContext(l.t.Context(), method, base+path, bytes.NewReader(body))
	if err != nil {
		l.t.Fatal(err)
	}
	req.Header = l.header.Clone()
	req.Header.Set("Origin", base)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		l.t.Fatal(err)
	}
	defer res.Body.Close()
	text, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != status {
		l.t.Fatalf("%s %s on node %d: %d, %v, want %d: %.300s", method, path, node, res.StatusCode, err, status, text)
	}
	return text
}

// typeOf asks for the head of a file only.
func (l letterbox) typeOf(node int, path string) string {
	l.t.Helper()
	req, err := http.NewRequestWithContext(l.t.Context(), http.MethodHead, l.c.nodes[node].base()+path, nil)
	if err != nil {
		l.t.Fatal(err)
	}
	req.Header = l.header.Clone()
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		l.t.Fatal(err)
	}
	_ = res.Body.Close()
	return res.Header.Get("Content-Type")
}

// text is a member of a JSON object.
func text(t *testing.T, data []byte, name string) string {
	t.Helper()
	var all map[string]any
	if err := json.Unmarshal(data, &all); err != nil {
		t.Fatalf("%v: %s", err, data)
	}
	s, _ := all[name].(string)
	return s
}

// Three nodes share a bucket. An upload begins on one, which is killed, goes on on
// another, and is completed on the third; every node gives what any has taken, and
// when the message is taken back none does, and the bucket is empty again.
func TestFilesOverNodes(t *testing.T) {
	t.Parallel()
	s3 := engines.StartS3(t)
	c := newCluster(t, pair{"postgres", "mesh"}, 3, "--files-s3-endpoint="+s3.Endpoint(), "--files-s3-bucket="+engines.S3Bucket,
		"--files-s3-access-key="+engines.S3AccessKey, "--files-s3-secret-key="+engines.S3SecretKey, "--files-s3-path-style", "--files-sweep-every=1s")
	visitor := letterbox{t, c, http.Header{"Authorization": {"Bearer " + client.NewSecret()}, "Kefu-Site": {c.in.key}}}
	agent := letterbox{t, c, http.Header{"Cookie": {c.in.agents[0].cookie}}}
	stranger := letterbox{t, c, http.Header{}}

	drawing := largePNG(t)
	id := text(t, visitor.ask(0, 201, "POST", "/files/v1/uploads", fmt.Appendf(nil, `{"name":"large.png","size":%d}`, len(drawing))), "id")
	at := "/files/v1/uploads/" + id
	part := func(n int) []byte { return drawing[(n-1)*files.PartBytes : min(n*files.PartBytes, len(drawing))] }
	visitor.ask(0, 204, "PUT", at+"/parts/1", part(1))
	c.nodes[0].p.kill()
	if state := visitor.ask(1, 200, "GET", at, nil); !strings.Contains(string(state), `"parts":[1]`) {
		t.Errorf("after the node's death the upload is %s", state)
	}
	visitor.ask(1, 204, "PUT", at+"/parts/2", part(2))
	if typ := text(t, visitor.ask(2, 200, "POST", at+"/complete", nil), "type"); typ != "image/png" {
		t.Errorf("the file is %s", typ)
	}
	send := fmt.Appendf(nil, `{"t":"send","id":%q,"text":"","files":[%q]}`, uuid.Must(uuid.NewV7()), id)
	ack := visitor.ask(1, 200, "POST", "/stream/v1/visitor/frame", send)
	repeat := visitor.ask(2, 200, "POST", "/stream/v1/visitor/frame", send)
	if text(t, ack, "t") != "ack" || !bytes.Equal(ack, repeat) {
		t.Fatalf("%s, and again %s", ack, repeat)
	}
	c.nodes[0].launch()
	if err := c.nodes[0].p.awaitReady(); err != nil {
		t.Fatal(err)
	}
	var addresses struct{ Addresses map[string]string }
	if err := json.Unmarshal(visitor.ask(1, 200, "POST", "/files/v1/addresses", fmt.Appendf(nil, `{"files":[%q]}`, id)), &addresses); err != nil {
		t.Fatal(err)
	}
	for node := range c.nodes {
		for who, got := range map[string][]byte{
			"an agent": agent.ask(node, 200, "GET", "/files/"+id+"/x", nil), "the visitor": stranger.ask(node, 200, "GET", addresses.Addresses[id], nil),
		} {
			if !bytes.Equal(got, drawing) {
				t.Errorf("node %d gives %s %d bytes of %d", node, who, len(got), len(drawing))
			}
		}
	}
	eventually(t, func() string {
		if typ := agent.typeOf(0, "/files/"+id+"/x?size=320"); typ != "image/jpeg" {
			return "the preview is " + typ
		}
		return ""
	})
	if small, _, err := image.DecodeConfig(bytes.NewReader(agent.ask(0, 200, "GET", "/files/"+id+"/x?size=320", nil))); err != nil || small.Width != 320 {
		t.Errorf("the preview is %+v, %v", small, err)
	}
	var n struct{ N int64 }
	if err := json.Unmarshal(ack, &n); err != nil {
		t.Fatal(err)
	}
	recall := fmt.Appendf(nil, `{"t":"recall","id":%q,"n":%d}`, uuid.Must(uuid.NewV7()), n.N)
	if got := text(t, visitor.ask(0, 200, "POST", "/stream/v1/visitor/frame", recall), "t"); got != "ack" {
		t.Fatalf("the recall got %s", got)
	}
	for node := range c.nodes {
		agent.ask(node, 404, "GET", "/files/"+id+"/x", nil)
		stranger.ask(node, 404, "GET", addresses.Addresses[id], nil)
	}
	eventually(t, func() string {
		count := 0
		err := filepath.WalkDir(s3.Folder, func(_ string, d fs.DirEntry, err error) error {
			if err == nil && !d.IsDir() {
				count++
			}
			return nil // what goes while it is looked at
		})
		if err != nil || count > 0 {
			return fmt.Sprintf("%d objects are in the bucket, %v", count, err)
		}
		return ""
	})
}

// largePNG is a picture that takes two parts.
func largePNG(t *testing.T) []byte {
	t.Helper()
	m := image.NewNRGBA(image.Rect(0, 0, 1700, 1100))
	state := uint32(1)
	for i := range m.Pix {
		state = state*1664525 + 1013904223
		m.Pix[i] = byte(state >> 24)
	}
	for i := 3; i < len(m.Pix); i += 4 {
		m.Pix[i] = 255
	}
	var b bytes.Buffer
	if err := (&png.Encoder{CompressionLevel: png.NoCompression}).Encode(&b, m); err != nil {
		t.Fatal(err)
	}
	if n := b.Len(); n <= files.PartBytes || n > 2*files.PartBytes {
		t.Fatalf("the picture has %d bytes", n)
	}
	return b.Bytes()
}
