import { crc32 } from 'node:zlib';

export interface TarFile {
  /** Up to 100 ASCII characters, no leading slash. */
  readonly name: string;
  readonly content: Uint8Array;
  /** Seconds since the epoch. */
  readonly modified: number;
}

const block = 512;

/** A POSIX ustar archive of plain files, owned by root, that ends as tar's own do: with two empty blocks. */
export function tar(files: readonly TarFile[]): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const file of files) {
    parts.push(header(file), file.content, new Uint8Array(-file.content.length & (block - 1)));
  }
  parts.push(new Uint8Array(2 * block));
  return Buffer.concat(parts);
}

function header(file: TarFile): Uint8Array {
  const bytes = Buffer.alloc(block);
  const octal = (value: number, digits: number, at: number) =>
    bytes.write(`${value.toString(8).padStart(digits, '0')}\0`, at, 'latin1');
  bytes.write(file.name, 0, 100, 'latin1');
  octal(0o644, 7, 100);
  octal(0, 7, 108);
  octal(0, 7, 116);
  octal(file.content.length, 11, 124);
  octal(file.modified, 11, 136);
  bytes.fill(' ', 148, 156); // The checksum counts as spaces in its own sum.
  bytes.write('0', 156, 'latin1');
  bytes.write('ustar\x0000', 257, 'latin1');
  const sum = bytes.reduce((total, byte) => total + byte, 0);
  bytes.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148, 'latin1');
  return bytes;
}

const storedMaximum = 0xffff;

/**
 * `bytes` in a gzip wrapper, stored (RFC 1951 §3.2.4, RFC 1952). What zlib makes of the same bytes differs
 * between its versions and between processors, and digests must not; our bytes would not shrink anyway.
 */
export function gzipStored(bytes: Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [Uint8Array.of(0x1f, 0x8b, 8, 0, 0, 0, 0, 0, 0, 255)];
  let at = 0;
  do {
    const chunk = bytes.subarray(at, at + storedMaximum);
    at += chunk.length;
    const head = Buffer.alloc(5);
    head.writeUInt8(at === bytes.length ? 1 : 0, 0);
    head.writeUInt16LE(chunk.length, 1);
    head.writeUInt16LE(~chunk.length & 0xffff, 3);
    parts.push(head, chunk);
  } while (at < bytes.length);
  const tail = Buffer.alloc(8);
  tail.writeUInt32LE(crc32(bytes), 0);
  tail.writeUInt32LE(bytes.length >>> 0, 4);
  parts.push(tail);
  return Buffer.concat(parts);
}
