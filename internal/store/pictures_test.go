package store

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/files"
	"github.com/kefu-chat/kefu/internal/site"
)

// pictureFor begins a picture that nothing shows yet.
func pictureFor(t *testing.T, db *DB, id chat.FileID) chat.Picture {
	t.Helper()
	f, err := db.InsertFile(t.Context(), files.File{
		File: chat.File{ID: id, Name: "picture", Type: "image/png", Size: 10, Width: 3, Height: 4}, Owner: chat.AgentFiles(1), Attempt: int64(id) << 40,
	}, files.Use{Keep: time.Hour})
	must(t, err)
	return chat.Picture{File: f.ID, Key: f.Attempt}
}

func stateOf(t *testing.T, db *DB, id chat.FileID) files.File {
	t.Helper()
	f, err := db.File(t.Context(), id)
	must(t, err)
	return f
}

func TestPicturesAreShownByOne(t *testing.T) {
	inEach(t, func(t *testing.T, cfg Config) {
		db, ctx := open(t, cfg), t.Context()
		must(t, db.InsertAgent(ctx, agent(1)), db.InsertSite(ctx, site.Site{ID: 71, Name: "Shop", Key: "k", Settings: site.DefaultSettings(), Version: 1}))
		portrait := func() chat.Picture {
			agents, err := db.Agents(ctx)
			must(t, err)
			return agents[0].Portrait
		}
		version, err := db.PeopleVersion(ctx)
		must(t, err)
		first, second, logo := pictureFor(t, db, 501), pictureFor(t, db, 502), pictureFor(t, db, 503)
		same(t, "before", portrait(), chat.Picture{}, nil)
		must(t, db.SetPortrait(ctx, 1, first.File))
		same(t, "the first", portrait(), first, nil)
		if f := stateOf(t, db, first.File); f.State != files.Shown || f.DeleteAt != 0 || f.Width != 3 {
			t.Errorf("shown is %+v", f)
		}
		if now, err := db.PeopleVersion(ctx); err != nil || now <= version {
			t.Errorf("the version that nodes watch is %d after %d, %v", now, version, err)
		}
		refused(t, "giving up what is shown", db.GiveUp(ctx, first.File), chat.Conflict)
		refused(t, "somebody else's", db.SetPortrait(ctx, 2, first.File), chat.NotFound)
		refused(t, "one that is not there", db.SetPortrait(ctx, 1, 999), chat.NotFound)
		same(t, "after refusals", portrait(), first, nil)
		must(t, db.SetPortrait(ctx, 1, second.File))
		same(t, "the second", portrait(), second, nil)
		if f := stateOf(t, db, first.File); f.State != files.Gone {
			t.Errorf("replaced is %+v", f)
		}
		due, err := db.DueFiles(ctx, 10)
		if must(t, err); len(due) != 1 || due[0].ID != first.File {
			t.Errorf("due are %+v", due)
		}

		must(t, db.SetLogo(ctx, 71, logo.File))
		sites, err := db.Sites(ctx)
		if must(t, err); sites[0].Logo != logo || sites[0].Version != 2 {
			t.Errorf("the site is %+v", sites[0])
		}
		changed, err := db.SetSiteKey(ctx, 71, 2, "other")
		if must(t, err); changed.Logo != logo {
			t.Errorf("another change says %+v", changed)
		}
		refused(t, "a site that is not there", db.SetLogo(ctx, 72, second.File), chat.NotFound)
		must(t, db.SetPortrait(ctx, 1, 0), db.SetPortrait(ctx, 1, 0), db.SetLogo(ctx, 71, 0))
		same(t, "none", portrait(), chat.Picture{}, nil)
		if s := stateOf(t, db, logo.File).State; s != files.Gone {
			t.Errorf("a removed logo is %s", s)
		}
	})
}

// What goes wrong after a picture was put in another's place undoes that too.
func TestAPictureIsReplacedWithTheAuditOrNot(t *testing.T) {
	db, ctx := open(t, Config{Path: newFile(t)}), t.Context()
	must(t, db.InsertAgent(ctx, agent(1)))
	first, second := pictureFor(t, db, 501), pictureFor(t, db, 502)
	must(t, db.SetPortrait(ctx, 1, first.File))
	broken := errors.New("the audit is full")
	err := db.Together(ctx, func(ctx context.Context) error {
		must(t, db.SetPortrait(ctx, 1, second.File))
		return broken
	})
	if !errors.Is(err, broken) || stateOf(t, db, first.File).State != files.Shown || stateOf(t, db, second.File).State != files.Uploading {
		t.Errorf("%v; the first is %s, the second %s", err, stateOf(t, db, first.File).State, stateOf(t, db, second.File).State)
	}
}
