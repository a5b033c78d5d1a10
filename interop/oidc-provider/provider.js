// node-oidc-provider as somebody else's authorization server: one app, which signs people in with our client library, and one
// API, which our guard stands before. One user; everything in memory. Its own pages have the ids of ours, so that one browser
// knows both.
//
// Expects PORT, APP (the app's URL), API (the API's) and SECRET (the app's) in the environment.

import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';

import Provider from 'oidc-provider';

const { PORT, APP, API, SECRET } = process.env;
const ISSUER = `http://localhost:${PORT}`;
const USER = { sub: 'ada-of-another-server', username: 'ada', password: 'correct horse battery staple', name: 'Ada Lovelace' };

const key = (alg, type, options) => ({
  ...generateKeyPairSync(type, options).privateKey.export({ format: 'jwk' }),
  use: 'sig',
  kid: alg,
  alg,
});

const provider = new Provider(ISSUER, {
  clients: [
    {
      client_id: 'notes-web',
      client_secret: SECRET,
      redirect_uris: [`${APP}/auth/callback`],
      post_logout_redirect_uris: [`${APP}/auth/logged-out`],
      backchannel_logout_uri: `${APP}/auth/backchannel`,
      grant_types: ['authorization_code', 'refresh_token'],
      response_types: ['code'],
    },
  ],
  claims: { openid: ['sub'], profile: ['name'] },
  cookies: { keys: ['what signs its cookies'] },
  features: {
    backchannelLogout: { enabled: true },
    devInteractions: { enabled: false },
    dPoP: { enabled: true, nonceSecret: Buffer.alloc(32, 1), requireNonce: () => true },
    pushedAuthorizationRequests: { enabled: true },
    resourceIndicators: {
      enabled: true,
      getResourceServerInfo: () => ({
        scope: 'notes.read',
        audience: API,
        accessTokenFormat: 'jwt',
        accessTokenTTL: 2,
        jwt: { sign: { alg: 'ES256' } },
      }),
      useGrantedResource: () => true,
    },
    revocation: { enabled: true },
    rpInitiatedLogout: { enabled: true, logoutSource, postLogoutSuccessSource: logoutSource },
  },
  // Its own way to apps refuses addresses on this machine, and ours is one.
  fetch: (url, { dispatcher, ...options }) => fetch(url, options),
  findAccount: (ctx, sub) => ({ accountId: sub, claims: () => ({ sub, name: USER.name }) }),
  interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
  issueRefreshToken: () => true,
  jwks: { keys: [key('RS256', 'rsa', { modulusLength: 2048 }), key('ES256', 'ec', { namedCurve: 'P-256' })] },
  pkce: { required: () => true },
  responseTypes: ['code'],
  rotateRefreshToken: true,
  scopes: ['openid', 'profile', 'offline_access'],
});

function logoutSource(ctx, form) {
  const button = '<button id="logout-yes" name="logout" value="yes">Sign out</button>';
  ctx.body = form ? form.replace('</form>', `${button}</form>`) : 'Signed out';
}

async function interact(request, response) {
  const { params, prompt, session, uid } = await provider.interactionDetails(request, response);
  if (request.method === 'GET') {
    const fields = prompt.name === 'login'
      ? '<input name="username"><input name="password" type="password"><button id="login-submit">Sign in</button>'
      : '<button id="consent-allow">Allow</button>';
    response.setHeader('content-type', 'text/html');
    response.end(`<form method="post" action="/interaction/${uid}">${fields}</form>`);
    return;
  }
  if (prompt.name === 'login') {
    const sent = new URLSearchParams(await text(request));
    const right = sent.get('username') === USER.username && sent.get('password') === USER.password;
    const login = { accountId: USER.sub };
    await provider.interactionFinished(request, response, right ? { login } : { error: 'access_denied' });
    return;
  }
  const grant = new provider.Grant({ accountId: session.accountId, clientId: params.client_id });
  grant.addOIDCScope(params.scope);
  grant.addResourceScope(API, params.scope);
  await provider.interactionFinished(request, response, { consent: { grantId: await grant.save() } });
}

async function text(request) {
  let body = '';
  for await (const part of request) body += part;
  return body;
}

provider.on('server_error', (ctx, error) => console.error(error));
provider.on('backchannel.success', (ctx, client) => console.log(`told ${client.clientId}`));
provider.on('backchannel.error', (ctx, error) => console.error(error));

const answer = provider.callback();
createServer((request, response) => {
  if (request.url.startsWith('/interaction/')) {
    interact(request, response).catch((error) => response.writeHead(400).end(String(error)));
  } else {
    answer(request, response);
  }
}).listen(Number(PORT), '127.0.0.1');
