import { execFileSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, rmSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { Home } from '../tree/home.ts';
import type { Workshop } from './contender.ts';
import { type Options, ownPrefix } from './options.ts';

const repository = resolve(import.meta.dirname, '../..');

/** What takes a while is made when it is first asked for, which is never while something is measured. */
export function openWorkshop(options: Options, base: Home, signal: AbortSignal): Workshop & Disposable {
  const { binaries, profile, work } = options;
  const scratch = join(work, `${ownPrefix}scratch`);
  rmSync(scratch, { recursive: true, force: true });
  mkdirSync(scratch, { recursive: true });
  const cli = once(compile);
  const script = fileURLToPath(new URL('./look.ts', import.meta.url));
  const look = (root: string, collector: string): string[] => {
    return [script, root, '--program', dirname(cli()), '--collector', collector];
  };
  return {
    binaries,
    scratch,
    signal,
    cli,
    look,
    keys: once(() => writeKeys(look(base.root, 'native'), join(scratch, 'keys'))),
    nodeFlags: profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`],
    [Symbol.dispose]: () => rmSync(scratch, { recursive: true }),
  };
}

function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined;
  return () => {
    made ??= { value: make() };
    return made.value;
  };
}

/** Writes down what goes from the tree that is looked at. */
function writeKeys(look: readonly string[], directory: string): string {
  mkdirSync(directory);
  execFileSync(process.execPath, [...look, '--keys', directory]);
  return directory;
}

/** The program as it is shipped. Below the repository, so that it finds its packages; the package's own file is where it looks for its version. */
function compile(): string {
  const home = join(repository, 'node_modules/.cache/bench');
  rmSync(home, { recursive: true, force: true });
  mkdirSync(home, { recursive: true });
  copyFileSync(join(repository, 'package.json'), join(home, 'package.json'));
  const tsc = join(repository, 'node_modules/.bin/tsc');
  execFileSync(tsc, ['-p', join(repository, 'tsconfig.build.json'), '--outDir', join(home, 'dist')], {
    stdio: 'inherit',
  });
  const cli = join(home, 'dist/cli.js');
  if (!existsSync(cli)) throw new Error(`${cli} was not compiled`);
  return cli;
}
