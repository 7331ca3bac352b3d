import type { RenderOptions } from '../report/page.ts';
import { wantsColor } from '../screen.ts';

/** How wide `stream` is, and whether it wants colour. */
export function pageFor(stream: NodeJS.WriteStream, env: NodeJS.ProcessEnv): RenderOptions {
  return { columns: stream.columns, color: wantsColor(stream, env), wrap: stream.isTTY === true };
}
