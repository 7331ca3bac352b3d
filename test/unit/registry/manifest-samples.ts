import { readFileSync } from 'node:fs';
import { digestOf } from '../../../src/registry/digest.ts';
import { manifestMediaTypes, type ParsedManifest, parseManifest } from '../../../src/registry/manifest.ts';

export const [dockerImage, dockerList, ociImage, ociIndex] = manifestMediaTypes;
export const schema1 = 'application/vnd.docker.distribution.manifest.v1+prettyjws';
export const fixtures = new URL('../../fixtures/manifests/', import.meta.url);
export function fixture(name: string): Buffer {
  return readFileSync(new URL(`${name}.json`, fixtures));
}
export function encode(text: string): Uint8Array {
  return new TextEncoder().encode(text);
}
export function parse(value: unknown): ParsedManifest {
  return parseManifest(encode(JSON.stringify(value)));
}
export function named(n: number): string {
  return digestOf(encode(`blob ${n}`));
}
export function descriptor(n: number, more: object = {}): object {
  return {
    mediaType: 'application/octet-stream',
    digest: named(n),
    size: n,
    ...more,
  };
}
export function image(more: object = {}): object {
  return {
    schemaVersion: 2,
    mediaType: ociImage,
    config: descriptor(0),
    layers: [descriptor(1)],
    ...more,
  };
}
export function index(more: object = {}): object {
  return {
    schemaVersion: 2,
    mediaType: ociIndex,
    manifests: [descriptor(1)],
    ...more,
  };
}

/** Everything that a manifest is found to name. */
export function referencesOf(manifest: ParsedManifest): string[] {
  if (manifest.kind === 'schema1') return manifest.layers.map((layer) => layer.digest);
  if (manifest.kind !== 'image' && manifest.kind !== 'index') return [];
  const made = manifest.kind === 'index' ? manifest.children : [manifest.config, ...manifest.layers];
  return [...made.map((one) => one?.digest), manifest.subject].filter((digest) => digest !== undefined);
}
