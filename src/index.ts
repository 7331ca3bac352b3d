import type { UserConfig } from './config/schema.ts';

export type { Duration } from './config/duration.ts';
export type { Config, UserConfig } from './config/schema.ts';

/** Gives a configuration its types while it is written. Returns it as it is. */
export function defineConfig(config: UserConfig): UserConfig {
  return config;
}
