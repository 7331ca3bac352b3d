import { parseConfiguration, type RegistryConfiguration } from '../registry/configuration.ts';
import { ConfigurationError } from '../registry/configuration-yaml.ts';
import type { Findings } from './findings.ts';

/** What it says together with `env`. Undefined, and a refusal: the registry itself would not start with it. */
export function understand(
  path: string,
  text: string,
  env: Readonly<Record<string, string | undefined>>,
  { refusals }: Findings,
): RegistryConfiguration | undefined {
  try {
    return parseConfiguration(text, env);
  } catch (thrown) {
    if (!(thrown instanceof ConfigurationError)) throw thrown;
    refusals.push(`${path}: this is no valid configuration of a registry: ${thrown.message}. Mend it first.`);
    return undefined;
  }
}

/** What the run is about to do, as far as the configuration has a say in it. */
interface Intent {
  /** Whether pulls shall be served while the live registry is stopped. */
  readonly standIn: boolean;
  readonly hasAuth: boolean;
  /** How long a stopping registry is waited for, where that is set, and what comes of a longer drain. */
  readonly stop: { readonly ms: number; readonly setting: string; readonly otherwise: string };
}

/** Refuses what this version cannot do, and warns of what a person may not expect. */
export function judgeConfiguration(
  path: string,
  configuration: RegistryConfiguration,
  { standIn, hasAuth, stop }: Intent,
  { refusals, warnings }: Findings,
): void {
  const { driver, http, auth, readOnly } = configuration;
  if (driver !== 'filesystem') {
    refusals.push(`${path}: the storage driver is ${driver}. This version cleans filesystem storage only.`);
  }
  if (http.net !== 'tcp') {
    refusals.push(
      `${path}: http.net is ${http.net}, which is not supported yet. Let the registry listen on TCP.`,
    );
  }
  if (auth !== 'none' && standIn && !hasAuth) {
    refusals.push(
      `${path}: the registry asks for credentials (auth.${auth}), and without them nobody can prove that the stand-in ` +
        'is read-only: 401 comes first. Set registry.auth, or use --no-readonly-instance.',
    );
  }
  if (readOnly) {
    warnings.push(
      `${path}: the live registry is configured read-only already (storage.maintenance.readonly).`,
    );
  }
  if (http.drainMs > stop.ms) {
    warnings.push(
      `${path}: a stopping registry may finish uploads for ${http.drainMs / 1000} s (http.draintimeout), but ` +
        `${stop.setting} is only ${stop.ms / 1000} s: ${stop.otherwise}.`,
    );
  }
}
