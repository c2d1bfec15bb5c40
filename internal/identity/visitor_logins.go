package identity

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"strconv"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/site"
)

// How long things last about verified visitors' log-ins.
const (
	// VisitorLoginLasts is after how long without use a log-in ends.
	VisitorLoginLasts = 90 * 24 * time.Hour
	// MaxVisitorLogins is how many a visitor has: one more ends the longest unused.
	MaxVisitorLogins  = 50
	touchVisitorLogin = time.Hour
	forgetAtOnce      = 500
)

// VisitorLogin is a verified visitor's right of entry on one device, until it is
// revoked or long unused.
type VisitorLogin struct {
	ID         int64
	Site       chat.SiteID
	SigningKey int64 // by whose token it began
	MadeAt     chat.Millis
	LastUsedAt chat.Millis // to the hour
	Visitor    VerifiedVisitor
}

// VerifiedVisitor is a visitor for whom its website vouches. It exists before its
// first message; its conversation does not.
type VerifiedVisitor struct {
	ID chat.VisitorID
	// Hash stands where an anonymous visitor has its secret's, and is that of no secret
	// that anybody has.
	Hash    [sha256.Size]byte
	Vouched chat.Vouched
}

// NewVisitorLogin is a token's exchange for a log-in.
type NewVisitorLogin struct {
	Login VisitorLogin
	Hash  []byte // of the log-in's secret
	// JTI is the token's id, ExchangeHash of what its browser made for it; the pair is
	// known until Expires.
	JTI          string
	ExchangeHash []byte
	Expires      chat.Millis
	// Picture is the address of the visitor's picture at its website; empty: it has none.
	Picture string
}

// VisitorLoginStore remembers verified visitors and their log-ins.
type VisitorLoginStore interface {
	SigningKeyStore
	// AddVisitorLogin keeps an exchange in one transaction: the token's id, the visitor,
	// found by Login.Visitor.Vouched.ID or made, what its website says of it, and the
	// log-in. The same exchange of the same token again gets the first one's log-in.
	// Errors: TokenUsed where either is another one, or the log-in has ended since.
	AddVisitorLogin(ctx context.Context, n NewVisitorLogin) (VisitorLogin, error)
	// VisitorLogin finds a log-in by the hash of its secret. Errors: NotFound.
	VisitorLogin(ctx context.Context, hash []byte) (VisitorLogin, error)
	// TouchVisitorLogin writes when a log-in was last used.
	TouchVisitorLogin(ctx context.Context, id int64, at chat.Millis) error
	// EndVisitorLogin ends a log-in; false: there was none.
	EndVisitorLogin(ctx context.Context, id int64) (bool, error)
	// VisitorLoginsEnded is what ended in the last span milliseconds by the
	// database's clock, or at most as far ahead of it, with that clock's present time.
	VisitorLoginsEnded(ctx context.Context, spanMillis int64) (EndedLogins, chat.Millis, error)
	// EndedVisitorLogins are those of these log-ins that are no longer valid.
	EndedVisitorLogins(ctx context.Context, ids []int64) ([]int64, error)
	// ForgetVisitorLogins removes up to so many log-ins that were last used
	// before a time, ended or not, and as many tokens that expired before another; there
	// may be more.
	ForgetVisitorLogins(ctx context.Context, unusedSince, expiredBefore chat.Millis, atOnce int) (more bool, err error)
	// RemoveEndedLogins removes up to so many log-ins that are void with their key, and
	// counts them.
	RemoveEndedLogins(ctx context.Context, atOnce int) (int, error)
}

// EndedLogins is what ended of late: log-ins one by one, and signing keys all of whose
// log-ins did.
type EndedLogins struct{ Logins, Keys []int64 }

// VisitorLogins lets verified visitors in. It is the one place that decides who a
// visitor's client is. Safe for concurrent use.
type VisitorLogins struct {
	store VisitorLoginStore
	now   func() time.Time
}

// NewVisitorLogins makes the service.
func NewVisitorLogins(store VisitorLoginStore, now func() time.Time) *VisitorLogins {
	return &VisitorLogins{store: store, now: now}
}

// VisitorEntry is who a visitor's client turned out to be, on the site that was asked for.
type VisitorEntry struct {
	Hash  [sha256.Size]byte // as the visitor's row has it
	Login int64             // 0: an anonymous visitor
	// Verified is set where there is a log-in.
	Verified *VerifiedVisitor
}

// Who says who it is that sent this to a site. It is asked at every door. A nil
// receiver knows no log-ins. Errors: LogInEnded, VerifiedOnly.
func (v *VisitorLogins) Who(ctx context.Context, on site.Site, sent Sent) (VisitorEntry, error) {
	if !sent.LogIn {
		if on.Settings.VerifiedOnly {
			return VisitorEntry{}, verifiedOnly()
		}
		return VisitorEntry{Hash: sent.Hash}, nil
	}
	if v == nil {
		return VisitorEntry{}, logInEnded()
	}
	one, err := v.store.VisitorLogin(ctx, sent.Hash[:])
	if isNotFound(err) {
		return VisitorEntry{}, logInEnded()
	}
	if err != nil {
		return VisitorEntry{}, err
	}
	now := v.now()
	unused := now.Sub(one.LastUsedAt.Time())
	if one.Site != on.ID || unused > VisitorLoginLasts {
		return VisitorEntry{}, logInEnded()
	}
	if unused > touchVisitorLogin {
		if err := v.store.TouchVisitorLogin(ctx, one.ID, chat.At(now)); err != nil {
			return VisitorEntry{}, err
		}
	}
	return VisitorEntry{Hash: one.Visitor.Hash, Login: one.ID, Verified: &one.Visitor}, nil
}

