import { collectorOf } from './collector.ts';
import type { Config } from './schema.ts';

/** Something that keys must agree on. Says what is wrong, as `path: what`, or undefined. */
export type Rule = (config: Config) => string | undefined;

function credentialsComeInPairs({ registry: { auth } }: Config): string | undefined {
  if ((auth.username === undefined) === (auth.password === undefined)) return undefined;
  const missing = auth.username === undefined ? 'username' : 'password';
  return `registry.auth.${missing}: is missing: credentials need username and password`;
}

function usernameHasNoColon({ registry: { auth } }: Config): string | undefined {
  return auth.username?.includes(':')
    ? 'registry.auth.username: must not have a colon: Basic authentication cannot carry it'
    : undefined;
}

function oneWayToTrust({ registry: { tls } }: Config): string | undefined {
  return tls.insecure && tls.ca !== undefined
    ? 'registry.tls.insecure: makes registry.tls.ca pointless: keep one of them'
    : undefined;
}

function quietFitsIntoDrain({ registry: { drain } }: Config): string | undefined {
  return drain.timeout.ms > 0 && drain.quiet.ms > drain.timeout.ms
    ? `registry.drain.quiet: is longer (${drain.quiet.text}) than registry.drain.timeout (${drain.timeout.text})`
    : undefined;
}

function windowHasItsTimeZone({ limits: { window, timeZone } }: Config): string | undefined {
  return window !== undefined && timeZone === undefined
    ? 'limits.timeZone: is missing: "UTC", or that of the clocks that limits.window means ("Europe/Berlin")'
    : undefined;
}

function flagHasItsCollector(config: Config): string | undefined {
  if (collectorOf(config) === 'registry' || config.garbageCollect.deleteUntagged !== true) return undefined;
  const why = config.collector === 'native' ? '' : ', which damage: isolate takes,';
  return `garbageCollect.deleteUntagged: the native collector${why} has no such flag: the plan says what goes; leave it out`;
}

/** What makes a configuration invalid although each key by itself is fine. */
export const rules: readonly Rule[] = [
  credentialsComeInPairs,
  usernameHasNoColon,
  oneWayToTrust,
  quietFitsIntoDrain,
  windowHasItsTimeZone,
  flagHasItsCollector,
];

function anyCertificateIsAccepted({ registry: { tls } }: Config): string | undefined {
  return tls.insecure
    ? 'registry.tls.insecure: any certificate is accepted; registry.tls.ca is the safe way'
    : undefined;
}

function passwordInTheClear({ registry: { auth, url } }: Config): string | undefined {
  if (auth.password === undefined || url === undefined) return undefined;
  const { protocol, hostname } = new URL(url);
  if (protocol === 'https:' || /^(localhost|127\..*|\[::1\])$/.test(hostname)) return undefined;
  return 'registry.url: the password goes over plain HTTP to another machine';
}

function emptyRegistryIsAllowed({ unsafe }: Config): string | undefined {
  return unsafe.allowNoTags
    ? 'unsafe.allowNoTags: a registry without a single tag is cleaned, until nothing is left'
    : undefined;
}

/** What is allowed, and said on every run. */
export const cautions: readonly Rule[] = [
  anyCertificateIsAccepted,
  passwordInTheClear,
  emptyRegistryIsAllowed,
];

/** What `checks` have to say about `config`. */
export function check(checks: readonly Rule[], config: Config): readonly string[] {
  return checks.map((rule) => rule(config)).filter((said) => said !== undefined);
}
