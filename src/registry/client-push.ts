import type { Client, Manifest, UploadProbe } from './client.ts';
import { answered, garbled, isAbsent, mediaTypeOf, messageLimit } from './client-answer.ts';
import type { Exchange } from './client-exchange.ts';
import type { Request } from './client-transport.ts';
import { pathOf } from './client-url.ts';
import { digestOf } from './digest.ts';

type Push = Pick<Client, 'probeUpload' | 'cancelUpload' | 'pushBlob' | 'putManifest'>;

/** The part of a `Client` that writes. */
export function createPush(exchange: Exchange): Push {
  const { address } = exchange;

  async function probeUpload(repository: string): Promise<UploadProbe> {
    const answer = await exchange.authorized(pushScope(repository), beginUpload(repository));
    return {
      status: answer.status,
      contentType: mediaTypeOf(answer),
      apiVersion: answer.header('docker-distribution-api-version'),
      location: answer.header('location'),
      body: new TextDecoder().decode(answer.body),
    };
  }

  function beginUpload(repository: string, query?: Readonly<Record<string, string>>): Request {
    const url = address.api(`${pathOf(repository)}/blobs/uploads/`, query);
    return { method: 'POST', url, body: new Uint8Array(), limit: messageLimit };
  }

  async function cancelUpload(repository: string, location: string): Promise<void> {
    const url = address.resolve(location, beginUpload(repository).url);
    const request: Request = { method: 'DELETE', url, limit: messageLimit };
    const answer = await exchange.authorized(pushScope(repository), request);
    if (!isAbsent(answer) && answer.status !== 204) throw answered(answer);
  }

  async function isThere(repository: string, digest: string): Promise<boolean> {
    const url = address.api(`${pathOf(repository)}/blobs/${digest}`);
    const request: Request = { method: 'HEAD', url, limit: messageLimit };
    const answer = await exchange.redirected(pushScope(repository), request);
    return answer.status === 200;
  }

  async function pushBlob(repository: string, bytes: Uint8Array, { mountFrom }: { mountFrom?: string } = {}) {
    const digest = digestOf(bytes);
    if (await isThere(repository, digest)) return { digest, how: 'present' } as const;

    const mount = mountFrom === undefined ? undefined : { mount: digest, from: mountFrom };
    const scope = pushScope(repository) + (mountFrom === undefined ? '' : ` repository:${mountFrom}:pull`);
    const begin = beginUpload(repository, mount);
    const begun = await exchange.authorized(scope, begin);
    if (begun.status === 201 && mount !== undefined) return { digest, how: 'mounted' } as const;
    const location = begun.header('location');
    if (begun.status !== 202 || location === undefined) throw answered(begun);

    const url = address.resolve(location, begin.url);
    url.searchParams.set('digest', digest);
    const headers = { 'content-type': 'application/octet-stream' };
    const put: Request = { method: 'PUT', url, headers, body: bytes, limit: messageLimit };
    const answer = await exchange.authorized(pushScope(repository), put);
    if (answer.status !== 201) throw answered(answer);
    return { digest, how: 'uploaded' } as const;
  }

  async function putManifest(repository: string, reference: string, manifest: Omit<Manifest, 'digest'>) {
    const url = address.api(`${pathOf(repository)}/manifests/${pathOf(reference)}`);
    const headers = { 'content-type': manifest.mediaType };
    const request: Request = { method: 'PUT', url, headers, body: manifest.bytes, limit: messageLimit };
    const answer = await exchange.authorized(pushScope(repository), request);
    if (answer.status !== 201) throw answered(answer);
    const digest = digestOf(manifest.bytes);
    const stored = answer.header('docker-content-digest') ?? digest;
    if (stored !== digest) throw garbled(answer, `it stored another manifest than ${digest}`);
    return digest;
  }

  return { probeUpload, cancelUpload, pushBlob, putManifest };
}

function pushScope(repository: string): string {
  return `repository:${repository}:pull,push`;
}
