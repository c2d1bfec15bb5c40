package bucket

import (
	"context"
	"strings"

	"github.com/minio/minio-go/v7"

	"github.com/kefu-chat/kefu/internal/files"
)

// List implements files.Blobs.
func (b *Bucket) List(ctx context.Context, after string, limit int) ([]files.Kept, error) {
	ctx, cancel := context.WithCancel(ctx) // ends the listing when it is enough
	defer cancel()
	options := minio.ListObjectsOptions{Prefix: b.cfg.Prefix, Recursive: true, MaxKeys: min(limit, 1000)}
	if after != "" {
		options.StartAfter = b.name(after)
	}
	var all []files.Kept
	for object := range b.client.ListObjects(ctx, b.cfg.Bucket, options) {
		if object.Err != nil {
			return nil, object.Err
		}
		if len(all) == limit {
			break
		}
		all = append(all, files.Kept{Key: strings.TrimPrefix(object.Key, b.cfg.Prefix), At: object.LastModified})
	}
	return all, nil
}
