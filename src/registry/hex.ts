/** Bytes of a sha256. */
export const sha256Bytes = 32;

/** Value of each lower-case hexadecimal digit, by its code; -1 for everything else. */
const values = new Int8Array(256).fill(-1);
for (const [value, digit] of [...'0123456789abcdef'].entries()) values[digit.charCodeAt(0)] = value;

/**
 * Writes the bytes that 64 lower-case hexadecimal digits stand for (`text` from `from` on) into `into` at `at`. False
 * where they are none; what `into` holds there then is of no use.
 */
export function readHex(text: string, from: number, into: Uint8Array, at: number): boolean {
  let wrong = 0;
  for (let i = 0; i < sha256Bytes; i++) {
    const high = values[text.charCodeAt(from + 2 * i)] ?? -1;
    const low = values[text.charCodeAt(from + 2 * i + 1)] ?? -1;
    wrong |= high | low;
    into[at + i] = (high << 4) | low;
  }
  return wrong >= 0;
}

const prefix = Buffer.from('sha256:');
/** Bytes of a link that names a sha256. */
export const linkBytes = prefix.length + 2 * sha256Bytes;

/** As `readHex`, of a link's whole content: `sha256:` and the digits, and nothing around it. */
export function readLinkBytes(link: Uint8Array, length: number, into: Uint8Array, at: number): boolean {
  if (length !== linkBytes) return false;
  let wrong = 0;
  for (let i = 0; i < prefix.length; i++) if (link[i] !== prefix[i]) return false;
  for (let i = 0; i < sha256Bytes; i++) {
    const high = values[link[prefix.length + 2 * i] ?? 0] ?? -1;
    const low = values[link[prefix.length + 2 * i + 1] ?? 0] ?? -1;
    wrong |= high | low;
    into[at + i] = (high << 4) | low;
  }
  return wrong >= 0;
}
