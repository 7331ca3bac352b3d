import { afterEach, describe, expect, it } from 'vitest';
import { createAuthenticator } from '../../../src/registry/auth.ts';
import { createClient } from '../../../src/registry/client.ts';
import { createTransport } from '../../../src/registry/client-transport.ts';
import { reply, type ScriptedServer, type Seen, serve } from './scripted-server.ts';

const auth = { username: 'ci', password: 'secret' };
const basic = `Basic ${Buffer.from('ci:secret').toString('base64')}`;

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const resource of open.splice(0).reverse()) await resource[Symbol.asyncDispose]();
});

function client(url: string, credentials: { auth?: typeof auth } = { auth }) {
  const made = createClient({ url, timeoutMs: 5_000, ...credentials });
  open.push({ [Symbol.asyncDispose]: made.close });
  return made;
}

/** A registry with a token service on its own host. `issue` answers for a token; `accept` says who gets in. */
async function tokenRegistry(options: {
  readonly issue?: (request: Seen, number: number) => unknown;
  readonly accept?: (token: string, request: Seen) => boolean;
  readonly realm?: (self: string) => string;
}): Promise<{ registry: ScriptedServer; visits: Seen[] }> {
  const visits: Seen[] = [];
  const registry: ScriptedServer = await serve((request, response) => {
    if (request.path.startsWith('/token')) {
      visits.push(request);
      reply(response, 200, options.issue?.(request, visits.length) ?? { token: `t${visits.length}` });
      return;
    }
    const token = /^Bearer (.*)$/.exec(request.authorization ?? '')?.[1];
    if (token !== undefined && (options.accept?.(token, request) ?? true)) {
      reply(response, 200, { tags: [], repositories: [] });
      return;
    }
    const [, repository] = /^\/v2\/(.+?)\/(?:tags|blobs|manifests)\//.exec(request.path) ?? [];
    const scope = repository === undefined ? 'registry:catalog:*' : `repository:${repository}:pull`;
    const realm = options.realm?.(registry.url) ?? `${registry.url}/token?tenant=1`;
    const error = token === undefined ? '' : ',error="insufficient_scope"';
    reply(response, 401, '', {
      'www-authenticate': `Bearer realm="${realm}",service="reg",scope="${scope}"${error}`,
    });
  });
  open.push(registry);
  return { registry, visits };
}

describe('Basic', () => {
  it('sends the password when it is asked for, and from then on at once', async () => {
    const registry = await serve(({ authorization }, response) =>
      authorization === basic
        ? reply(response, 200, { tags: [] })
        : reply(response, 401, '', { 'www-authenticate': 'Basic realm="x"' }),
    );
    open.push(registry);
    const { tags } = client(registry.url);
    await tags('a');
    await tags('b');
    expect(registry.seen.map(({ path, authorization }) => [path, authorization])).toEqual([
      ['/v2/a/tags/list', undefined],
      ['/v2/a/tags/list', basic],
      ['/v2/b/tags/list', basic],
    ]);
  });

  it.each([
    ['p%40ss', 'ci:p@ss'],
    ['100%', 'ci:100%'],
  ])('takes the password %j from the address as %j', async (written, meant) => {
    const registry = await serve(({ authorization }, response) =>
      authorization === undefined
        ? reply(response, 401, '', { 'www-authenticate': 'Basic realm="x"' })
        : reply(response, 200, { tags: [] }),
    );
    open.push(registry);
    const made = createClient({ url: registry.url.replace('://', `://ci:${written}@`) });
    open.push({ [Symbol.asyncDispose]: made.close });
    await made.tags('a');
    const sent = registry.seen.at(-1)?.authorization?.slice('Basic '.length) ?? '';
    expect(Buffer.from(sent, 'base64').toString()).toBe(meant);
  });

  it('does not try a wrong password twice', async () => {
    const registry = await serve((_, response) => reply(response, 401, '', { 'www-authenticate': 'Basic' }));
    open.push(registry);
    const { tags } = client(registry.url);
    await expect(tags('a')).rejects.toMatchObject({ code: 'REGISTRY_ANSWERED' });
    await expect(tags('a')).rejects.toThrow('with 401');
    expect(registry.seen.map(({ authorization }) => authorization)).toEqual([undefined, basic, basic]);
  });

  it('has nothing to send without credentials', async () => {
    const registry = await serve((_, response) => reply(response, 401, '', { 'www-authenticate': 'Basic' }));
    open.push(registry);
    await expect(client(registry.url, {}).tags('a')).rejects.toThrow('with 401');
  });
});

