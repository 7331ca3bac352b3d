import { hash } from 'node:crypto';
import { isSha256 } from '../../registry/digest.ts';
import { readHex, sha256Bytes } from '../../registry/hex.ts';
import { blobsRoot } from '../../registry/layout.ts';
import { type Descriptor, manifestLimit, parseManifest } from '../../registry/manifest.ts';
import { digestWords } from '../digest-table.ts';
import { type Named, namedBy } from '../named.ts';
import type { Look } from './leaves.ts';
import { type Contents, head, headWidth, manifestKinds, type Task } from './task.ts';

/** Reads manifests, and packs what they name. One that is not whole, or unusual, is left to be read by `readManifest`. */
export function lookAtManifests({ near, found }: Look, task: Extract<Task, { kind: 'manifests' }>): void {
  const digests = Buffer.from(task.digests.buffer);
  const count = task.digests.length / digestWords;
  const heads = new Int32Array(count * headWidth);
  const references = new References();
  const said: number[] = [];
  const mediaTypes: string[] = [];
  for (let i = 0; i < count; i++) {
    found.looked++;
    const hex = digests.toString('hex', i * sha256Bytes, (i + 1) * sha256Bytes);
    const bytes = near.bytes(`${blobsRoot}sha256/${hex.slice(0, 2)}/${hex}/data`, manifestLimit);
    if (bytes === undefined || hash('sha256', bytes, 'hex') !== hex) continue;
    const parsed = parseManifest(bytes);
    if (parsed.kind === 'damaged' || parsed.kind === 'unknown') continue;
    const named = namedBy(parsed);
    if (!isUsual(named)) continue;
    const at = i * headWidth;
    heads[at + head.state] = manifestKinds.indexOf(named.kind) + 1;
    heads[at + head.size] = bytes.length;
    heads[at + head.mediaType] = numberOf(named.mediaType, mediaTypes);
    heads[at + head.children] = named.children.length;
    heads[at + head.blobs] = named.blobs.length;
    heads[at + head.foreign] = named.foreign.length;
    heads[at + head.subject] = named.subject === undefined ? 0 : 1;
    for (const { digest } of named.children) references.push(digest);
    for (const { digest, size } of named.blobs) {
      references.push(digest);
      said.push(size ?? Number.NaN);
    }
    for (const { digest } of named.foreign) references.push(digest);
    if (named.subject !== undefined) references.push(named.subject);
  }
  found.contents.push(contentsOf(task.first, heads, references, said, mediaTypes));
}

function contentsOf(
  first: number,
  heads: Int32Array<ArrayBuffer>,
  references: References,
  said: readonly number[],
  mediaTypes: readonly string[],
): Contents {
  return { first, heads, references: references.packed(), said: Float64Array.from(said), mediaTypes };
}

/** Whether it names things by nothing but sha256. */
function isUsual({ children, blobs, foreign, subject }: Named): boolean {
  const is = ({ digest }: Descriptor): boolean => isSha256(digest);
  return (
    children.every(is) && blobs.every(is) && foreign.every(is) && (subject === undefined || isSha256(subject))
  );
}

function numberOf(text: string, texts: string[]): number {
  const known = texts.indexOf(text);
  return known === -1 ? texts.push(text) - 1 : known;
}

/** A growing column of digests. */
class References {
  #words = new Int32Array(64 * digestWords);
  #bytes = new Uint8Array(this.#words.buffer);
  #length = 0;

  push(digest: string): void {
    if (this.#length === this.#bytes.length) {
      const words = new Int32Array(this.#words.length * 2);
      words.set(this.#words);
      this.#words = words;
      this.#bytes = new Uint8Array(words.buffer);
    }
    readHex(digest, 'sha256:'.length, this.#bytes, this.#length);
    this.#length += sha256Bytes;
  }

  packed(): Int32Array<ArrayBuffer> {
    return this.#words.slice(0, this.#length / Int32Array.BYTES_PER_ELEMENT);
  }
}
