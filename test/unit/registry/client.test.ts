import { afterEach, describe, expect, it } from 'vitest';
import { type Client, type ClientOptions, createClient } from '../../../src/registry/client.ts';
import { digestOf } from '../../../src/registry/digest.ts';
import { reply, type Script, type ScriptedServer, serve } from './scripted-server.ts';

const open: AsyncDisposable[] = [];
afterEach(async () => {
  for (const resource of open.splice(0).reverse()) await resource[Symbol.asyncDispose]();
});

async function server(script: Script): Promise<ScriptedServer> {
  const started = await serve(script);
  open.push(started);
  return started;
}

function client(url: string, options: Partial<ClientOptions> = {}): Client {
  const made = createClient({ url, timeoutMs: 5_000, ...options });
  open.push({ [Symbol.asyncDispose]: made.close });
  return made;
}

const manifest = Buffer.from('{"schemaVersion":2}');
const digest = digestOf(manifest);
const dockerManifest = 'application/vnd.docker.distribution.manifest.v2+json';

describe('ping', () => {
  it.each([
    ['an open registry', 200, {}, { status: 200, challenge: 'none', distribution: true }],
    [
      'one with passwords',
      401,
      { 'www-authenticate': 'Basic realm="x"' },
      { status: 401, challenge: 'basic', distribution: true },
    ],
    [
      'one with tokens, preferred to passwords',
      401,
      { 'www-authenticate': ['Basic realm="x"', 'Bearer realm="https://a.test"'] },
      { status: 401, challenge: 'bearer', distribution: true },
    ],
    [
      'one with a scheme that nobody knows',
      401,
      { 'www-authenticate': 'Negotiate' },
      { status: 401, challenge: undefined, distribution: true },
    ],
    ['one that is ill', 503, {}, { status: 503, challenge: undefined, distribution: true }],
  ])('tells %s', async (_, status, headers, expected) => {
    const { url } = await server((_request, response) => reply(response, status, '', headers));
    expect(await client(url).ping()).toEqual(expected);
  });

  it('tells a server that is no registry', async () => {
    const { url } = await server((_, response) => response.end('hello'));
    expect(await client(url).ping()).toMatchObject({ status: 200, distribution: false });
  });

  it('sends no credentials', async () => {
    const { url, seen } = await server((_, response) =>
      reply(response, 401, '', { 'www-authenticate': 'Basic realm="x"' }),
    );
    await client(url, { auth: { username: 'ci', password: 'secret' } }).ping();
    expect(seen.map(({ path, authorization }) => [path, authorization])).toEqual([['/v2/', undefined]]);
  });

  it('asks below the prefix of the registry', async () => {
    const { url, seen } = await server((_, response) => reply(response, 200, {}));
    await client(`${url}/prefix`).ping();
    await client(`${url}/prefix/`).tags('a/b');
    expect(seen.map(({ path }) => path)).toEqual(['/prefix/v2/', '/prefix/v2/a/b/tags/list']);
  });
});

describe('probeUpload', () => {
  it('tells a refusal as it is', async () => {
    const { url, seen } = await server((_, response) =>
      reply(response, 405, 'Method not allowed\n', { 'content-type': 'text/plain; charset=utf-8' }),
    );
    expect(await client(url).probeUpload('team/app')).toEqual({
      status: 405,
      contentType: 'text/plain',
      apiVersion: 'registry/2.0',
      location: undefined,
      body: 'Method not allowed\n',
    });
    expect(seen.map(({ method, path }) => `${method} ${path}`)).toEqual(['POST /v2/team/app/blobs/uploads/']);
  });

  it('tells a server that is no registry by the version that it does not send', async () => {
    const { url } = await server((_, response) => response.writeHead(405).end());
    expect(await client(url).probeUpload('a')).toMatchObject({
      status: 405,
      contentType: '',
      apiVersion: undefined,
    });
  });

  it('takes back an upload that was begun after all, on the host that it knows', async () => {
    const { url, seen } = await server(({ method }, response) =>
      method === 'POST'
        ? reply(response, 202, '', { location: 'https://elsewhere.test/v2/a/blobs/uploads/1?_state=x%3D' })
        : reply(response, 204),
    );
    const { location } = await client(url).probeUpload('a');
    await client(url).cancelUpload('a', location ?? '');
    expect(seen.at(-1)).toMatchObject({ method: 'DELETE', path: '/v2/a/blobs/uploads/1?_state=x%3D' });
  });

  it('takes an upload that is gone for taken back', async () => {
    const { url } = await server((_, response) => reply(response, 404));
    await expect(client(url).cancelUpload('a', '/v2/a/blobs/uploads/1')).resolves.toBeUndefined();
  });

  it('keeps no more than 4 KiB of an endless answer', async () => {
    const { url } = await server((_, response) => reply(response, 405, 'x'.repeat(1_000_000)));
    expect((await client(url).probeUpload('a')).body).toHaveLength(4096);
  });
});

