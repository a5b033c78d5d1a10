// Asks the browser for passkeys: one to sign in with, or a new one. What it answers is posted by the form that has the options.
// Where scripts are off or passkeys unknown, those forms stay hidden, and every other way on the page is open.
(() => {
  "use strict";
  const forms = document.querySelectorAll("form[data-passkey]");
  if (!window.PublicKeyCredential) {
    return;
  }

  const bytes = (text) =>
    Uint8Array.from(atob(text.replace(/-/g, "+").replace(/_/g, "/")), (letter) => letter.charCodeAt(0));
  const text = (buffer) =>
    btoa(Array.from(new Uint8Array(buffer), (byte) => String.fromCharCode(byte)).join(""))
      .replace(/\+/g, "-")
      .replace(/\//g, "_")
      .replace(/=+$/, "");
  const known = (list) => list.map((one) => ({ ...one, id: bytes(one.id) }));
  // A signal tells nothing, and no browser has to take it.
  const signal = (name, value) => {
    try {
      PublicKeyCredential[name]?.(value).catch(() => {});
    } catch {
      // Nobody waits for it.
    }
  };

  // One request at a time: the one in the field of the name ends before another begins.
  let asking = null;
  const ask = async (inField, request) => {
    asking?.controller.abort();
    await asking?.ended;
    const controller = new AbortController();
    const answer = request(controller.signal);
    const mine = { controller, inField };
    mine.ended = answer
      .then(() => {}, () => {})
      .then(() => (asking = asking === mine ? null : asking));
    asking = mine;
    return answer;
  };

  const get = (options, mediation) =>
    ask(mediation === "conditional", (signal) =>
      navigator.credentials.get({
        mediation,
        signal,
        publicKey: {
          ...options,
          challenge: bytes(options.challenge),
          allowCredentials: known(options.allowCredentials),
        },
      }),
    );
  const create = (options) =>
    ask(false, (signal) =>
      navigator.credentials.create({
        signal,
        publicKey: {
          ...options,
          challenge: bytes(options.challenge),
          user: { ...options.user, id: bytes(options.user.id) },
          excludeCredentials: known(options.excludeCredentials),
        },
      }),
    );

  const post = (form, credential) => {
    const { response } = credential;
    const said = { clientDataJSON: text(response.clientDataJSON) };
    if (response.attestationObject) {
      said.attestationObject = text(response.attestationObject);
      said.transports = response.getTransports?.() ?? [];
    } else {
      said.authenticatorData = text(response.authenticatorData);
      said.signature = text(response.signature);
      said.userHandle = response.userHandle ? text(response.userHandle) : null;
    }
    const { credProps } = credential.getClientExtensionResults();
    form.elements.credential.value = JSON.stringify({
      id: credential.id,
      rawId: text(credential.rawId),
      type: credential.type,
      response: said,
      clientExtensionResults: credProps ? { credProps } : {},
    });
    form.submit();
  };

  const say = (form, what) => {
    for (const line of form.querySelectorAll("[data-say]")) {
      line.hidden = line.dataset.say !== what;
    }
  };
  // What a browser says of it in its own words is for nobody but the person before it.
  const reason = (error) =>
    ({ NotAllowedError: "cancelled", InvalidStateError: "known", AbortError: "" })[error.name] ?? "failed";

  const asked = (form) => JSON.parse(form.dataset.options);
  for (const form of forms) {
    form.hidden = false;
    form.addEventListener("submit", async (event) => {
      event.preventDefault();
      say(form, "");
      try {
        post(form, await (form.dataset.passkey === "create" ? create(asked(form)) : get(asked(form))));
      } catch (error) {
        say(form, reason(error));
      }
    });
    if (form.dataset.unknown) {
      signal("signalUnknownCredential", { rpId: asked(form).rpId, credentialId: form.dataset.unknown });
    }
    if (form.dataset.conditional) {
      offer(form);
    }
    if (form.dataset.renew) {
      renewLater(form, form.dataset.after);
    }
  }
  for (const needs of document.querySelectorAll("[data-needs-script]")) {
    needs.hidden = true;
  }

  // Whether a passkey can be made here, for the offer after a sign-in with a password.
  for (const makes of document.querySelectorAll("input[name=makes_passkeys]")) {
    PublicKeyCredential.isUserVerifyingPlatformAuthenticatorAvailable?.().then(
      (can) => (makes.value = can ? "yes" : ""),
      () => {},
    );
  }

  // What an account has, whole: a passkey that is left out may be forgotten for ever.
  for (const list of document.querySelectorAll("[data-accepted]")) {
    signal("signalAllAcceptedCredentials", JSON.parse(list.dataset.accepted));
  }

  // Offers passkeys in the field of the name, where the browser can.
  async function offer(form) {
    try {
      const canOffer = await PublicKeyCredential.isConditionalMediationAvailable?.();
      if (canOffer && (!asking || asking.inField)) {
        post(form, await get(asked(form), "conditional"));
      }
    } catch {
      // The button is there for it.
    }
  }

  // A page that stays open asks for another challenge before its own ends, and every form of it goes on with that.
  function renewLater(form, seconds) {
    setTimeout(() => renew(form), seconds * 1000);
  }
  async function renew(form) {
    // Whoever is choosing a passkey now answers the challenge that they were asked with.
    if (asking && !asking.inField) {
      return renewLater(form, 5);
    }
    try {
      const body = new URLSearchParams({ pending: form.elements.pending.value });
      const answer = await fetch(form.dataset.renew, { method: "POST", body });
      if (!answer.ok) {
        return;
      }
      const renewed = await answer.json();
      if (asking && !asking.inField) {
        return renewLater(form, 5);
      }
      for (const field of document.querySelectorAll("input[name=pending]")) {
        field.value = renewed.pending;
      }
      form.elements.ceremony.value = renewed.ceremony;
      form.dataset.options = renewed.options;
      renewLater(form, form.dataset.after);
    } catch {
      return renewLater(form, 10);
    }
    if (form.dataset.conditional) {
      offer(form);
    }
  }
})();
