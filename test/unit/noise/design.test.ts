import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  type ContentDesign,
  designNoise,
  type LayerDesign,
  type PushDesign,
} from '../../../src/noise/design.ts';
import { parseNoise } from '../../../src/noise/options.ts';

function design(given: Parameters<typeof parseNoise>[0]): readonly PushDesign[] {
  return designNoise(parseNoise({ seed: '1', ...given }));
}

function layers(content: ContentDesign): readonly LayerDesign[] {
  if (content.kind === 'image') return content.layers;
  if (content.kind === 'chart') return [content.layer];
  return content.children.flatMap(layers);
}

function kinds(pushes: readonly PushDesign[]): string[] {
  return pushes.map(({ content }) => {
    if (content.kind !== 'index') return content.kind;
    if (content.children.some((child) => child.kind === 'index')) return 'nested';
    return content.attested ? 'attested' : `${content.format} index`;
  });
}

describe('designNoise', () => {
  it('is the same for the same seed and options, and another for another seed', () => {
    expect(design({})).toEqual(design({}));
    expect(design({ seed: '2' })).not.toEqual(design({ seed: '1' }));
  });

  it('has all that a registry meets, in a small one', () => {
    const pushes = design({ nested: '0.2' });
    expect(pushes).toHaveLength(25);
    expect(new Set(kinds(pushes))).toEqual(
      new Set(['image', 'chart', 'docker index', 'oci index', 'attested', 'nested']),
    );
    expect(new Set(pushes.map(({ referrer }) => referrer))).toEqual(
      new Set([undefined, 'subject', 'fallback', 'signature']),
    );
    const formats = pushes.flatMap(({ content }) => (content.kind === 'image' ? [content.format] : []));
    expect(new Set(formats)).toEqual(new Set(['docker', 'oci']));
  });

  it('overwrites tags, once all are taken', () => {
    const tags = design({ images: '24', repositories: '2', tags: '3' }).map(
      ({ repository, tag }) => `${repository}:${tag}`,
    );
    expect(new Set(tags.slice(0, 6))).toEqual(new Set(tags));
    expect(new Set(tags).size).toBe(6);
  });

  it("puts repositories into other repositories' directories", () => {
    const names = [...new Set(design({ repositories: '4' }).map(({ repository }) => repository))];
    expect(names).toEqual([
      'noise/team/app',
      'noise/team/app/nested',
      'noise/ops/app',
      'noise/ops/app/nested',
    ]);
  });

  it('names every repository differently, however many there are', () => {
    const names = design({ images: '200', repositories: '200' }).map(({ repository }) => repository);
    expect(new Set(names).size).toBe(200);
  });

  it('shares layers within and across repositories, as often as asked', () => {
    const homes = new Map<string, Set<string>>();
    const pushes = design({ images: '100', shared: '0.5', multiarch: '0', charts: '0' });
    for (const { repository, content } of pushes) {
      for (const { id } of layers(content)) homes.set(id, (homes.get(id) ?? new Set()).add(repository));
    }
    expect([...homes.values()].some((repositories) => repositories.size > 1)).toBe(true);
    const all = pushes.flatMap(({ content }) => layers(content)).length;
    expect(homes.size / all).toBeGreaterThan(0.4);
    expect(homes.size / all).toBeLessThan(0.65);
  });

  it('shares nothing when asked not to', () => {
    const ids = design({ shared: '0' }).flatMap(({ content }) => layers(content).map(({ id }) => id));
    expect(new Set(ids).size).toBe(ids.length);
  });

  it('is, when single, one tag of one repository that plain images overwrite', () => {
    const pushes = design({ images: '10', single: true });
    expect(new Set(pushes.map(({ repository, tag }) => `${repository}:${tag}`))).toEqual(
      new Set(['noise:latest']),
    );
    expect(new Set(kinds(pushes))).toEqual(new Set(['image']));
    expect(pushes.every(({ referrer }) => referrer === undefined)).toBe(true);
  });

  it('keeps to its numbers with any options', () => {
    const text = (max: number, min = 0) => fc.integer({ min, max }).map(String);
    const part = fc.integer({ min: 0, max: 100 }).map((percent) => String(percent / 100));
    const options = fc.record({
      images: text(60),
      repositories: text(9, 1),
      tags: text(5, 1),
      layers: text(6, 1),
      layerSize: fc.constantFrom('0', '1-100', '2KiB'),
      shared: part,
      multiarch: part,
      nested: part,
      charts: part,
      referrers: part,
      seed: fc.string(),
    });
    fc.assert(
      fc.property(options, (given) => {
        const parsed = parseNoise(given);
        const pushes = designNoise(parsed);
        expect(pushes.map(({ number }) => number)).toEqual(
          Array.from({ length: parsed.images }, (_, n) => n),
        );
        const some = pushes.filter(({ referrer }) => referrer !== undefined);
        expect(some).toHaveLength(Math.round(parsed.images * parsed.referrers));
        const indexes = pushes.filter(({ content }) => content.kind === 'index');
        expect(indexes).toHaveLength(Math.round(parsed.images * parsed.multiarch));
        for (const { size } of pushes.flatMap(({ content }) => layers(content))) {
          expect(size).toBeGreaterThanOrEqual(parsed.layerSize.min);
          expect(size).toBeLessThanOrEqual(parsed.layerSize.max);
        }
        expect(new Set(pushes.map(({ repository }) => repository)).size).toBe(
          Math.min(parsed.images, parsed.repositories),
        );
      }),
      { numRuns: 60 },
    );
  });
});
