import { request } from 'node:http';
import { digestOf } from './layout.ts';
import { mediaTypes, type Pushed } from './push.ts';

export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: Buffer;
}

/** A registry said no, or nothing: `status` is undefined where the connection broke. */
export class Refused extends Error {
  readonly status: number | undefined;

  constructor(what: string, status: number | undefined, said: string) {
    super(`${what}: ${status ?? 'no answer'} ${said}`);
    this.status = status;
  }
}

/** For so long a registry may take to answer, ms: longer is a hang. */
const patience = 30_000;

/** One request over a connection of its own, as of a client that has just come. Rejects when nobody answers in time. */
export function ask(
  url: URL,
  method: string,
  body?: Uint8Array,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>();
  const what = `${method} ${url.pathname}`;
  const length = body === undefined ? {} : { 'content-length': String(body.length) };
  const sent = request(url, { method, agent: false, headers: { ...length, ...headers } });
  const late = setTimeout(() => sent.destroy(new Error(`${what} hangs`)), patience);
  sent.once('error', (error) => {
    clearTimeout(late);
    reject(error.message.endsWith('hangs') ? error : new Refused(what, undefined, error.message));
  });
  sent.once('response', (response) => {
    const parts: Buffer[] = [];
    response.on('data', (part: Buffer) => parts.push(part));
    response.once('error', reject);
    response.once('end', () => {
      clearTimeout(late);
      resolve({ status: response.statusCode ?? 0, headers: response.headers, body: Buffer.concat(parts) });
    });
  });
  sent.end(body);
  return promise;
}

/** Throws Refused unless the registry answers with one of `expected`. */
export async function expectAnswer(
  url: URL,
  method: string,
  expected: readonly number[],
  body?: Uint8Array,
  headers: Readonly<Record<string, string>> = {},
): Promise<Answer> {
  const answer = await ask(url, method, body, headers);
  if (expected.includes(answer.status)) return answer;
  throw new Refused(`${method} ${url.pathname}`, answer.status, answer.body.toString('utf8'));
}

const accept = Object.values(mediaTypes)
  .flatMap(({ image, index }) => [image, index])
  .join(', ');

/** Pulls all that a tag or digest needs and compares every byte with its digest; throws on whatever cannot be had. */
export async function pullAll(base: string, repository: string, reference: string): Promise<string> {
  const url = new URL(`/v2/${repository}/manifests/${reference}`, base);
  const { body } = await expectAnswer(url, 'GET', [200], undefined, { accept });
  const digest = digestOf(body);
  if (reference.includes(':') && digest !== reference)
    throw new Error(`${url.href} is ${digest}, not ${reference}`);
  const manifest = JSON.parse(body.toString('utf8')) as {
    readonly manifests?: readonly Pick<Pushed, 'digest'>[];
    readonly config?: Pick<Pushed, 'digest'>;
    readonly layers?: readonly Pick<Pushed, 'digest'>[];
  };
  for (const child of manifest.manifests ?? []) await pullAll(base, repository, child.digest);
  for (const blob of [manifest.config, ...(manifest.layers ?? [])]) {
    if (blob === undefined) continue;
    const at = new URL(`/v2/${repository}/blobs/${blob.digest}`, base);
    const got = digestOf((await expectAnswer(at, 'GET', [200])).body);
    if (got !== blob.digest) throw new Error(`${at.href} is ${got}`);
  }
  return digest;
}

/** Tags of a repository; none where there is no such repository. */
export async function tagsOf(base: string, repository: string): Promise<readonly string[]> {
  const { status, body } = await ask(new URL(`/v2/${repository}/tags/list`, base), 'GET');
  if (status === 404) return [];
  return (JSON.parse(body.toString('utf8')) as { tags: readonly string[] | null }).tags ?? [];
}
