import { challengeKind } from './auth.ts';
import type { Client, Manifest, Ping } from './client.ts';
import {
  answered,
  errorCodes,
  garbled,
  isAbsent,
  mediaTypeOf,
  messageLimit,
  stringsIn,
} from './client-answer.ts';
import type { Exchange } from './client-exchange.ts';
import type { Request } from './client-transport.ts';
import { pathOf } from './client-url.ts';
import { type Digest, digestOf, isDigest } from './digest.ts';
import { acceptManifests, manifestLimit } from './manifest.ts';

/** What distribution gives in one page, whatever is asked for (`catalog.maxentries`). */
const catalogMaximum = 1000;
/** Bytes: a million names. */
const listLimit = 128 * 1024 * 1024;

type Pull = Pick<Client, 'ping' | 'getManifest' | 'headManifest' | 'hasBlob' | 'catalog' | 'tags'>;

/** The part of a `Client` that looks. */
export function createPull(exchange: Exchange): Pull {
  function ask(method: Request['method'], path: string, more: Partial<Request> = {}): Request {
    return { method, url: exchange.address.api(path), limit: messageLimit, ...more };
  }

  async function ping(): Promise<Ping> {
    const answer = await exchange.plain(ask('GET', ''));
    const asked = answer.status === 401 ? challengeKind(answer.headers('www-authenticate')) : undefined;
    return {
      status: answer.status,
      challenge: answer.status === 200 ? 'none' : asked,
      distribution: answer.header('docker-distribution-api-version') !== undefined,
    };
  }

  async function getManifest(repository: string, reference: string): Promise<Manifest | undefined> {
    const request = manifestRequest('GET', repository, reference);
    const answer = await exchange.authorized(pullScope(repository), request);
    if (isAbsent(answer)) return undefined;
    if (answer.status !== 200) throw answered(answer);
    if (answer.cut) throw garbled(answer, `the manifest is larger than ${manifestLimit} bytes`);
    const digest = digestOf(answer.body);
    if (reference.startsWith('sha256:') && reference !== digest) {
      throw garbled(answer, `the manifest has the digest ${digest}`);
    }
    return { digest, mediaType: mediaTypeOf(answer), bytes: answer.body };
  }

  async function headManifest(repository: string, reference: string) {
    const request = manifestRequest('HEAD', repository, reference);
    const answer = await exchange.authorized(pullScope(repository), request);
    if (isAbsent(answer)) return undefined;
    if (answer.status !== 200) throw answered(answer);
    const digest = answer.header('docker-content-digest') ?? '';
    if (!isDigest(digest)) throw garbled(answer, 'it names no digest of the manifest');
    return { digest, mediaType: mediaTypeOf(answer) };
  }

  function manifestRequest(method: 'GET' | 'HEAD', repository: string, reference: string): Request {
    // Without all four types, distribution hides some manifests and rewrites others.
    return ask(method, `${pathOf(repository)}/manifests/${pathOf(reference)}`, {
      headers: { accept: acceptManifests },
      limit: manifestLimit,
    });
  }

  async function hasBlob(repository: string, digest: Digest): Promise<boolean> {
    const request = ask('HEAD', `${pathOf(repository)}/blobs/${pathOf(digest)}`);
    const answer = await exchange.redirected(pullScope(repository), request);
    // An object store, whereto registries send for blobs, says no more than 404.
    const elsewhere = answer.request.url.origin !== request.url.origin;
    if (isAbsent(answer) || (elsewhere && answer.status === 404)) return false;
    if (answer.status !== 200) throw answered(answer);
    return true;
  }

  async function catalog(limit = catalogMaximum) {
    const n = Math.min(limit, catalogMaximum);
    let request: Request = {
      method: 'GET',
      url: exchange.address.api('_catalog', { n: String(n) }),
      limit: listLimit,
    };
    let answer = await exchange.authorized('registry:catalog:*', request);
    if (answer.status === 400 && errorCodes(answer).includes('PAGINATION_NUMBER_INVALID')) {
      request = ask('GET', '_catalog', { limit: listLimit });
      answer = await exchange.authorized('registry:catalog:*', request);
    }
    if (answer.status !== 200) throw answered(answer);
    const names = stringsIn(answer, 'repositories');
    return { names, complete: names.length < n && answer.header('link') === undefined };
  }

  async function tags(repository: string): Promise<readonly string[]> {
    const request = ask('GET', `${pathOf(repository)}/tags/list`, { limit: listLimit });
    const answer = await exchange.authorized(pullScope(repository), request);
    if (isAbsent(answer)) return [];
    if (answer.status !== 200) throw answered(answer);
    // Distribution gives all of them when no number is asked for; half a list must not pass for a whole one.
    if (answer.header('link') !== undefined) throw garbled(answer, 'it lists the tags in pages, unasked');
    return stringsIn(answer, 'tags');
  }

  return { ping, getManifest, headManifest, hasBlob, catalog, tags };
}

function pullScope(repository: string): string {
  return `repository:${repository}:pull`;
}
