package app

import (
	"context"
	"path/filepath"
	"time"

	"github.com/kefu-chat/kefu/internal/faults"
	"github.com/kefu-chat/kefu/internal/files"
	"github.com/kefu-chat/kefu/internal/files/bucket"
	"github.com/kefu-chat/kefu/internal/files/folder"
	"github.com/kefu-chat/kefu/internal/jobs"
)

const mib = 1 << 20

func (c Config) files() files.Config {
	f := c.Files
	return files.Config{
		VisitorBytes: int64(f.VisitorMiB) * mib, AgentBytes: int64(f.AgentMiB) * mib,
		VisitorQuota: int64(f.VisitorQuotaMiB) * mib, AgentQuota: int64(f.AgentQuotaMiB) * mib, SiteQuota: int64(f.SiteQuotaMiB) * mib,
		Keep: f.UnsentLasts, Now: faults.Now,
	}
}

// keepsFiles tells whether anybody may send files at all.
func (c Config) keepsFiles() bool { return c.Files.VisitorMiB > 0 || c.Files.AgentMiB > 0 }

// filesFolder is where files are kept without a bucket.
func (c Config) filesFolder() string {
	if c.Files.Folder != "" {
		return c.Files.Folder
	}
	return filepath.Join(c.Data, "files")
}

// openFiles opens where files are kept, and what keeps them. Errors: *UsageError.
func (a *App) openFiles(ctx context.Context) error {
	if !a.cfg.keepsFiles() {
		return nil
	}
	var err error
	if a.blobs, err = a.openBlobs(ctx); err != nil {
		return err
	}
	if a.files, err = files.New(ctx, a.cfg.files(), a.db, a.blobs, a.log); err != nil {
		return err
	}
	a.stack.push("files", func(context.Context) error {
		a.files.Close()
		return nil
	})
	return nil
}

func (a *App) openBlobs(ctx context.Context) (files.Blobs, error) {
	f := a.cfg.Files
	if f.S3Bucket != "" {
		return a.openBucket(ctx)
	}
	dir := a.cfg.filesFolder()
	if a.cfg.Bus.Kind != "memory" && !f.FolderShared {
		return nil, usage("files would be kept in %q on this node alone, but bus.kind is %q: what one node takes the others could not give; "+
			"set files.s3_bucket, or name a folder that all nodes mount in files.folder and set files.folder_shared", dir, a.cfg.Bus.Kind)
	}
	opened, err := folder.Open(dir)
	if err != nil {
		return nil, usage("files.folder is %q: the folder cannot be used: %v; name another folder or give this program the right to write there", dir, reason(err))
	}
	a.stack.push("files' folder", func(context.Context) error { return opened.Close() })
	return opened, nil
}

// s3Answers bounds the wait for the bucket at the start.
const s3Answers = 20 * time.Second

func (a *App) openBucket(ctx context.Context) (files.Blobs, error) {
	f := a.cfg.Files
	if f.S3AccessKey == "" || f.S3SecretKey == "" {
		return nil, usage("files.s3_bucket is set, but files.s3_access_key or files.s3_secret_key is not: set both")
	}
	ctx, cancel := context.WithTimeout(ctx, s3Answers)
	defer cancel()
	opened, err := bucket.Open(ctx, bucket.Config{
		Endpoint: f.S3Endpoint, Region: f.S3Region, Bucket: f.S3Bucket, AccessKey: f.S3AccessKey, SecretKey: f.S3SecretKey,
		PathStyle: f.S3PathStyle, Prefix: f.S3Prefix,
	})
	if err != nil {
		return nil, usage("files.s3_endpoint is %q: %v; correct the keys that begin with files.s3", f.S3Endpoint, err)
	}
	a.stack.push("files' bucket", func(context.Context) error {
		opened.Close()
		return nil
	})
	return opened, nil
}

// The one job of its kind.
const (
	sweepFiles = "sweep_files"
	sweepKey   = "all"
)

// handleFiles deletes files whose time has come, on one node at a time.
func (a *App) handleFiles(ctx context.Context) error {
	if a.files == nil {
		return nil
	}
	again := jobs.Job{Kind: sweepFiles, Key: sweepKey, In: a.cfg.Files.SweepEvery}
	a.jobs.Handle(sweepFiles, func(ctx context.Context, _ jobs.Job) error {
		if n, err := a.files.Sweep(ctx); err != nil {
			a.log.WarnContext(ctx, "not all files could be deleted whose time has come: they will be tried again", "deleted", n, "error", err)
		}
		if n, err := a.files.SweepStray(ctx); err != nil {
			a.log.WarnContext(ctx, "bytes of no file could not be looked for", "error", err)
		} else if n > 0 {
			a.log.InfoContext(ctx, "bytes of no file were deleted, which a crash had left", "deleted", n)
		}
		return a.jobs.Add(context.WithoutCancel(ctx), again) // also when the time of this run is over
	})
	return a.jobs.Add(ctx, again)
}