// Known says whether a visitor whom a door knows by itself may come in. Errors: VerifiedOnly.
func (v *VisitorLogins) Known(on site.Site) error {
	if on.Settings.VerifiedOnly {
		return verifiedOnly()
	}
	return nil
}

func logInEnded() error {
	return chat.Refuse(LogInEnded, "this log-in was revoked, was unused for long, or is none of this site: the page asks its server for a fresh token")
}

func verifiedOnly() error {
	return chat.Refuse(VerifiedOnly, "this site talks with verified visitors only: its page has to say who this is, with a token")
}

// NewLogin is a log-in as it is told to the browser that asked for it.
type NewLogin struct {
	VisitorLogin
	Secret string
}

// Exchange gives a log-in for a website's token. exchange is made by the browser, 32
// random bytes in base64url: with the same one the token gives the same log-in again,
// so that a lost answer locks nobody out. Errors: BadToken, TokenExpired,
// TokenTooLong, TokenUsed, bad_secret.
func (v *VisitorLogins) Exchange(ctx context.Context, on site.Site, token, exchange string) (NewLogin, error) {
	said, key, signing, err := v.readToken(ctx, on, token)
	if err != nil {
		return NewLogin{}, err
	}
	raw, err := base64.RawURLEncoding.Strict().DecodeString(exchange)
	if err != nil || len(raw) != SecretBytes {
		return NewLogin{}, chat.Refuse("bad_secret", "exchange is not %d random bytes in base64url without padding, made by this browser for this token", SecretBytes)
	}
	now := v.now()
	secret := loginOf(signing, on.ID, said.ID, raw)
	hash, exchanged := sha256.Sum256(secret), sha256.Sum256(raw)
	asked := NewVisitorLogin{
		Login: VisitorLogin{
			ID: chat.NewID(now), Site: on.ID, SigningKey: key.ID, MadeAt: chat.At(now), LastUsedAt: chat.At(now),
			Visitor: VerifiedVisitor{ID: chat.VisitorID(chat.NewID(now)), Vouched: said.vouched()},
		},
		Hash: hash[:], JTI: said.ID, ExchangeHash: exchanged[:], Expires: said.expires(), Picture: said.Picture,
	}
	_, _ = rand.Read(asked.Login.Visitor.Hash[:]) // never fails since Go 1.24
	made, err := v.store.AddVisitorLogin(ctx, asked)
	if err != nil {
		return NewLogin{}, err
	}
	if now.Sub(key.LastUsedAt.Time()) >= touchKeyAfter {
		if err := v.store.TouchSigningKey(ctx, on.ID, key.ID, chat.At(now)); err != nil {
			return NewLogin{}, err
		}
	}
	return NewLogin{VisitorLogin: made, Secret: logInPrefix + base64.RawURLEncoding.EncodeToString(secret)}, nil
}

// Forget removes what is of no use any more, some hundreds of rows in a transaction:
// log-ins that are void with their key, or long unused, and tokens that have expired.
func (v *VisitorLogins) Forget(ctx context.Context) error {
	for n := forgetAtOnce; n == forgetAtOnce; {
		var err error
		if n, err = v.store.RemoveEndedLogins(ctx, forgetAtOnce); err != nil {
			return err
		}
	}
	now := v.now()
	for more := true; more; {
		var err error
		if more, err = v.store.ForgetVisitorLogins(ctx, chat.At(now.Add(-VisitorLoginLasts)), chat.At(now), forgetAtOnce); err != nil {
			return err
		}
	}
	return nil
}

// loginOf makes the log-in of an exchange, always the same one: so it need not be
// kept to be told again. Without the site's key nobody else can make it, even of
// a browser's exchange that was not random.
func loginOf(signing []byte, on chat.SiteID, jti string, exchange []byte) []byte {
	mac := hmac.New(sha256.New, signing)
	mac.Write([]byte("kefu visitor log-in\x00"))
	mac.Write(exchange) // of a fixed length
	mac.Write([]byte(strconv.FormatInt(int64(on), 10) + "\x00" + jti))
	return mac.Sum(nil)
}

// Revoke ends a log-in: its device is cut within 5 s, on whichever node it is.
// Errors: LogInEnded where it is none.
func (v *VisitorLogins) Revoke(ctx context.Context, on site.Site, sent Sent) error {
	one, err := v.store.VisitorLogin(ctx, sent.Hash[:])
	if !sent.LogIn || isNotFound(err) || err == nil && one.Site != on.ID {
		return logInEnded()
	}
	if err != nil {
		return err
	}
	_, err = v.store.EndVisitorLogin(ctx, one.ID)
	return err
}

// EndedSince is what ended in the last span milliseconds by the database's clock, with
// that clock's present time.
func (v *VisitorLogins) EndedSince(ctx context.Context, spanMillis int64) (EndedLogins, chat.Millis, error) {
	return v.store.VisitorLoginsEnded(ctx, spanMillis)
}

// EndedOf are those of these log-ins that are no longer valid.
func (v *VisitorLogins) EndedOf(ctx context.Context, ids []int64) ([]int64, error) {
	return v.store.EndedVisitorLogins(ctx, ids)
}
