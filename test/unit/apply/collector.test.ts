import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { describe, expect, it } from 'vitest';
import { type Collection, type CollectOptions, runCollector } from '../../../src/apply/collector.ts';
import type { Deed } from '../../../src/deed.ts';
import type { Inventory } from '../../../src/inventory/inventory.ts';
import type { GcResult } from '../../../src/runtime/runtime.ts';
import { absentDigest, memoryRegistry } from '../../support/memory-registry.ts';

const fixtures = resolve(import.meta.dirname, '../../fixtures/collector');
const well: GcResult = { exitCode: 0, signal: undefined };
const nothing = '0 blobs marked, 0 blobs and 0 manifests eligible for deletion';

interface Said {
  readonly out?: readonly string[];
  readonly err?: readonly string[];
  readonly result?: GcResult;
}

/** Runs a collector that says this, and ends so. */
function collect(
  inventory: Inventory,
  said: Said,
  options: Partial<CollectOptions> = {},
): Promise<Collection> {
  return runCollector({
    inventory,
    start: (onLine): Deed<GcResult> => ({
      memo: { kind: 'test' },
      async do() {
        for (const line of said.out ?? []) onLine(line, 'stdout');
        for (const line of said.err ?? []) onLine(line, 'stderr');
        return said.result ?? well;
      },
      undo: async () => {},
    }),
    run: (deed) => deed.do(new AbortController().signal),
    remember: true,
    ...options,
  });
}

async function emptyInventory(): Promise<Inventory> {
  return memoryRegistry().read();
}

