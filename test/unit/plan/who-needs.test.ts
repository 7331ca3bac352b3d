import { describe, expect, it } from 'vitest';
import { whoNeeds } from '../../../src/plan/who-needs.ts';
import { at, digestOf } from '../../support/layout.ts';
import { descriptor, type MemoryRegistry, memoryRegistry } from '../../support/memory-registry.ts';

/** Who needs the blob: `repository:tag`, or the repository; undefined when nobody does. */
async function needer(made: MemoryRegistry, digest: string): Promise<string | undefined> {
  const inventory = await made.read();
  const id = inventory.find(digest);
  const found = whoNeeds(inventory, new Set([id])).get(id);
  return found && [found.repository, ...(found.tag === null ? [] : [found.tag])].join(':');
}

describe('who needs a blob', () => {
  it('is the tag whose manifest it is, or names it', async () => {
    const made = memoryRegistry();
    const image = made.image('app', { tags: ['v1'], layers: ['layer'] });
    expect(await needer(made, image)).toBe('app:v1');
    expect(await needer(made, digestOf(Buffer.from('layer')))).toBe('app:v1');
  });

  it('is the tag of an index, for what its children name', async () => {
    const made = memoryRegistry();
    const child = made.image('app', { layers: ['layer'] });
    made.index('app', [made.index('app', [child])], { tags: ['nested'] });
    expect(await needer(made, digestOf(Buffer.from('layer')))).toBe('app:nested');
    expect(await needer(made, child)).toBe('app:nested');
  });

  it('is a tag rather than a repository that has it untagged, wherever each is', async () => {
    const made = memoryRegistry();
    made.image('first', { layers: ['layer'] });
    made.image('second', { tags: ['v1'], layers: ['layer'] });
    expect(await needer(made, digestOf(Buffer.from('layer')))).toBe('second:v1');
    made.storage.drop(at.tag('second', 'v1'));
    expect(await needer(made, digestOf(Buffer.from('layer')))).toBe('first');
  });

  it('is whoever names it by the digest of a link that leads to it', async () => {
    const made = memoryRegistry();
    const stored = made.layer('app', 'content');
    const named = digestOf(Buffer.from('content'), 'sha512');
    made.storage.put(at.layer('app', named), stored);
    made.image('app', { tags: ['v1'], layers: [], manifest: { layers: [descriptor(named, 'text/plain')] } });
    expect(await needer(made, stored)).toBe('app:v1');
  });

  it('is nobody where no manifest names it, linked or not', async () => {
    const made = memoryRegistry();
    made.image('app', { tags: ['v1'] });
    expect(await needer(made, made.layer('app', 'linked'))).toBeUndefined();
    expect(await needer(made, made.blob('loose'))).toBeUndefined();
  });
});
