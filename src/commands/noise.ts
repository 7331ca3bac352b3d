import type { ExitCode } from '../errors.ts';
import { bytes, counted, seconds } from '../format.ts';
import { designNoise } from '../noise/design.ts';
import { type NoiseArguments, parseNoise } from '../noise/options.ts';
import { type PushProgress, pushNoise } from '../noise/push.ts';
import { type ClientOptions, createClient } from '../registry/client.ts';

export interface NoiseContext {
  readonly registry: ClientOptions;
  readonly print: (line: string) => void;
  readonly progress?: (progress: PushProgress) => void;
}

/**
 * `noise`: fills a registry with images, most of which are soon overwritten. For trying the cleaner out.
 * Errors: USAGE, and the client's.
 */
export async function noise(given: NoiseArguments, context: NoiseContext): Promise<ExitCode> {
  const options = parseNoise(given);
  const client = createClient(context.registry);
  try {
    context.print(`Pushing ${counted(options.images, 'image')} to ${client.url}, seed ${options.seed}`);
    const started = performance.now();
    const { seed } = options;
    const pushed = await pushNoise(designNoise(options), { client, seed, onProgress: context.progress });
    const sent = [counted(pushed.manifests, 'manifest'), counted(pushed.blobs, 'blob'), bytes(pushed.bytes)];
    const where = `${counted(pushed.repositories, 'repository')} with ${counted(pushed.tags, 'tag')}`;
    const took = seconds((performance.now() - started) / 1000);
    context.print(`Pushed ${sent.join(', ')} to ${where} in ${took}`);
    return 0;
  } finally {
    await client.close();
  }
}
