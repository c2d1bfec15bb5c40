package store

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/files"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/jobs"
	"github.com/kefu-chat/kefu/internal/portrait"
	"github.com/kefu-chat/kefu/internal/retention"
)

func TestPortraitsOfVisitors(t *testing.T) {
	onEach(t, func(t *testing.T, one, two *DB) {
		ctx := t.Context()
		n := int64(0)
		logIn := func(db *DB, picture string) identity.VerifiedVisitor {
			t.Helper()
			n++
			asked := exchangeOf(n, "person", "jti "+string(rune('a'+n)), "a")
			asked.Picture = picture
			l, err := db.AddVisitorLogin(ctx, asked)
			must(t, err)
			return l.Visitor
		}
		claimed := func() int {
			t.Helper()
			claims, _, err := two.ClaimJobs(ctx, []jobs.Want{{Kind: portrait.JobKind, Most: 10}}, time.Minute)
			must(t, err)
			for _, c := range claims {
				must(t, two.FinishJob(ctx, c))
			}
			return len(claims)
		}
		const first, second = "https://shop.example/a.png", "https://shop.example/b.png"
		v := logIn(one, "")
		if _, err := two.WantedPortrait(ctx, v.ID); chat.CodeOf(err) != chat.NotFound || claimed() != 0 {
			t.Errorf("without a picture: %v", err)
		}
		logIn(one, first)
		got, err := two.WantedPortrait(ctx, v.ID)
		if want := (portrait.Wanted{Site: 71, SecretHash: v.Hash[:], Address: first}); !cmp.Equal(got, want) || err != nil || claimed() != 1 {
			t.Errorf("wanted is %+v, %v; or there is no job", got, err)
		}
		made, replacing, late := pictureFor(t, one, 501), pictureFor(t, one, 502), pictureFor(t, one, 503)
		refused(t, "another address", two.ShowVisitorPortrait(ctx, v.ID, second, made), chat.NotFound)
		refused(t, "another visitor", two.ShowVisitorPortrait(ctx, 999, first, made), chat.NotFound)
		refused(t, "a picture that is not there", two.ShowVisitorPortrait(ctx, v.ID, first, chat.Picture{File: 999, Key: 1}), chat.NotFound)
		must(t, two.ShowVisitorPortrait(ctx, v.ID, first, made))
		if again := logIn(two, first); again.Vouched.Portrait != made.Address() || again.Vouched.Name != "Ann 3" || claimed() != 0 {
			t.Errorf("the same again: %+v, or it is fetched again", again)
		}
		if _, err := one.WantedPortrait(ctx, v.ID); chat.CodeOf(err) != chat.NotFound {
			t.Errorf("fetched already: %v", err)
		}
		if f := stateOf(t, one, made.File); f.State != files.Shown || f.DeleteAt != 0 {
			t.Errorf("shown is %+v", f)
		}

		logIn(one, second)
		if before := logIn(two, second); before.Vouched.Portrait != made.Address() || claimed() != 1 {
			t.Errorf("until another one is there: %+v, or not one job", before)
		}
		must(t, one.ShowVisitorPortrait(ctx, v.ID, second, replacing))
		if f := stateOf(t, two, made.File); f.State != files.Gone || f.DeleteAt != atOnce {
			t.Errorf("replaced is %+v", f)
		}
		found, err := two.VisitorLogin(ctx, exchangeOf(1, "", "", "").Hash)
		if err != nil || found.Visitor.Vouched.Portrait != replacing.Address() {
			t.Errorf("by its log-in: %+v, %v", found, err)
		}

		if logIn(one, ""); stateOf(t, two, replacing.File).State != files.Gone {
			t.Error("a token without a picture leaves it")
		}
		logIn(one, first)
		must(t, one.ShowVisitorPortrait(ctx, v.ID, first, late))
		s, err := one.Subject(ctx, 71, v.ID)
		must(t, err)
		done, err := one.RemoveSubject(ctx, s, retention.Erasure{ID: 9, Hash: s.Hash(), Site: 71})
		if err != nil || done.Removed.Files != 1 || done.Removed.Bytes != 10 || stateOf(t, two, late.File).State != files.Gone {
			t.Errorf("the erasure: %+v, %v; the picture is %+v", done, err, stateOf(t, two, late.File))
		}
		refused(t, "of who was erased", one.ShowVisitorPortrait(ctx, v.ID, first, late), chat.NotFound)
		count, err := one.read.NewSelect().Table("visitor_portrait").Count(ctx)
		same(t, "rows that are left", count, int64(0), err)
	})
}

func TestVisitorsAreFoundByWhatTheirWebsiteVouchesFor(t *testing.T) {
	onEach(t, func(t *testing.T, one, two *DB) {
		ctx := t.Context()
		found := func(email string) (ids []chat.VisitorID) {
			t.Helper()
			all, err := two.Listed(ctx, identity.BookQuery{Site: 71, Email: email, Limit: 10})
			must(t, err)
			for _, v := range all {
				ids = append(ids, v.ID)
			}
			return ids
		}
		asked := exchangeOf(1, "person", "jti 1", "a")
		asked.Login.Visitor.Vouched.Email = "Ann@Shop.example"
		_, err := one.AddVisitorLogin(ctx, asked)
		must(t, err)
		same(t, "vouched for", found(" ann@shop.EXAMPLE"), []chat.VisitorID{2001}, nil)
		must(t, one.UpdateProfile(ctx, 2001, chat.Profile{Email: "said@shop.example"}))
		same(t, "said, too", found("said@shop.example"), []chat.VisitorID{2001}, nil)
		same(t, "both", found("ann@shop.example"), []chat.VisitorID{2001}, nil)
		asked = exchangeOf(2, "person", "jti 2", "a") // vouches for none any more
		_, err = two.AddVisitorLogin(ctx, asked)
		must(t, err)
		same(t, "no longer vouched for", len(found("ann@shop.example")), 0, nil)
	})
}