describe('getManifest', () => {
  it('asks for all four media types', async () => {
    const { url, seen } = await server((_, response) => reply(response, 200, manifest));
    await client(url).getManifest('a', 'latest');
    expect(seen[0]?.headers.accept?.split(/, ?/).sort()).toEqual([
      'application/vnd.docker.distribution.manifest.list.v2+json',
      'application/vnd.docker.distribution.manifest.v2+json',
      'application/vnd.oci.image.index.v1+json',
      'application/vnd.oci.image.manifest.v1+json',
    ]);
  });

  it('computes the digest from the bytes, whatever the registry says', async () => {
    const { url } = await server((_, response) =>
      reply(response, 200, manifest, {
        'content-type': `${dockerManifest}; charset=utf-8`,
        'docker-content-digest': `sha256:${'0'.repeat(64)}`,
      }),
    );
    const got = await client(url).getManifest('a', 'latest');
    expect(got).toEqual({ digest, mediaType: dockerManifest, bytes: manifest });
  });

  it('refuses bytes that do not have the digest that was asked for', async () => {
    const { url } = await server((_, response) => reply(response, 200, 'something else'));
    await expect(client(url).getManifest('a', digest)).rejects.toMatchObject({ code: 'REGISTRY_GARBLED' });
  });

  it('is undefined where the registry has none', async () => {
    const { url } = await server((_, response) => reply(response, 404));
    expect(await client(url).getManifest('a', 'gone')).toBeUndefined();
  });

  it('does not take the 404 of something else for an answer', async () => {
    const { url } = await server((_, response) => response.writeHead(404).end('<h1>nginx</h1>'));
    await expect(client(url).getManifest('a', 'latest')).rejects.toMatchObject({ code: 'REGISTRY_ANSWERED' });
  });

  it('reads no manifest that the registry itself could not have', async () => {
    const { url } = await server((_, response) => reply(response, 200, Buffer.alloc(4 * 1024 * 1024 + 1)));
    await expect(client(url).getManifest('a', 'latest')).rejects.toMatchObject({ code: 'REGISTRY_GARBLED' });
  });

  it.each(['../../secrets', 'a//b', '.', '/a', 'a/..'])('does not ask for %j', async (name) => {
    const { url, seen } = await server((_, response) => reply(response, 200));
    await expect(client(url).getManifest(name, 'latest')).rejects.toThrow(RangeError);
    await expect(client(url).getManifest('a', name)).rejects.toThrow(RangeError);
    expect(seen).toEqual([]);
  });

  it('encodes what is no name, so that it stays one component', async () => {
    const { url, seen } = await server((_, response) => reply(response, 404));
    await client(url).getManifest('Lost+Found?', 'a#b\n%2e');
    expect(seen[0]?.path).toBe('/v2/Lost%2BFound%3F/manifests/a%23b%0A%252e');
  });
});

