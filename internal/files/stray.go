package files

import (
	"context"
	"fmt"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
)

// Kept is a blob in a list of them.
type Kept struct {
	Key string
	At  time.Time // when it was put, by the clock of where it is
}

// Unfinished is what the keys begin with of blobs that were never put whole.
const Unfinished = "unfinished/"

// Bounds of the search for strays.
const (
	// StrayAge is how old a blob is before it may be one: its row is written within minutes.
	StrayAge = 24 * time.Hour
	// strayStep is how many blobs one search looks at.
	strayStep = 1000
	// strayMany is from how many on a search that finds nine strays in ten deletes
	// nothing: this is the wrong database for these files, or the wrong place for them.
	strayMany = 100
)

// strays is how far the search has come: it goes round.
type strays struct {
	mu    sync.Mutex
	after string
}

// SweepStray deletes, of the next 1,000 blobs, those that are older than a day and of no
// file that the database knows: a crash between the bytes and the row left them. It tells how many.
func (k *Keeper) SweepStray(ctx context.Context) (int, error) {
	k.strays.mu.Lock()
	defer k.strays.mu.Unlock()
	all, err := k.blobs.List(ctx, k.strays.after, strayStep)
	if err != nil {
		return 0, fmt.Errorf("list files' bytes: %w", err)
	}
	next := ""
	if len(all) == strayStep {
		next = all[len(all)-1].Key
	}
	found, err := k.strayAmong(ctx, all)
	if err != nil {
		return 0, err
	}
	k.strays.after = next
	if len(all) >= strayMany && len(found) > len(all)/10*9 {
		return 0, fmt.Errorf("of %d blobs %d are of no file that the database knows: nothing was deleted; "+
			"look whether this database and this place for files belong together", len(all), len(found))
	}
	if err := k.blobs.Delete(ctx, found...); err != nil {
		return 0, fmt.Errorf("delete bytes of no file: %w", err)
	}
	return len(found), nil
}

func (k *Keeper) strayAmong(ctx context.Context, all []Kept) (found []string, err error) {
	old := k.cfg.Now().Add(-StrayAge)
	keys := map[chat.FileID][]string{}
	var ids []chat.FileID
	for _, one := range all {
		id, ok := fileOf(one.Key)
		switch {
		case one.At.After(old):
		case strings.HasPrefix(one.Key, Unfinished):
			found = append(found, one.Key)
		case ok: // what is not named as we do is not ours
			if keys[id] == nil {
				ids = append(ids, id)
			}
			keys[id] = append(keys[id], one.Key)
		}
	}
	const atOnce = 200
	for len(ids) > 0 {
		some := ids[:min(atOnce, len(ids))]
		ids = ids[len(some):]
		there, err := k.store.FilesByID(ctx, some)
		if err != nil {
			return nil, fmt.Errorf("look for the files of bytes: %w", err)
		}
		for _, f := range there {
			delete(keys, f.ID)
		}
	}
	for _, of := range keys {
		found = append(found, of...)
	}
	return found, nil
}

var fileKey = regexp.MustCompile(`^[0-9]+/[0-9a-f]{2}/([0-9]+)(x[0-9a-z]+|\.p[0-9]+)(\.[0-9]+)?$`)

// fileOf is the file whose bytes are under a key.
func fileOf(key string) (chat.FileID, bool) {
	parts := fileKey.FindStringSubmatch(key)
	if parts == nil {
		return 0, false
	}
	id, err := strconv.ParseInt(parts[1], 10, 64)
	return chat.FileID(id), err == nil
}
