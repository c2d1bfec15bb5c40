package server_test

import (
	"crypto/hmac"
	"crypto/sha256"
	"crypto/sha512"
	"encoding/base64"
	"encoding/json"
	"hash"
	"maps"
	"strings"
	"testing"
	"time"

	"github.com/kefu-chat/kefu/internal/audit"
	"github.com/kefu-chat/kefu/internal/client"
	"github.com/kefu-chat/kefu/internal/identity"
	"github.com/kefu-chat/kefu/internal/site"
)

// website signs tokens as a site's own server does.
type website struct {
	w      *world
	on     site.Site
	kid    string
	secret string
	n      int
}

func (w *world) website(on site.Site) *website {
	w.t.Helper()
	made, secret, err := w.parts.SigningKeys.Make(w.t.Context(), audit.By{}, on.ID)
	w.must(err)
	return &website{w: w, on: on, kid: made.KID(), secret: secret}
}

// claims of a good token about a person.
func (s *website) claims(person string) fields {
	s.n++
	return fields{
		"aud": s.on.Key, "sub": person, "jti": s.kid + "/" + jsonID(int64(s.n)), "exp": s.w.clock.Now().Add(2 * time.Minute).Unix(),
		"name": "Ann 安", "email": "ann@example.com", "fields": fields{"plan": "gold"},
	}
}

func part(v any) string {
	if text, is := v.(string); is {
		return base64.RawURLEncoding.EncodeToString([]byte(text))
	}
	data, _ := json.Marshal(v)
	return base64.RawURLEncoding.EncodeToString(data)
}

