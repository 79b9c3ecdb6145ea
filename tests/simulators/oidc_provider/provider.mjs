// A real OpenID Connect provider on loopback, for the tests: what it needs is a line of JSON on standard input, and what a test
// has to know it says as lines of JSON on standard output. It ends when standard input ends. It opens no connection: what it
// would send to a client it says instead, and a client's document it was given.

import { createServer } from 'node:http';
import { createInterface } from 'node:readline';

import Provider from 'oidc-provider';

const lines = createInterface({ input: process.stdin });
const say = (what) => process.stdout.write(`${JSON.stringify(what)}\n`);
process.stdin.on('end', () => process.exit(0));

lines.once('line', (line) => {
  const { clients, document, people } = JSON.parse(line);
  const server = createServer().listen(0, '127.0.0.1', () => {
    const issuer = `http://127.0.0.1:${server.address().port}`;
    const provider = new Provider(issuer, {
      clients,
      claims: { openid: ['sub', 'roles'], profile: ['name'] },
      conformIdTokenClaims: false,
      findAccount: (_, id) => ({ accountId: id, claims: () => ({ sub: id, ...people[id] }) }),
      features: {
        backchannelLogout: { enabled: true },
        clientIdMetadataDocument: { enabled: true, ack: 'draft-02' },
        devInteractions: { enabled: true },
      },
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
    server.on('request', provider.callback());
    say({ issuer });
  });
});
