// An app without a server that signs people in with oidc-client-ts, as its documentation says: everything the library sends, it
// sends from this page, which is of another site than the authorization server. `SETTINGS` comes from the test.

'use strict';

const { dpop, ...settings } = SETTINGS;
const manager = new oidc.UserManager({
  ...settings,
  redirect_uri: `${location.origin}/callback`,
  post_logout_redirect_uri: `${location.origin}/signed-out`,
  loadUserInfo: !dpop,
  automaticSilentRenew: false,
  ...(dpop && { dpop: { store: new oidc.IndexedDbDPoPStore(), bind_authorization_code: true } }),
});

// What came of a step, or how it failed: the test waits for either.
async function show(step, work) {
  const result = document.getElementById('result');
  delete result.dataset.step;
  let outcome;
  try {
    outcome = await work();
  } catch (error) {
    outcome = { error: error.error ?? `${error}`, error_description: error.error_description };
  }
  result.textContent = JSON.stringify(outcome);
  result.dataset.step = step;
}

function told(user) {
  return { profile: user.profile, scope: user.scope, token_type: user.token_type, access_token: user.access_token };
}

function on(id, work) {
  document.getElementById(id).addEventListener('click', () => show(id, work));
}

on('sign-in', () => manager.signinRedirect());
on('renew', async () => told(await manager.signinSilent()));
on('revoke', async () => {
  const before = await manager.getUser();
  await manager.revokeTokens(['refresh_token']);
  // The library forgets what it revoked; the thief of a copy does not.
  await manager.storeUser(before);
  return told(await manager.signinSilent());
});
on('sign-out', () => manager.signoutRedirect());

switch (location.pathname) {
  case '/callback':
    show('callback', async () => told(await manager.signinCallback()));
    break;
  case '/signed-out':
    show('signed-out', async () => ({ state: (await manager.signoutCallback())?.state ?? null }));
    break;
  default:
    show('start', async () => ({ signed_in: (await manager.getUser()) !== null }));
}
