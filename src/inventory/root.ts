import { blobsRoot, repositoriesRoot, storageRoot } from '../registry/layout.ts';
import type { Reader } from '../storage/storage.ts';

/** What a driver's root holds at first sight. */
export type RootKind =
  /** `missing`: which of `repositories` and `blobs` is not there; the collector fails without both. */
  | { readonly kind: 'registry'; readonly missing: readonly string[] }
  | { readonly kind: 'empty' }
  /** Something else: `found` is what lies there. */
  | { readonly kind: 'foreign'; readonly found: readonly string[] }
  /** One of the directories on the way is a symbolic link, or no directory. */
  | { readonly kind: 'odd'; readonly key: string };

/** Names that say nothing of what a directory is for. */
const neutral = new Set(['.registry-cleanup/', 'lost+found/', 'scheduler-state.json']);

/** Looks at the first levels of a storage, to tell a registry from an empty disk and both from a wrong mount. */
export async function lookAtRoot(reader: Reader): Promise<RootKind> {
  const levels = [...parents(storageRoot), repositoriesRoot, blobsRoot];
  for (const key of levels) {
    const entry = await reader.stat(key.slice(0, -1));
    if (entry !== undefined && entry.type !== 'directory') return { kind: 'odd', key };
  }
  if ((await reader.stat(storageRoot.slice(0, -1))) === undefined) {
    const found = await besideTheWay(reader);
    return found.length === 0 ? { kind: 'empty' } : { kind: 'foreign', found };
  }
  const inside = await namesIn(reader, storageRoot);
  const missing = ['repositories/', 'blobs/'].filter((name) => !inside.includes(name));
  return missing.length === 2 ? { kind: 'empty' } : { kind: 'registry', missing };
}

/** What lies in the root and, where nobody has come as far as `docker/registry/v2`, beside the way there. */
async function besideTheWay(reader: Reader): Promise<string[]> {
  const found: string[] = [];
  let above = '';
  for (const step of parents(storageRoot)) {
    const names = await namesIn(reader, above);
    found.push(...names.map((name) => above + name).filter((key) => key !== step && !neutral.has(key)));
    above = step;
  }
  return found;
}

/** `a/b/c/` → `a/`, `a/b/`, `a/b/c/`. */
function parents(prefix: string): string[] {
  const parts = prefix.split('/').slice(0, -1);
  return parts.map((_, index) => `${parts.slice(0, index + 1).join('/')}/`);
}

/** What lies directly in `prefix`; directories with a trailing `/`. */
async function namesIn(reader: Reader, prefix: string): Promise<string[]> {
  const names = new Set<string>();
  for await (const page of reader.list(prefix, (directory) => directory !== prefix)) {
    for (const { key } of page) {
      const rest = key.slice(prefix.length);
      const slash = rest.indexOf('/');
      names.add(slash === -1 ? rest : rest.slice(0, slash + 1));
    }
  }
  return [...names];
}
