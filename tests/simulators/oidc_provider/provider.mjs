// A real OpenID Connect provider on loopback, for the tests: what it needs is a line of JSON on standard input, and what a test
// has to know it says as lines of JSON on standard output. It ends when standard input ends. It opens no connection: what it
// would send to a client it says instead, and a client's document it was given. With `saml`, people log in at a SAML 2.0
// identity provider that stands behind it.

import { createServer } from 'node:http';
import { createInterface } from 'node:readline';

import Provider from 'oidc-provider';

const lines = createInterface({ input: process.stdin });
const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);
process.stdin.on('end', () => process.exit(0));

// What differs if people log in by SAML, and who answers then.
const bySaml = async (issuer, { key, cert, trusts }, people) => {
  const { samlIdentity } = await import('./saml_identity.mjs');
  const { ACR, behindSaml } = await import('./behind_saml.mjs');
  const { entry } = await samlIdentity({ key, cert, people, trusted: { [issuer]: `${issuer}/saml/acs` } });
  const known = {};
  const answers = behindSaml(issuer, { entry, idpCert: trusts, known, say });
  return { acrValues: ACR, known, answers };
};

lines.once('line', (line) => {
  const { clients, document, people, saml } = JSON.parse(line);
  const server = createServer().listen(0, '127.0.0.1', async () => {
    const issuer = `http://127.0.0.1:${server.address().port}`;
    const behind = saml ? await bySaml(issuer, saml, people) : undefined;
    const known = behind ? behind.known : people;
    const provider = new Provider(issuer, {
      clients,
      claims: { openid: ['sub', 'roles', ...(behind ? ['acr', 'amr'] : [])], profile: ['name'] },
      conformIdTokenClaims: false,
      findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...known[id] }) }),
      features: {
        backchannelLogout: { enabled: true },
        clientIdMetadataDocument: { enabled: true, ack: 'draft-02' },
        devInteractions: { enabled: !behind },
        introspection: { enabled: true },
        resourceIndicators: {
          enabled: true,
          getResourceServerInfo: (ctx, resource) => ({
            scope: 'arcops:read arcops:check',
            audience: resource,
            accessTokenFormat: ctx.oidc.client.clientId.startsWith('opaque') ? 'opaque' : 'jwt',
          }),
          useGrantedResource: () => true,
        },
      },
      issueRefreshToken: (_, client) => client.grantTypeAllowed('refresh_token'),
      rotateRefreshToken: true,
      scopes: ['openid', 'arcops:read', 'arcops:check'],
      ...(behind && {
        acrValues: behind.acrValues,
        interactions: { url: (_, interaction) => `/interaction/${interaction.uid}` },
        loadExistingGrant: async (ctx) => {
          const grant = new provider.Grant({ accountId: ctx.oidc.session.accountId, clientId: ctx.oidc.client.clientId });
          grant.addOIDCScope('openid profile');
          await grant.save();
          return grant;
        },
      }),
      fetch: async (url, options) => {
        if (options.method === 'POST') {
          say({ told: String(url), body: String(options.body) });
          return new Response(null, { status: 200 });
        }
        return document && url === document.client_id
          ? Response.json(document)
          : new Response(null, { status: 404 });
      },
    });
    provider.on('server_error', (_, error) => say({ error: String(error.stack) }));
    const answers = provider.callback();
    server.on('request', async (request, response) => {
      if (!behind || !(await behind.answers(provider, request, response))) answers(request, response);
    });
    say({ issuer });
  });
});
