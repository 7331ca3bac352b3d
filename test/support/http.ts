import { request } from 'node:http';
import { digestOf } from './layout.ts';

/** Where to push: `http://127.0.0.1:5000`, or with a user and password in it. */
export type Target = string;

export interface OpenUpload {
  /** The name of its directory below `_uploads`. */
  readonly id: string;
  /** Where the client would go on. */
  readonly location: string;
}

/** One request; rejects unless it is answered with one of `expected`. */
export async function call(
  target: Target,
  method: string,
  path: string,
  expected: readonly number[],
  body?: Uint8Array<ArrayBuffer>,
  headers: Readonly<Record<string, string>> = {},
): Promise<Response> {
  const { url, authorization } = split(target);
  const init = { method, body, headers: { ...headers, ...authorization }, redirect: 'manual' as const };
  const at = new URL(path, url);
  // A kept-alive connection of a registry that was restarted meanwhile breaks on its first use, and only then.
  const response = await fetch(at, init).catch(() => fetch(at, init));
  if (expected.includes(response.status)) return response;
  throw new Error(`${method} ${at.pathname} was answered with ${response.status}: ${await response.text()}`);
}

/** Uploads a blob as a client does (POST, PUT) and returns the digest that it asked for. */
export async function pushBlob(
  target: Target,
  repository: string,
  bytes: Uint8Array<ArrayBuffer>,
  algorithm: 'sha256' | 'sha512' = 'sha256',
): Promise<string> {
  const digest = digestOf(bytes, algorithm);
  const { location } = await startUpload(target, repository);
  await call(target, 'PUT', withDigest(target, location, digest), [201], bytes, octets);
  return digest;
}

/** Opens an upload, sends `bytes` if there are any, and leaves it there. */
export async function startUpload(
  target: Target,
  repository: string,
  bytes?: Uint8Array<ArrayBuffer>,
): Promise<OpenUpload> {
  const opened = await call(target, 'POST', `/v2/${repository}/blobs/uploads/`, [202]);
  const id = opened.headers.get('docker-upload-uuid') ?? '';
  let location = locationOf(opened);
  if (bytes !== undefined) location = locationOf(await call(target, 'PATCH', location, [202], bytes, octets));
  return { id, location };
}

export interface HeldUpload extends OpenUpload {
  /** Sends the rest of the request; the status of the answer. */
  finish(): Promise<number>;
  /** Where that answer says that the client would go on. */
  next(): string;
  /** Breaks the connection. */
  abort(): void;
}

/** A request in flight: an upload of which `bytes` are sent and the rest of the same PATCH is not, until told. */
export async function holdUpload(
  target: Target,
  repository: string,
  bytes: Uint8Array<ArrayBuffer>,
): Promise<HeldUpload> {
  const upload = await startUpload(target, repository);
  const { url, authorization } = split(target);
  const patch = request(new URL(upload.location, url), {
    method: 'PATCH',
    agent: false,
    headers: { ...octets, ...authorization },
  });
  const answered = Promise.withResolvers<number>();
  let next = upload.location;
  answered.promise.catch(() => {}); // told to whoever calls finish(); nobody need to
  patch.once('error', answered.reject);
  patch.once('response', (response) => {
    response.resume();
    next = response.headers.location ?? next;
    answered.resolve(response.statusCode ?? 0);
  });
  await new Promise<void>((resolve) => patch.write(bytes, () => resolve()));
  return {
    ...upload,
    finish() {
      patch.end();
      return answered.promise;
    },
    next: () => next,
    abort: () => patch.destroy(),
  };
}

/** Makes a blob of `from` known in `repository` without sending it. */
export async function mountBlob(
  target: Target,
  repository: string,
  digest: string,
  from: string,
): Promise<void> {
  const query = new URLSearchParams({ mount: digest, from });
  await call(target, 'POST', `/v2/${repository}/blobs/uploads/?${query}`, [201]);
}

/** Deletes a manifest (not its blob), and with it every tag that points to it. */
export async function deleteManifest(target: Target, repository: string, digest: string): Promise<void> {
  await call(target, 'DELETE', `/v2/${repository}/manifests/${digest}`, [202]);
}

const octets = { 'content-type': 'application/octet-stream' };

function split(target: Target): { url: URL; authorization: Readonly<Record<string, string>> } {
  const url = new URL(target);
  const { username, password } = url;
  url.username = '';
  url.password = '';
  const basic = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`);
  return {
    url,
    authorization: username === '' ? {} : { authorization: `Basic ${basic.toString('base64')}` },
  };
}

function locationOf(response: Response): string {
  const location = response.headers.get('location');
  if (location === null) throw new Error(`${response.url} was answered without a Location`);
  return location;
}

function withDigest(target: Target, location: string, digest: string): string {
  const url = new URL(location, split(target).url);
  url.searchParams.set('digest', digest);
  return url.href;
}
