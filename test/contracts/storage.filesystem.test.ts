import { spawn } from 'node:child_process';
import { once } from 'node:events';
import {
  appendFileSync,
  chmodSync,
  closeSync,
  ftruncateSync,
  mkdirSync,
  openSync,
  renameSync,
  rmdirSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import { text } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { placeOf } from '../../src/registry/layout.ts';
import { openFilesystem } from '../../src/storage/filesystem.ts';
import { filesystemBench, openFilesBelow, removeTree } from '../support/storage-bench.ts';
import { describeStorage, entriesOf } from './storage.contract.ts';

describeStorage('filesystem', filesystemBench);

describe('filesystem', () => {
  let bench: ReturnType<typeof filesystemBench>;
  beforeEach(() => {
    bench = filesystemBench();
  });
  afterEach(() => bench.dispose());

  /** A file whose name is bytes; `under` is a directory's key, '' for the root. */
  function putRaw(under: string, name: Buffer): void {
    mkdirSync(join(bench.root, under), { recursive: true });
    writeFileSync(Buffer.concat([Buffer.from(`${join(bench.root, under)}/`), name]), 'x');
  }

  /** Runs `work` as a user who is not root, as a cleaner beside a registry often is. */
  async function asNobody<T>(work: () => Promise<T>): Promise<T> {
    if (process.geteuid?.() !== 0) return work();
    process.seteuid?.(65_534);
    try {
      return await work();
    } finally {
      process.seteuid?.(0);
    }
  }

  /** How often a timer fires while `work` goes on. */
  async function ticksDuring(work: () => Promise<void>): Promise<number> {
    let ticks = 0;
    const timer = setInterval(() => ticks++, 1);
    await work();
    clearInterval(timer);
    return ticks;
  }

  describe('the root', () => {
    it('must be there, and be a directory', () => {
      const missing = join(bench.root, 'missing');
      expect(() => openFilesystem(missing)).toThrow(
        `Could not open ${missing}: no such file or directory (ENOENT).`,
      );
      bench.put('file', 'x');
      expect(() => openFilesystem(join(bench.root, 'file'))).toThrow('it is no directory');
    });

    it('is told by its real path, behind a symlink and from a relative path', () => {
      symlinkSync(bench.root, join(bench.root, 'link'));
      expect(openFilesystem(join(bench.root, 'link')).locate('a')).toBe(`${bench.root}/a`);
      expect(openFilesystem(relative(process.cwd(), bench.root)).locate('')).toBe(bench.root);
    });

    it('may be the root of the file system', async () => {
      const storage = openFilesystem('/');
      expect(storage.locate('etc')).toBe('/etc');
      bench.put('file', 'x');
      const key = join(bench.root, 'file').slice(1);
      expect(Buffer.from((await storage.read(key)) ?? []).toString()).toBe('x');
      expect(await storage.stat(key)).toMatchObject({ key, type: 'file' });
      expect(await entriesOf(storage, `${bench.root.slice(1)}/`)).toMatchObject([{ key, type: 'file' }]);
    });

    it('fails when it is gone or another directory lies there: that is no empty storage', async () => {
      bench.put('file', 'x');
      const aside = join(bench.root, '../aside');
      renameSync(bench.root, aside);
      async function failsEverywhere(): Promise<void> {
        const failure = {
          code: 'STORAGE_FAILED',
          message: expect.stringContaining('not the directory any more'),
        };
        await expect(entriesOf(bench.storage)).rejects.toMatchObject(failure);
        await expect(entriesOf(bench.storage, 'missing/')).rejects.toMatchObject(failure);
        await expect(bench.storage.read('file')).rejects.toMatchObject(failure);
        await expect(bench.storage.open('file')).rejects.toMatchObject(failure);
        await expect(bench.storage.stat('file')).rejects.toMatchObject(failure);
        await expect(bench.storage.remove(['file'])).rejects.toMatchObject(failure);
      }
      await failsEverywhere();
      mkdirSync(bench.root);
      await failsEverywhere();
      rmdirSync(bench.root);
      renameSync(aside, bench.root);
      expect(bench.left()).toEqual(['file']);
      expect(await bench.storage.stat('file')).toBeDefined();
    });

    it('fails a listing in the midst of which it goes: what is missing then has not vanished', async () => {
      for (let i = 0; i < 1_500; i++) bench.put(`${i}`, 'x');
      const aside = join(bench.root, '../aside');
      const listing = async (): Promise<void> => {
        for await (const _ of bench.storage.list('')) renameSync(bench.root, aside);
      };
      await expect(listing()).rejects.toMatchObject({
        message: expect.stringContaining('not the directory any more'),
      });
      renameSync(aside, bench.root);
    });
  });

  describe('names that are not UTF-8', () => {
    const latin1 = Buffer.from('caf\xe9', 'latin1');

    it('are told, each by a key of its own, as neither file nor directory', async () => {
      const names = [
        latin1,
        Buffer.from('caf\xea', 'latin1'),
        Buffer.from('caf\\xe9'),
        Buffer.from('\xe9\\xe9', 'latin1'),
      ];
      for (const name of [...names, Buffer.from('\ufffd')]) putRaw('', name);
      expect(await entriesOf(bench.storage)).toMatchObject([
        { key: '\\xe9\\x5cxe9\0', type: 'other' },
        { key: 'caf\\xe9', type: 'file' },
        { key: 'caf\\xe9\0', type: 'other', size: 0, modified: undefined },
        { key: 'caf\\xea\0', type: 'other' },
        { key: '\ufffd', type: 'file' },
      ]);
    });

    it('keep their neighbours and what is around them visible', async () => {
      putRaw('a/', latin1);
      bench.put('a/file', 'x');
      bench.put('a/deep/file', 'x');
      expect((await entriesOf(bench.storage)).map(({ key }) => key)).toEqual([
        'a/caf\\xe9\0',
        'a/deep/file',
        'a/file',
      ]);
    });

    it('stand for a whole directory, which is not entered', async () => {
      mkdirSync(Buffer.concat([Buffer.from(`${bench.root}/`), latin1]));
      writeFileSync(Buffer.concat([Buffer.from(`${bench.root}/`), latin1, Buffer.from('/file')]), 'x');
      expect(await entriesOf(bench.storage)).toEqual([
        { key: 'caf\\xe9\0', type: 'other', size: 0, modified: undefined },
      ]);
    });

    it('are refused as keys, and never lead to another file', async () => {
      putRaw('', latin1);
      bench.put('caf\\xe9', 'innocent');
      bench.put('caf\ufffd', 'innocent');
      const key = 'caf\\xe9\0';
      for (const method of ['read', 'open', 'stat'] as const) {
        await expect(bench.storage[method](key)).rejects.toMatchObject({
          code: 'STORAGE_FAILED',
          message: `Could not ${method === 'stat' ? 'look at' : 'read'} ${bench.root}/caf\\xe9: its name is not valid UTF-8, so it cannot be addressed.`,
        });
      }
      expect(await bench.storage.remove([key])).toMatchObject([{ outcome: 'failed' }]);
      expect(bench.left().filter((left) => !left.includes('\ufffd'))).toEqual(['caf\\xe9']);
      expect(await entriesOf(bench.storage)).toHaveLength(3);
    });

    it('are strays to the grammar, wherever they lie', async () => {
      const hex = 'ab'.repeat(32);
      const directories = [
        '',
        'docker/',
        `docker/registry/v2/blobs/sha256/ab/${hex}/`,
        'docker/registry/v2/repositories/',
      ];
      const inside = [
        '',
        '_layers/',
        `_layers/sha256/${hex}/`,
        '_manifests/tags/v1/current/',
        '_uploads/id/',
      ];
      for (const directory of [
        ...directories,
        ...inside.map((area) => `docker/registry/v2/repositories/r/${area}`),
      ]) {
        for (const name of ['link\xff', 'data\xff', '\xff.tmp', '\xff', '_layers\xff'])
          putRaw(directory, Buffer.from(name, 'latin1'));
      }
      const kinds = new Set((await entriesOf(bench.storage)).map(({ key }) => placeOf(key).kind));
      expect([...kinds].sort()).toEqual(['outside', 'stray']);
    });
  });

  describe('what cannot be read', () => {
    it('fails the listing with its path, never leaving a gap', async () => {
      bench.put('open/file', 'x');
      bench.put('locked/file', 'x');
      chmodSync(join(bench.root, '..'), 0o755);
      chmodSync(join(bench.root, 'locked'), 0o000);
      const failure = {
        code: 'STORAGE_FAILED',
        message: `Could not list ${bench.root}/locked/: permission denied (EACCES).`,
      };
      await asNobody(async () => {
        await expect(entriesOf(bench.storage)).rejects.toMatchObject(failure);
        await expect(entriesOf(bench.storage, 'locked/')).rejects.toMatchObject(failure);
        expect(await entriesOf(bench.storage, 'open/')).toHaveLength(1);
      });
      // Its names can be read then, what they name cannot.
      chmodSync(join(bench.root, 'locked'), 0o744);
      await asNobody(async () => {
        await expect(entriesOf(bench.storage)).rejects.toMatchObject({
          message: `Could not list ${bench.root}/locked/file: permission denied (EACCES).`,
        });
      });
    });

    it('fails read, open and stat, which do not call it absent', async () => {
      bench.put('locked/file', 'x');
      bench.put('secret', 'x');
      chmodSync(join(bench.root, '..'), 0o755);
      chmodSync(join(bench.root, 'locked'), 0o000);
      chmodSync(join(bench.root, 'secret'), 0o000);
      await asNobody(async () => {
        for (const method of ['read', 'open', 'stat'] as const) {
          await expect(bench.storage[method]('locked/file')).rejects.toMatchObject({
            code: 'STORAGE_FAILED',
            message: expect.stringContaining('EACCES'),
          });
        }
        await expect(bench.storage.read('secret')).rejects.toMatchObject({
          message: expect.stringContaining('EACCES'),
        });
        await expect(bench.storage.open('secret')).rejects.toMatchObject({
          message: expect.stringContaining('EACCES'),
        });
      });
    });

    it('is answered by remove as failed, key by key', async () => {
      bench.put('locked/file', 'x');
      bench.put('open/file', 'x');
      bench.mkdir('mine/');
      chmodSync(join(bench.root, '..'), 0o755);
      chmodSync(bench.root, 0o777);
      chmodSync(join(bench.root, 'open'), 0o777);
      chmodSync(join(bench.root, 'locked'), 0o000);
      const answers = await asNobody(() => bench.storage.remove(['locked/file', 'open/file', 'mine/']));
      expect(answers.map(({ outcome }) => outcome)).toEqual(['failed', 'removed', 'removed']);
      expect(answers[0]?.reason).toContain('EACCES');
      expect(bench.left()).toEqual(['locked/file']);
    });

    it('removes a file though the directory that it emptied cannot go', async () => {
      bench.put('a/file', 'x');
      chmodSync(join(bench.root, '..'), 0o755);
      chmodSync(join(bench.root, 'a'), 0o777);
      expect(await asNobody(() => bench.storage.remove(['a/file']))).toEqual([
        { key: 'a/file', outcome: 'removed' },
      ]);
      expect(bench.left()).toEqual(['a/']);
    });

    it('includes a path that is longer than the system takes', async () => {
      const here = process.cwd();
      const name = 'd'.repeat(250);
      process.chdir(bench.root);
      try {
        for (let depth = 0; depth < 20; depth++) {
          mkdirSync(name);
          process.chdir(name);
        }
      } finally {
        process.chdir(here);
      }
      await expect(entriesOf(bench.storage)).rejects.toMatchObject({
        code: 'STORAGE_FAILED',
        message: expect.stringContaining('ENAMETOOLONG'),
      });
    });
  });

  describe('files', () => {
    it('are told with fractions of a millisecond', async () => {
      bench.put('file', 'x');
      utimesSync(join(bench.root, 'file'), 0, 1_234.567_891);
      expect((await bench.storage.stat('file'))?.modified).toBeCloseTo(1_234_567.891, 2);
      expect((await entriesOf(bench.storage))[0]?.modified).toBeCloseTo(1_234_567.891, 2);
    });

    it('are not sockets', async () => {
      const server = createServer();
      const socket = join(bench.root, 'socket');
      await new Promise<void>((listening) => server.listen(socket, listening));
      try {
        expect(await entriesOf(bench.storage)).toMatchObject([{ key: 'socket', type: 'other', size: 0 }]);
        await expect(bench.storage.read('socket')).rejects.toMatchObject({
          message: `Could not read ${socket}: it is neither a file nor a directory.`,
        });
      } finally {
        await new Promise((closed) => server.close(closed));
      }
    });

    it('that are too long are not read: a limit keeps a sparse terabyte out of memory', async () => {
      const file = openSync(join(bench.root, 'sparse'), 'w');
      ftruncateSync(file, 2 ** 40);
      closeSync(file);
      await expect(bench.storage.read('sparse', 4_096)).rejects.toMatchObject({ code: 'FILE_TOO_LARGE' });
      await expect(bench.storage.read('sparse')).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
    });

    it('whose size the system does not tell are read to their end, and no further than the limit', async () => {
      // Files of /proc are of size 0, and longer.
      const proc = openFilesystem('/proc/self');
      expect((await proc.read('status'))?.length).toBeGreaterThan(500);
      await expect(proc.read('status', 10)).rejects.toMatchObject({ code: 'FILE_TOO_LARGE' });
    });

    it('that grow while they are streamed are streamed to their end', async () => {
      bench.put('file', 'a'.repeat(300_000));
      const stream = await bench.storage.open('file');
      appendFileSync(join(bench.root, 'file'), 'b'.repeat(10));
      expect((await text(stream)).length).toBe(300_010);
    });

    it('leave no descriptor open, whatever became of the call', async () => {
      bench.put('file', 'x');
      bench.mkdir('directory/');
      bench.other('pipe');
      for (const key of ['file', 'directory', 'pipe', 'missing']) {
        for (const call of [
          () => bench.storage.read(key),
          () => bench.storage.read(key, 0),
          () => bench.storage.open(key),
        ]) {
          const opened = await call().catch(() => undefined);
          if (opened !== undefined && 'destroy' in opened)
            await new Promise((closed) => opened.once('close', closed).destroy());
        }
      }
      expect(openFilesBelow(bench.root)).toEqual([]);
    });
  });

  describe('the event loop', () => {
    it('turns while a large tree is listed', async () => {
      for (let i = 0; i < 6_500; i++) bench.put(`${i % 10}/${i}`, 'x');
      const ticks = await ticksDuring(async () => expect(await entriesOf(bench.storage)).toHaveLength(6_500));
      expect(ticks).toBeGreaterThan(3);
    });

    it.each(['read', 'stat'] as const)(
      'turns while %s is called for long, each call after the other',
      async (method) => {
        bench.put('a/b/file', 'x');
        const ticks = await ticksDuring(async () => {
          const end = performance.now() + 300;
          while (performance.now() < end) await bench.storage[method]('a/b/file');
        });
        expect(ticks).toBeGreaterThan(5);
      },
    );
  });

  describe('beside a process that writes', () => {
    it('finds a file that is replaced again and again, as a 3.x registry writes links, there and whole', async () => {
      const replace = `
        fs.writeFileSync('link.tmp', 'ab'[round % 2].repeat(71));
        fs.renameSync('link.tmp', 'link');`;
      const seen = new Set<string>();
      await whileAnother(replace, async () => {
        seen.add(Buffer.from((await bench.storage.read('link')) ?? []).toString());
        seen.add(await text(await bench.storage.open('link')));
      });
      expect([...seen].sort()).toEqual(['a'.repeat(71), 'b'.repeat(71)]);
    });

    it('lists what stays, whatever comes and goes around it', async () => {
      bench.put('a/stays', 'x');
      const comeAndGo = `
        fs.mkdirSync('a/comes/b', { recursive: true });
        fs.writeFileSync('a/comes/b/file', '');
        fs.rmSync('a/comes', { recursive: true });`;
      await whileAnother(comeAndGo, async () => {
        expect((await entriesOf(bench.storage)).map(({ key }) => key)).toContain('a/stays');
      });
    });

    /** Does `work` for a while beside a process that runs `script` (with `fs`, `round`) in the root again and again. */
    async function whileAnother(script: string, work: () => Promise<void>): Promise<void> {
      const loop = `const fs = require('node:fs');
        for (let round = 0; ; round++) { ${script}\n if (round === 1) fs.writeSync(1, 'begun'); }`;
      const other = spawn(process.execPath, ['-e', loop], {
        cwd: bench.root,
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      const ended = once(other, 'exit');
      try {
        await once(other.stdout, 'data');
        for (const end = performance.now() + 1_000; performance.now() < end; ) await work();
        expect(other.exitCode).toBeNull();
      } finally {
        other.kill('SIGKILL');
        await ended;
      }
    }
  });

  it("never leaves its tests' directory behind", () => {
    const other = filesystemBench();
    expect(other.root.startsWith(tmpdir())).toBe(true);
    writeFileSync(join(other.root, '../beside'), '');
    expect(() => other.dispose()).toThrow('left beside the root: beside,canary,root');
    removeTree(join(other.root, '..'));
  });
});
