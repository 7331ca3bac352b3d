import { createHash, createPrivateKey, sign, X509Certificate } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createServer } from 'node:http';

export interface TokenService extends AsyncDisposable {
  readonly realm: string;
  /** Path of the certificate to give the registry as `rootcertbundle`. */
  readonly certificate: string;
  /** The scopes of every visit so far. */
  readonly visits: readonly (readonly string[])[];
}

export const service = 'registry under test';
export const issuer = 'test issuer';

const file = (name: string) => new URL(`../fixtures/tls/${name}`, import.meta.url).pathname;

/** Issues tokens (distribution's "Token Authentication Implementation") for all but what `denied` matches. */
export async function startTokenService(
  user: { username: string; password: string },
  denied = /^$/,
): Promise<TokenService> {
  const basic = `Basic ${Buffer.from(`${user.username}:${user.password}`).toString('base64')}`;
  const visits: string[][] = [];
  const server = createServer((request, response) => {
    const query = new URL(request.url ?? '', 'http://localhost').searchParams;
    const scopes = query.getAll('scope');
    visits.push(scopes);
    const allowed = request.headers.authorization === basic && query.get('service') === service;
    response.statusCode = allowed ? 200 : 401;
    response.end(
      allowed ? JSON.stringify({ token: jwt(scopes.filter((scope) => !denied.test(scope))) }) : '{}',
    );
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = server.address();
  const port = typeof address === 'object' && address !== null ? address.port : 0;
  return {
    realm: `http://127.0.0.1:${port}/token`,
    certificate: file('localhost.crt'),
    visits,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

function jwt(scopes: readonly string[]): string {
  const certificate = new X509Certificate(readFileSync(file('localhost.crt')));
  const key = createPrivateKey(readFileSync(file('localhost.key')));
  const now = Math.floor(Date.now() / 1000);
  const header = { typ: 'JWT', alg: 'ES256', x5c: [certificate.raw.toString('base64')] };
  const access = scopes.map((scope) => {
    const [, type, name, actions] = /^([^:]+):(.+):([^:]+)$/.exec(scope) ?? [];
    return { type, name, actions: actions?.split(',') };
  });
  const claims = {
    iss: issuer,
    sub: 'ci',
    aud: service,
    exp: now + 300,
    nbf: now - 30,
    iat: now,
    jti: createHash('sha256').update(scopes.join()).digest('hex'),
    access,
  };
  const body = [header, claims]
    .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
    .join('.');
  const signature = sign('sha256', Buffer.from(body), { key, dsaEncoding: 'ieee-p1363' });
  return `${body}.${signature.toString('base64url')}`;
}
