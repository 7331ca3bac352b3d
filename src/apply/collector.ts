import type { Deed } from '../deed.ts';
import { fail } from '../errors.ts';
import type { Inventory } from '../inventory/inventory.ts';
import { parseCollectorLine } from '../registry/collector-output.ts';
import type { Digest } from '../registry/digest.ts';
import type { GcOptions, GcResult } from '../runtime/runtime.ts';

/** What a run of the registry's collector said. */
export interface Collection {
  /** 1 for every digest (by the inventory's ids) of which it said that the blob goes. */
  readonly sweeps: Uint8Array;
  /** Blobs that it sweeps and that the inventory does not know: pushed since, without a manifest. */
  readonly unknown: readonly Digest[];
  readonly blobs: number;
  /** `<repository> <id>` of every manifest that it marked. */
  readonly marked: ReadonlySet<string>;
  /** `<repository> <digest>` of every manifest that it wants to delete. */
  readonly manifests: ReadonlySet<string>;
}

export interface CollectOptions {
  readonly inventory: Inventory;
  /** Makes the deed that runs the collector, feeding lines to `onLine`. */
  readonly start: (onLine: GcOptions['onLine']) => Deed<GcResult>;
  /** Runs the deed (pushes its undo first). */
  readonly run: (deed: Deed<GcResult>) => Promise<GcResult>;
  readonly onProgress?: (marked: number, swept: number) => void;
  /** Lines that are not the usual ones. */
  readonly onOutput?: (line: string) => void;
  /** The repositories' manifests that it marks are kept only for the rehearsal. */
  readonly remember: boolean;
}

const progressEvery = 500;
const tailLength = 20;

/**
 * Runs the registry's collector. It has succeeded when its exit code is 0 *and* its summary line was seen: a usage
 * error exits with 0 as well (distribution's `main` ignores what its command returns).
 */
export async function runCollector(options: CollectOptions): Promise<Collection> {
  const { inventory } = options;
  const sweeps = new Uint8Array(inventory.digestCount);
  const unknown: Digest[] = [];
  const marked = new Set<string>();
  const manifests = new Set<string>();
  const tail: string[] = [];
  let began = false;
  let repository = '';
  let markedCount = 0;
  let blobs = 0;
  let summary = false;
  function onLine(text: string, stream: 'stdout' | 'stderr'): void {
    tail.push(text);
    if (tail.length > tailLength) tail.shift();
    if (stream === 'stderr') {
      if (!/level=(?:info|debug)/.test(text) && text !== '') options.onOutput?.(text);
      return;
    }
    const line = parseCollectorLine(text);
    switch (line.kind) {
      case 'repository':
        began = true;
        repository = line.name;
        return;
      case 'marking-manifest':
        if (options.remember) marked.add(`${line.repository} ${inventory.find(line.digest)}`);
        if (++markedCount % progressEvery === 0) options.onProgress?.(markedCount, blobs);
        return;
      case 'manifest-eligible':
        manifests.add(`${line.repository ?? repository} ${line.digest}`);
        return;
      case 'blob-eligible': {
        const id = inventory.find(line.digest);
        if (id === -1 || id >= sweeps.length) unknown.push(line.digest);
        else sweeps[id] = 1;
        if (++blobs % progressEvery === 0) options.onProgress?.(markedCount, blobs);
        return;
      }
      case 'summary':
        summary = true;
        options.onOutput?.(text);
        return;
      case 'other':
        if (text !== '') options.onOutput?.(text);
        return;
      default:
        return;
    }
  }
  const result = await options.run(options.start(onLine));
  options.onProgress?.(markedCount, blobs);
  // Whoever named a repository was no usage error, and needs no summary line to have ended well.
  const cut = result.outputCut === true && !summary && result.exitCode === 0;
  if (cut && began && !options.remember) options.onOutput?.('its output was cut off before it ended');
  else if (result.exitCode !== 0 || !summary) {
    const how =
      result.signal === undefined ? `it exited with ${result.exitCode}` : `${result.signal} ended it`;
    const reason = cut
      ? 'its output was cut off before it ended, by a proxy in front of the engine, say'
      : result.exitCode === 0
        ? 'it exited with 0, but its summary line is missing'
        : how;
    fail('COLLECTOR_FAILED', { reason, output: tail });
  }
  return { sweeps, unknown, blobs, marked, manifests };
}
