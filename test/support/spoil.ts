import { execFileSync } from 'node:child_process';
import {
  appendFileSync,
  closeSync,
  constants,
  lstatSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import fc from 'fast-check';
import { digestOf } from './layout.ts';

/** Something that is done to one thing in a storage, chosen by a number among all that there are. */
export interface Spoil {
  readonly how: keyof typeof ways;
  readonly where: number;
}

const sha512 = digestOf(Buffer.from('spoilt'), 'sha512');
const sha256 = digestOf(Buffer.from('spoilt'));
const uuid = '0e8a5c6e-6c63-4b0c-9a11-5f3f9b1c2d3e';

/** To write where an earlier spoil may have left a FIFO, which nobody would ever read. */
const writing = constants.O_WRONLY | constants.O_CREAT | constants.O_TRUNC | constants.O_NONBLOCK;

/** Files are spoilt in their content, directories by what else lies in them; both by what they are. */
const ways = {
  empty: onFile((path) => truncateSync(path)),
  newline: onFile((path) => appendFileSync(path, '\n')),
  capitals: onFile((path) => writeFileSync(path, readFileSync(path, 'latin1').toUpperCase())),
  other: onFile((path) => writeFileSync(path, sha256)),
  sha512: onFile((path) => writeFileSync(path, sha512)),
  rubbish: onFile((path) => writeFileSync(path, Buffer.alloc(71, 0xff))),
  long: onFile((path) => writeFileSync(path, 'x'.repeat(1_000))),
  gone: onFile((path) => rmSync(path)),
  directoryForFile: onFile((path) => {
    rmSync(path);
    mkdirSync(path);
  }),
  fifo: onFile((path) => {
    rmSync(path);
    execFileSync('mkfifo', [path]);
  }),
  symlink: (path: string) => {
    renameSync(path, `${path}.away`);
    symlinkSync(`${path}.away`, path);
  },
  dangling: (path: string) => {
    rmSync(path, { recursive: true });
    symlinkSync('nowhere', path);
  },
  emptied: onDirectory((path) => {
    rmSync(path, { recursive: true });
    mkdirSync(path);
  }),
  removed: onDirectory((path) => rmSync(path, { recursive: true })),
  fileForDirectory: onDirectory((path) => {
    rmSync(path, { recursive: true });
    writeFileSync(path, 'a file');
  }),
  renamed: (path: string) => renameSync(path, join(dirname(path), `${'0'.repeat(63)}F`)),
  twoDigits: (path: string) => renameSync(path, join(dirname(path), 'zz')),
  raw: (path: string) =>
    renameSync(path, Buffer.concat([Buffer.from(`${dirname(path)}/`), Buffer.from([0x66, 0xff])])),
  replacement: (path: string) => renameSync(path, join(dirname(path), 'really \ufffd')),
  stray: onDirectory((path) => put(path, 'notes.txt', 'by hand')),
  temporary: onDirectory((path) => put(path, `link.${uuid}.tmp`, '')),
  link: onDirectory((path) => put(path, 'link', sha256)),
  data: onDirectory((path) => put(path, 'data', 'data')),
  bare: onDirectory((path) => mkdirSync(join(path, 'bare'), { recursive: true })),
  underscored: onDirectory((path) => mkdirSync(join(path, '_other', 'thing'), { recursive: true })),
  area: onDirectory((path) => mkdirSync(join(path, '_uploads', uuid), { recursive: true })),
  badName: onDirectory((path) => put(path, `Upper Case/_layers/${sha256.replace(':', '/')}/link`, sha256)),
  nested: onDirectory((path) => put(path, `deep/er/_layers/${sha256.replace(':', '/')}/link`, sha256)),
  sha512Inside: onDirectory((path) => put(path, `${sha512.replace(':', '/')}/link`, sha256)),
  sha256Inside: onDirectory((path) => put(path, `${sha256.replace(':', '/')}/link`, sha256)),
  upload: onDirectory((path) => {
    put(path, `_uploads/${uuid}/startedat`, '2026-01-15T09:00:00Z');
    put(path, `_uploads/${uuid}/data`, 'some');
  }),
  __proto: onDirectory((path) => mkdirSync(join(path, 'constructor'), { recursive: true })),
};

export const spoil: fc.Arbitrary<Spoil> = fc.record({
  how: fc.constantFrom(...(Object.keys(ways) as (keyof typeof ways)[])),
  where: fc.nat(),
});

/** Does it below `top`, to `top` itself never. Tells what it was done to; undefined where it could not be done. */
export function doSpoil(top: string, { how, where }: Spoil): string | undefined {
  const all = pathsBelow(top);
  const path = all[where % Math.max(all.length, 1)];
  if (path === undefined) return undefined;
  try {
    return ways[how](path) === false ? undefined : `${how} ${path.slice(top.length)}`;
  } catch (error) {
    // What an earlier one has left stands in the way.
    if ((error as NodeJS.ErrnoException).code === undefined) throw error;
    return undefined;
  }
}

/** Sorted, so that the same number means the same one; those with other names than UTF-8 are left alone. */
function pathsBelow(top: string): string[] {
  const found: string[] = [];
  for (const name of readdirSync(top).sort()) {
    if (name.includes('\ufffd')) continue;
    const path = join(top, name);
    found.push(path);
    if (lstatSync(path).isDirectory()) found.push(...pathsBelow(path));
  }
  return found;
}

function onFile(deed: (path: string) => void): (path: string) => false | undefined {
  return (path) => (lstatSync(path).isFile() ? void deed(path) : false);
}

function onDirectory(deed: (path: string) => void): (path: string) => false | undefined {
  return (path) => (lstatSync(path).isDirectory() ? void deed(path) : false);
}

function put(directory: string, name: string, content: string): void {
  const path = join(directory, name);
  mkdirSync(dirname(path), { recursive: true });
  const file = openSync(path, writing);
  try {
    writeFileSync(file, content);
  } finally {
    closeSync(file);
  }
}
