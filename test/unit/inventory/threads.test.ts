import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { stat } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Worker } from 'node:worker_threads';
import { afterAll, beforeAll, describe, expect, it, vi } from 'vitest';
import { type ReadOptions, readInventory, readReferences } from '../../../src/inventory/read.ts';
import { openStorage } from '../../../src/storage/open.ts';
import type { Reader } from '../../../src/storage/storage.ts';
import { at } from '../../support/layout.ts';
import { absentDigest } from '../../support/memory-registry.ts';
import { manyLinks } from './many-links.ts';

/** Threads are counted, and ended from outside once they were sent something: the next `count` times. */
const mortal = vi.hoisted(() => ({ count: 0, begun: 0 }));
vi.mock('node:worker_threads', async (importOriginal) => {
  const original = await importOriginal<typeof import('node:worker_threads')>();
  return {
    ...original,
    Worker: class extends original.Worker {
      constructor(...args: ConstructorParameters<typeof Worker>) {
        super(...args);
        mortal.begun++;
      }

      override postMessage(...args: Parameters<Worker['postMessage']>): void {
        super.postMessage(...args);
        if (mortal.count-- > 0) void this.terminate();
      }
    },
  };
});

const sharing = { threads: 2, splitAt: 50 } as const;

describe('threads that read', () => {
  const root = mkdtempSync(join(tmpdir(), 'registry-cleanup-threads-'));
  let reader: Reader;
  beforeAll(async () => {
    manyLinks(root, { repositories: 20, links: 60 });
    reader = await openStorage({ driver: 'filesystem', root });
    // Has Node begin what it keeps threads of its own for.
    await stat(root);
  });
  afterAll(() => rmSync(root, { recursive: true }));

  it('have read everything, and are gone', async () => {
    const before = threads();
    const inventory = await readInventory(reader, { sharing });
    expect(inventory.counts).toMatchObject({ repositories: 20, layerLinks: 1_200 });
    expect(mortal.begun).toBe(2);
    const again = await readReferences(reader, { known: inventory, sharing });
    expect(again.counts).toMatchObject({ repositories: 20 });
    expect(threads()).toBeLessThanOrEqual(before);
  });

  it('end when the reading is told to, in the middle of it', async () => {
    const before = threads();
    const reason = new Error('enough');
    const abort = new AbortController();
    const options: ReadOptions = {
      sharing,
      signal: abort.signal,
      onProgress: () => abort.abort(reason),
    };
    await expect(readInventory(reader, options)).rejects.toBe(reason);
    expect(threads()).toBeLessThanOrEqual(before);
  });

  it('fail the reading when one of them dies: never a gap', async () => {
    const before = threads();
    mortal.count = 1;
    await expect(readInventory(reader, { sharing })).rejects.toMatchObject({
      code: 'THREAD_ENDED',
      message: expect.stringContaining('read the storage'),
    });
    mortal.count = 0;
    expect(threads()).toBeLessThanOrEqual(before);
  });

  it('are not begun where there is little to read', async () => {
    const small = mkdtempSync(join(tmpdir(), 'registry-cleanup-threads-'));
    manyLinks(small, { repositories: 1, links: 60 });
    const near = await openStorage({ driver: 'filesystem', root: small });
    const before = mortal.begun;
    const inventory = await readInventory(near);
    expect(inventory.counts.layerLinks).toBe(60);
    expect(mortal.begun).toBe(before);
    rmSync(small, { recursive: true });
  });
});

describe('a failure of the storage', () => {
  it.each([true, false])('is the same wherever it is met (thorough: %s)', async (thorough) => {
    using tree = await tooDeep();
    const listed = await failure({ ...tree.reader, near: undefined }, { thorough: true });
    expect(listed).toMatchObject({
      code: 'STORAGE_FAILED',
      message: expect.stringContaining('ENAMETOOLONG'),
    });
    for (const threads of [0, 2]) {
      const near = await failure(tree.reader, { thorough, sharing: { threads } });
      if (thorough) expect(near).toEqual(listed);
      else
        expect(near).toMatchObject({
          code: 'STORAGE_FAILED',
          message: expect.stringContaining('ENAMETOOLONG'),
        });
      expect(near.cause).toMatchObject({ code: 'ENAMETOOLONG' });
    }
  });
});

interface Told {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly cause: unknown;
}

async function failure(reader: Reader, options: ReadOptions): Promise<Told> {
  const thrown = await readInventory(reader, options).then(
    () => expect.fail('it was read'),
    (error: unknown) => error,
  );
  const { code, message, hint, cause } = thrown as Told;
  return { code, message, hint, cause: { code: (cause as NodeJS.ErrnoException).code } };
}

/** Threads of this process. */
function threads(): number {
  return readdirSync('/proc/self/task').length;
}

interface Tree extends Disposable {
  readonly reader: Reader;
}

/** A storage at a path so long that it can be opened, and a link in it cannot. */
async function tooDeep(): Promise<Tree> {
  const directory = mkdtempSync(join(tmpdir(), 'registry-cleanup-deep-'));
  const [top, other] = [join(directory, 'top'), join(directory, 'other')];
  const link = at.layer('app', absentDigest('x'));
  mkdirSync(join(top, link, '..'), { recursive: true });
  mkdirSync(join(top, at.blobs), { recursive: true });
  // Grown at its upper end, since no call takes so long a path.
  const names: string[] = [];
  const length = (): number => top.length + names.reduce((sum, name) => sum + name.length + 1, 0);
  const wanted = 4_096 - link.length + 20;
  while (length() < wanted) {
    const name = 'd'.repeat(Math.min(200, Math.max(wanted - length() - 1, 1)));
    names.unshift(name);
    mkdirSync(other);
    renameSync(top, join(other, name));
    renameSync(other, top);
  }
  const root = [top, ...names].join('/');
  const take = (): void => {
    for (const name of names) {
      renameSync(join(top, name), other);
      rmSync(top, { recursive: true });
      renameSync(other, top);
    }
    rmSync(directory, { recursive: true });
  };
  return { reader: await openStorage({ driver: 'filesystem', root }), [Symbol.dispose]: take };
}