describe('headManifest', () => {
  it('tells digest and media type', async () => {
    const { url, seen } = await server((_, response) =>
      reply(response, 200, '', { 'docker-content-digest': digest, 'content-type': dockerManifest }),
    );
    expect(await client(url).headManifest('a', 'latest')).toEqual({ digest, mediaType: dockerManifest });
    expect(seen[0]?.method).toBe('HEAD');
  });

  it('is undefined where there is none', async () => {
    const { url } = await server((_, response) => reply(response, 404));
    expect(await client(url).headManifest('a', 'latest')).toBeUndefined();
  });

  it.each(['', 'sha256:short', `sha256:${'A'.repeat(64)}`])('refuses %j for a digest', async (header) => {
    const { url } = await server((_, response) =>
      reply(response, 200, '', { 'docker-content-digest': header }),
    );
    await expect(client(url).headManifest('a', 'latest')).rejects.toMatchObject({ code: 'REGISTRY_GARBLED' });
  });
});

describe('hasBlob', () => {
  it('tells whether there is one', async () => {
    const { url } = await server(({ path }, response) => reply(response, path.endsWith(digest) ? 200 : 404));
    expect(await client(url).hasBlob('a', digest)).toBe(true);
    expect(await client(url).hasBlob('a', digestOf(Buffer.from('other')))).toBe(false);
  });

  it('follows to an object store, without the credentials', async () => {
    const store = await server(({ path }, response) =>
      response.writeHead(path === '/bucket/1?sign=x' ? 200 : 404).end(),
    );
    const registry = await server(({ authorization, path }, response) => {
      if (authorization === undefined)
        return reply(response, 401, '', { 'www-authenticate': 'Basic realm="x"' });
      const key = path.endsWith(digest) ? '/bucket/1?sign=x' : '/bucket/2';
      return reply(response, 307, '', { location: `${store.url}${key}` });
    });
    const { hasBlob } = client(registry.url, { auth: { username: 'ci', password: 'secret' } });
    expect(await hasBlob('a', digest)).toBe(true);
    expect(await hasBlob('a', digestOf(Buffer.from('other')))).toBe(false);
    expect(store.seen.map(({ method, authorization }) => [method, authorization])).toEqual([
      ['HEAD', undefined],
      ['HEAD', undefined],
    ]);
  });

  it('gives up on a loop of redirects', async () => {
    const { url, seen } = await server((_, response) => reply(response, 307, '', { location: '/again' }));
    await expect(client(url).hasBlob('a', digest)).rejects.toMatchObject({ code: 'REGISTRY_GARBLED' });
    expect(seen).toHaveLength(6);
  });

  it.each(['file:///etc/passwd', 'http://', ''])('does not follow to %j', async (location) => {
    const { url } = await server((_, response) => reply(response, 307, '', { location }));
    await expect(client(url).hasBlob('a', digest)).rejects.toMatchObject({ code: 'REGISTRY_GARBLED' });
  });
});

describe('pushBlob', () => {
  const bytes = Buffer.from('a layer');
  const blob = digestOf(bytes);

  it('sends nothing that the repository has', async () => {
    const { url, seen } = await server((_, response) => reply(response, 200));
    expect(await client(url).pushBlob('a', bytes)).toEqual({ digest: blob, how: 'present' });
    expect(seen.map(({ method }) => method)).toEqual(['HEAD']);
  });

  it('sends nothing that can be mounted from another repository', async () => {
    const { url, seen } = await server(({ method }, response) =>
      reply(response, method === 'HEAD' ? 404 : 201),
    );
    expect(await client(url).pushBlob('a', bytes, { mountFrom: 'b/c' })).toEqual({
      digest: blob,
      how: 'mounted',
    });
    expect(seen[1]?.path).toBe(`/v2/a/blobs/uploads/?mount=${encodeURIComponent(blob)}&from=b%2Fc`);
  });

  it('uploads in one piece, with what the location said already', async () => {
    const { url, seen } = await server(({ method }, response) => {
      if (method === 'HEAD') reply(response, 404);
      else if (method === 'POST')
        reply(response, 202, '', { location: '/v2/a/blobs/uploads/1?_state=a%2Bb%3D%3D' });
      else reply(response, 201);
    });
    expect(await client(url).pushBlob('a', bytes, { mountFrom: 'b' })).toEqual({
      digest: blob,
      how: 'uploaded',
    });
    const put = new URL(seen[2]?.path ?? '', url);
    expect([put.pathname, ...put.searchParams]).toEqual([
      '/v2/a/blobs/uploads/1',
      ['_state', 'a+b=='],
      ['digest', blob],
    ]);
    expect(seen[2]).toMatchObject({ method: 'PUT', body: bytes });
  });

  it('tells a registry that takes no pushes', async () => {
    const { url } = await server(({ method }, response) =>
      method === 'HEAD' ? reply(response, 404) : reply(response, 405, 'Method not allowed\n'),
    );
    await expect(client(url).pushBlob('a', bytes)).rejects.toMatchObject({
      code: 'REGISTRY_ANSWERED',
      message: `POST ${url}/v2/a/blobs/uploads/ was answered with 405: Method not allowed.`,
    });
  });
});

