import { buffer } from 'node:stream/consumers';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Entry, Reader, Storage } from '../../src/storage/storage.ts';

/** What a test lays out behind a storage's back. Times are ms since the epoch. */
export interface Bench<T extends Reader = Reader> {
  readonly storage: T;
  put(key: string, content: string | Uint8Array, modified?: number): void;
  /** Key with a trailing slash. */
  mkdir(key: string): void;
  /** `target`: relative to where the link lies. */
  symlink(key: string, target: string): void;
  /** Something that is neither file, directory nor symlink. */
  other(key: string): void;
  /** Takes away what is there, whatever it is. */
  drop(key: string): void;
  /** Every key that is left (of directories, the empty ones), seen without the storage. Sorted. */
  left(): readonly string[];
  /** Takes the bench down, and throws when the storage left anything behind beside what it keeps. */
  dispose(): void | Promise<void>;
}

/** What every Reader does, that of a Storage too. */
export function describeReader(name: string, open: () => Bench): void {
  describe(`${name} as a Reader`, () => {
    let bench: Bench;
    beforeEach(() => {
      bench = open();
    });
    afterEach(() => bench.dispose());

    describe('list', () => {
      it('yields every file with its size and its time', async () => {
        bench.put('a/b/data', 'four', 1_700_000_000_123.25);
        bench.put('c', '', 5_000);
        const entries = await entriesOf(bench.storage);
        expect(entries).toEqual([
          { key: 'a/b/data', type: 'file', size: 4, modified: expect.closeTo(1_700_000_000_123.25, 2) },
          { key: 'c', type: 'file', size: 0, modified: 5_000 },
        ]);
      });

      it('yields an empty directory, and none that holds something', async () => {
        bench.mkdir('empty/');
        bench.mkdir('outer/inner/');
        bench.put('full/file', 'x');
        expect(await listed(bench.storage)).toEqual([
          'directory empty/',
          'directory outer/inner/',
          'file full/file',
        ]);
      });

      it('tells symlinks and what is neither file nor directory, and follows neither', async () => {
        bench.put('real/file', 'x');
        bench.symlink('to-file', 'real/file');
        bench.symlink('to-directory', 'real');
        bench.symlink('to-nothing', 'nowhere');
        bench.other('pipe');
        expect(await listed(bench.storage)).toEqual([
          'file real/file',
          'other pipe',
          'symlink to-directory',
          'symlink to-file',
          'symlink to-nothing',
        ]);
        const odd = (await entriesOf(bench.storage)).filter(({ type }) => type !== 'file');
        expect(odd.map(({ size }) => size)).toEqual([0, 0, 0, 0]);
      });

      it('yields what is below the prefix alone, not the prefix itself nor a sibling that begins like it', async () => {
        bench.put('app/x', '1');
        bench.put('app-two/x', '2');
        bench.put('apple', '3');
        bench.mkdir('lonely/');
        expect(await listed(bench.storage, 'app/')).toEqual(['file app/x']);
        expect(await listed(bench.storage, 'lonely/')).toEqual([]);
      });

      it('yields nothing for a prefix that is missing, or a file, or below a file', async () => {
        bench.put('file', 'x');
        for (const prefix of ['missing/', 'missing/deeper/', 'file/', 'file/deeper/']) {
          expect(await listed(bench.storage, prefix)).toEqual([]);
        }
      });

      it('fails on a prefix behind a symlink: nothing would be a lie', async () => {
        bench.put('real/deep/file', 'x');
        bench.symlink('link', 'real');
        for (const prefix of ['link/', 'link/deep/', 'link/missing/']) {
          await expect(listed(bench.storage, prefix)).rejects.toMatchObject({
            code: 'STORAGE_FAILED',
            message: expect.stringContaining('link is a symbolic link'),
          });
        }
      });

      it('yields a directory that is skipped, empty or not, and nothing below it', async () => {
        bench.put('a/_layers/x/link', '1');
        bench.put('a/_manifests/x/link', '2');
        bench.mkdir('b/_layers/');
        const asked: string[] = [];
        const skip = (key: string): boolean => {
          asked.push(key);
          return key.endsWith('/_layers/');
        };
        expect(await listed(bench.storage, '', skip)).toEqual([
          'directory a/_layers/',
          'directory b/_layers/',
          'file a/_manifests/x/link',
        ]);
        expect(asked).toContain('a/_layers/');
        expect(asked).not.toContain('a/_layers/x/');
      });

      it('asks skip about directories below the prefix, with their whole key, and never about the prefix', async () => {
        bench.put('a/b/c', '1');
        const asked: string[] = [];
        await listed(bench.storage, 'a/', (key) => asked.push(key) < 0);
        expect(asked).toEqual(['a/b/']);
      });

      it('does not ask skip about files and symlinks', async () => {
        bench.put('file', '1');
        bench.symlink('link', 'file');
        expect(await listed(bench.storage, '', () => true)).toEqual(['file file', 'symlink link']);
      });

      it('yields a wide directory in several pages, none of them empty, each key once', async () => {
        for (let i = 0; i < 2_345; i++) bench.put(`wide/${i}`, 'x');
        const pages: (readonly Entry[])[] = [];
        for await (const page of bench.storage.list('wide/')) pages.push(page);
        expect(pages.length).toBeGreaterThan(1);
        expect(Math.min(...pages.map((page) => page.length))).toBeGreaterThan(0);
        expect(Math.max(...pages.map((page) => page.length))).toBeLessThanOrEqual(2_000);
        expect(new Set(pages.flat().map(({ key }) => key)).size).toBe(2_345);
        expect(pages.flat()).toHaveLength(2_345);
      });

      it('leaves out what vanishes while it lists', async () => {
        for (let i = 0; i < 1_500; i++) bench.put(`a/${i}/file`, 'x');
        const seen: Entry[] = [];
        for await (const page of bench.storage.list('')) {
          if (seen.length === 0) for (let i = 0; i < 1_500; i++) bench.drop(`a/${i}/`);
          seen.push(...page);
        }
        expect(seen.length).toBeGreaterThan(0);
        expect(seen.length).toBeLessThan(1_500);
      });

      it('may be left before its end', async () => {
        for (let i = 0; i < 1_500; i++) bench.put(`a/${i}`, 'x');
        for await (const page of bench.storage.list('')) {
          expect(page.length).toBeGreaterThan(0);
          break;
        }
      });

      it('lists a tree that is a thousand directories deep', async () => {
        bench.put(`${'d/'.repeat(1_000)}file`, 'x');
        expect(await listed(bench.storage)).toEqual([`file ${'d/'.repeat(1_000)}file`]);
      });

      it('keeps names with newlines, escapes, backslashes and any script apart', async () => {
        const names = [
          'new\nline',
          'es\u001bcape',
          'back\\slash',
          '\\x5c',
          ' ',
          '…',
          'ﬁ',
          '\ufffd',
          '😀',
          '...',
          '-rf',
        ];
        for (const name of names) bench.put(`odd/${name}`, name);
        expect((await entriesOf(bench.storage)).map(({ key }) => key)).toEqual(
          names.map((name) => `odd/${name}`).sort(),
        );
        for (const name of names) expect(await text(bench.storage, `odd/${name}`)).toBe(name);
      });
    });

    describe('read', () => {
      it('gives the whole content, of an empty file too', async () => {
        const bytes = Uint8Array.from({ length: 100_000 }, (_, i) => i % 251);
        bench.put('a/big', bytes);
        bench.put('a/none', '');
        expect(Buffer.from((await bench.storage.read('a/big')) ?? []).equals(bytes)).toBe(true);
        expect(await bench.storage.read('a/none')).toHaveLength(0);
      });

      it("gives bytes that are the reader's own", async () => {
        bench.put('file', 'text');
        (await bench.storage.read('file'))?.fill(0);
        expect(await text(bench.storage, 'file')).toBe('text');
      });

      it('gives undefined for what is absent, below a file too', async () => {
        bench.put('file', 'x');
        for (const key of ['missing', 'missing/deeper', 'file/deeper']) {
          expect(await bench.storage.read(key)).toBeUndefined();
        }
      });

      it('reads a file of just the limit, and fails with FILE_TOO_LARGE on one byte more', async () => {
        bench.put('file', '12345');
        expect(await bench.storage.read('file', 5)).toHaveLength(5);
        await expect(bench.storage.read('file', 4)).rejects.toMatchObject({
          code: 'FILE_TOO_LARGE',
          message: expect.stringContaining(bench.storage.locate('file')),
        });
        await expect(bench.storage.read('file', 0)).rejects.toMatchObject({ code: 'FILE_TOO_LARGE' });
      });

      it.each(['read', 'open'] as const)(
        '%s fails on what is no file, and does not wait for a FIFO',
        async (method) => {
          bench.mkdir('directory/');
          bench.put('file', 'x');
          bench.symlink('link', 'file');
          bench.symlink('dangling', 'nowhere');
          bench.other('pipe');
          for (const [key, reason] of [
            ['directory', 'a directory'],
            ['link', 'a symbolic link'],
            ['dangling', 'a symbolic link'],
            ['pipe', 'neither a file nor a directory'],
          ] as const) {
            await expect(bench.storage[method](key)).rejects.toMatchObject({
              code: 'STORAGE_FAILED',
              message: expect.stringContaining(reason),
            });
          }
        },
      );

      it.each(['read', 'open', 'stat'] as const)(
        '%s fails behind a symlink, also a dangling one',
        async (method) => {
          bench.put('real/deep/file', 'x');
          bench.symlink('link', 'real');
          bench.symlink('real/dangling', 'nowhere');
          for (const key of ['link/deep/file', 'link/missing', 'real/dangling/file']) {
            await expect(bench.storage[method](key)).rejects.toMatchObject({
              code: 'STORAGE_FAILED',
              message: expect.stringMatching(/(?:link|dangling) is a symbolic link, which is not followed/),
            });
          }
        },
      );

      it('sees that a directory was replaced by a symlink since it was last read', async () => {
        bench.put('real/file', 'x');
        bench.put('other/file', 'y');
        expect(await text(bench.storage, 'real/file')).toBe('x');
        bench.drop('real/');
        bench.symlink('real', 'other');
        await expect(bench.storage.read('real/file')).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
      });
    });

    describe('open', () => {
      it('streams a file of any size', async () => {
        const bytes = Buffer.alloc(1_500_000, 'abcdefg');
        bench.put('big', bytes);
        bench.put('none', '');
        expect((await buffer(await bench.storage.open('big'))).equals(bytes)).toBe(true);
        expect(await buffer(await bench.storage.open('none'))).toHaveLength(0);
      });

      it('rejects with ENOENT in the cause when there is nothing', async () => {
        await expect(bench.storage.open('missing')).rejects.toMatchObject({
          code: 'STORAGE_FAILED',
          message: expect.stringContaining(bench.storage.locate('missing')),
          cause: { code: 'ENOENT' },
        });
      });

      it('may be left before its end, or before its beginning', async () => {
        bench.put('big', Buffer.alloc(1_500_000));
        const begun = await bench.storage.open('big');
        const over = new Promise((closed) => begun.once('close', closed));
        for await (const chunk of begun) {
          expect(chunk.length).toBeGreaterThan(0);
          break;
        }
        await over;
        const unread = await bench.storage.open('big');
        await new Promise((closed) => unread.once('close', closed).destroy());
      });
    });

    describe('stat', () => {
      it('tells a file, a symlink and other things as list does', async () => {
        bench.put('a/file', 'four', 7_000);
        bench.symlink('a/link', 'file');
        bench.other('a/pipe');
        for (const entry of await entriesOf(bench.storage)) {
          expect(await bench.storage.stat(entry.key)).toEqual(entry);
        }
        expect(await bench.storage.stat('a/file')).toEqual({
          key: 'a/file',
          type: 'file',
          size: 4,
          modified: 7_000,
        });
      });

      it('tells a directory, empty or not, by its key with or without a slash', async () => {
        bench.mkdir('empty/');
        bench.put('full/file', 'x');
        for (const key of ['empty', 'full', 'empty/', 'full/']) {
          const told = `${key.replace('/', '')}/`;
          expect(await bench.storage.stat(key)).toMatchObject({ key: told, type: 'directory', size: 0 });
        }
      });

      it('gives undefined for what is absent, and for a file as a directory', async () => {
        bench.put('file', 'x');
        bench.other('pipe');
        for (const key of [
          'missing',
          'missing/',
          'missing/deeper',
          'file/',
          'file/deeper',
          'pipe/',
          'pipe/deeper',
        ]) {
          expect(await bench.storage.stat(key)).toBeUndefined();
        }
      });
    });

    describe('keys', () => {
      const bad = [
        '',
        '/',
        '/a',
        '//',
        'a//b',
        '.',
        '..',
        './a',
        'a/.',
        '../a',
        'a/../a',
        'a/./a',
        'a/..',
        'a\0',
        'a\0/b',
        'a\ud800',
      ];

      it.each(['read', 'open', 'stat'] as const)('%s refuses every key that is not one', async (method) => {
        bench.put('a', 'x');
        for (const key of bad) {
          await expect(bench.storage[method](key), JSON.stringify(key)).rejects.toMatchObject({
            code: 'STORAGE_FAILED',
          });
        }
      });

      it("refuses a directory's key where a file is read", async () => {
        bench.mkdir('a/');
        for (const key of ['a/', 'missing/']) {
          await expect(bench.storage.read(key)).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
          await expect(bench.storage.open(key)).rejects.toMatchObject({ code: 'STORAGE_FAILED' });
        }
      });

      it('refuses a prefix that is not one, or has no slash at its end', async () => {
        bench.put('a/b', 'x');
        for (const prefix of ['a', 'a/b', ...bad.filter((key) => key !== '').map((key) => `${key}/`)]) {
          await expect(listed(bench.storage, prefix), JSON.stringify(prefix)).rejects.toMatchObject({
            code: 'STORAGE_FAILED',
          });
        }
      });

      it('locates every key below where it locates the root', () => {
        expect(bench.storage.locate('a/b').startsWith(bench.storage.locate(''))).toBe(true);
        expect(bench.storage.locate('a/b').endsWith('/a/b')).toBe(true);
      });
    });
  });
}

