import { execFileSync } from 'node:child_process';
import { accessSync, constants } from 'node:fs';
import { delimiter, join, resolve } from 'node:path';

export type Major = 2 | 3;

export interface Binary {
  /** Absolute path. */
  readonly path: string;
  /** As `--version` tells: `2.8.2+ds1`, `3.1.1`. */
  readonly version: string;
  readonly major: Major;
}

const known = new Map<string, Binary>();

/** The registry under test: `wanted`, else `REGISTRY_BIN`, else `docker-registry` or `registry` on the PATH. */
export function registryBinary(wanted = process.env.REGISTRY_BIN): Binary {
  const path =
    wanted === undefined || wanted === '' ? onPath(['docker-registry', 'registry']) : located(wanted);
  const seen = known.get(path);
  if (seen !== undefined) return seen;
  const said = execFileSync(path, ['--version'], {
    encoding: 'utf8',
    env: { ...process.env, OTEL_TRACES_EXPORTER: 'none' },
  });
  // `docker-registry github.com/docker/distribution 2.8.2+ds1`, `registry …/distribution/v3 v3.1.1`
  const version = /\sv?(\d+\.\d+\.\d+\S*)\s*$/.exec(said)?.[1];
  const major = Number(version?.split('.')[0]);
  if (version === undefined || (major !== 2 && major !== 3)) {
    throw new Error(`${path} --version says ${JSON.stringify(said)}, which is no registry 2 or 3`);
  }
  const binary: Binary = { path, version, major };
  known.set(path, binary);
  return binary;
}

function located(wanted: string): string {
  return wanted.includes('/') ? resolve(wanted) : onPath([wanted]);
}

function onPath(names: readonly string[]): string {
  for (const name of names) {
    for (const directory of (process.env.PATH ?? '').split(delimiter)) {
      const path = join(directory, name);
      if (directory !== '' && isExecutable(path)) return path;
    }
  }
  throw new Error(`No registry to test against: set REGISTRY_BIN, or put ${names.join(' or ')} on the PATH`);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
