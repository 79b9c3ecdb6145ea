// A SAML 2.0 identity provider on loopback (npm `samlp`), for the tests: it asks a person for a password and, if the one who sent
// the person wants a second factor, for a code (RFC 6238). It says what was really shown to it, never what was wanted.

import { createHmac } from 'node:crypto';
import { createServer } from 'node:http';
import { promisify } from 'node:util';

import samlp from 'samlp';

import { answer, filledIn, hidden } from './html.mjs';

export const PASSWORD = 'urn:oasis:names:tc:SAML:2.0:ac:classes:PasswordProtectedTransport';
export const MFA = 'https://refeds.org/profile/mfa';
const STEP_SECONDS = 30;

// The code of the secret (hex) at a moment, in seconds since 1970: six digits of an HMAC over the number of the half minute.
const codeOf = (secret, seconds) => {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(Math.floor(seconds / STEP_SECONDS)));
  const mac = createHmac('sha1', Buffer.from(secret, 'hex')).update(counter).digest();
  const number = mac.readUInt32BE(mac[19] & 0xf) & 0x7fffffff;
  return String(number % 1_000_000).padStart(6, '0');
};

const codeFits = (secret, code, now) => [-1, 0, 1].some((step) => codeOf(secret, now + step * STEP_SECONDS) === code);

// `trusted` maps the name of a service provider to the one address that its answers go to.
export const samlIdentity = async ({ key, cert, people, trusted }) => {
  const parse = promisify(samlp.parseRequest);
  const server = createServer(async (request, response) => {
    try {
      const url = new URL(request.url, address);
      const said = request.method === 'POST' ? await filledIn(request) : Object.fromEntries(url.searchParams);
      const asked = await parse({ query: said }, {});
      const wanted = asked?.requestedAuthnContext?.authnContextClassRef;
      const person = people[said.login];
      if (!asked || request.method === 'GET') {
        const fields = ['login', 'password', ...(wanted === MFA ? ['code'] : [])];
        answer(response, 200, hidden('/sso', { SAMLRequest: said.SAMLRequest, RelayState: said.RelayState }, fields));
        return;
      }
      const strong = Boolean(person?.totp && said.code && codeFits(person.totp, said.code, Date.now() / 1000));
      if (!person || !said.password || (said.code && !strong)) {
        answer(response, 403, 'wrong name, password or code');
        return;
      }
      const assertion = await promisify(samlp.getSamlResponse)({
        issuer: address, key, cert, signResponse: true, audience: asked.issuer, inResponseTo: asked.id,
        recipient: trusted[asked.issuer], destination: trusted[asked.issuer], lifetimeInSeconds: 120,
        signatureAlgorithm: 'rsa-sha256', digestAlgorithm: 'sha256', sessionIndex: `_${asked.id}`,
        authnContextClassRef: strong ? MFA : PASSWORD,
        profileMapper: () => ({
          getClaims: () => ({ displayName: person.name, memberOf: person.roles ?? [] }),
          getNameIdentifier: () => ({
            nameIdentifier: said.login, nameIdentifierFormat: 'urn:oasis:names:tc:SAML:2.0:nameid-format:persistent',
          }),
        }),
      }, {});
      const sent = { SAMLResponse: Buffer.from(assertion).toString('base64'), RelayState: said.RelayState };
      answer(response, 200, hidden(trusted[asked.issuer], sent, []));
    } catch (error) {
      answer(response, 400, String(error.message));
    }
  });
  await new Promise((done) => { server.listen(0, '127.0.0.1', done); });
  const address = `http://127.0.0.1:${server.address().port}`;
  return { address, entry: `${address}/sso` };
};