describe('the registry’s collector', () => {
  it('has succeeded when it exits with 0 and its summary line was seen', async () => {
    expect(await collect(await emptyInventory(), { out: ['app', '', nothing] })).toMatchObject({ blobs: 0 });
  });

  const cut = { exitCode: 0, signal: undefined, outputCut: true };

  it('has succeeded when its output was cut off after it had begun, and it exits with 0', async () => {
    const heard: string[] = [];
    const said = { out: ['app'], result: cut };
    await collect(await emptyInventory(), said, {
      remember: false,
      onOutput: (line) => heard.push(line),
    });
    expect(heard).toEqual(['its output was cut off before it ended']);
  });

  it.each<[string, Said, Partial<CollectOptions>]>([
    ['it had not begun', { result: cut }, { remember: false }],
    ['it is a rehearsal, of which every line counts', { out: ['app'], result: cut }, {}],
    ['it failed', { out: ['app'], result: { ...cut, exitCode: 1 } }, { remember: false }],
  ])('has failed when its output was cut off and %s', async (_, said, options) => {
    await expect(collect(await emptyInventory(), said, options)).rejects.toMatchObject({
      code: 'COLLECTOR_FAILED',
    });
  });

  it.each<[string, Said, string]>([
    [
      'it exits with 0 and has said how it is used, since it does not know a flag',
      { out: ['Error: unknown flag: --quiet', 'Usage:', '  registry garbage-collect <config> [flags]'] },
      'it exited with 0, but its summary line is missing',
    ],
    ['it says nothing at all', {}, 'it exited with 0, but its summary line is missing'],
    [
      'its summary is on the wrong stream',
      { err: [nothing] },
      'it exited with 0, but its summary line is missing',
    ],
    [
      'it fails after its summary',
      { out: [nothing], result: { exitCode: 1, signal: undefined } },
      'it exited with 1',
    ],
    ['it panics', { err: ['panic: …'], result: { exitCode: 2, signal: undefined } }, 'it exited with 2'],
    [
      'a signal ends it',
      { out: [nothing], result: { exitCode: undefined, signal: 'SIGKILL' } },
      'SIGKILL ended it',
    ],
  ])('has failed when %s', async (_what, said, reason) => {
    await expect(collect(await emptyInventory(), said)).rejects.toMatchObject({
      code: 'COLLECTOR_FAILED',
      exitCode: 1,
      message: `registry garbage-collect failed: ${reason}.`,
    });
  });

  it('shows the last twenty lines of both streams when it has failed', async () => {
    const out = Array.from({ length: 30 }, (_, number) => `line ${number}`);
    const said = { out, err: ['failed to garbage collect'], result: { exitCode: 1, signal: undefined } };
    await expect(collect(await emptyInventory(), said)).rejects.toMatchObject({
      details: [...out.slice(-19), 'failed to garbage collect'],
    });
  });

  it.each([
    ['2.8', (digest: string) => `manifest eligible for deletion: ${digest}`],
    ['3.x', (digest: string) => `manifest eligible for deletion: {team/app ${digest} [v1 v2]}`],
  ])('tells which blobs and which manifests go, as %s prints it', async (_version, eligible) => {
    const made = memoryRegistry();
    const image = made.image('team/app', { tags: ['v1'] });
    const dead = made.blob('dead');
    const unknown = absentDigest('pushed since');
    const inventory = await made.read();
    const collection = await collect(inventory, {
      out: [
        'team/app',
        `team/app: marking manifest ${image} `,
        eligible(image),
        '',
        '3 blobs marked, 2 blobs and 1 manifests eligible for deletion',
        `blob eligible for deletion: ${dead}`,
        `blob eligible for deletion: ${unknown}`,
      ],
    });
    expect(collection).toMatchObject({ blobs: 2, unknown: [unknown] });
    expect([...collection.sweeps].filter((one) => one === 1)).toHaveLength(1);
    expect(collection.sweeps[inventory.find(dead)]).toBe(1);
    expect([...collection.marked]).toEqual([`team/app ${inventory.find(image)}`]);
    expect([...collection.manifests]).toEqual([`team/app ${image}`]);
  });

  it('remembers what it marks for the rehearsal alone', async () => {
    const made = memoryRegistry();
    const image = made.image('app', { tags: ['v1'] });
    const said = { out: ['app', `app: marking manifest ${image} `, nothing] };
    const { marked } = await collect(await made.read(), said, { remember: false });
    expect(marked.size).toBe(0);
  });

  it('passes on lines that are not the usual ones, the summary, and errors', async () => {
    const shown: string[] = [];
    await collect(
      await emptyInventory(),
      {
        out: ['app', 'something strange', '', nothing],
        err: [
          '',
          'time="2026-01-15T12:00:00Z" level=info msg="Deleting blob: …"',
          'time="2026-01-15T12:00:00Z" level=warning msg="mind this"',
        ],
      },
      { onOutput: (line) => shown.push(line) },
    );
    expect(shown).toEqual([
      'something strange',
      nothing,
      'time="2026-01-15T12:00:00Z" level=warning msg="mind this"',
    ]);
  });

  it('tells how far it is, now and then and at the end', async () => {
    const digest = absentDigest('one');
    const told: [number, number][] = [];
    const out = [
      ...Array.from({ length: 1_200 }, () => `app: marking manifest ${digest} `),
      nothing,
      ...Array.from({ length: 600 }, () => `blob eligible for deletion: ${digest}`),
    ];
    const onProgress = (marked: number, swept: number) => told.push([marked, swept]);
    await collect(await emptyInventory(), { out }, { onProgress });
    expect(told).toEqual([
      [500, 0],
      [1_000, 0],
      [1_200, 500],
      [1_200, 600],
    ]);
  });

  it.each(['2.8.2-dry-run', '3.1.1-dry-run', '2.8.2-real-delete-untagged', '3.1.1-real-delete-untagged'])(
    'is understood as it really printed: %s',
    async (name) => {
      const out = readFileSync(`${fixtures}/${name}.txt`, 'utf8').split('\n');
      const summary = out.find((line) => /eligible for deletion$/.test(line)) ?? '';
      const [, blobs = 0, manifests = 0] = (summary.match(/\d+/g) ?? []).map(Number);
      const collection = await collect(await emptyInventory(), { out });
      expect(collection.blobs).toBe(blobs);
      expect(collection.manifests.size).toBe(manifests);
      expect(collection.unknown).toHaveLength(blobs);
    },
  );
});