describe('putManifest', () => {
  it('sends the bytes as they are, with their media type', async () => {
    const { url, seen } = await server((_, response) => reply(response, 201));
    expect(await client(url).putManifest('a', 'v1', { mediaType: dockerManifest, bytes: manifest })).toBe(
      digest,
    );
    expect(seen[0]).toMatchObject({ method: 'PUT', path: '/v2/a/manifests/v1', body: manifest });
    expect(seen[0]?.headers['content-type']).toBe(dockerManifest);
  });

  it('tells when the registry stored something else', async () => {
    const { url } = await server((_, response) =>
      reply(response, 201, '', { 'docker-content-digest': digestOf(Buffer.from('rewritten')) }),
    );
    const put = client(url).putManifest('a', 'v1', { mediaType: dockerManifest, bytes: manifest });
    await expect(put).rejects.toMatchObject({ code: 'REGISTRY_GARBLED' });
  });

  it("shows the codes of the registry's error document", async () => {
    const errors = [
      { code: 'MANIFEST_BLOB_UNKNOWN', message: 'blob unknown to registry', detail: digest },
      { code: 'DENIED' },
      'nonsense',
    ];
    const { url } = await server((_, response) => reply(response, 400, { errors }));
    const put = client(url).putManifest('a', 'v1', { mediaType: dockerManifest, bytes: manifest });
    await expect(put).rejects.toThrow('with 400: MANIFEST_BLOB_UNKNOWN: blob unknown to registry; DENIED.');
  });
});

describe('catalog', () => {
  it('is one page of 1000, complete when it is not full', async () => {
    const { url, seen } = await server((_, response) => reply(response, 200, { repositories: ['a', 'b/c'] }));
    expect(await client(url).catalog()).toEqual({ names: ['a', 'b/c'], complete: true });
    expect(seen[0]?.path).toBe('/v2/_catalog?n=1000');
  });

  it('is not complete when the page is full, or the registry says that there is more', async () => {
    const full = await server((_, response) => reply(response, 200, { repositories: ['a', 'b'] }));
    expect(await client(full.url).catalog(2)).toEqual({ names: ['a', 'b'], complete: false });
    const linked = await server((_, response) =>
      reply(response, 200, { repositories: ['a'] }, { link: '</v2/_catalog?last=a&n=5>; rel="next"' }),
    );
    expect(await client(linked.url).catalog(5)).toEqual({ names: ['a'], complete: false });
  });

  it("takes the registry's own page where its maximum is lower", async () => {
    const { url } = await server(({ path }, response) =>
      path.includes('n=')
        ? reply(response, 400, { errors: [{ code: 'PAGINATION_NUMBER_INVALID' }] })
        : reply(response, 200, { repositories: ['a'] }),
    );
    expect(await client(url).catalog()).toEqual({ names: ['a'], complete: true });
  });

  it.each([
    ['no JSON', '<html>'],
    ['a list', '[]'],
    ['null', 'null'],
    ['names that are none', '{"repositories":[1]}'],
    ['something else than a list', '{"repositories":{"length":3}}'],
    ['invalid UTF-8', Buffer.from('{"repositories":["\xff"]}', 'latin1')],
  ])('refuses %s', async (_, body) => {
    const { url } = await server((_request, response) => reply(response, 200, body));
    await expect(client(url).catalog()).rejects.toMatchObject({ code: 'REGISTRY_GARBLED' });
  });

  it('takes nothing from the prototype', async () => {
    const { url } = await server((_, response) =>
      reply(response, 200, '{"__proto__":{"repositories":["x"]}}'),
    );
    expect(await client(url).catalog()).toEqual({ names: [], complete: true });
  });
});

