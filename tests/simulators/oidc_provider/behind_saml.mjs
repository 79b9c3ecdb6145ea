// What makes the OpenID Connect provider a service provider of a SAML 2.0 identity provider (npm `@node-saml/node-saml`): people
// log in there, and what the signed assertion says of them and of their login goes into the ID token.

import { SAML } from '@node-saml/node-saml';

import { answer, filledIn } from './html.mjs';
import { MFA, PASSWORD } from './saml_identity.mjs';

export const ACR = [PASSWORD, MFA];
const AMR = { [PASSWORD]: ['pwd'], [MFA]: ['pwd', 'otp', 'mfa'] };
const CONTEXT = /<(?:\w+:)?AuthnContextClassRef[^>]*>([^<]+)</g;

// Answers the paths of logins, and nothing else: true if it was one.
export const behindSaml = (issuer, { entry, idpCert, known, say }) => {
  const came = new Map();
  const requests = new Map();
  const cacheProvider = {
    saveAsync: async (id, value) => { requests.set(id, value); return { value, createdAt: Date.now() }; },
    getAsync: async (id) => requests.get(id) ?? null,
    removeAsync: async (id) => { requests.delete(id); return id; },
  };
  const speaking = (wanted) => new SAML({
    entryPoint: entry, issuer, callbackUrl: `${issuer}/saml/acs`, audience: issuer, idpCert, cacheProvider,
    validateInResponseTo: 'always', authnContext: [wanted], identifierFormat: null, acceptedClockSkewMs: 1000,
  });

  return async (provider, request, response) => {
    const { pathname } = new URL(request.url, issuer);
    const [, place, uid, step] = pathname.split('/');
    if (pathname === '/saml/acs' && request.method === 'POST') {
      const sent = await filledIn(request);
      try {
        const { profile } = await speaking(PASSWORD).validatePostResponseAsync(sent);
        const [context, ...more] = [...profile.getAssertionXml().matchAll(CONTEXT)].map((one) => one[1]);
        if (more.length || !ACR.includes(context)) throw new Error('the assertion does not say how one logged in');
        came.set(sent.RelayState, { id: profile.nameID, context });
        known[profile.nameID] = { name: profile.displayName, roles: [profile.memberOf ?? []].flat() };
        say({ saml: context, who: profile.nameID });
        answer(response, 303, '', { location: `${issuer}/interaction/${sent.RelayState}/done` });
      } catch (error) {
        say({ saml: 'refused', why: String(error.message) });
        answer(response, 403, 'the assertion does not count');
      }
      return true;
    }
    if (place !== 'interaction' || !uid) return false;
    const { params } = await provider.interactionDetails(request, response);
    if (step === 'done') {
      const { id, context } = came.get(uid);
      came.delete(uid);
      const login = { accountId: id, acr: context, amr: AMR[context], remember: false };
      await provider.interactionFinished(request, response, { login });
      return true;
    }
    const wanted = (params.acr_values ?? '').split(' ').includes(MFA) ? MFA : PASSWORD;
    answer(response, 303, '', { location: await speaking(wanted).getAuthorizeUrlAsync(uid, undefined, {}) });
    return true;
  };
};
