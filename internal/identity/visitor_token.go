package identity

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/go-json-experiment/json"
	"github.com/golang-jwt/jwt/v5"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/site"
)

// Bounds of a website's token.
const (
	MaxTokenBytes = 16 << 10
	TokenLasts    = 5 * time.Minute  // how far ahead "exp" may lie
	TokenGrace    = 30 * time.Second // for clocks that differ
	maxClaim      = 128              // bytes of "sub" and "jti"
	maxVouchName  = 200              // code points, as of what a page says
	maxVouchEmail = 254              // bytes
	maxVouchField = 20
	maxFieldName  = 64  // code points
	maxFieldText  = 500 // code points
	maxPicture    = 2048
)

// claims are what a token says. What it says besides is not looked at.
type claims struct {
	Audience  audience          `json:"aud"`
	Subject   string            `json:"sub"`
	ID        string            `json:"jti"`
	Expires   *float64          `json:"exp"`
	NotBefore *float64          `json:"nbf"`
	Name      string            `json:"name"`
	Email     string            `json:"email"`
	Fields    map[string]string `json:"fields"`
	Picture   string            `json:"picture"`
}

// audience is one name, or several.
type audience []string

// UnmarshalJSON reads a string, or an array of strings.
func (a *audience) UnmarshalJSON(data []byte) error {
	if len(data) > 0 && data[0] == '"' {
		*a = audience{""}
		return json.Unmarshal(data, &(*a)[0])
	}
	return json.Unmarshal(data, (*[]string)(a))
}

// signed is a token's body while its signature is checked. It is read strictly: no
// name twice, none in another case, and no bytes that are not UTF-8, by which two
// people's ids could become one.
type signed struct{ claims }

// UnmarshalJSON implements json.Unmarshaler for package jwt.
func (s *signed) UnmarshalJSON(data []byte) error { return json.Unmarshal(data, &s.claims) }

// The methods of jwt.Claims: the claims are checked here, not there.
func (*signed) GetExpirationTime() (*jwt.NumericDate, error) { return nil, nil } //nolint:nilnil // there is none to check
func (*signed) GetIssuedAt() (*jwt.NumericDate, error)       { return nil, nil } //nolint:nilnil // the same
func (*signed) GetNotBefore() (*jwt.NumericDate, error)      { return nil, nil } //nolint:nilnil // the same
func (*signed) GetIssuer() (string, error)                   { return "", nil }
func (*signed) GetSubject() (string, error)                  { return "", nil }
func (*signed) GetAudience() (jwt.ClaimStrings, error)       { return nil, nil }

func badToken(format string, args ...any) error {
	return chat.Refuse(BadToken, "the token is not good: "+format, args...)
}

// readToken checks a website's token for a site, and gives what it says with the key
// that signed it. Errors: BadToken, TokenExpired, TokenTooLong.
func (v *VisitorLogins) readToken(ctx context.Context, on site.Site, text string) (*claims, SigningKey, []byte, error) {
	var by SigningKey
	var secret []byte
	if len(text) > MaxTokenBytes {
		return nil, by, nil, badToken("it has more than %d bytes", MaxTokenBytes)
	}
	parser := jwt.NewParser(jwt.WithValidMethods([]string{jwt.SigningMethodHS256.Alg()}), jwt.WithStrictDecoding(), jwt.WithoutClaimsValidation())
	var fault error // of finding the key: package jwt wraps it in words of its own
	body := &signed{}
	_, err := parser.ParseWithClaims(text, body, func(t *jwt.Token) (any, error) {
		by, secret, fault = v.keyOf(ctx, on, t.Header)
		return secret, fault
	})
	switch {
	case fault != nil:
		return nil, by, nil, fault
	case errors.Is(err, jwt.ErrTokenSignatureInvalid):
		return nil, by, nil, badToken("its header names another alg than HS256, or it was signed with another secret than that of its kid")
	case err != nil:
		return nil, by, nil, badToken("it is not three parts in base64url with dots between, of which the first two are JSON objects: a header with alg HS256 and kid, and claims of the types that docs/PROTOCOL.md names")
	}
	return &body.claims, by, secret, body.claims.check(on, v.now())
}

