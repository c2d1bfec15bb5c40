package retention

import (
	"context"
	"encoding/hex"
	"strings"

	"github.com/kefu-chat/kefu/internal/files"
)

// journalFolder is what the keys of the journal's blobs begin with. The search for
// bytes of no file leaves alone what is named so.
const journalFolder = "erasures/"

// BlobJournal keeps the journal beside the files that people sent: a blob for each
// erasure, so that any number of nodes write it, and copies of it merge by putting
// them into one place.
type BlobJournal struct{ Blobs files.Blobs }

// Note implements Journal.
func (j BlobJournal) Note(ctx context.Context, h Hash) error {
	const text = "Somebody was erased. This must outlive the database: see docs/OPERATIONS.md.\n"
	return j.Blobs.Put(ctx, journalFolder+h.String(), strings.NewReader(text), int64(len(text)))
}

const journalPage = 1000

// All implements Journal.
func (j BlobJournal) All(ctx context.Context) (all []Hash, err error) {
	for after := journalFolder; ; {
		page, err := j.Blobs.List(ctx, after, journalPage)
		if err != nil {
			return nil, err
		}
		for _, one := range page {
			name, ours := strings.CutPrefix(one.Key, journalFolder)
			if !ours {
				return all, nil
			}
			after = one.Key
			var h Hash
			if n, err := hex.Decode(h[:], []byte(name[:min(len(name), 2*len(h))])); err == nil && n == len(h) {
				all = append(all, h)
			}
		}
		if len(page) < journalPage {
			return all, nil
		}
	}
}
