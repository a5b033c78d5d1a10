// node-oidc-provider as a peer of the load driver: the flows and lifetimes of bench/src/contestant/safeconduct.rs, one process,
// everything in memory. Whoever asks is signed in and has allowed: how people sign in is not compared.

import { generateKeyPairSync } from 'node:crypto';
import { createServer } from 'node:http';

import Provider from 'oidc-provider';

const SECRET = 'a-secret-of-forty-three-characters-as-drawn';
const SCOPE = 'notes.read';
const REDIRECT_URI = 'https://app.bench.example/callback';
const API = 'https://api.bench.example';
const OPAQUE_API = 'https://opaque.api.bench.example';

// The adapter that comes with the library keeps a thousand entries and drops live sessions beyond.
class Memory {
  static entries = new Map();

  constructor(model) {
    this.model = model;
  }

  key(id) {
    return `${this.model}:${id}`;
  }

  async upsert(id, payload, expiresIn) {
    Memory.entries.set(this.key(id), { payload, until: expiresIn ? Date.now() + expiresIn * 1000 : Infinity });
    if (payload.uid) Memory.entries.set(this.key(`uid:${payload.uid}`), { payload: id, until: Infinity });
    if (payload.grantId) {
      const members = `members:${payload.grantId}`;
      if (!Memory.entries.has(members)) Memory.entries.set(members, { payload: [], until: Infinity });
      Memory.entries.get(members).payload.push(this.key(id));
    }
  }

  async find(id) {
    const entry = Memory.entries.get(this.key(id));
    return entry && entry.until > Date.now() ? entry.payload : undefined;
  }

  async findByUid(uid) {
    const entry = Memory.entries.get(this.key(`uid:${uid}`));
    return entry && this.find(entry.payload);
  }

  async consume(id) {
    const entry = Memory.entries.get(this.key(id));
    if (entry) entry.payload.consumed = Math.floor(Date.now() / 1000);
  }

  async destroy(id) {
    Memory.entries.delete(this.key(id));
  }

  async revokeByGrantId(grantId) {
    const members = Memory.entries.get(`members:${grantId}`);
    members?.payload.forEach((key) => Memory.entries.delete(key));
    Memory.entries.delete(`members:${grantId}`);
  }
}

const app = (client_id) => ({
  client_id,
  client_secret: SECRET,
  redirect_uris: [REDIRECT_URI],
  grant_types: ['authorization_code', 'refresh_token'],
  response_types: ['code'],
});
const machine = (client_id, grant_types) => ({
  client_id,
  client_secret: SECRET,
  redirect_uris: [],
  grant_types,
  response_types: [],
});

const key = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'jwk' });

const provider = new Provider('https://id.bench.example', {
  adapter: Memory,
  clients: [
    app('app'),
    app('app-opaque'),
    machine('machine', ['client_credentials']),
    machine('machine-opaque', ['client_credentials']),
    machine('api', []),
  ],
  clientDefaults: { id_token_signed_response_alg: 'ES256' },
  cookies: { keys: ['a key that signs cookies'], long: { secure: false }, short: { secure: false } },
  features: {
    clientCredentials: { enabled: true },
    devInteractions: { enabled: false },
    introspection: { enabled: true },
    revocation: { enabled: true },
    resourceIndicators: {
      enabled: true,
      defaultResource: (ctx, client) => (client.clientId.endsWith('opaque') ? OPAQUE_API : API),
      getResourceServerInfo: (ctx, resource) => ({
        scope: SCOPE,
        accessTokenTTL: 300,
        accessTokenFormat: resource === OPAQUE_API ? 'opaque' : 'jwt',
        jwt: { sign: { alg: 'ES256' } },
      }),
      useGrantedResource: () => true,
    },
  },
  findAccount: (ctx, sub) => ({ accountId: sub, claims: () => ({ sub }) }),
  interactions: { url: (ctx, interaction) => `/interaction/${interaction.uid}` },
  issueRefreshToken: (ctx, client) => client.grantTypeAllowed('refresh_token'),
  jwks: { keys: [{ ...key, use: 'sig', alg: 'ES256', kid: 'es256' }] },
  pkce: { required: () => true },
  responseTypes: ['code'],
  rotateRefreshToken: true,
  ttl: {
    AccessToken: 300,
    AuthorizationCode: 60,
    ClientCredentials: 300,
    Grant: 2592000,
    IdToken: 300,
    Interaction: 900,
    RefreshToken: 2592000,
    Session: 1209600,
  },
});
provider.proxy = true;

let people = 0;

async function interact(request, response) {
  const { params, session } = await provider.interactionDetails(request, response);
  const accountId = session?.accountId ?? `person-${people++}`;
  const grant = new provider.Grant({ accountId, clientId: params.client_id });
  grant.addResourceScope(params.client_id.endsWith('opaque') ? OPAQUE_API : API, params.scope);
  const consent = { grantId: await grant.save() };
  await provider.interactionFinished(request, response, { login: { accountId }, consent });
}

const answer = provider.callback();
const server = createServer((request, response) => {
  // As the proxy in front would say.
  request.headers['x-forwarded-proto'] = 'https';
  if (request.url.startsWith('/interaction/')) {
    interact(request, response).catch((error) => response.writeHead(500).end(String(error)));
  } else {
    answer(request, response);
  }
});
server.keepAliveTimeout = 60_000;
server.listen(0, '127.0.0.1', () => console.log(`127.0.0.1:${server.address().port}`));