/** What every Storage does beyond what a Reader does. */
export function describeStorage(name: string, open: () => Bench<Storage>): void {
  describeReader(name, open);
  describe(`${name} as a Storage`, () => {
    let bench: Bench<Storage>;
    beforeEach(() => {
      bench = open();
    });
    afterEach(() => bench.dispose());

    /** The outcomes, in order. */
    async function remove(...keys: string[]): Promise<string[]> {
      const answers = await bench.storage.remove(keys);
      expect(answers.map(({ key }) => key)).toEqual(keys);
      for (const { outcome, reason } of answers) expect(reason !== undefined).toBe(outcome === 'failed');
      return answers.map(({ outcome }) => outcome);
    }

    it('removes files, and prunes the directories that it emptied', async () => {
      bench.put('a/b/c/file', 'x');
      bench.put('a/other', 'y');
      expect(await remove('a/b/c/file')).toEqual(['removed']);
      expect(bench.left()).toEqual(['a/other']);
    });

    it('leaves the root when it is emptied', async () => {
      bench.put('a/file', 'x');
      expect(await remove('a/file')).toEqual(['removed']);
      expect(bench.left()).toEqual([]);
      expect(await listed(bench.storage)).toEqual([]);
    });

    it.each([
      'docker/registry/v2/blobs/',
      'docker/registry/v2/repositories/',
      'docker/registry/v2/',
      'docker/registry/',
      'docker/',
      'r/_layers/',
      'r/_manifests/',
      'r/_manifests/tags/',
      'r/_manifests/revisions/',
    ])('never prunes %s, and prunes what is between it and the file', async (directory) => {
      bench.put(`${directory}sha256/aa/file`, 'x');
      expect(await remove(`${directory}sha256/aa/file`)).toEqual(['removed']);
      expect(bench.left()).toEqual([directory]);
    });

    it('prunes a tag, an upload, the uploads of a repository', async () => {
      bench.put('r/_manifests/tags/v1/current/link', 'x');
      bench.put('r/_manifests/tags/v2/current/link', 'x');
      bench.put('r/_uploads/id/data', 'x');
      bench.put('r/_uploads/id/startedat', 'x');
      expect(await remove('r/_manifests/tags/v1/current/link')).toEqual(['removed']);
      expect(await remove('r/_uploads/id/data', 'r/_uploads/id/startedat')).toEqual(['removed', 'removed']);
      expect(bench.left()).toEqual(['r/_manifests/tags/v2/current/link']);
    });

    it('answers absent for what is not there, and removes nothing for it', async () => {
      bench.mkdir('empty/');
      bench.put('file', 'x');
      expect(await remove('empty/missing', 'missing/deeper', 'file/deeper', 'missing/')).toEqual(
        Array.from({ length: 4 }, () => 'absent'),
      );
      expect(bench.left()).toEqual(['empty/', 'file']);
    });

    it('answers in the order of the keys, one failure stopping nothing', async () => {
      bench.put('a/1', 'x');
      bench.put('b/deep/2', 'x');
      bench.put('c/3', 'x');
      expect(await remove('c/3', 'b/deep', 'missing', '../a/1', 'a/1')).toEqual([
        'removed',
        'failed',
        'absent',
        'failed',
        'removed',
      ]);
      expect(bench.left()).toEqual(['b/deep/2']);
    });

    it('removes thousands of files at once', async () => {
      const keys = Array.from({ length: 3_000 }, (_, i) => `r/_layers/sha256/${i}/link`);
      for (const key of keys) bench.put(key, 'x');
      expect(new Set(await remove(...keys))).toEqual(new Set(['removed']));
      expect(bench.left()).toEqual(['r/_layers/']);
    });

    it('meets its own work: what was removed is absent', async () => {
      bench.put('a/file', 'x');
      expect(await remove('a/file')).toEqual(['removed']);
      expect(await remove('a/file', 'a/')).toEqual(['absent', 'absent']);
    });

    it('counts a key that is named twice once', async () => {
      bench.put('a/file', 'x');
      bench.mkdir('b/');
      expect(await remove('a/file', 'b/', 'a/file', 'b/')).toEqual([
        'removed',
        'removed',
        'absent',
        'absent',
      ]);
    });

    it('removes an empty directory, and prunes its parents', async () => {
      bench.mkdir('a/b/empty/');
      expect(await remove('a/b/empty/')).toEqual(['removed']);
      expect(bench.left()).toEqual([]);
    });

    it('removes a directory that it never prunes with what is in it, when asked for both', async () => {
      bench.mkdir('r/_layers/sha256/');
      bench.put('r/_manifests/tags/v1/current/link', 'x');
      expect(await remove('r/_layers/', 'r/_layers/sha256/')).toEqual(['removed', 'removed']);
      expect(bench.left()).toEqual(['r/_manifests/tags/v1/current/link']);
    });

    it('removes one of the directories that it never prunes, when asked', async () => {
      bench.mkdir('r/_layers/');
      bench.put('r/_manifests/tags/v1/current/link', 'x');
      expect(await remove('r/_layers/')).toEqual(['removed']);
      expect(bench.left()).toEqual(['r/_manifests/tags/v1/current/link']);
    });

    it('fails on a directory that is not empty, and says so', async () => {
      bench.put('a/file', 'x');
      const [answer] = await bench.storage.remove(['a/']);
      expect(answer).toEqual({ key: 'a/', outcome: 'failed', reason: expect.stringContaining('ENOTEMPTY') });
      expect(bench.left()).toEqual(['a/file']);
    });

    it('removes files and the directories around them in one call, whatever the order', async () => {
      bench.put('a/b/file', 'x');
      bench.mkdir('a/c/');
      expect(await remove('a/', 'a/b/', 'a/b/file', 'a/c/')).toEqual(
        Array.from({ length: 4 }, () => 'removed'),
      );
      expect(bench.left()).toEqual([]);
    });

    it('fails on a directory as a file, and on a file as a directory', async () => {
      bench.mkdir('directory/');
      bench.put('file', 'x');
      const reasons = (await bench.storage.remove(['directory', 'file/'])).map(({ reason }) => reason);
      expect(reasons).toEqual(['it is a directory', 'it is no directory']);
      expect(bench.left()).toEqual(['directory/', 'file']);
    });

    it('removes neither symlinks nor special files', async () => {
      bench.put('real/file', 'x');
      bench.mkdir('hollow/');
      bench.symlink('to-file', 'real/file');
      bench.symlink('to-directory', 'hollow');
      bench.other('pipe');
      expect(await remove('to-file', 'to-directory', 'to-directory/', 'pipe', 'pipe/')).toEqual(
        Array.from({ length: 5 }, () => 'failed'),
      );
      expect(bench.left()).toEqual(['hollow/', 'pipe', 'real/file', 'to-directory', 'to-file']);
    });

    it('removes nothing behind a symlink', async () => {
      bench.put('real/deep/file', 'x');
      bench.mkdir('real/empty/');
      bench.symlink('link', 'real');
      const answers = await bench.storage.remove(['link/deep/file', 'link/empty/', 'link/missing']);
      for (const answer of answers) {
        expect(answer).toMatchObject({
          outcome: 'failed',
          reason: expect.stringContaining('link is a symbolic link'),
        });
      }
      expect(bench.left()).toEqual(['link', 'real/deep/file', 'real/empty/']);
    });

    it('fails on every key that is not one, and stays below the root', async () => {
      bench.put('a/file', 'x');
      const keys = [
        '',
        '/',
        '/a/file',
        '.',
        '..',
        '../',
        './',
        'a/..',
        'a/../',
        'a/./file',
        'a//file',
        'a/file\0',
        '\ud800',
      ];
      expect(new Set(await remove(...keys))).toEqual(new Set(['failed']));
      expect(bench.left()).toEqual(['a/file']);
    });

    it('asks before every single removal, pruning included, and for nothing else', async () => {
      bench.put('a/b/file', 'x');
      bench.put('a/b/other', 'x');
      bench.put('c/file', 'x');
      bench.put('c/stays', 'x');
      let asked = 0;
      const before = async () => void asked++;
      await bench.storage.remove(['a/b/file', 'a/b/other', 'c/file', 'missing', '../a', 'c'], before);
      // Three files, then `a/b/`, `a/` and, in vain, `c/`.
      expect(asked).toBe(6);
      expect(bench.left()).toEqual(['c/stays']);
    });

    it('ends with what is thrown before a removal, and removes nothing more', async () => {
      const keys = Array.from({ length: 200 }, (_, i) => `d${i}/file`);
      for (const key of keys) bench.put(key, 'x');
      let asked = 0;
      const told: string[] = [];
      const before = async () => {
        if (++asked === 51) throw new Error('stop');
      };
      const removing = bench.storage.remove(keys, before, ({ key, outcome }) =>
        told.push(`${outcome} ${key}`),
      );
      await expect(removing).rejects.toThrow('stop');
      const left = bench.left();
      expect(left.filter((key) => key.endsWith('file'))).toHaveLength(150);
      expect(told.toSorted()).toEqual(
        keys
          .filter((key) => !left.includes(key))
          .map((key) => `removed ${key}`)
          .sort(),
      );
      await new Promise((resolve) => setTimeout(resolve, 20));
      expect(bench.left()).toEqual(left);
    });

    it('removes in the same breath as it was let through: whoever looks later finds it gone', async () => {
      const keys = Array.from({ length: 50 }, (_, i) => `a/${i}`);
      for (const key of keys) bench.put(key, 'x');
      bench.put('a/stays', 'x');
      const left: number[] = [];
      const before = async (): Promise<void> =>
        // Runs right after what comes next in the same turn, before anything that another thread has done.
        queueMicrotask(() => queueMicrotask(() => queueMicrotask(() => left.push(bench.left().length))));
      await bench.storage.remove(keys, before);
      await new Promise(setImmediate);
      // The last one was asked for the directory, in vain.
      expect(left).toEqual([...keys.map((_, i) => 50 - i), 1]);
    });

    it('tells every answer, whatever it is, once', async () => {
      bench.put('a/file', 'x');
      bench.mkdir('directory/');
      const told: unknown[] = [];
      const keys = ['a/file', 'directory', 'missing', '..', 'a/file'];
      const answers = await bench.storage.remove(keys, undefined, (answer) => told.push(answer));
      expect(told).toHaveLength(4);
      expect(told).toEqual(expect.arrayContaining(answers.slice(0, 4)));
    });

    it('removes nothing when asked for nothing', async () => {
      bench.mkdir('a/');
      expect(await remove()).toEqual([]);
      expect(bench.left()).toEqual(['a/']);
    });
  });
}

/** All that is listed below `prefix`, by key. */
export async function entriesOf(
  reader: Reader,
  ...query: [prefix?: string, skip?: (key: string) => boolean]
): Promise<Entry[]> {
  const entries: Entry[] = [];
  for await (const page of reader.list(query[0] ?? '', query[1])) entries.push(...page);
  return entries.sort((a, b) => (a.key < b.key ? -1 : 1));
}

/** `type key`, sorted. */
async function listed(reader: Reader, prefix?: string, skip?: (key: string) => boolean): Promise<string[]> {
  return (await entriesOf(reader, prefix, skip)).map(({ type, key }) => `${type} ${key}`).sort();
}

async function text(reader: Reader, key: string): Promise<string | undefined> {
  const bytes = await reader.read(key);
  return bytes === undefined ? undefined : Buffer.from(bytes).toString('utf8');
}
