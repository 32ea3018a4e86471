// A certified OpenID provider for the tests. Its one argument is JSON: {"port", "client": {…}}. It says "ready" when it listens; a line
// "rotate" on standard input replaces its key, which is answered by "rotated". Who signs in names his claims, as JSON, where a login is
// asked for.
import { generateKeyPairSync, randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { createInterface } from 'node:readline';

import Provider from 'oidc-provider';

const { port, client } = JSON.parse(process.argv[2]);
const cookieKey = randomUUID();

function newKey() {
    const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 });
    return { ...privateKey.export({ format: 'jwk' }), kid: randomUUID(), use: 'sig', alg: 'RS256' };
}

function newProvider() {
    return new Provider(`http://127.0.0.1:${port}`, {
        clients: [{ grant_types: ['authorization_code'], response_types: ['code'], ...client }],
        jwks: { keys: [newKey()] },
        pkce: { methods: ['S256'], required: () => true },
        claims: { email: ['email', 'email_verified'], profile: ['name', 'picture'] },
        conformIdTokenClaims: false, // the id_token holds them, as Google's does
        cookies: { keys: [cookieKey] },
        findAccount: (context, id) => ({ accountId: id, claims: () => JSON.parse(id) }),
    });
}

let answer = newProvider().callback();
createServer((request, response) => answer(request, response)).listen(port, '127.0.0.1', () => console.log('ready'));
createInterface({ input: process.stdin }).on('line', () => {
    answer = newProvider().callback();
    console.log('rotated');
}).on('close', () => process.exit());
