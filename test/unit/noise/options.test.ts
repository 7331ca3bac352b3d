import { describe, expect, it } from 'vitest';
import { parseNoise } from '../../../src/noise/options.ts';

describe('parseNoise', () => {
  it('needs nothing to be said', () => {
    expect(parseNoise({})).toMatchObject({
      images: 25,
      layerSize: { min: 1024, max: 32768 },
      prefix: 'noise',
    });
  });

  it('makes a new seed each time, and takes one that is given', () => {
    expect(parseNoise({}).seed).not.toBe(parseNoise({}).seed);
    expect(parseNoise({ seed: 'again' }).seed).toBe('again');
  });

  it('lets --single be changed by what is said besides', () => {
    expect(parseNoise({ single: true })).toMatchObject({ repositories: 1, tags: 1, shared: 0, multiarch: 0 });
    expect(parseNoise({ single: true, shared: '0.5' })).toMatchObject({ repositories: 1, shared: 0.5 });
  });

  it.each([
    ['512', { min: 512, max: 512 }],
    ['2KiB', { min: 2048, max: 2048 }],
    ['1.5kB', { min: 1500, max: 1500 }],
    ['1 MiB - 2 mib', { min: 2 ** 20, max: 2 ** 21 }],
    ['0', { min: 0, max: 0 }],
  ])('takes %j for a size', (layerSize, expected) => {
    expect(parseNoise({ layerSize }).layerSize).toEqual(expected);
  });

  it.each([
    ['images', '1e3'],
    ['images', '-1'],
    ['images', ''],
    ['repositories', '0'],
    ['layers', '128'],
    ['layerSize', '2KiB-1KiB'],
    ['layerSize', '1KiB-2KiB-3KiB'],
    ['layerSize', '1KiB-much'],
    ['layerSize', '2GiB'],
    ['layerSize', '1constructor'],
    ['shared', '1.1'],
    ['shared', '30%'],
    ['shared', 'NaN'],
    ['prefix', 'Upper'],
    ['prefix', '../x'],
    ['prefix', ''],
  ])('refuses %s %j', (name, text) => {
    expect(() => parseNoise({ [name]: text })).toThrow(expect.objectContaining({ code: 'USAGE' }));
  });

  it('is quick to refuse a long name', () => {
    const started = performance.now();
    expect(() => parseNoise({ prefix: `${'a-'.repeat(90)}!` })).toThrow('--prefix');
    expect(performance.now() - started).toBeLessThan(100);
  });
});
