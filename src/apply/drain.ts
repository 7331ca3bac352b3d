import { pause } from '../pause.ts';
import { placeOf, repositoriesRoot } from '../registry/layout.ts';
import type { Reader } from '../storage/storage.ts';

export interface DrainOptions {
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
  readonly quietMs: number;
}

const lookEvery = 250;

/**
 * Waits until no upload has changed for `quietMs`, at most `timeoutMs`. Changes are seen by comparing, not by the clock.
 * Returns what came of it.
 */
export async function drain(reader: Reader, options: DrainOptions): Promise<string> {
  const { signal, timeoutMs, quietMs } = options;
  const started = performance.now();
  if (timeoutMs === 0) return 'uploads are not waited for';
  let before = await uploads(reader);
  if (before.size === 0) return 'no upload in flight';
  let quietSince = started;
  while (performance.now() - started < timeoutMs) {
    if (performance.now() - quietSince >= quietMs) return 'uploads, but none in flight';
    await pause(lookEvery, signal);
    const now = await uploads(reader);
    if (!same(before, now)) quietSince = performance.now();
    if (now.size === 0) return 'no upload in flight any more';
    before = now;
  }
  return 'uploads still in flight after the time allowed: they are cut off';
}

/** Files of all uploads → size and time. */
async function uploads(reader: Reader): Promise<Map<string, string>> {
  const files = new Map<string, string>();
  const others = (key: string): boolean => key.endsWith('/_layers/') || key.endsWith('/_manifests/');
  for await (const page of reader.list(repositoriesRoot, others)) {
    for (const { key, size, modified } of page) {
      if (placeOf(key).kind === 'upload') files.set(key, `${size} ${modified}`);
    }
  }
  return files;
}

function same(a: ReadonlyMap<string, string>, b: ReadonlyMap<string, string>): boolean {
  return a.size === b.size && [...a].every(([key, value]) => b.get(key) === value);
}
