// Package bucket keeps blobs in a bucket of S3, or of what speaks its protocol.
package bucket

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/kefu-chat/kefu/internal/files"
)

// Config is where a bucket is, and who may use it.
type Config struct {
	// Endpoint is https://HOST[:PORT] or http://HOST[:PORT].
	Endpoint, Region, Bucket string
	AccessKey, SecretKey     string
	// PathStyle puts the bucket into the path, not before the host's name.
	PathStyle bool
	// Prefix stands before all keys: several installations may share a bucket.
	Prefix string
	// Dial connects in place of the system's way; nil: that.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Bucket implements files.Blobs.
type Bucket struct {
	client *minio.Client
	cfg    Config
	idle   func()
}

var _ files.Blobs = (*Bucket)(nil)

// Open connects, and asks whether the bucket is there. Its error is a sentence.
func Open(ctx context.Context, cfg Config) (*Bucket, error) {
	u, err := url.Parse(cfg.Endpoint)
	if err != nil || u.Host == "" || u.Scheme != "http" && u.Scheme != "https" || strings.Trim(u.Path, "/") != "" {
		return nil, fmt.Errorf("%q is no address of a server: want https://HOST or http://HOST:PORT", cfg.Endpoint)
	}
	transport := &http.Transport{
		Proxy: http.ProxyFromEnvironment, MaxIdleConns: 64, MaxIdleConnsPerHost: 16, IdleConnTimeout: time.Minute,
		TLSHandshakeTimeout: 10 * time.Second, ResponseHeaderTimeout: time.Minute, DisableCompression: true,
		DialContext: cfg.Dial, TLSClientConfig: &tls.Config{MinVersion: tls.VersionTLS12},
	}
	lookup := minio.BucketLookupDNS
	if cfg.PathStyle {
		lookup = minio.BucketLookupPath
	}
	client, err := minio.New(u.Host, &minio.Options{
		Creds: credentials.NewStaticV4(cfg.AccessKey, cfg.SecretKey, ""), Secure: u.Scheme == "https",
		Transport: transport, Region: cfg.Region, BucketLookup: lookup, MaxRetries: 3,
	})
	if err != nil {
		return nil, err
	}
	b := &Bucket{client: client, cfg: cfg, idle: transport.CloseIdleConnections}
	there, err := client.BucketExists(ctx, cfg.Bucket)
	switch {
	case err != nil:
		b.Close()
		return nil, fmt.Errorf("the server does not answer for the bucket %q: %w", cfg.Bucket, err)
	case !there:
		b.Close()
		return nil, fmt.Errorf("there is no bucket %q, or this key may not see it", cfg.Bucket)
	}
	return b, nil
}

// Close lets go of idle connections.
func (b *Bucket) Close() { b.idle() }

func (b *Bucket) name(key string) string { return b.cfg.Prefix + key }

// Put implements files.Blobs. What comes from afar is awaited here first: a server
// of S3 has no patience for a slow sender, and a second try needs the bytes again.
func (b *Bucket) Put(ctx context.Context, key string, r io.Reader, size int64) error {
	from, again := r.(io.ReadSeeker)
	if !again {
		t, err := os.CreateTemp("", "kefu-blob-*")
		if err != nil {
			return err
		}
		defer func() { _, _ = t.Close(), os.Remove(t.Name()) }()
		n, err := io.Copy(t, r)
		if err == nil && n != size {
			err = fmt.Errorf("%d bytes came: want %d", n, size)
		}
		if err != nil {
			return err
		}
		if _, err := t.Seek(0, io.SeekStart); err != nil {
			return err
		}
		from = t
	}
	_, err := b.client.PutObject(ctx, b.cfg.Bucket, b.name(key), from, size, minio.PutObjectOptions{ContentType: "application/octet-stream"})
	return err
}

// Open implements files.Blobs.
func (b *Bucket) Open(ctx context.Context, key string) (files.Blob, error) {
	object, err := b.client.GetObject(ctx, b.cfg.Bucket, b.name(key), minio.GetObjectOptions{})
	if err != nil {
		return nil, err
	}
	info, err := object.Stat()
	if err != nil {
		if code := minio.ToErrorResponse(err).Code; code == minio.NoSuchKey || code == "NotFound" {
			err = files.ErrNoBlob
		}
		return nil, errors.Join(err, object.Close())
	}
	return blob{object, info.Size}, nil
}

type blob struct {
	*minio.Object
	size int64
}

func (b blob) Size() int64 { return b.size }

// Delete implements files.Blobs.
func (b *Bucket) Delete(ctx context.Context, keys ...string) error {
	var errs []error
	for _, key := range keys {
		err := b.client.RemoveObject(ctx, b.cfg.Bucket, b.name(key), minio.RemoveObjectOptions{})
		if err != nil && minio.ToErrorResponse(err).Code != minio.NoSuchKey {
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}
