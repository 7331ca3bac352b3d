import type { Stats } from 'node:fs';
import { access, constants, stat } from 'node:fs/promises';
import { delimiter, join, resolve } from 'node:path';
import { type Environment, run } from '../../exec.ts';
import { parseVersion } from '../version.ts';

export interface Binary {
  /** Absolute. */
  readonly path: string;
  /** As `--version` tells, without a leading v: `2.8.2+ds1`. */
  readonly version: string;
  readonly major: number;
  readonly stats: Stats;
}

/** Debian calls it docker-registry. */
const names = ['registry', 'docker-registry'];

/** The registry binary, or why there is none: a sentence with its cure. Rejects only if a found one cannot be run. */
export async function findBinary(
  wanted: string | undefined,
  env: Environment,
): Promise<Binary | { readonly refusal: string }> {
  const path = await findProgram(wanted === undefined ? names : [wanted], env.PATH);
  if (path === undefined) {
    return {
      refusal:
        wanted === undefined
          ? 'Neither registry nor docker-registry is on the PATH. Install one, or name it in registry.binary.'
          : `${wanted}: there is no such program. Set registry.binary to the registry that serves the storage.`,
    };
  }
  const { stdout, stderr } = await run(path, ['--version'], {
    cwd: '/',
    env: { OTEL_TRACES_EXPORTER: 'none', ...env },
    timeoutMs: 10_000,
  });
  const version = parseVersion(stdout);
  if (version === undefined) {
    const said = (stdout || stderr).split('\n')[0];
    return {
      refusal: `${path} is not a registry: its --version says "${said}". Set registry.binary to one.`,
    };
  }
  return { path, ...version, stats: await stat(path) };
}

/** The first of `wanted` that can be run: looked up on `path`, unless it is a path itself. Absolute. */
export async function findProgram(
  wanted: readonly string[],
  path: string | undefined,
): Promise<string | undefined> {
  for (const name of wanted) {
    const places = name.includes('/')
      ? [resolve(name)]
      : (path ?? '').split(delimiter).map((at) => join(at, name));
    for (const place of places) if (place.startsWith('/') && (await isProgram(place))) return place;
  }
  return undefined;
}

async function isProgram(path: string): Promise<boolean> {
  try {
    await access(path, constants.X_OK);
    return (await stat(path)).isFile();
  } catch {
    // Whatever keeps us from running it, the next place on the PATH is looked at.
    return false;
  }
}
