import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { resolve } from 'node:path';
import type { Attempt } from '../../support/pulling.ts';
import type { Pushed } from '../../support/push.ts';
import { image, type Scene } from './scene.ts';

/** A client in a container of the scene's network that pulls every few milliseconds. It has begun when this returns. */
export async function pullInside(
  scene: Scene,
  url: string,
  repository: string,
  pulled: Pushed,
): Promise<{ stop(): Promise<readonly Attempt[]> }> {
  const [blob = ''] = pulled.blobs;
  const directory = resolve(import.meta.dirname, '../../support');
  const flags = ['run', '-i', '--rm', '--name', `${scene.id}-client`, '--network', scene.network];
  const child = spawn(
    'docker',
    [
      ...flags,
      '--label',
      `registry-cleanup.test=${scene.id}`,
      '-v',
      `${directory}:/client:ro`,
      '--entrypoint',
      'node',
      image,
      '/client/pull-loop.ts',
      ...[url, repository, pulled.digest, blob],
    ],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  const closed = once(child, 'close');
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  while (!text.startsWith('ready\n') && child.exitCode === null) await once(child.stdout, 'data');
  return {
    async stop() {
      child.stdin.end();
      await closed;
      const seen = JSON.parse(text.slice('ready\n'.length)) as [number, number, number][];
      return seen.map(([start, end, ok]) => ({ start, end, ok: ok === 1 }));
    },
  };
}
