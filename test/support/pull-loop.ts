import { createHash } from 'node:crypto';
import { request } from 'node:http';
import { setTimeout as sleep } from 'node:timers/promises';

// A client that pulls a manifest and a blob again and again, each time over a new connection, until its standard input
// ends; then it prints what it saw. A process of its own, so that a busy test does not make it miss anything.

const [url = '', repository = '', reference = '', blob = ''] = process.argv.slice(2);
const interval = 3;
const accept = [
  'application/vnd.oci.image.manifest.v1+json',
  'application/vnd.docker.distribution.manifest.v2+json',
].join(', ');

const attempts: [start: number, end: number, ok: number][] = [];
let stopped = false;
process.stdin.resume().once('end', () => {
  stopped = true;
});
process.stdout.write('ready\n');
while (!stopped) {
  const start = now();
  const ok =
    (await get(`/v2/${repository}/manifests/${reference}`)) === reference &&
    (await get(`/v2/${repository}/blobs/${blob}`)) === blob;
  attempts.push([start, now(), ok ? 1 : 0]);
  await sleep(interval);
}
process.stdout.write(JSON.stringify(attempts));

/** The digest of what is answered with 200, or undefined. */
function get(path: string): Promise<string | undefined> {
  const { promise, resolve } = Promise.withResolvers<string | undefined>();
  const options = { agent: false, headers: { accept }, timeout: 10_000 };
  const asked = request(new URL(path, url), options, (response) => {
    const hash = createHash('sha256');
    response.on('data', (chunk) => hash.update(chunk));
    response.on('error', () => resolve(undefined));
    response.on('end', () =>
      resolve(response.statusCode === 200 ? `sha256:${hash.digest('hex')}` : undefined),
    );
  });
  asked.on('timeout', () => asked.destroy());
  asked.on('error', () => resolve(undefined));
  asked.on('close', () => resolve(undefined));
  asked.end();
  return promise;
}

function now(): number {
  return Number(process.hrtime.bigint()) / 1e6;
}
