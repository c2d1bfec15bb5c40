package server

import (
	"net/http"
	"time"

	"github.com/kefu-chat/kefu/internal/chat"
	"github.com/kefu-chat/kefu/internal/identity"
)

// The names of the log-in's cookie. With __Host- a browser takes it over TLS
// only, from this host only, for the whole host; without TLS it would not take it.
const (
	secureCookie = "__Host-kefu"
	plainCookie  = "kefu"
)

func cookieName(secure bool) string {
	if secure {
		return secureCookie
	}
	return plainCookie
}

func logInCookie(w whence, token string, until chat.Millis, now time.Time) http.Cookie {
	c := http.Cookie{
		Name: cookieName(w.secure()), Value: token, Path: "/",
		HttpOnly: true, Secure: w.secure(), SameSite: http.SameSiteLaxMode,
		MaxAge: int((until.Time().Sub(now) + time.Second - 1) / time.Second),
	}
	if c.MaxAge <= 0 {
		c.MaxAge = -1
	}
	return c
}

func noCookie(w whence) http.Cookie {
	return http.Cookie{
		Name: cookieName(w.secure()), Path: "/",
		HttpOnly: true, Secure: w.secure(), SameSite: http.SameSiteLaxMode, MaxAge: -1,
	}
}

// authenticate finds whose cookie this is, and renews it when its log-in has
// been renewed. Errors: NotLoggedIn.
func (s *Server) authenticate(w http.ResponseWriter, r *http.Request) (identity.Login, identity.Agent, error) {
	s.freshen(r.Context())
	token := tokenOf(r)
	login, agent, renewed, err := s.parts.People.Authenticate(r.Context(), token)
	if err == nil && renewed {
		c := logInCookie(whenceOf(r.Context()), token, login.ExpiresAt, s.now())
		http.SetCookie(w, &c)
	}
	return login, agent, err
}

func tokenOf(r *http.Request) string {
	c, err := r.Cookie(cookieName(whenceOf(r.Context()).secure()))
	if err != nil {
		return ""
	}
	return c.Value
}
