// An app that signs people in with coreos/go-oidc and golang.org/x/oauth2, as their documentation shows it: nothing is done
// by hand that the two libraries do. The test drives it with a browser and reads what it says of the person at /me.
package main

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"log"
	"net/http"
	"net/url"
	"os"
	"strings"
	"sync"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

const (
	attemptCookie = "go_attempt"
	sessionCookie = "go_session"
)

// attempt is what has to be known of a browser that left to sign in, until it is back.
type attempt struct {
	state, nonce, codeVerifier string
}

// session is a browser that is signed in here.
type session struct {
	idToken    *oidc.IDToken
	rawIDToken string
	sid        string
	token      *oauth2.Token
}

type app struct {
	base       string
	provider   *oidc.Provider
	endSession string
	config     oauth2.Config
	verifier   *oidc.IDTokenVerifier

	mutex    sync.Mutex
	attempts map[string]attempt
	sessions map[string]*session
	// seen has the logout tokens that were taken, so that none is taken twice.
	seen map[string]time.Time
}

func main() {
	issuer := flag.String("issuer", "", "the OpenID provider")
	listen := flag.String("listen", "", "address and port of this app")
	clientID := flag.String("client-id", "", "its client_id")
	secretFile := flag.String("client-secret-file", "", "the file that holds its client_secret")
	flag.Parse()

	secret, err := os.ReadFile(*secretFile)
	if err != nil {
		log.Fatal(err)
	}
	app, err := discover(context.Background(), *issuer, *listen, *clientID, strings.TrimSpace(string(secret)))
	if err != nil {
		log.Fatal(err)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /login", app.login)
	mux.HandleFunc("GET /callback", answering(app.callback))
	mux.HandleFunc("GET /me", answering(app.me))
	mux.HandleFunc("POST /refresh", answering(app.refresh))
	mux.HandleFunc("POST /logout", answering(app.logout))
	mux.HandleFunc("GET /logged-out", func(w http.ResponseWriter, r *http.Request) {
		tell(w, map[string]string{"logged_out": r.URL.Query().Get("state")})
	})
	mux.HandleFunc("POST /backchannel", answering(app.backChannel))
	log.Fatal(http.ListenAndServe(*listen, mux))
}

func discover(ctx context.Context, issuer, listen, clientID, secret string) (*app, error) {
	provider, err := oidc.NewProvider(ctx, issuer)
	if err != nil {
		return nil, err
	}
	var metadata struct {
		EndSession string `json:"end_session_endpoint"`
	}
	if err := provider.Claims(&metadata); err != nil {
		return nil, err
	}
	base := "http://" + listen
	return &app{
		base:       base,
		provider:   provider,
		endSession: metadata.EndSession,
		config: oauth2.Config{
			ClientID:     clientID,
			ClientSecret: secret,
			Endpoint:     provider.Endpoint(),
			RedirectURL:  base + "/callback",
			Scopes:       []string{oidc.ScopeOpenID, oidc.ScopeProfile, oidc.ScopeEmail},
		},
		verifier: provider.Verifier(&oidc.Config{ClientID: clientID}),
		attempts: make(map[string]attempt),
		sessions: make(map[string]*session),
		seen:     make(map[string]time.Time),
	}, nil
}

// refused is an error with the status it is answered with.
type refused struct {
	status int
	error
}

func answering(answer func(http.ResponseWriter, *http.Request) error) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		err := answer(w, r)
		if err == nil {
			return
		}
		status := http.StatusBadGateway
		var refusal refused
		if errors.As(err, &refusal) {
			status = refusal.status
		}
		log.Printf("%s %s: %v", r.Method, r.URL.Path, err)
		http.Error(w, err.Error(), status)
	}
}

// login leaves for the provider; a prompt in the query goes along.
func (a *app) login(w http.ResponseWriter, r *http.Request) {
	begun := attempt{state: rand.Text(), nonce: rand.Text(), codeVerifier: oauth2.GenerateVerifier()}
	id := rand.Text()
	a.mutex.Lock()
	a.attempts[id] = begun
	a.mutex.Unlock()
	setCookie(w, attemptCookie, id)
	options := []oauth2.AuthCodeOption{oidc.Nonce(begun.nonce), oauth2.S256ChallengeOption(begun.codeVerifier)}
	if prompt := r.URL.Query().Get("prompt"); prompt != "" {
		options = append(options, oauth2.SetAuthURLParam("prompt", prompt))
	}
	http.Redirect(w, r, a.config.AuthCodeURL(begun.state, options...), http.StatusFound)
}

func (a *app) callback(w http.ResponseWriter, r *http.Request) error {
	begun, ok := a.takeAttempt(r)
	query := r.URL.Query()
	if !ok || query.Get("state") != begun.state {
		return refused{http.StatusBadRequest, errors.New("no sign-in was begun with this state")}
	}
	if query.Get("error") != "" {
		return refused{http.StatusForbidden, errors.New(query.Get("error"))}
	}
	token, err := a.config.Exchange(r.Context(), query.Get("code"), oauth2.VerifierOption(begun.codeVerifier))
	if err != nil {
		return err
	}
	signedIn, err := a.verify(r.Context(), token)
	if err != nil {
		return err
	}
	if signedIn.idToken.Nonce != begun.nonce {
		return errors.New("the id_token has another nonce")
	}
	id := rand.Text()
	a.mutex.Lock()
	a.sessions[id] = signedIn
	a.mutex.Unlock()
	setCookie(w, sessionCookie, id)
	http.Redirect(w, r, "/me", http.StatusFound)
	return nil
}

