import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { reservedIn } from '../../src/storage/open.ts';
import { filesystemState } from '../../src/storage/state.ts';
import type { State } from '../../src/storage/storage.ts';
import { type Act, systemError, tap } from '../support/operations.ts';
import { temporaryDirectory } from '../support/program.ts';
import { type SmallDisk, smallDisk } from '../support/small-disk.ts';
import { openFilesBelow } from '../support/storage-bench.ts';

const pieces = 16;

describe('a state directory on a full disk', () => {
  let disk: SmallDisk;
  let directory: string;
  let state: State;
  beforeEach(() => {
    disk = smallDisk('tmpfs', 2);
    directory = join(disk.path, '.registry-cleanup');
    state = filesystemState(directory);
  });
  afterEach(() => {
    const open = openFilesBelow(disk.path);
    const litter = existsSync(directory)
      ? readdirSync(directory).filter((name) => name.endsWith('.tmp'))
      : [];
    disk[Symbol.dispose]();
    expect({ open, litter }).toEqual({ open: [], litter: [] });
  });

  const aside = (): number => readdirSync(join(directory, 'reserve')).length;

  /** As a run leaves it that had room. */
  async function prepared(): Promise<void> {
    await state.createExclusive('lock', 'earlier');
    await state.prepare();
    await state.remove('lock');
    disk.fill();
    expect([disk.free().bytes, aside()]).toEqual([0, pieces]);
  }

  it('has nothing to give where nothing was set aside: that is told, and nothing is changed', async () => {
    disk.fill();
    for (const call of [() => state.createExclusive('lock', 'x'), () => state.append('journal', 'x')]) {
      await expect(call()).rejects.toMatchObject({
        code: 'STATE_NO_ROOM',
        exitCode: 1,
        message: expect.stringContaining(`${directory}/`),
        hint: expect.stringContaining('state.directory (CLEANUP_STATE_DIRECTORY)'),
      });
    }
    expect(readdirSync(disk.path)).toEqual([]);
  });

  it('still takes a lock, beats and journals, with few pieces of what was set aside', async () => {
    await prepared();
    expect(await state.createExclusive('lock', 'beat 10')).toBe(true);
    expect(await state.createExclusive('lock', 'another')).toBe(false);
    for (let beat = 10; beat < 40; beat++)
      expect(await state.replaceIf('lock', `beat ${beat}`, `beat ${beat + 1}`)).toBe(true);
    for (let line = 0; line < 30; line++) await state.append('journal', `${line} ${'x'.repeat(400)}`);
    expect((await state.read('lock'))?.text).toBe('beat 40');
    const lines = (await state.read('journal'))?.text.split('\n').map((line) => Number.parseInt(line, 10));
    expect(lines).toEqual([...Array.from({ length: 30 }, (_, n) => n), Number.NaN]);
    expect(aside()).toBeGreaterThan(pieces - 6);
  });

  it('still takes a lock, beats and journals without a single inode', async () => {
    await state.createExclusive('lock', 'earlier');
    await state.prepare();
    await state.remove('lock');
    disk.fillInodes();
    expect(disk.free().files).toBe(0);
    expect(await state.createExclusive('lock', 'one')).toBe(true);
    expect(await state.replaceIf('lock', 'one', 'two')).toBe(true);
    await state.append('journal', 'line');
    expect((await state.read('journal'))?.text).toBe('line\n');
  });

  it('beats though nothing is left of it, where the lock lies already, and the time of the lock moves on', async () => {
    await prepared();
    await state.createExclusive('lock', 'beat 1');
    rmSync(join(directory, 'reserve'), { recursive: true });
    disk.fill();
    const before = (await state.read('lock'))?.modified ?? 0;
    await new Promise((resolve) => setTimeout(resolve, 20));
    expect(await state.replaceIf('lock', 'beat 1', 'beat 2, longer')).toBe(true);
    expect((await state.read('lock'))?.text).toBe('beat 2, longer');
    expect(await state.replaceIf('lock', 'beat 2, longer', 'beat 3')).toBe(true);
    expect((await state.read('lock'))?.text).toBe('beat 3');
    expect((await state.read('lock'))?.modified).toBeGreaterThan(before);
    expect(await state.replaceIf('lock', 'beat 1', 'beat 4')).toBe(false);
    expect((await state.read('lock'))?.text).toBe('beat 3');
  });

  it('writes a long line whole, once, piece by piece', async () => {
    await prepared();
    const line = Array.from({ length: 10_000 }, (_, n) => `${n}`).join(' ');
    await state.append('journal', 'first');
    await state.append('journal', line);
    expect((await state.read('journal'))?.text).toBe(`first\n${line}\n`);
    expect(aside()).toBeLessThanOrEqual(pieces - 3);
  });

  it('leaves to lock and journal what they need, whatever logs of runs take', async () => {
    await prepared();
    await state.createExclusive('lock', 'x');
    await expect(state.append('runs/one.ndjson', 'x'.repeat(400_000))).rejects.toMatchObject({
      code: 'STATE_NO_ROOM',
    });
    expect(aside()).toBe(6);
    await expect(state.createExclusive('runs/one.json', 'x'.repeat(20_000))).rejects.toMatchObject({
      code: 'STATE_NO_ROOM',
    });
    expect(aside()).toBe(6);
    disk.fill();
    await state.append('journal', 'x'.repeat(30_000));
    expect(await state.list('')).toEqual(['journal', 'lock', 'runs/one.ndjson']);
  });

  it('sets aside again what it gave up, as soon as there is room', async () => {
    await prepared();
    await state.createExclusive('lock', 'x');
    await state.append('journal', 'x'.repeat(50_000));
    await state.prepare();
    expect(aside()).toBeLessThan(pieces);
    disk.empty();
    await state.prepare();
    expect(aside()).toBe(pieces);
    expect(await reservedIn(directory)).toBe(pieces * 16 * 1024);
  });
});

