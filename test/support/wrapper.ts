import { chmodSync, mkdtempSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { LiveCommands, TestRegistry } from './registry.ts';
import { liveCommands } from './registry.ts';

type Wrapped = Pick<TestRegistry, 'directory' | 'binary' | 'configFile'>;

/**
 * A registry binary of an operator's own making: a shell script around the real one (`$real`) and the registry's own
 * configuration (`$original`). What `script` does not `exec` itself is done as the real one would.
 */
export function wrapBinary(registry: Wrapped, script: string): string {
  const path = join(mkdtempSync(join(registry.directory, 'wrapper-')), 'registry');
  const text = `#!/bin/sh
real='${registry.binary}'
original='${registry.configFile}'
${script}
exec "$real" "$@"
`;
  writeFileSync(path, text);
  chmodSync(path, 0o755);
  return path;
}

/** A binary that does `script` before it collects; `$*` holds `--dry-run` when that is the rehearsal. */
export function beforeCollecting(registry: Wrapped, script: string): string {
  return wrapBinary(
    registry,
    `case "$*" in
  *--dry-run*) ;;
  garbage-collect*) ${script} ;;
esac`,
  );
}

/** The registry's start and stop commands, with something done before it is really stopped. */
export function beforeStopping(registry: TestRegistry, script: string): LiveCommands {
  const { start, stop } = liveCommands(registry);
  return { start, stop: ['/bin/sh', '-c', `${script}\nexec '${stop.join("' '")}'`] };
}
