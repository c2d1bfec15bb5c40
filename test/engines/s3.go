package engines

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
)

// S3 is a real server of the S3 protocol, with one bucket.
type S3 struct {
	*Process
	Port int
	// Folder is where it keeps the bucket's objects, as files of their names.
	Folder string
}

// What the server knows.
const (
	S3Bucket    = "kefu-files"
	S3AccessKey = "test-access-key"
	S3SecretKey = "test-secret-key"
	// S3Domain is below which the bucket has a name of its own; nobody else knows it,
	// so S3.Dial leads there.
	S3Domain = "s3.example"
)

// Endpoint is where it is reached with the bucket in the path.
func (s *S3) Endpoint() string { return fmt.Sprintf("http://127.0.0.1:%d", s.Port) }

// HostEndpoint is where it is reached with the bucket in the host's name.
func (s *S3) HostEndpoint() string { return fmt.Sprintf("http://%s:%d", S3Domain, s.Port) }

// Dial connects to the server, whatever the name.
func (s *S3) Dial(ctx context.Context, network, _ string) (net.Conn, error) {
	return (&net.Dialer{Timeout: 10 * time.Second}).DialContext(ctx, network, fmt.Sprintf("127.0.0.1:%d", s.Port))
}

var s3Program shared[string]

// StartS3 starts a server of the test's own. It ends with the test.
func StartS3(t testing.TB) *S3 {
	t.Helper()
	program := s3Program.get(t, func() (string, error) {
		return buildTool(t, "versitygw", "github.com/versity/versitygw/cmd/versitygw")
	})
	dir, port := t.TempDir(), FreePort(t)
	data, beside := filepath.Join(dir, "data"), filepath.Join(dir, "beside") // not every file system keeps attributes
	for _, d := range []string{data, beside} {
		if err := os.Mkdir(d, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	p, err := Start("versitygw", Spec{Path: program, Dir: dir, Ready: Listening(port), Args: []string{
		"--port", fmt.Sprintf("127.0.0.1:%d", port), "--access", S3AccessKey, "--secret", S3SecretKey, "--quiet",
		"--virtual-domain", S3Domain + ":" + strconv.Itoa(port), "posix", "--sidecar", beside, data,
	}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.Kill)
	s := &S3{Process: p, Port: port, Folder: filepath.Join(data, S3Bucket)}
	transport := &http.Transport{DisableKeepAlives: true}
	client, err := minio.New(fmt.Sprintf("127.0.0.1:%d", port), &minio.Options{
		Creds: credentials.NewStaticV4(S3AccessKey, S3SecretKey, ""), BucketLookup: minio.BucketLookupPath, Region: "us-east-1", Transport: transport,
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithTimeout(context.Background(), 30*time.Second)
	defer cancel()
	if err := client.MakeBucket(ctx, S3Bucket, minio.MakeBucketOptions{Region: "us-east-1"}); err != nil {
		t.Fatal(err)
	}
	return s
}
