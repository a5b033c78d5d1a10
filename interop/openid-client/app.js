// An app that signs people in with openid-client, as strictly as the library can: it authenticates with a key, pushes its
// requests, takes answers by form, and has its tokens bound to a key (private_key_jwt, RFC 9126, Form Post Response Mode, RFC 9449).
//
// `node app.js key` prints a key pair for it, as JSON; `node app.js ISSUER PORT KEY_FILE` is the app.

import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import { subtle } from 'node:crypto';

import * as client from 'openid-client';

const KEY = { name: 'ECDSA', namedCurve: 'P-256' };
const CLIENT_ID = 'openid-client';
const SESSION = 'openid_client_session';

async function printKey() {
  const { privateKey, publicKey } = await subtle.generateKey(KEY, true, ['sign', 'verify']);
  const [own, published] = await Promise.all([privateKey, publicKey].map((key) => subtle.exportKey('jwk', key)));
  console.log(JSON.stringify({ own, published: { ...published, kid: 'of the app', alg: 'ES256', use: 'sig' } }));
}

async function serve(issuer, port, keyFile) {
  const base = `http://127.0.0.1:${port}`;
  const { own } = JSON.parse(readFileSync(keyFile, 'utf8'));
  const key = await subtle.importKey('jwk', own, KEY, false, ['sign']);
  const config = await client.discovery(
    new URL(issuer),
    CLIENT_ID,
    undefined,
    client.PrivateKeyJwt({ key, kid: 'of the app' }),
    // The issuer of a test is http on this machine.
    { execute: [client.allowInsecureRequests] },
  );
  const app = new App(base, config);
  createServer((request, response) => {
    app.answer(request, response).catch((error) => {
      console.error(request.method, request.url, error);
      response.writeHead(502).end(error.error ?? `${error}`);
    });
  }).listen(port, '127.0.0.1');
}

class App {
  constructor(base, config) {
    this.base = base;
    this.config = config;
    // By their state, for a browser brings no cookie of this app's along with a form from another site.
    this.attempts = new Map();
    this.sessions = new Map();
  }

  async answer(request, response) {
    const url = new URL(request.url, this.base);
    switch (`${request.method} ${url.pathname}`) {
      case 'GET /login':
        return this.login(response, Object.fromEntries(url.searchParams));
      case 'POST /callback':
        return this.callback(response, url, await body(request));
      case 'GET /me':
        return this.me(response, this.session(request));
      case 'POST /refresh':
        return this.refresh(response, this.session(request));
      case 'POST /logout':
        return this.logout(response, this.session(request));
      case 'GET /signed-out':
        return tell(response, { state: url.searchParams.get('state') });
      default:
        return response.writeHead(404).end();
    }
  }

  // Asks for what the address asks for: `prompt`, `acr_values`, `max_age`.
  async login(response, asked) {
    const state = client.randomState();
    const attempt = {
      nonce: client.randomNonce(),
      maxAge: asked.max_age && Number(asked.max_age),
      verifier: client.randomPKCECodeVerifier(),
      DPoP: client.getDPoPHandle(this.config, await client.randomDPoPKeyPair('ES256')),
    };
    this.attempts.set(state, attempt);
    const parameters = {
      redirect_uri: `${this.base}/callback`,
      scope: 'openid profile email',
      response_mode: 'form_post',
      state,
      nonce: attempt.nonce,
      code_challenge: await client.calculatePKCECodeChallenge(attempt.verifier),
      code_challenge_method: 'S256',
      ...asked,
    };
    const leave = await client.buildAuthorizationUrlWithPAR(this.config, parameters, { DPoP: attempt.DPoP });
    redirect(response, leave);
  }

  async callback(response, url, form) {
    const state = new URLSearchParams(form).get('state');
    const { nonce, maxAge, verifier, DPoP } = this.attempts.get(state);
    this.attempts.delete(state);
    const answer = new Request(url, {
      method: 'POST',
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      body: form,
    });
    const checks = { expectedState: state, expectedNonce: nonce, pkceCodeVerifier: verifier, maxAge, idTokenExpected: true };
    const tokens = await client.authorizationCodeGrant(this.config, answer, checks, undefined, { DPoP });
    const id = client.randomState();
    this.sessions.set(id, { id, tokens, claims: tokens.claims(), DPoP });
    response.setHeader('set-cookie', `${SESSION}=${id}; Path=/; HttpOnly; SameSite=Lax`);
    redirect(response, `${this.base}/me`);
  }

  // What the id_token and the userinfo endpoint say of the person.
  async me(response, { tokens, claims, DPoP }) {
    const userinfo = await client.fetchUserInfo(this.config, tokens.access_token, claims.sub, { DPoP });
    tell(response, { id_token: claims, token_type: tokens.token_type, userinfo });
  }

  async refresh(response, session) {
    const { tokens, claims, DPoP } = session;
    const renewed = await client.refreshTokenGrant(this.config, tokens.refresh_token, undefined, { DPoP });
    session.tokens = { ...tokens, ...renewed };
    tell(response, {
      token_type: renewed.token_type,
      another_access_token: renewed.access_token !== tokens.access_token,
      same_person: renewed.claims()?.sub === claims.sub,
    });
  }

  async logout(response, { id, tokens }) {
    this.sessions.delete(id);
    const parameters = {
      id_token_hint: tokens.id_token,
      post_logout_redirect_uri: `${this.base}/signed-out`,
      state: 'over',
    };
    redirect(response, client.buildEndSessionUrl(this.config, parameters));
  }

  session(request) {
    const [, id] = new RegExp(`(?:^|; )${SESSION}=([^;]+)`).exec(request.headers.cookie ?? '') ?? [];
    const session = this.sessions.get(id);
    if (!session) throw new Error('nobody is signed in');
    return session;
  }
}

async function body(request) {
  const chunks = [];
  for await (const chunk of request) chunks.push(chunk);
  return Buffer.concat(chunks).toString();
}

function redirect(response, url) {
  response.writeHead(303, { location: `${url}` }).end();
}

function tell(response, value) {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

const [first, ...rest] = process.argv.slice(2);
await (first === 'key' ? printKey() : serve(first, ...rest));
