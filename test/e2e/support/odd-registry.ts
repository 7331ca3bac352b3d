import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { docker, leftBehind } from './docker.ts';

/**
 * A registry that does what TEST_ODD in its environment says, and is the real one otherwise:
 * collector-fails, rehearsal-fails, collector-hangs, rehearsal-hangs, collector-slow, collector-lingers (has done its
 * work and goes on for 300 s, or until it is told), collector-steals (removes every blob's data),
 * collector-keeps (what it leaves, from being removed by whoever has no special rights), stand-in-keeps (all of it, the
 * same), stand-in-hides (all of it, from being read), stand-in-dies, stand-in-writes (ignores the switch), never-again
 * (does not serve once a stand-in has served).
 */
const wrapper = `#!/bin/sh
dry=no
for word in "$@"; do [ "$word" != --dry-run ] || dry=yes; done
standin=no
[ -z "$REGISTRY_STORAGE_MAINTENANCE" ] || standin=yes
case "$TEST_ODD $1 $dry" in
"collector-fails garbage-collect no" | "rehearsal-fails garbage-collect yes") echo odd >&2; exit 1 ;;
"collector-hangs garbage-collect no" | "rehearsal-hangs garbage-collect yes") echo app; sleep 300; exit 0 ;;
"collector-slow garbage-collect "*) sleep 1 ;;
"collector-lingers garbage-collect no")
  /bin/registry.real "$@"; status=$?
  touch /tmp/lingers
  for second in $(seq 300); do [ -e /tmp/go-on ] || sleep 1; done
  exit $status ;;
"collector-keeps garbage-collect no")
  /bin/registry.real "$@"; status=$?
  chown -R 4242 /var/lib/registry/docker
  exit $status ;;
"collector-steals garbage-collect no")
  /bin/registry.real "$@"; status=$?
  rm -rf /var/lib/registry/docker/registry/v2/blobs/sha256/*
  exit $status ;;
esac
case "$TEST_ODD $1 $standin" in
"stand-in-dies serve yes") echo odd >&2; exit 1 ;;
"stand-in-hides serve yes") chmod 0 /var/lib/registry/docker ;;
"stand-in-keeps serve yes") chown -R 4242 /var/lib/registry/docker ;;
"stand-in-writes serve yes") unset REGISTRY_STORAGE_MAINTENANCE ;;
"never-again serve yes") touch /var/lib/registry/.never-again ;;
"never-again serve no") [ ! -e /var/lib/registry/.never-again ] || { echo never again >&2; exit 1; } ;;
esac
exec /bin/registry.real "$@"
`;

/** Builds its image, in a second. Returns the name; remove it when done. */
export async function buildOddRegistry(name: string): Promise<string> {
  const directory = mkdtempSync(join(tmpdir(), 'odd-registry-'));
  try {
    writeFileSync(join(directory, 'registry'), wrapper, { mode: 0o755 });
    // An image of its own: were it the same one by another name, whoever removes that one might take it from under us.
    const steps = ['RUN mv /bin/registry /bin/registry.real', 'COPY registry /bin/registry'];
    const dockerfile = ['FROM registry:2', `LABEL test.image=${name}`, ...steps, ''];
    writeFileSync(join(directory, 'Dockerfile'), dockerfile.join('\n'));
    await docker('build', '-q', '-t', name, directory);
    return name;
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** A stand-in in which everything is collected, and the collector has not ended yet. */
export interface Lingering {
  readonly name: string;
  /** Lets it end. */
  goOn(): Promise<void>;
}

/** Waits for the collector of a run over this registry, whose TEST_ODD is collector-lingers. */
export async function lingering(registry: { readonly root: string }): Promise<Lingering> {
  for (let attempt = 0; attempt < 600; attempt++) {
    const [name] = await leftBehind(registry);
    if (name !== undefined && (await succeeds('exec', name, 'test', '-e', '/tmp/lingers')))
      return { name, goOn: async () => void (await docker('exec', name, 'touch', '/tmp/go-on')) };
    await sleep(100);
  }
  throw new Error('no collector lingers');
}

async function succeeds(...args: readonly string[]): Promise<boolean> {
  return docker(...args).then(
    () => true,
    () => false,
  );
}