// signed is a token with any header and body.
func signed(secret string, sum func() hash.Hash, header, body any) string {
	text := part(header) + "." + part(body)
	mac := hmac.New(sum, []byte(secret))
	mac.Write([]byte(text))
	return text + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

func (s *website) header() fields { return fields{"alg": "HS256", "typ": "JWT", "kid": s.kid} }

func (s *website) token(claims any) string { return signed(s.secret, sha256.New, s.header(), claims) }

func (s *website) exchange(token, exchange string) answer {
	s.w.t.Helper()
	p := s.w.person()
	p.header.Set("Origin", s.w.base)
	return p.ask("POST", "/api/v1/widget/"+s.on.Key+"/log-in", fields{"token": token, "exchange": exchange})
}

// logIn is a new log-in of a person.
func (s *website) logIn(person string) string {
	s.w.t.Helper()
	a := s.exchange(s.token(s.claims(person)), client.NewSecret())
	if a.status != 200 || !strings.HasPrefix(a.string("log_in"), "kfv_") {
		s.w.t.Fatalf("an exchange: %d %s", a.status, a.text)
	}
	return a.string("log_in")
}

func (s *website) logOut(logIn string) answer {
	s.w.t.Helper()
	p := s.w.person()
	p.header.Set("Origin", s.w.base)
	p.header.Set("Authorization", "Bearer "+logIn)
	return p.ask("DELETE", "/api/v1/widget/"+s.on.Key+"/log-in", nil)
}

// TestTokens: each way in which a token can be wrong is refused, by its code.
func TestTokens(t *testing.T) {
	w := newWorld(t, keepsAsking())
	w.owner()
	s := w.website(w.firstSite())
	other := w.website(w.firstSite())
	with := func(name string, value any) fields {
		c := s.claims("person")
		if c[name] = value; value == nil {
			delete(c, name)
		}
		return c
	}
	header := func(name string, value any) string {
		h := maps.Clone(s.header())
		if h[name] = value; value == nil {
			delete(h, name)
		}
		return signed(s.secret, sha256.New, h, s.claims("person"))
	}
	good := s.token(s.claims("person"))
	parts := strings.Split(good, ".")
	now := w.clock.Now().Unix()
	long := strings.Repeat("x", 129)
	for name, c := range map[string]struct{ token, code string }{
		"good":                      {good, ""},
		"several audiences":         {s.token(with("aud", []string{"other", s.on.Key})), ""},
		"128 bytes of sub":          {s.token(with("sub", long[1:])), ""},
		"exp within the grace":      {s.token(with("exp", now-25)), ""},
		"as far ahead as may be":    {s.token(with("exp", now+325)), ""},
		"a fraction of a second":    {s.token(with("exp", float64(now)+60.5)), ""},
		"no fields":                 {s.token(with("fields", nil)), ""},
		"what nobody looks at":      {s.token(with("iss", 7)), ""},
		"the other key":             {other.token(s.claims("person")), ""},
		"empty":                     {"", "bad_token"},
		"two parts":                 {parts[0] + "." + parts[1], "bad_token"},
		"no signature":              {parts[0] + "." + parts[1] + ".", "bad_token"},
		"padding":                   {good + "=", "bad_token"},
		"another signature":         {parts[0] + "." + parts[1] + "." + part("no signature of 32 bytes at all!"), "bad_token"},
		"another body":              {parts[0] + "." + part(with("sub", "eve")) + "." + parts[2], "bad_token"},
		"the other key's secret":    {signed(other.secret, sha256.New, s.header(), s.claims("person")), "bad_token"},
		"none":                      {part(fields{"alg": "none", "kid": s.kid}) + "." + part(s.claims("person")) + ".", "bad_token"},
		"none, and signed":          {header("alg", "none"), "bad_token"},
		"nOnE":                      {part(fields{"alg": "nOnE", "kid": s.kid}) + "." + part(s.claims("person")) + ".", "bad_token"},
		"HS512":                     {signed(s.secret, sha512.New, fields{"alg": "HS512", "kid": s.kid}, s.claims("person")), "bad_token"},
		"RS256 with our secret":     {header("alg", "RS256"), "bad_token"},
		"no alg":                    {header("alg", nil), "bad_token"},
		"no kid":                    {header("kid", nil), "bad_token"},
		"a number as kid":           {header("kid", 5), "bad_token"},
		"an unknown kid":            {header("kid", "5"), "bad_token"},
		"a kid of another form":     {header("kid", "0"+s.kid), "bad_token"},
		"crit":                      {header("crit", []string{"b64"}), "bad_token"},
		"no aud":                    {s.token(with("aud", nil)), "bad_token"},
		"another aud":               {s.token(with("aud", "other")), "bad_token"},
		"aud in another case":       {s.token(with("aud", strings.ToLower(s.on.Key))), "bad_token"},
		"a number as aud":           {s.token(with("aud", 7)), "bad_token"},
		"no sub":                    {s.token(with("sub", nil)), "bad_token"},
		"a blank sub":               {s.token(with("sub", " \t ")), "bad_token"},
		"a number as sub":           {s.token(with("sub", 7)), "bad_token"},
		"too long a sub":            {s.token(with("sub", long)), "bad_token"},
		"a sub of two lines":        {s.token(with("sub", "a\nb")), "bad_token"},
		"a sub that turns around":   {s.token(with("sub", "\u202eada")), "bad_token"},
		"U+0000 in sub":             {s.token(with("sub", "a\x00b")), "bad_token"},
		"bytes that are no UTF-8":   {s.token(`{"aud":"` + s.on.Key + `","sub":"a` + "\xff" + `","jti":"u","exp":` + jsonID(now+60) + `}`), "bad_token"},
		"half a character":          {s.token(`{"aud":"` + s.on.Key + `","sub":"a\ud800","jti":"v","exp":` + jsonID(now+60) + `}`), "bad_token"},
		"a name twice":              {s.token(`{"aud":"` + s.on.Key + `","sub":"a","sub":"b","jti":"w","exp":` + jsonID(now+60) + `}`), "bad_token"},
		"a name in another case":    {s.token(`{"aud":"` + s.on.Key + `","SUB":"a","jti":"x","exp":` + jsonID(now+60) + `}`), "bad_token"},
		"null":                      {s.token("null"), "bad_token"},
		"an array":                  {s.token("[]"), "bad_token"},
		"no jti":                    {s.token(with("jti", nil)), "bad_token"},
		"an empty jti":              {s.token(with("jti", "")), "bad_token"},
		"too long a jti":            {s.token(with("jti", long)), "bad_token"},
		"no exp":                    {s.token(with("exp", nil)), "bad_token"},
		"a text as exp":             {s.token(with("exp", "soon")), "bad_token"},
		"expired":                   {s.token(with("exp", now-40)), "token_expired"},
		"expired long ago":          {s.token(with("exp", -1e300)), "token_expired"},
		"too far ahead":             {s.token(with("exp", now+345)), "token_too_long"},
		"for ever":                  {s.token(with("exp", 1e300)), "token_too_long"},
		"not yet":                   {s.token(with("nbf", now+60)), "bad_token"},
		"too long a name":           {s.token(with("name", strings.Repeat("安", 201))), "bad_token"},
		"a name that turns":         {s.token(with("name", "a\u202eb")), "bad_token"},
		"too long an e-mail":        {s.token(with("email", strings.Repeat("a", 255))), "bad_token"},
		"a number in fields":        {s.token(with("fields", fields{"a": 1})), "bad_token"},
		"a field without a name":    {s.token(with("fields", fields{"": "a"})), "bad_token"},
		"a picture in the clear":    {s.token(with("picture", "http://example.com/a.png")), "bad_token"},
		"a picture that is a file":  {s.token(with("picture", "file:///etc/passwd")), "bad_token"},
		"a picture with a password": {s.token(with("picture", "https://a:b@example.com/a.png")), "bad_token"},
	} {
		a := s.exchange(c.token, client.NewSecret())
		if want := map[bool]int{true: 200, false: 401}[c.code == ""]; a.status != want || a.code() != c.code {
			t.Errorf("%s: %d %s, want %d %s", name, a.status, a.text, want, c.code)
		}
	}
	if a := s.exchange(good, "short"); a.code() != "bad_secret" {
		t.Errorf("an exchange that is not random: %s", a.text)
	}
	blog, err := w.sites.Make(t.Context(), audit.By{}, "Blog")
	w.must(err)
	elsewhere := *s
	elsewhere.on = blog
	if a := elsewhere.exchange(elsewhere.token(elsewhere.claims("person")), client.NewSecret()); a.code() != "bad_token" {
		t.Errorf("another site's key: %s", a.text)
	}
	w.must(w.parts.SigningKeys.Revoke(t.Context(), audit.By{}, s.on.ID, parse(t, s.kid), false))
	if a := s.exchange(s.token(s.claims("person")), client.NewSecret()); a.code() != "bad_token" {
		t.Errorf("a revoked key: %s", a.text)
	}
	foreign := w.person()
	foreign.header.Set("Origin", "https://evil.example")
	if a := foreign.ask("POST", "/api/v1/widget/"+s.on.Key+"/log-in", fields{"token": other.token(s.claims("person")), "exchange": client.NewSecret()}); a.status == 200 {
		t.Errorf("a page of another website: %s", a.text)
	}
}

// TestExchange: a lost answer locks nobody out, and a token that was seen lets nobody in.
func TestExchange(t *testing.T) {
	w := newWorld(t, keepsAsking())
	w.owner()
	s := w.website(w.firstSite())
	claims, mine := s.claims("person"), client.NewSecret()
	token := s.token(claims)
	first := s.exchange(token, mine)
	if again := s.exchange(token, mine); again.status != 200 || again.string("log_in") != first.string("log_in") || first.string("log_in") == "" {
		t.Errorf("asked again: %s, first %s", again.text, first.text)
	}
	if first.get("carried") != false {
		t.Errorf("nothing was there to carry: %s", first.text)
	}
	if a := s.exchange(token, client.NewSecret()); a.status != 409 || a.code() != "token_used" {
		t.Errorf("somebody else with the token: %s", a.text)
	}
	same := s.claims("another")
	same["jti"] = claims["jti"]
	if a := s.exchange(s.token(same), mine); a.code() != "token_used" {
		t.Errorf("another token of the same jti: %s", a.text)
	}
	if a := s.logOut(first.string("log_in")); a.status != 204 {
		t.Errorf("log-out: %s", a.text)
	}
	for range 2 {
		if a := s.logOut(first.string("log_in")); a.status != 401 || a.code() != "log_in_ended" {
			t.Errorf("a second log-out: %s", a.text)
		}
	}
	if a := s.exchange(token, mine); a.code() != "token_used" {
		t.Errorf("its token after log-out: %s", a.text)
	}
	w.clock.forward(2*time.Minute + identity.TokenGrace - 5*time.Second)
	w.must(w.parts.VisitorLogins.Forget(t.Context()))
	if a := s.exchange(token, client.NewSecret()); a.code() != "token_used" {
		t.Errorf("its token at the end of its time: %s", a.text)
	}
	w.clock.forward(5 * time.Minute)
	if a := s.exchange(token, mine); a.code() != "token_expired" {
		t.Errorf("its token later: %s", a.text)
	}
}

// TestLogInsEndUnused: 90 days without use, but not after 90 days of use.
func TestLogInsEndUnused(t *testing.T) {
	w := newWorld(t, keepsAsking())
	w.owner()
	s := w.website(w.firstSite())
	used, unused := s.logIn("person"), s.logIn("person")
	who := func(logIn string) error {
		sent, err := identity.ReadSent(logIn)
		w.must(err)
		_, err = w.parts.VisitorLogins.Who(t.Context(), s.on, sent)
		return err
	}
	for range 4 {
		w.clock.forward(30 * 24 * time.Hour)
		if err := who(used); err != nil {
			t.Fatalf("one that is used: %v", err)
		}
	}
	if err := who(unused); err == nil || !strings.Contains(err.Error(), "log_in_ended") {
		t.Errorf("one that is not: %v", err)
	}
	s.logIn("person") // whoever comes lets what is of no use be forgotten
	if err := who(used); err != nil {
		t.Errorf("one that is used was forgotten: %v", err)
	}
}

// TestSigningKeysByREST: two at most, shown once, and in the audit.
func TestSigningKeysByREST(t *testing.T) {
	w := newWorld(t, keepsAsking())
	owner := w.owner()
	at := "/api/v1/sites/" + idOf(w.firstSite()) + "/signing-keys"
	made := owner.want(201, "POST", at, nil)
	secret, id := made.string("secret"), made.string("key", "id")
	if !strings.HasPrefix(secret, "kfs_") || id == "" {
		t.Fatalf("made: %s", made.text)
	}
	s := &website{w: w, on: w.firstSite(), kid: id, secret: secret}
	s.logIn("person")
	owner.want(201, "POST", at, nil)
	if a := owner.ask("POST", at, nil); a.status != 409 || a.code() != "too_many_keys" {
		t.Errorf("a third one: %s", a.text)
	}
	listed := owner.want(200, "GET", at, nil)
	if keys, _ := listed.get("keys").([]any); len(keys) != 2 || strings.Contains(listed.text, "kfs_") || !strings.Contains(listed.text, `"last_used_at"`) {
		t.Errorf("listed: %s", listed.text)
	}
	stays := s.logIn("person")
	owner.want(204, "DELETE", at+"/"+id, nil)
	if a := owner.ask("DELETE", at+"/"+id, nil); a.status != 404 {
		t.Errorf("revoked twice: %s", a.text)
	}
	if a := s.logOut(stays); a.status != 204 {
		t.Errorf("a log-in ended with its key, unasked: %s", a.text)
	}
	leaked := w.website(s.on)
	ends := leaked.logIn("person")
	owner.want(204, "DELETE", at+"/"+leaked.kid+"?log_ins=true", nil)
	if a := leaked.logOut(ends); a.code() != "log_in_ended" {
		t.Errorf("a log-in of a key that leaked: %s", a.text)
	}
	trail := owner.want(200, "GET", "/api/v1/sites/"+idOf(s.on)+"/audit", nil).text
	if strings.Count(trail, "signing_key_made") != 3 || strings.Count(trail, "signing_key_revoked") != 2 || strings.Contains(trail, "kfs_") {
		t.Errorf("the audit: %s", trail)
	}
}
