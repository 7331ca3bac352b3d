import { type Environment, palette, type Screen, wantsColor } from '../screen.ts';
import { cleanEvent } from './clean-event.ts';
import { openLines } from './lines.ts';
import { outletOf } from './outlet.ts';
import { openTerminal } from './terminal.ts';
import type { View } from './view.ts';

export interface ViewOptions {
  /** `auto`: `terminal` where the stream is one that can be drawn on, `lines` otherwise. */
  readonly mode: 'auto' | 'lines' | 'terminal' | 'silent';
  /** Where everything goes: `process.stderr` when stdout belongs to a JSON document. */
  readonly stream: Screen;
  /** Columns to draw on; those of the stream otherwise. */
  readonly columns?: number;
  /** Otherwise as the stream and NO_COLOR, FORCE_COLOR and TERM say. */
  readonly color?: boolean;
  /** `process.env` otherwise. */
  readonly env?: Environment;
  /** Takes secrets out of every text. */
  readonly mask?: (text: string) => string;
}

/** Opens what draws a run. Texts of events may be raw: here, and only here, they are masked and made visible. */
export function openView(options: ViewOptions): View {
  const { mode, stream, env = process.env, mask = (text) => text } = options;
  if (mode === 'silent') return { emit: () => {}, close: async () => {} };
  const outlet = outletOf(stream, options.columns);
  const paint = palette(options.color ?? wantsColor(stream, env));
  const drawable = stream.isTTY === true && env.TERM !== 'dumb' && !isCi(env);
  const terminal = mode === 'terminal' || (mode === 'auto' && drawable);
  const view = terminal ? openTerminal(outlet, paint) : openLines(outlet, paint);
  return { emit: (event) => view.emit(cleanEvent(event, mask)), close: () => view.close() };
}

/** Build servers like to call their log a terminal. */
function isCi({ CI: ci }: Environment): boolean {
  return ci !== undefined && ci !== '' && ci !== 'false';
}
