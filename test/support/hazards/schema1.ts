import { createSign, generateKeyPairSync } from 'node:crypto';
import { bytesOf } from '../push.ts';

/**
 * A signed manifest of schema 1, as Docker pushed it before 1.10: the payload, and before its last brace a JWS over
 * it. Registry 3 knows the format no more; registry 2 still reads it. (distribution, docs/spec/manifest-v2-1.md)
 */
export function schema1Manifest(name: string, tag: string, layers: readonly string[]): Uint8Array {
  const payload = JSON.stringify(
    {
      schemaVersion: 1,
      name,
      tag,
      architecture: 'amd64',
      fsLayers: layers.map((blobSum) => ({ blobSum })),
      history: layers.map((_, i) => ({
        v1Compatibility: JSON.stringify({ id: String(i).padStart(64, '0') }),
      })),
    },
    undefined,
    3,
  );
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const tail = '\n}';
  const protectedHeader = base64url(
    JSON.stringify({
      formatLength: payload.length - tail.length,
      formatTail: base64url(tail),
      time: '2015-12-01T00:00:00Z',
    }),
  );
  const signature = createSign('sha256')
    .update(`${protectedHeader}.${base64url(payload)}`)
    .sign({ key: privateKey, dsaEncoding: 'ieee-p1363' }, 'base64url');
  const { crv, kty, x, y } = publicKey.export({ format: 'jwk' });
  const signatures = [
    { header: { jwk: { crv, kty, x, y }, alg: 'ES256' }, signature, protected: protectedHeader },
  ];
  const signed = `${payload.slice(0, -tail.length)},\n   "signatures": ${JSON.stringify(signatures)}${tail}`;
  return bytesOf(signed);
}

function base64url(text: string): string {
  return Buffer.from(text).toString('base64url');
}