describe('a state directory', () => {
  it('keeps what it set aside to itself: it is no file of anybody’s', async () => {
    using place = temporaryDirectory();
    const state = filesystemState(join(place.path, 'own'));
    await state.prepare();
    expect(existsSync(join(place.path, 'own'))).toBe(false);
    await state.createExclusive('lock', 'x');
    await state.prepare();
    expect(readdirSync(join(place.path, 'own')).sort()).toEqual(['lock', 'reserve']);
    expect(lstatSync(join(place.path, 'own/reserve')).mode & 0o777).toBe(0o700);
    expect(await state.list('')).toEqual(['lock']);
    for (const key of ['reserve', 'reserve/00']) {
      await expect(state.read(key)).rejects.toThrow('the name is that of the reserve');
      await expect(state.remove(key)).rejects.toThrow('the name is that of the reserve');
    }
  });

  it('makes a piece whole again that a crash cut off', async () => {
    using place = temporaryDirectory();
    const state = filesystemState(place.path);
    await state.createExclusive('lock', 'x');
    await state.prepare();
    writeFileSync(join(place.path, 'reserve/07'), 'cut off');
    expect(await reservedIn(place.path)).toBe((pieces - 1) * 16 * 1024);
    await state.prepare();
    expect(await reservedIn(place.path)).toBe(pieces * 16 * 1024);
  });

  it('sets nothing aside behind a symlink that was laid in the place of the reserve', async () => {
    using place = temporaryDirectory();
    using other = temporaryDirectory();
    const state = filesystemState(place.path);
    await state.createExclusive('lock', 'x');
    symlinkSync(other.path, join(place.path, 'reserve'));
    await expect(state.prepare()).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
    expect(readdirSync(other.path)).toEqual([]);
    expect(await reservedIn(place.path)).toBe(0);
  });

  it('sweeps what writes of dead runs left, and nothing else', async () => {
    using place = temporaryDirectory();
    const state = filesystemState(place.path);
    await state.createExclusive('runs/one.json', 'x');
    mkdirSync(join(place.path, 'other'));
    const temporary = '00000000-0000-4000-8000-000000000000.tmp';
    for (const name of [`lock.${temporary}`, `runs/one.json.${temporary}`, 'runs/mine.tmp'])
      writeFileSync(join(place.path, name), '');
    await state.prepare();
    expect(readdirSync(place.path).sort()).toEqual(['other', 'reserve', 'runs']);
    expect(readdirSync(join(place.path, 'runs')).sort()).toEqual(['mine.tmp', 'one.json']);
  });

  it('writes again when whoever has the lock by now sweeps the temporary file of a write that is under way', async () => {
    using place = temporaryDirectory();
    const state = filesystemState(place.path);
    let swept = 0;
    const sweep: Act = ({ call, path }, when) => {
      const closing = call === 'link' || call === 'rename';
      if (when === 'after' || !closing || swept++ % 2 === 1) return;
      rmSync(path);
    };
    using _ = tap({ below: place.path, act: sweep });
    expect(await state.createExclusive('lock', 'one')).toBe(true);
    expect(await state.replaceIf('lock', 'one', 'two')).toBe(true);
    expect(swept).toBe(4);
    expect((await state.read('lock'))?.text).toBe('two');
    expect(readdirSync(place.path)).toEqual(['lock']);
  });

  it.each(['EPERM', 'ENOTSUP', 'ENOSYS'])(
    'does without hard links (%s), and creates exclusively all the same',
    async (errno) => {
      using place = temporaryDirectory();
      const state = filesystemState(place.path);
      // No file system without them can be mounted here.
      const act: Act = (operation, when) => {
        if (operation.call === 'link' && when === 'before') throw systemError(errno, operation);
      };
      using _ = tap({ below: place.path, act });
      const rivals = Array.from({ length: 10 }, (_, n) =>
        filesystemState(place.path).createExclusive('lock', `${n}`),
      );
      const won = (await Promise.all(rivals)).flatMap((win, n) => (win ? [`${n}`] : []));
      expect(won).toHaveLength(1);
      expect((await state.read('lock'))?.text).toBe(won[0]);
      expect(await state.replaceIf('lock', won[0] ?? '', 'two')).toBe(true);
      expect(readdirSync(place.path)).toEqual(['lock']);
    },
  );

  it('does not write over a lock that another run has put in the place of ours, on a full disk either', async () => {
    using place = temporaryDirectory();
    const state = filesystemState(place.path);
    await state.createExclusive('lock', 'ours');
    using beside = temporaryDirectory();
    const theirs = join(beside.path, 'theirs');
    writeFileSync(theirs, 'theirs');
    const act: Act = (operation, when) => {
      if (when === 'after') return;
      if (operation.call === 'open' && operation.path.endsWith('.tmp'))
        throw systemError('ENOSPC', operation);
      if (operation.call === '.datasync') renameSync(theirs, join(place.path, 'lock'));
    };
    using _ = tap({ below: place.path, act });
    expect(await state.replaceIf('lock', 'ours', 'ours again')).toBe(false);
    expect((await state.read('lock'))?.text).toBe('theirs');
  });
});