describe('Bearer', () => {
  it('fetches a token for what the challenge says, with the password', async () => {
    const { registry, visits } = await tokenRegistry({});
    await client(registry.url).tags('team/app');
    const [visit] = visits;
    const query = [...new URL(visit?.path ?? '', registry.url).searchParams];
    expect(visit?.authorization).toBe(basic);
    expect(query).toEqual([
      ['tenant', '1'],
      ['service', 'reg'],
      ['scope', 'repository:team/app:pull'],
    ]);
    expect(registry.seen.at(-1)?.authorization).toBe('Bearer t1');
  });

  it('fetches one without a password where there is none, as for public repositories', async () => {
    const { registry, visits } = await tokenRegistry({});
    await client(registry.url, {}).tags('a');
    expect(visits.map(({ authorization }) => authorization)).toEqual([undefined]);
  });

  it('keeps a token for its scope', async () => {
    const { registry, visits } = await tokenRegistry({});
    const { tags, catalog } = client(registry.url);
    await tags('a');
    await tags('a');
    await tags('b');
    await catalog();
    expect(visits.map(({ path }) => new URL(path, registry.url).searchParams.get('scope'))).toEqual([
      'repository:a:pull',
      'repository:b:pull',
      'registry:catalog:*',
    ]);
  });

  it('makes one visit for requests in parallel', async () => {
    const { registry, visits } = await tokenRegistry({});
    const { tags } = client(registry.url);
    await Promise.all(Array.from({ length: 20 }, () => tags('a')));
    expect(visits).toHaveLength(1);
  });

  it('asks for each resource of a scope by itself', async () => {
    const registry: ScriptedServer = await serve(({ path, authorization }, response) => {
      if (path.startsWith('/token')) reply(response, 200, { token: 't' });
      else if (authorization !== undefined) reply(response, 200, { tags: [] });
      else {
        const scope = 'repository:a:pull,push repository:b:pull';
        reply(response, 401, '', {
          'www-authenticate': `Bearer realm="${registry.url}/token",scope="${scope}"`,
        });
      }
    });
    open.push(registry);
    await client(registry.url).tags('a');
    const [, visit] = registry.seen;
    expect(new URL(visit?.path ?? '', registry.url).searchParams.getAll('scope')).toEqual([
      'repository:a:pull,push',
      'repository:b:pull',
    ]);
  });

  it('takes a token under its other name', async () => {
    const { registry } = await tokenRegistry({ issue: () => ({ access_token: 'other' }) });
    await client(registry.url).tags('a');
    expect(registry.seen.at(-1)?.authorization).toBe('Bearer other');
  });

  it('fetches a new one when the old one has expired', async () => {
    const { registry, visits } = await tokenRegistry({
      issue: (_, number) => ({ token: `t${number}`, expires_in: 0.05 }),
    });
    const { tags } = client(registry.url);
    await tags('a');
    await new Promise((resolve) => setTimeout(resolve, 60));
    await tags('a');
    expect(visits).toHaveLength(2);
  });

  it('fetches a new one, once, when the registry does not take the old one any more', async () => {
    let valid = 't1';
    const { registry, visits } = await tokenRegistry({ accept: (token) => token === valid });
    const { tags } = client(registry.url);
    await tags('a');
    valid = 't2';
    await tags('a');
    expect(visits).toHaveLength(2);
  });

  it('tells a scope that is not granted, which also comes as 401', async () => {
    const { registry, visits } = await tokenRegistry({ accept: () => false });
    await expect(client(registry.url).tags('a')).rejects.toThrow('/v2/a/tags/list was answered with 401');
    expect(visits).toHaveLength(1);
  });

  it.each([
    ['no token', {}],
    ['a token that is none', { token: 7 }],
    ['a token that would break a header', { token: 'a\r\nx-evil: 1' }],
    ['an empty token', { token: '' }],
    ['no JSON', '<html>'],
    ['a list', []],
    ['more than a token takes', { token: 'x'.repeat(100_000) }],
  ])('refuses %s', async (_, body) => {
    const { registry } = await tokenRegistry({ issue: () => body });
    await expect(client(registry.url).tags('a')).rejects.toMatchObject({ code: 'REGISTRY_GARBLED' });
  });

  it.each([
    ['on another host, over http', () => 'http://localhost/token'],
    ['that is no address', () => 'token'],
    ['with a password in it', (self: string) => `${self.replace('://', '://a:b@')}/token`],
    ['of another protocol', () => 'file:///etc/passwd'],
  ])('sends no password to a token service %s', async (_, realm) => {
    const { registry, visits } = await tokenRegistry({ realm });
    await expect(client(registry.url).tags('a')).rejects.toMatchObject({ code: 'REGISTRY_GARBLED' });
    expect(visits).toEqual([]);
  });

  it('does not go down from https to http for a token', async () => {
    const transport = createTransport({ timeoutMs: 1_000 });
    open.push({ [Symbol.asyncDispose]: transport.close });
    const { answer } = createAuthenticator(new URL('https://registry.test/'), auth, transport);
    const challenge = 'Bearer realm="http://registry.test/token",service="reg"';
    await expect(answer('s', [challenge], undefined)).rejects.toMatchObject({ code: 'REGISTRY_GARBLED' });
  });

  it('does not take the password elsewhere because the token service says so', async () => {
    const thief = await serve((_, response) => reply(response, 200, { token: 't' }));
    const registry: ScriptedServer = await serve(({ path }, response) =>
      path.startsWith('/token')
        ? reply(response, 302, '', { location: `${thief.url}/token` })
        : reply(response, 401, '', { 'www-authenticate': `Bearer realm="${registry.url}/token"` }),
    );
    open.push(registry, thief);
    await expect(client(registry.url).tags('a')).rejects.toThrow('/token was answered with 302');
    expect(thief.seen).toEqual([]);
  });

  it('shows a refusal of the token service without the password in it', async () => {
    const registry: ScriptedServer = await serve(({ path, authorization }, response) =>
      path.startsWith('/token')
        ? reply(response, 403, `no: ${authorization} secret`)
        : reply(response, 401, '', { 'www-authenticate': `Bearer realm="${registry.url}/token?key=k"` }),
    );
    open.push(registry);
    await expect(client(registry.url).tags('a')).rejects.toThrow(
      `GET ${registry.url}/token was answered with 403: no: Basic *** ***.`,
    );
  });
});
