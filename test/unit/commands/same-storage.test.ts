import { once } from 'node:events';
import { createServer, type RequestListener } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from 'vitest';
import { type ComparisonOptions, refuseOtherStorage } from '../../../src/commands/same-storage.ts';
import { problem } from '../../../src/errors.ts';
import { createClient } from '../../../src/registry/client.ts';
import { keyOf } from '../../../src/registry/layout.ts';
import { memoryStorage } from '../../../src/storage/memory.ts';

const quiet = new AbortController().signal;

/** An API that answers as it is told to, and what it was asked. */
async function api(answer: RequestListener) {
  const asked: string[] = [];
  const server = createServer((request, response) => {
    asked.push(`${request.method} ${request.url}`);
    response.setHeader('docker-distribution-api-version', 'registry/2.0');
    answer(request, response);
  }).listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    asked,
    open: (signal: AbortSignal) => createClient({ url: `http://127.0.0.1:${port}`, signal }),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      await new Promise((done) => server.close(done));
    },
  };
}

function compare(open: ComparisonOptions['open'], more: Partial<ComparisonOptions> = {}) {
  const reader = memoryStorage();
  return refuseOtherStorage({ open, reader, repositories: ['app'], signal: quiet, ...more });
}

describe('comparing tags with an API that gives no answer', () => {
  it('ends in time, and counts as untold', async () => {
    await using hanging = await api(() => {});
    expect(await compare(hanging.open, { forAtMostMs: 100 })).toEqual({ same: 0, untold: 1 });
  });

  it('ends with an interruption, which it is told as', async () => {
    const interruption = new AbortController();
    const reason = problem('INTERRUPTED', { signal: 'SIGTERM' });
    await using hanging = await api(() => interruption.abort(reason));
    await expect(compare(hanging.open, { signal: interruption.signal })).rejects.toBe(reason);
  });
});

describe('a tag', () => {
  const [old, fresh] = [`sha256:${'0'.repeat(64)}`, `sha256:${'f'.repeat(64)}`] as const;
  const image = 'application/vnd.oci.image.manifest.v1+json';

  /** An API with the tag app:v1, and a storage that holds it. */
  async function scene(head: (storage: ReturnType<typeof memoryStorage>) => [digest: string, type: string]) {
    const storage = memoryStorage();
    storage.put(keyOf.tag('app', 'v1'), old);
    const server = await api((request, response) => {
      if (request.method === 'HEAD') {
        const [digest, type] = head(storage);
        response.setHeader('docker-content-digest', digest).setHeader('content-type', type).end();
      } else {
        response.end(JSON.stringify({ name: 'app', tags: ['v1'] }));
      }
    });
    const heads = () => server.asked.filter((line) => line.startsWith('HEAD')).length;
    return { ...server, heads, reader: storage };
  }

  it('that is pushed between two looks is no difference', async () => {
    await using one = await scene((storage) => {
      storage.put(keyOf.tag('app', 'v1'), fresh);
      return [fresh, image];
    });
    expect(await compare(one.open, { reader: one.reader })).toEqual({ same: 1, untold: 0 });
    expect(one.heads()).toBe(1);
  });

  it('that differs is looked at three times before that counts', async () => {
    await using one = await scene(() => [fresh, image]);
    await expect(compare(one.open, { reader: one.reader })).rejects.toMatchObject({ code: 'REFUSED' });
    expect(one.heads()).toBe(3);
  });

  it('of schema 1 tells nothing: a registry may sign it anew, and then it has another digest', async () => {
    const type = 'application/vnd.docker.distribution.manifest.v1+prettyjws';
    await using one = await scene(() => [fresh, type]);
    expect(await compare(one.open, { reader: one.reader })).toEqual({ same: 0, untold: 1 });
  });
});

describe('what is asked of a large catalogue', () => {
  it('is three tags of twenty repositories, from its first to its last part', async () => {
    const tags = Array.from({ length: 100 }, (_, i) => `v${i}`);
    await using large = await api((request, response) => {
      const listed = request.url?.endsWith('/tags/list') === true;
      response.statusCode = listed ? 200 : 500;
      response.end(listed ? JSON.stringify({ name: 'x', tags }) : '');
    });
    const repositories = Array.from({ length: 1000 }, (_, i) => `r${i}`);
    expect(await compare(large.open, { repositories })).toEqual({ same: 0, untold: 60 });
    const lists = large.asked.filter((line) => line.startsWith('GET'));
    expect(lists).toHaveLength(20);
    expect(lists[0]).toBe('GET /v2/r0/tags/list');
    expect(lists.at(-1)).toBe('GET /v2/r950/tags/list');
    expect(large.asked.filter((line) => line.startsWith('HEAD /v2/r950/'))).toEqual([
      'HEAD /v2/r950/manifests/v0',
      'HEAD /v2/r950/manifests/v33',
      'HEAD /v2/r950/manifests/v66',
    ]);
  });
});
