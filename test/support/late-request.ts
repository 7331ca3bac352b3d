import { request } from 'node:http';
import { startUpload, type Target } from './http.ts';
import { digestOf } from './layout.ts';
import type { Pushed } from './push.ts';

/** A request of which all but the last byte has been sent: the registry works on it, and has not committed it. */
export interface LateRequest {
  /** Sends the last byte; the status of the answer. */
  finish(): Promise<number>;
}

/** A manifest on its way in: its tag will be there when the request is finished, not before. */
export function lateManifest(
  target: Target,
  repository: string,
  tag: string,
  manifest: Pick<Pushed, 'bytes' | 'mediaType'>,
): Promise<LateRequest> {
  const url = new URL(`/v2/${repository}/manifests/${tag}`, target);
  return hold('PUT', url, manifest.bytes, manifest.mediaType);
}

/** A blob on its way in, in the request that commits it. */
export async function lateBlob(
  target: Target,
  repository: string,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<LateRequest> {
  const { location } = await startUpload(target, repository);
  const url = new URL(location, target);
  url.searchParams.set('digest', digestOf(bytes));
  return hold('PUT', url, bytes, 'application/octet-stream');
}

async function hold(method: string, url: URL, bytes: Uint8Array, type: string): Promise<LateRequest> {
  const sent = request(url, {
    method,
    agent: false,
    headers: { 'content-type': type, 'content-length': bytes.length },
  });
  const answered = Promise.withResolvers<number>();
  answered.promise.catch(() => {}); // told to whoever calls finish()
  sent.once('error', answered.reject);
  sent.once('response', (response) => {
    response.resume();
    answered.resolve(response.statusCode ?? 0);
  });
  await new Promise<void>((resolve) => sent.write(bytes.subarray(0, -1), () => resolve()));
  return {
    finish() {
      sent.end(bytes.subarray(-1));
      return answered.promise;
    },
  };
}
