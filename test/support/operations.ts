import fs, { type PathLike } from 'node:fs';
import type { FileHandle } from 'node:fs/promises';
import { syncBuiltinESMExports } from 'node:module';
import { resolve } from 'node:path';
import { getSystemErrorMap } from 'node:util';

/** A call of `node:fs` or `node:fs/promises`, or of a file that one of them opened. */
export interface Operation {
  /** 1, 2, 3 … since the tap was opened or `begin` was called. */
  readonly number: number;
  /** Without `Sync`; of an open file with a dot before it: `unlink`, `lstat`, `.datasync`. */
  readonly call: string;
  /** Absolute. Of two paths (`rename`, `link`), the first. */
  readonly path: string;
  /** It changes what is stored, or makes it durable. */
  readonly changes: boolean;
}

/** Called right before a counted operation, and right after it, failed or not. What it throws is what the call throws. */
export type Act = (operation: Operation, when: 'before' | 'after') => void;

export interface TapOptions {
  /** Operations on this path (absolute) and on what lies below it are counted. */
  readonly below: string;
  /** Not on these, nor below them. */
  readonly except?: readonly string[];
  readonly act?: Act;
}

/** Operations of this process while it is open. Several may be open at once. */
export interface Tap extends Disposable {
  /** Counted since the beginning. */
  readonly seen: readonly Operation[];
  /** Counts from 1 on, from now on. */
  begin(): void;
  /** Counts no more, and acts no more. */
  end(): void;
}

/**
 * Counts what this process does to files, and acts there. Whatever imports from `node:fs` follows, before and after;
 * what has copied its functions (graceful-fs, fs-extra) does not.
 */
export function tap(options: TapOptions): Tap {
  const { except = [], act = () => {} } = options;
  const seen: Operation[] = [];
  let counting = true;
  const one: Tapped = {
    count(call, path, changes) {
      if (!counting || !isIn(options.below, path) || except.some((other) => isIn(other, path))) return [];
      const operation = { number: seen.length + 1, call, path, changes };
      seen.push(operation);
      return [(when) => act(operation, when)];
    },
  };
  taps.add(one);
  if (taps.size === 1) patch();
  return {
    seen,
    begin() {
      seen.length = 0;
      counting = true;
    },
    end() {
      counting = false;
    },
    [Symbol.dispose]() {
      if (taps.delete(one) && taps.size === 0) unpatch();
    },
  };
}

/** Makes the operation with this number fail as the system would, and nothing be done. */
export function failAt(number: number, code: string): Act {
  return (operation, when) => {
    if (when === 'before' && operation.number === number) throw systemError(code, operation);
  };
}

/** As `node:fs` throws it. */
export function systemError(code: string, { call, path }: Pick<Operation, 'call' | 'path'>): Error {
  const known = [...getSystemErrorMap()].find(([, [name]]) => name === code);
  if (known === undefined) throw new Error(`the system knows no error ${code}`);
  const [errno, [, text]] = known;
  const syscall = call.replace(/^\./, '');
  return Object.assign(new Error(`${code}: ${text}, ${syscall} '${path}'`), { errno, code, syscall, path });
}

type Told = (when: 'before' | 'after') => void;
interface Tapped {
  count(call: string, path: string, changes: boolean): readonly Told[];
}
type Call = (...args: unknown[]) => unknown;

const taps = new Set<Tapped>();
const originals: (() => void)[] = [];
/** Paths of open descriptors. */
const opened = new Map<number, string>();

const looks = [
  'access',
  'exists',
  'lstat',
  'open',
  'opendir',
  'readFile',
  'readdir',
  'readlink',
  'realpath',
  'stat',
];
const changes = [
  ...[
    'appendFile',
    'chmod',
    'link',
    'mkdir',
    'mkdtemp',
    'rename',
    'rm',
    'rmdir',
    'truncate',
    'unlink',
    'utimes',
  ],
  'writeFile',
];
/** Of what is open. `close` is left alone: a descriptor that stays open is a fault of the test. */
const openLooks = ['fstat', 'read', 'readFile', 'stat'];
const openChanges = [
  ...['appendFile', 'datasync', 'fdatasync', 'fsync', 'ftruncate', 'sync', 'truncate', 'write', 'writeFile'],
  'writev',
];
const changing = new Set([...changes, ...openChanges]);

function patch(): void {
  for (const name of new Set([...looks, ...changes, ...openLooks, ...openChanges])) {
    replace(fs, `${name}Sync`, (original) => inSync(name, original));
    replace(fs.promises, name, (original) => inPromise(name, original));
  }
  replace(fs, 'closeSync', (original) => (fd, ...rest) => {
    opened.delete(Number(fd));
    return original(fd, ...rest);
  });
  syncBuiltinESMExports();
}

function unpatch(): void {
  for (const restore of originals.splice(0)) restore();
  opened.clear();
  syncBuiltinESMExports();
}

function replace(target: object, name: string, by: (original: Call) => Call): void {
  const original: unknown = Reflect.get(target, name);
  if (typeof original !== 'function') return;
  const bound: Call = (...args) => Reflect.apply(original, target, args);
  // `realpathSync.native` and its like.
  const wrapped = Object.assign(by(bound), original);
  Reflect.set(target, name, wrapped);
  originals.push(() => Reflect.set(target, name, original));
}

function inSync(name: string, original: Call): Call {
  return (...args) => {
    const [first] = args;
    const isOpen = typeof first === 'number';
    const path = isOpen ? opened.get(first) : pathOf(first);
    const told = path === undefined ? [] : count(isOpen ? `.${name}` : name, path);
    for (const tell of told) tell('before');
    try {
      const value = original(...args);
      if (name === 'open' && path !== undefined) opened.set(Number(value), path);
      return value;
    } finally {
      for (const tell of told) tell('after');
    }
  };
}

function inPromise(name: string, original: Call): Call {
  return async (...args) => {
    const path = pathOf(args[0]);
    const told = path === undefined ? [] : count(name, path);
    for (const tell of told) tell('before');
    try {
      const value = await original(...args);
      if (name === 'open' && path !== undefined) watch(value as FileHandle, path);
      return value;
    } finally {
      for (const tell of told) tell('after');
    }
  };
}

/** The methods of a file that `open` of `node:fs/promises` gave. */
function watch(handle: FileHandle, path: string): void {
  opened.set(handle.fd, path);
  for (const name of [...openLooks, ...openChanges]) {
    const original: unknown = Reflect.get(handle, name);
    if (typeof original !== 'function') continue;
    Reflect.set(handle, name, async (...args: unknown[]) => {
      const told = count(`.${name}`, path);
      for (const tell of told) tell('before');
      try {
        return await Reflect.apply(original, handle, args);
      } finally {
        for (const tell of told) tell('after');
      }
    });
  }
  const close = handle.close;
  handle.close = () => {
    opened.delete(handle.fd);
    return Reflect.apply(close, handle, []);
  };
}

function count(call: string, path: string): readonly Told[] {
  return [...taps].flatMap((one) => one.count(call, path, changing.has(call.replace(/^\./, ''))));
}

function pathOf(value: unknown): string | undefined {
  if (typeof value !== 'string' && !Buffer.isBuffer(value) && !(value instanceof URL)) return undefined;
  return resolve(value instanceof URL ? value.pathname : textOf(value));
}

function textOf(path: Exclude<PathLike, URL>): string {
  return typeof path === 'string' ? path : path.toString('latin1');
}

function isIn(directory: string, path: string): boolean {
  return path === directory || path.startsWith(directory === '/' ? '/' : `${directory}/`);
}
