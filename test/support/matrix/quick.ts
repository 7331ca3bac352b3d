import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** Where there is a file system in memory on which programs may be started: there; else the usual place. */
export function quickTemporaryDirectory(): string {
  try {
    const directory = mkdtempSync('/dev/shm/registry-cleanup-test-');
    try {
      const script = join(directory, 'script');
      writeFileSync(script, '#!/bin/sh\n', { mode: 0o755 });
      execFileSync(script);
      return '/dev/shm';
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  } catch {
    // Not there, full, or mounted with noexec, as containers have it.
    return tmpdir();
  }
}