describe('tags', () => {
  it('lists them', async () => {
    const { url } = await server((_, response) => reply(response, 200, { name: 'a', tags: ['v10', 'v1'] }));
    expect(await client(url).tags('a')).toEqual(['v10', 'v1']);
  });

  it('is empty after the last one was deleted, and where the repository is not known', async () => {
    const empty = await server((_, response) => reply(response, 200, { name: 'a', tags: null }));
    expect(await client(empty.url).tags('a')).toEqual([]);
    const unknown = await server((_, response) =>
      reply(response, 404, { errors: [{ code: 'NAME_UNKNOWN' }] }),
    );
    expect(await client(unknown.url).tags('a')).toEqual([]);
  });

  it('does not take half a list for a whole one', async () => {
    const link = '</v2/a/tags/list?last=a&n=1>; rel="next"';
    const { url } = await server((_, response) => reply(response, 200, { tags: ['a'] }, { link }));
    await expect(client(url).tags('a')).rejects.toMatchObject({ code: 'REGISTRY_GARBLED' });
  });
});

describe('errors', () => {
  const auth = { username: 'ci', password: 'p@ss word' };

  it('say neither password nor token, even if the answer does', async () => {
    const echo: Script = ({ authorization = '' }, response) => {
      const pair = Buffer.from(authorization.slice('Basic '.length), 'base64').toString();
      const password = pair.slice(pair.indexOf(':') + 1);
      const text = `not for ${authorization} ${pair} ${encodeURIComponent(password)}`;
      if (authorization === '') reply(response, 401, '', { 'www-authenticate': 'Basic realm="x"' });
      else reply(response, 403, { errors: [{ code: 'DENIED', message: text }] });
    };
    const { url } = await server(echo);
    const error = await client(url, { auth })
      .tags('a')
      .catch((thrown) => thrown);
    expect(error.message).toBe(
      `GET ${url}/v2/a/tags/list was answered with 403: DENIED: not for Basic *** ci:*** ***.`,
    );
  });

  it('show an address without the credentials and the query in it', async () => {
    const { url } = await server((_, response) => reply(response, 500));
    const withSecrets = url.replace('://', '://ci:secret@');
    const { url: shown, catalog } = client(withSecrets);
    expect(shown).toBe(url);
    await expect(catalog()).rejects.toThrow(`GET ${url}/v2/_catalog was answered with 500.`);
  });

  it('show the beginning of a long answer on one line', async () => {
    const { url } = await server((_, response) => reply(response, 500, 'a\r\n'.repeat(100_000)));
    const error = await client(url)
      .tags('a')
      .catch((thrown) => thrown);
    expect(error.message.length).toBeLessThan(450);
    expect(error.message).not.toMatch(/[\r\n]/);
  });

  it('say where a redirect would have led', async () => {
    const { url } = await server((_, response) =>
      response.writeHead(301, { location: 'https://u:p@registry.test/v2/?token=x' }).end(),
    );
    await expect(client(url).tags('a')).rejects.toThrow(
      'with 301: it redirects to https://registry.test/v2/.',
    );
  });

  it.each(['', 'registry:5000', 'ftp://registry', 'http://'])('refuse %j for an address', (url) => {
    expect(() => createClient({ url })).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  });
});