// verify holds the id_token, and the access token beside it, to what go-oidc demands of them.
func (a *app) verify(ctx context.Context, token *oauth2.Token) (*session, error) {
	raw, ok := token.Extra("id_token").(string)
	if !ok {
		return nil, errors.New("no id_token was answered")
	}
	idToken, err := a.verifier.Verify(ctx, raw)
	if err != nil {
		return nil, err
	}
	if idToken.AccessTokenHash != "" {
		if err := idToken.VerifyAccessToken(token.AccessToken); err != nil {
			return nil, err
		}
	}
	var claims struct {
		Sid string `json:"sid"`
	}
	if err := idToken.Claims(&claims); err != nil {
		return nil, err
	}
	return &session{idToken: idToken, rawIDToken: raw, sid: claims.Sid, token: token}, nil
}

// me says what the id_token and the userinfo endpoint say of the person.
func (a *app) me(w http.ResponseWriter, r *http.Request) error {
	_, signedIn, ok := a.current(r)
	if !ok {
		return refused{http.StatusUnauthorized, errors.New("nobody is signed in")}
	}
	var idToken, userInfo map[string]any
	if err := signedIn.idToken.Claims(&idToken); err != nil {
		return err
	}
	answered, err := a.provider.UserInfo(r.Context(), oauth2.StaticTokenSource(signedIn.token))
	if err != nil {
		return err
	}
	if answered.Subject != signedIn.idToken.Subject {
		return errors.New("the userinfo is somebody else's")
	}
	if err := answered.Claims(&userInfo); err != nil {
		return err
	}
	return tell(w, map[string]any{"id_token": idToken, "userinfo": userInfo})
}

// refresh lets the access token be old, which makes golang.org/x/oauth2 fetch another.
func (a *app) refresh(w http.ResponseWriter, r *http.Request) error {
	id, signedIn, ok := a.current(r)
	if !ok {
		return refused{http.StatusUnauthorized, errors.New("nobody is signed in")}
	}
	old := *signedIn.token
	old.Expiry = time.Now().Add(-time.Minute)
	token, err := a.config.TokenSource(r.Context(), &old).Token()
	if err != nil {
		return err
	}
	renewed, err := a.verify(r.Context(), token)
	if err != nil {
		return err
	}
	if renewed.idToken.Subject != signedIn.idToken.Subject {
		return errors.New("the renewed id_token is somebody else's")
	}
	a.mutex.Lock()
	a.sessions[id] = renewed
	a.mutex.Unlock()
	var claims map[string]any
	if err := renewed.idToken.Claims(&claims); err != nil {
		return err
	}
	return tell(w, map[string]any{
		"id_token":             claims,
		"another_access_token": token.AccessToken != old.AccessToken,
		"another_refresh_token": token.RefreshToken != "" &&
			token.RefreshToken != old.RefreshToken,
	})
}

// logout ends the session here and leaves for the provider, to end it there.
func (a *app) logout(w http.ResponseWriter, r *http.Request) error {
	id, signedIn, ok := a.current(r)
	if !ok {
		return refused{http.StatusUnauthorized, errors.New("nobody is signed in")}
	}
	a.mutex.Lock()
	delete(a.sessions, id)
	a.mutex.Unlock()
	target, err := url.Parse(a.endSession)
	if err != nil {
		return err
	}
	target.RawQuery = url.Values{
		"id_token_hint":            {signedIn.rawIDToken},
		"post_logout_redirect_uri": {a.base + "/logged-out"},
		"state":                    {r.FormValue("state")},
	}.Encode()
	http.Redirect(w, r, target.String(), http.StatusSeeOther)
	return nil
}

// backChannel is told by the provider that a session ended there (OpenID Connect Back-Channel Logout 1.0 §2.8).
func (a *app) backChannel(w http.ResponseWriter, r *http.Request) error {
	token, err := a.verifier.VerifyLogout(r.Context(), r.PostFormValue("logout_token"))
	if err != nil {
		return refused{http.StatusBadRequest, err}
	}
	a.mutex.Lock()
	defer a.mutex.Unlock()
	if _, again := a.seen[token.TokenID]; again {
		return refused{http.StatusBadRequest, errors.New("this logout token was taken before")}
	}
	a.seen[token.TokenID] = time.Now()
	for id, signedIn := range a.sessions {
		if signedIn.sid == token.SessionID && (token.Subject == "" || signedIn.idToken.Subject == token.Subject) {
			delete(a.sessions, id)
		}
	}
	return nil
}

func (a *app) takeAttempt(r *http.Request) (attempt, bool) {
	cookie, err := r.Cookie(attemptCookie)
	if err != nil {
		return attempt{}, false
	}
	a.mutex.Lock()
	defer a.mutex.Unlock()
	begun, ok := a.attempts[cookie.Value]
	delete(a.attempts, cookie.Value)
	return begun, ok
}

func (a *app) current(r *http.Request) (string, *session, bool) {
	cookie, err := r.Cookie(sessionCookie)
	if err != nil {
		return "", nil, false
	}
	a.mutex.Lock()
	defer a.mutex.Unlock()
	signedIn, ok := a.sessions[cookie.Value]
	return cookie.Value, signedIn, ok
}

func setCookie(w http.ResponseWriter, name, value string) {
	http.SetCookie(w, &http.Cookie{Name: name, Value: value, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

func tell(w http.ResponseWriter, value any) error {
	w.Header().Set("Content-Type", "application/json")
	if err := json.NewEncoder(w).Encode(value); err != nil {
		return fmt.Errorf("the answer could not be written: %w", err)
	}
	return nil
}
