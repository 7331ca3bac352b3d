import type { MemoryStorage } from '../../src/storage/memory.ts';
import { at } from './layout.ts';

/**
 * Keys of the blobs that a repository links to: by every digest in a path or a file below its directory (nested
 * repositories are others), and all that those of them name which are JSON, and so on. Shares nothing with the program.
 */
export async function linkedBlobs(storage: MemoryStorage, repository: string): Promise<Set<string>> {
  const root = `${at.repository(repository)}/`;
  const found = new Set<string>();
  const work: string[] = [];
  function enter(text: string): void {
    for (const [digest, hex = ''] of text.matchAll(/sha256[:/]([0-9a-f]{64})(?![0-9a-f])/g)) {
      if (digest !== '' && !found.has(hex)) {
        found.add(hex);
        work.push(hex);
      }
    }
  }
  for await (const page of storage.list(root)) {
    for (const { key, type } of page) {
      if (!key.slice(root.length).startsWith('_')) continue;
      enter(key);
      if (type === 'file') enter(await contentOf(storage, key));
    }
  }
  const keys = new Set<string>();
  for (let hex = work.pop(); hex !== undefined; hex = work.pop()) {
    const key = at.blob(`sha256:${hex}`);
    keys.add(key);
    const content = await contentOf(storage, key);
    if (content.startsWith('{')) enter(content);
  }
  return keys;
}

async function contentOf(storage: MemoryStorage, key: string): Promise<string> {
  const node = await storage.stat(key);
  return node?.type === 'file' ? Buffer.from((await storage.read(key)) ?? []).toString('latin1') : '';
}
