import { execFileSync } from 'node:child_process';
import {
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import type { Major } from '../binary.ts';
import { at, digestOf } from '../layout.ts';
import type { TestRegistry } from '../registry.ts';

/** Where a hazard is made: first by pushing, then, once the registry is stopped, by hand. Paths are below the root. */
export interface Scene {
  /** For pushes. */
  readonly url: string;
  readonly major: Major;
  /** Stops the registry: from here on files are touched. */
  offline(): Promise<void>;
  write(path: string, content: string | Uint8Array): void;
  read(path: string): Uint8Array;
  mkdir(path: string): void;
  /** A file, or a directory with all that is in it. */
  remove(path: string): void;
  move(from: string, to: string): void;
  /** `target` as it is written into the link. */
  symlink(path: string, target: string): void;
  fifo(path: string): void;
  /** Makes a file, or a directory with all that is in it, look changed `days` ago. */
  age(path: string, days: number): void;
  /** Puts a manifest that no registry would take where one would have put it; its digest. */
  plant(repository: string, tag: string | undefined, bytes: Uint8Array): string;
}

export function sceneOf(registry: TestRegistry): Scene {
  const located = (path: string) => {
    if (registry.pid !== undefined) throw new Error('Stop the registry before you touch its files');
    return join(registry.root, path);
  };
  const write = (path: string, content: string | Uint8Array) => {
    const file = located(path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  };
  return {
    url: registry.pushUrl,
    major: registry.major,
    offline: () => registry.stop(),
    write,
    read: (path) => readFileSync(located(path)),
    mkdir: (path) => void mkdirSync(located(path), { recursive: true }),
    remove: (path) => rmSync(located(path), { recursive: true }),
    move: (from, to) => {
      mkdirSync(dirname(located(to)), { recursive: true });
      renameSync(located(from), located(to));
    },
    symlink: (path, target) => symlinkSync(target, located(path)),
    fifo: (path) => {
      mkdirSync(dirname(located(path)), { recursive: true });
      execFileSync('mkfifo', [located(path)]);
    },
    age: (path, days) => {
      const then = Date.now() / 1000 - days * 86_400;
      const top = located(path);
      const below = statSync(top).isDirectory()
        ? readdirSync(top, { recursive: true, encoding: 'utf8' })
        : [];
      for (const name of ['', ...below]) utimesSync(join(top, name), then, then);
    },
    plant: (repository, tag, bytes) => {
      const digest = digestOf(bytes);
      write(at.blob(digest), bytes);
      write(at.revision(repository, digest), digest);
      if (tag !== undefined) {
        write(at.history(repository, tag, digest), digest);
        write(at.current(repository, tag), digest);
      }
      return digest;
    },
  };
}
