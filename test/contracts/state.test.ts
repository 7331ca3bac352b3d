import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  chmodSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  realpathSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { type FileHandle, open } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { filesystemState } from '../../src/storage/state.ts';
import type { State } from '../../src/storage/storage.ts';
import { openFilesBelow, removeTree } from '../support/storage-bench.ts';
import { walk } from '../support/tree.ts';

describe('filesystemState', () => {
  let base: string;
  let directory: string;
  let state: State;
  beforeEach(() => {
    base = realpathSync(mkdtempSync(join(tmpdir(), 'state-')));
    directory = join(base, 'registry/.registry-cleanup');
    state = filesystemState(directory);
  });
  afterEach(() => {
    const litter = filesBelow(base).filter((path) => path.endsWith('.tmp'));
    const open = openFilesBelow(base);
    removeTree(base);
    expect({ litter, open }).toEqual({ litter: [], open: [] });
  });

  describe('createExclusive', () => {
    it('creates what is not there, and changes nothing that is', async () => {
      expect(await state.createExclusive('lock', 'first')).toBe(true);
      expect(await state.createExclusive('lock', 'second')).toBe(false);
      expect((await state.read('lock'))?.text).toBe('first');
    });

    it('lets one of many win', async () => {
      const rivals = Array.from({ length: 20 }, (_, i) =>
        filesystemState(directory).createExclusive('lock', `${i}`),
      );
      const won = (await Promise.all(rivals)).flatMap((win, i) => (win ? [`${i}`] : []));
      expect(won).toHaveLength(1);
      expect((await state.read('lock'))?.text).toBe(won[0]);
    });

    it('is whole as soon as it is there', async () => {
      const text = 'x'.repeat(3_000_000);
      let created = false;
      const creating = state.createExclusive('big', text).finally(() => {
        created = true;
      });
      while (!created) {
        const now = await state.read('big');
        if (now !== undefined) expect(now.text.length).toBe(text.length);
        await new Promise((turn) => setImmediate(turn));
      }
      expect(await creating).toBe(true);
    });

    it('can create again what was removed', async () => {
      await state.createExclusive('lock', 'first');
      await state.remove('lock');
      expect(await state.createExclusive('lock', 'second')).toBe(true);
    });
  });

  describe('replaceIf', () => {
    it('replaces what still reads as expected', async () => {
      await state.createExclusive('lock', 'old');
      expect(await state.replaceIf('lock', 'old', 'new')).toBe(true);
      expect((await state.read('lock'))?.text).toBe('new');
    });

    it('leaves what reads otherwise, and what is absent', async () => {
      await state.createExclusive('lock', 'mine');
      expect(await state.replaceIf('lock', 'theirs', 'new')).toBe(false);
      expect((await state.read('lock'))?.text).toBe('mine');
      expect(await state.replaceIf('missing', '', 'new')).toBe(false);
      expect(await state.read('missing')).toBeUndefined();
    });

    it('lets one of many take over', async () => {
      for (let round = 0; round < 10; round++) {
        await state.remove('lock');
        await state.createExclusive('lock', 'dead');
        const rivals = Array.from({ length: 8 }, (_, i) =>
          filesystemState(directory).replaceIf('lock', 'dead', `${i}`),
        );
        const won = (await Promise.all(rivals)).flatMap((win, i) => (win ? [`${i}`] : []));
        expect(won).toHaveLength(1);
        expect((await state.read('lock'))?.text).toBe(won[0]);
      }
    });

    it('answers false when another replaced it right after', async () => {
      await state.createExclusive('lock', 'dead');
      await withSyncs(
        async (path) => {
          // The last flush of a replacement is that of the directory, after the rename.
          if (path === directory && readFileSync(join(directory, 'lock'), 'utf8') === 'ours') {
            writeFileSync(join(directory, 'lock'), 'theirs');
          }
        },
        async () => {
          expect(await state.replaceIf('lock', 'dead', 'ours')).toBe(false);
        },
      );
      expect((await state.read('lock'))?.text).toBe('theirs');
    });

    it('answers false, and changes nothing, when another replaced it while ours was being written', async () => {
      await state.createExclusive('lock', 'dead');
      await withSyncs(
        async (path) => {
          if (path.endsWith('.tmp')) writeFileSync(join(directory, 'lock'), 'theirs');
        },
        async () => {
          expect(await state.replaceIf('lock', 'dead', 'ours')).toBe(false);
        },
      );
      expect((await state.read('lock'))?.text).toBe('theirs');
    });
  });

  describe('append', () => {
    it('adds a line to what may not be there yet', async () => {
      await state.append('journal', 'one');
      await state.append('journal', 'two');
      expect((await state.read('journal'))?.text).toBe('one\ntwo\n');
    });

    it('begins a line of its own after one that was cut off', async () => {
      await state.append('journal', 'one');
      appendFileSync(join(directory, 'journal'), '{"cut o');
      await state.append('journal', 'two');
      await state.append('journal', 'three');
      expect((await state.read('journal'))?.text).toBe('one\n{"cut o\ntwo\nthree\n');
    });

    it('refuses what is more than a line', async () => {
      await expect(state.append('journal', 'one\ntwo')).rejects.toThrow('a line holds no newline');
      expect(await state.read('journal')).toBeUndefined();
    });

    it('keeps text of any script', async () => {
      await state.append('journal', 'größer ✓ 😀');
      expect((await state.read('journal'))?.text).toBe('größer ✓ 😀\n');
    });
  });

  describe('read', () => {
    it('tells the time of the last change by the clock of the storage, with fractions', async () => {
      await state.createExclusive('lock', 'x');
      utimesSync(join(directory, 'lock'), 0, 1_234.567_891);
      expect((await state.read('lock'))?.modified).toBeCloseTo(1_234_567.891, 2);
    });

    it('gives undefined for what is absent, and creates no directory to look', async () => {
      expect(await state.read('lock')).toBeUndefined();
      expect(await state.read('runs/one')).toBeUndefined();
      expect(readdirSync(base)).toEqual([]);
    });
  });

  describe('list', () => {
    it('gives the keys below a prefix, sorted', async () => {
      for (const key of ['runs/b.json', 'runs/a.json', 'lock', 'runs/old/c.json'])
        await state.createExclusive(key, '');
      expect(await state.list('')).toEqual(['lock', 'runs/a.json', 'runs/b.json', 'runs/old/c.json']);
      expect(await state.list('runs/')).toEqual(['runs/a.json', 'runs/b.json', 'runs/old/c.json']);
      for (const key of await state.list('')) expect(await state.read(key)).toBeDefined();
    });

    it('gives none where there is nothing', async () => {
      expect(await state.list('')).toEqual([]);
      await state.createExclusive('lock', '');
      expect(await state.list('runs/')).toEqual([]);
      expect(await state.list('lock/')).toEqual([]);
    });

    it('leaves out what a crash left of a write', async () => {
      await state.createExclusive('lock', '');
      await withSyncs(
        async (path) => {
          if (path.endsWith('.tmp')) expect(await state.list('')).toEqual(['lock']);
        },
        async () => {
          await state.replaceIf('lock', '', 'x');
        },
      );
    });
  });

  describe('remove', () => {
    it('removes what is there, and takes what is not for removed', async () => {
      await state.createExclusive('lock', 'x');
      await state.remove('lock');
      await state.remove('lock');
      await state.remove('runs/missing');
      expect(await state.read('lock')).toBeUndefined();
    });
  });

  describe('its directory', () => {
    it('is made when first needed, with what is in it for its owner alone', async () => {
      await state.createExclusive('runs/one.json', 'x');
      await state.append('journal', 'x');
      await state.replaceIf('runs/one.json', 'x', 'y');
      const modes = ['', 'runs', 'runs/one.json', 'journal'].map(
        (key) => statSync(join(directory, key)).mode & 0o777,
      );
      expect(modes).toEqual([0o700, 0o700, 0o600, 0o600]);
    });

    it('may be named relative to where we are, and stays where it was then', async () => {
      const here = process.cwd();
      process.chdir(base);
      const relative = filesystemState('own');
      process.chdir(here);
      await relative.createExclusive('lock', 'x');
      expect(relative.locate('lock')).toBe(join(base, 'own/lock'));
      expect(readdirSync(join(base, 'own'))).toEqual(['lock']);
    });

    it('is not used when it is a symlink: whoever writes to the storage may have laid it', async () => {
      mkdirSync(join(base, 'registry'));
      mkdirSync(join(base, 'elsewhere'));
      writeFileSync(join(base, 'elsewhere/lock'), 'theirs');
      symlinkSync('../elsewhere', directory);
      for (const call of everyCall('lock')) {
        await expect(call()).rejects.toMatchObject({
          code: 'STORAGE_FAILED',
          message: expect.stringContaining(`${directory}: it is a symbolic link, which is not followed`),
        });
      }
      expect(filesBelow(join(base, 'elsewhere'))).toEqual(['lock']);
      expect(readFileSync(join(base, 'elsewhere/lock'), 'utf8')).toBe('theirs');
    });
  });

  it('writes nothing into a directory of records that is a symlink', async () => {
    const state = filesystemState(directory);
    mkdirSync(directory, { recursive: true });
    mkdirSync(join(base, 'victims'));
    symlinkSync(join(base, 'victims'), join(directory, 'runs'));
    await expect(state.createExclusive('runs/one.json', '{}')).rejects.toMatchObject({
      code: 'STORAGE_FAILED',
      message: expect.stringContaining(`${directory}/runs: it is a symbolic link`),
    });
    await expect(state.append('runs/one.ndjson', '{}')).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
    expect(readdirSync(join(base, 'victims'))).toEqual([]);
  });

  it('never writes through a symlink that bears the name of one of its files', async () => {
    mkdirSync(directory, { recursive: true });
    writeFileSync(join(base, 'victim'), 'precious');
    symlinkSync(join(base, 'victim'), join(directory, 'lock'));
    expect(await state.createExclusive('lock', 'x')).toBe(false);
    for (const call of [
      () => state.read('lock'),
      () => state.append('lock', 'x'),
      () => state.replaceIf('lock', 'precious', 'x'),
    ]) {
      await expect(call()).rejects.toMatchObject({
        code: 'STORAGE_FAILED',
        message: expect.stringContaining('ELOOP'),
      });
    }
    await state.remove('lock');
    expect(readFileSync(join(base, 'victim'), 'utf8')).toBe('precious');
  });

  it('does not wait for a FIFO', async () => {
    mkdirSync(directory, { recursive: true });
    execFileSync('mkfifo', [join(directory, 'lock')]);
    await expect(state.read('lock')).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
    await expect(state.append('lock', 'x')).rejects.toThrow('it is not a file');
  });

  it('refuses keys that are none', async () => {
    const bad = ['', '/lock', '../lock', 'a/../lock', 'a//b', '.', 'runs/', 'a\0', '\ud800'];
    bad.push('lock.00000000-0000-0000-0000-000000000000.tmp');
    for (const key of bad) {
      for (const call of everyCall(key)) {
        await expect(call(), JSON.stringify(key)).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
      }
    }
    for (const prefix of ['runs', '../', '/'])
      await expect(state.list(prefix)).rejects.toThrow('Could not list');
    expect(readdirSync(base)).toEqual([]);
  });

  it('tells what the system refuses, with the path', async () => {
    await state.createExclusive('lock', 'x');
    chmodSync(base, 0o755);
    process.seteuid?.(65_534);
    try {
      for (const call of [...everyCall('lock'), () => state.list('')]) {
        await expect(call()).rejects.toMatchObject({
          code: 'STORAGE_FAILED',
          message: expect.stringMatching(/registry-cleanup.*permission denied \(EACCES\)/),
        });
      }
    } finally {
      process.seteuid?.(0);
    }
    expect((await state.read('lock'))?.text).toBe('x');
  });

  describe('durability', () => {
    /** What was flushed, in order, and what the directory held then. */
    async function flushes(work: () => Promise<unknown>): Promise<string[]> {
      const seen: string[] = [];
      await withSyncs(async (path) => {
        const name = path === directory ? '.' : path.slice(base.length + 1).replace(/\.[0-9a-f-]{36}/, '');
        const held = filesBelow(directory).filter((key) => !key.endsWith('.tmp'));
        seen.push(`${name} with ${held}`);
      }, work);
      return seen.map((line) => line.replace('registry/.registry-cleanup/', ''));
    }

    it('flushes a file before it gets its name, and the name after', async () => {
      mkdirSync(directory, { recursive: true });
      expect(await flushes(() => state.createExclusive('lock', 'x'))).toEqual([
        'lock.tmp with ',
        '. with lock',
      ]);
      expect(await flushes(() => state.replaceIf('lock', 'x', 'y'))).toEqual([
        'lock.tmp with lock',
        '. with lock',
      ]);
      expect(await flushes(() => state.remove('lock'))).toEqual(['. with ']);
    });

    it('flushes a line, and the name of a file that it began', async () => {
      mkdirSync(directory, { recursive: true });
      expect(await flushes(() => state.append('journal', 'x'))).toEqual([
        'journal with journal',
        '. with journal',
      ]);
      expect(await flushes(() => state.append('journal', 'y'))).toEqual(['journal with journal']);
    });

    it('flushes the names of the directories that it made', async () => {
      const synced: string[] = [];
      await withSyncs(
        async (path) => void synced.push(path),
        () => state.append('runs/one', 'x'),
      );
      expect(synced).toEqual([
        directory,
        join(base, 'registry'),
        base,
        join(directory, 'runs/one'),
        join(directory, 'runs'),
      ]);
    });
  });

  /** Everything that can be asked of a key. */
  function everyCall(key: string): (() => Promise<unknown>)[] {
    return [
      () => state.createExclusive(key, 'x'),
      () => state.replaceIf(key, 'x', 'y'),
      () => state.append(key, 'x'),
      () => state.read(key),
      () => state.remove(key),
    ];
  }

  /** Calls `seen` with the path of what is flushed, right before it is, while `work` goes on. */
  async function withSyncs(
    seen: (path: string) => Promise<void>,
    work: () => Promise<unknown>,
  ): Promise<void> {
    // A power cut cannot be provoked, so the calls that guard against one are watched.
    const handle = await open(base);
    const prototype: FileHandle = Object.getPrototypeOf(handle);
    await handle.close();
    const spies = (['sync', 'datasync'] as const).map((method) => {
      const real = prototype[method];
      return vi.spyOn(prototype, method).mockImplementation(async function (this: FileHandle) {
        await seen(readlinkSync(`/proc/self/fd/${this.fd}`));
        await real.call(this);
      });
    });
    try {
      await work();
    } finally {
      for (const spy of spies) spy.mockRestore();
    }
  }
});

function filesBelow(directory: string): string[] {
  return [...walk(directory, false)].flatMap(({ path, stats }) => (stats.isDirectory() ? [] : [path]));
}
