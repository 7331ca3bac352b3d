import { isUtf8 } from 'node:buffer';

/**
 * A file name, which is bytes, as part of a key. Valid UTF-8 stands as it is, whatever is in it. Any other name is
 * told in ASCII, with `\xHH` for the backslash and every byte that is not printable, and ends with NUL. No file name
 * holds NUL: so the key is no other file's, no two names share one, no grammar takes it for something of the
 * registry's, and every adapter refuses to read or remove by it (`keyProblem`).
 */
export function nameOfBytes(bytes: Buffer): string {
  if (isUtf8(bytes)) return bytes.toString('utf8');
  return `${bytes.toString('latin1').replace(/[^ -[\]-~]/g, escapeByte)}${rawMark}`;
}

/** Whether `name` stands for one that is not valid UTF-8. */
export function isRawName(name: string): boolean {
  return name.endsWith(rawMark);
}

/** `key` for people: without the mark. */
export function withoutRawMark(key: string): string {
  return isRawName(key) ? key.slice(0, -rawMark.length) : key;
}

const rawMark = '\0';

function escapeByte(byte: string): string {
  return `\\x${byte.charCodeAt(0).toString(16).padStart(2, '0')}`;
}
