type Environment = Readonly<Record<string, string | undefined>>;

/** systemd's handles to a service (sd_listen_fds(3), sd_notify(3)): meant for one process, wrong for any other. */
const systemd = /^(LISTEN_(FDS|PID|FDNAMES)|NOTIFY_SOCKET|WATCHDOG_(PID|USEC))$/;

/** Our environment, without what is meant for us alone. */
export function withoutOurs(env: Environment, dropEnv: readonly string[]): Record<string, string> {
  return pick(env, (name) => !name.startsWith('CLEANUP_') && !dropEnv.includes(name) && !systemd.test(name));
}

/** The environment of a stand-in or collector: what the live registry has, or `ours` where there is none. */
export function childEnvironment(live: Environment | undefined, ours: Environment): Record<string, string> {
  return {
    // Registry 3 sends traces to an OpenTelemetry collector on localhost unless told otherwise, and logs that it can't.
    OTEL_TRACES_EXPORTER: 'none',
    ...pick(live ?? ours, (name) => !systemd.test(name)),
  };
}

/** Names of the registry's own variables that `live` has, and `ours` has not, or differently. */
export function missingFrom(ours: Environment, live: Environment): readonly string[] {
  return Object.keys(live).filter((name) => name.startsWith('REGISTRY_') && live[name] !== ours[name]);
}

function pick(env: Environment, wanted: (name: string) => boolean): Record<string, string> {
  const picked: Record<string, string> = {};
  for (const [name, value] of Object.entries(env))
    if (value !== undefined && wanted(name)) picked[name] = value;
  return picked;
}