// keyOf finds the key that a token's header names.
func (v *VisitorLogins) keyOf(ctx context.Context, on site.Site, header map[string]any) (SigningKey, []byte, error) {
	if _, critical := header["crit"]; critical {
		return SigningKey{}, nil, badToken("its header has crit, which this server does not know")
	}
	kid, _ := header["kid"].(string)
	id, err := strconv.ParseInt(kid, 10, 64)
	if err != nil || strconv.FormatInt(id, 10) != kid {
		return SigningKey{}, nil, badToken("its header names no signing key: want kid, the id of one of the site's signing keys as a string")
	}
	key, secret, err := v.store.SigningKey(ctx, on.ID, id)
	if isNotFound(err) {
		return SigningKey{}, nil, badToken("its kid is no signing key of this site, or one that was revoked")
	}
	return key, secret, err
}

// check says what is wrong with the claims of a token that was rightly signed.
func (c *claims) check(on site.Site, now time.Time) error {
	const ahead = float64((TokenLasts + TokenGrace) / time.Second)
	at, grace := float64(now.UnixMilli())/1000, TokenGrace.Seconds()
	switch {
	case !slices.Contains(c.Audience, on.Key):
		return badToken("aud is not the widget key of this site")
	case c.Expires == nil:
		return badToken("exp is missing: want seconds since 1970, at most %d s ahead", int(TokenLasts.Seconds()))
	case *c.Expires+grace <= at:
		return chat.Refuse(TokenExpired, "the token has expired: the page asks its server for a fresh one; if it was fresh, compare the clocks")
	case *c.Expires-at > ahead:
		return chat.Refuse(TokenTooLong, "the token's exp lies more than %d s ahead: make it shorter, or compare the clocks", int(TokenLasts.Seconds()))
	case c.NotBefore != nil && *c.NotBefore-grace > at:
		return badToken("its nbf lies in the future: compare the clocks")
	}
	for name, value := range map[string]string{"sub": c.Subject, "jti": c.ID} {
		if strings.TrimSpace(value) == "" || len(value) > maxClaim || strings.ContainsRune(value, 0) {
			return badToken("%s is blank, missing, or longer than %d bytes", name, maxClaim)
		}
	}
	if !chat.IsOneLine(c.Subject) {
		return badToken("sub has characters that agents cannot be shown: controls, or some that turn the direction of writing")
	}
	return c.checkWords()
}

// checkWords bounds what a token says of the person, as what a page says is.
func (c *claims) checkWords() error {
	switch {
	case !words(c.Name, maxVouchName):
		return badToken("name has more than %d characters, or some that cannot be read", maxVouchName)
	case len(c.Email) > maxVouchEmail || !words(c.Email, maxVouchEmail):
		return badToken("email has more than %d bytes, or some that cannot be read", maxVouchEmail)
	case len(c.Fields) > maxVouchField:
		return badToken("fields has %d fields: at most %d", len(c.Fields), maxVouchField)
	case c.Picture != "" && !goodPicture(c.Picture):
		return badToken("picture must be an https address of at most %d bytes, with no user name and no # in it", maxPicture)
	}
	for name, value := range c.Fields {
		if name == "" || !words(name, maxFieldName) || !words(value, maxFieldText) {
			return badToken("fields has an empty name, one over %d or a value over %d characters, or characters that cannot be read", maxFieldName, maxFieldText)
		}
	}
	return nil
}

// words tells whether a text is one line that agents can be shown, of at most so many
// code points.
func words(text string, most int) bool {
	return utf8.RuneCountInString(text) <= most && chat.IsOneLine(text)
}

func goodPicture(address string) bool {
	u, err := url.Parse(address)
	return err == nil && len(address) <= maxPicture && u.Scheme == "https" && u.Hostname() != "" && u.User == nil && u.Fragment == ""
}

// vouched is what agents see of it.
func (c *claims) vouched() chat.Vouched {
	return chat.Vouched{ID: c.Subject, Name: strings.TrimSpace(c.Name), Email: strings.TrimSpace(c.Email), Fields: c.Fields}
}

// expires is when the token is refused for its age at the latest, whichever node's
// clock is asked: its id is remembered for as long.
func (c *claims) expires() chat.Millis {
	return chat.Millis(*c.Expires*1000) + chat.Millis((TokenGrace + tokenRemembered).Milliseconds())
}

const tokenRemembered = 10 * time.Minute
