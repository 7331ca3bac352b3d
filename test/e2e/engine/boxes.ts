import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { openEngine } from '../../../src/docker.ts';
import type { SocketAddress } from '../../../src/engine/address.ts';
import { engineAddress } from '../../../src/engine/address.ts';
import type { Engine, NewContainer } from '../../../src/engine/engine.ts';

/** Small, and there in every test of a real engine. */
const image = 'registry:2';

/** The real engine; its address must be a socket. */
export function realAddress(): SocketAddress {
  const address = engineAddress(process.env);
  if (address?.kind !== 'socket') throw new Error('these tests want an engine on a socket');
  return address;
}

export interface Boxes extends AsyncDisposable {
  readonly engine: Engine;
  /** A name that nobody else has; a container of this name is removed in the end. */
  name(): string;
  /** Makes a network; returns its name. */
  network(...options: readonly string[]): string;
  /** Creates a container that runs `script` in a shell; returns its name. */
  create(
    script: string,
    more?: Partial<Pick<NewContainer, 'config' | 'hostConfig' | 'endpoint'>>,
  ): Promise<string>;
  /** Creates and starts it. */
  run(
    script: string,
    more?: Partial<Pick<NewContainer, 'config' | 'hostConfig' | 'endpoint'>>,
  ): Promise<string>;
}

/** What the adapter need not be able to do. */
export function docker(...args: readonly string[]): string {
  const env = { ...process.env, DOCKER_HOST: `unix://${realAddress().path}` };
  return execFileSync('docker', args, { encoding: 'utf8', env, stdio: ['ignore', 'pipe', 'pipe'] }).trim();
}

/** Containers and networks that last as long as a test. */
export function openBoxes(engine: Engine = openEngine(realAddress())): Boxes {
  const names: string[] = [];
  const networks: string[] = [];

  function name(): string {
    const fresh = `engine-test-${randomBytes(6).toString('hex')}`;
    names.push(fresh);
    return fresh;
  }

  const create: Boxes['create'] = async (script, more = {}) => {
    const fresh = name();
    await engine.create({
      name: fresh,
      config: {
        Image: image,
        Entrypoint: ['/bin/sh', '-c', script],
        Cmd: null,
        StopTimeout: 1,
        ...more.config,
      },
      hostConfig: { Init: false, ...more.hostConfig },
      endpoint: more.endpoint,
    });
    return fresh;
  };

  return {
    engine,
    name,
    network(...options) {
      const fresh = `engine-test-${randomBytes(6).toString('hex')}`;
      docker('network', 'create', ...options, fresh);
      networks.push(fresh);
      return fresh;
    },
    create,
    async run(script, more) {
      const box = await create(script, more);
      await engine.start(box);
      return box;
    },
    async [Symbol.asyncDispose]() {
      await Promise.all(names.map((box) => engine.remove(box)));
      if (networks.length > 0) docker('network', 'rm', ...networks);
      await engine.close();
    },
  };
}
