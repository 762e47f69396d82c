// An identity provider for tests: `node provider.mjs MODULES REDIRECT_URI`. Says its address on the first line.
// Its development pages take any name and password; the name is the subject, and says the groups: `ada+ops+staff`.
import { createServer } from 'node:http';
import { pathToFileURL } from 'node:url';

const [modules, redirect] = process.argv.slice(2);
const { Provider } = await import(pathToFileURL(`${modules}/oidc-provider/lib/index.js`));

const server = createServer((request, response) => provider.callback()(request, response));
await new Promise(listening => server.listen(0, '127.0.0.1', listening));
const issuer = `http://127.0.0.1:${server.address().port}`;
const provider = new Provider(issuer, {
  clients: [{
    client_id: 'flowctl', client_secret: 'a secret of the test', redirect_uris: [redirect],
    post_logout_redirect_uris: [new URL('/login', redirect).href],
  }],
  claims: { openid: ['sub'], profile: ['preferred_username'], groups: ['groups'] },
  scopes: ['openid', 'profile', 'groups'],
  pkce: { required: () => true },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => {
      const [name, ...groups] = id.split('+');
      return { sub: id, preferred_username: name, groups };
    },
  }),
});
console.log(issuer);
// The test ends it by closing its stdin.
process.stdin.resume().on('end', () => process.exit(0));
