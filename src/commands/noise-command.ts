import { loadConfig } from '../config/load.ts';
import { type ExitCode, fail } from '../errors.ts';
import type { NoiseArguments } from '../noise/options.ts';
import type { Reach } from '../runtime/runtime.ts';
import type { Surroundings } from './main.ts';
import { noise } from './noise.ts';
import { openConfiguredRuntime } from './session.ts';

interface NoiseFlags extends NoiseArguments {
  readonly config?: string;
  readonly url?: string;
}

/** `noise`: where to push is what the flag says, or the configuration, or the registry's own config. */
export async function noiseCommand(
  images: string | undefined,
  flags: NoiseFlags,
  surroundings: Surroundings,
): Promise<ExitCode> {
  const { cwd, env, stdout } = surroundings;
  const { config } = await loadConfig({ cwd, env, configFile: flags.config });
  const { auth, tls } = config.registry;
  const { username, password } = auth;
  return noise(
    { ...flags, images },
    {
      registry: {
        ...(await whereTo(flags.url ?? config.registry.url)),
        auth: username === undefined || password === undefined ? undefined : { username, password },
        tls,
      },
      print: (line) => void stdout.write(`${line}\n`),
    },
  );

  async function whereTo(url: string | undefined): Promise<Reach> {
    if (url !== undefined) return { url };
    const runtime = await openConfiguredRuntime(config, env, { writes: false });
    try {
      const state = await runtime.inspect(new AbortController().signal);
      if (state.live === 'running') return await runtime.reachLive(state);
      return fail('USAGE', {
        message: `No registry answers at ${state.url}.`,
        hint: 'Start it, or name another one with --url.',
      });
    } finally {
      await runtime.close();
    }
  }
}
