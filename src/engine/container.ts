import type { Container, ContainerSummary, Endpoint, Mount, PortBinding } from './engine.ts';
import { type Fields, fieldsOf, listOf, need, numberOf, textMapOf, textOf, textsOf } from './fields.ts';

/** A container out of `GET /containers/{id}/json`. Throws an Error where it lacks what decisions rest on. */
export function containerOf(inspection: Fields): Container {
  const id = need(inspection, 'Id', 'text');
  const config = need(inspection, 'Config', 'object');
  const hostConfig = need(inspection, 'HostConfig', 'object');
  const state = need(inspection, 'State', 'object');
  const networkSettings = fieldsOf(inspection.NetworkSettings);
  const policy = fieldsOf(hostConfig.RestartPolicy);
  return {
    id,
    name: textOf(inspection.Name).replace(/^\//, ''),
    imageId: textOf(inspection.Image),
    image: textOf(config.Image),
    command: [textOf(inspection.Path), ...textsOf(inspection.Args)],
    env: environmentOf(textsOf(config.Env)),
    workingDirectory: textOf(config.WorkingDir),
    user: textOf(config.User),
    hostname: textOf(config.Hostname),
    labels: textMapOf(config.Labels),
    mounts: mountsOf(inspection.Mounts),
    state: {
      status: need(state, 'Status', 'text'),
      running: need(state, 'Running', 'yesOrNo'),
      paused: state.Paused === true,
      restarting: state.Restarting === true,
      exitCode: need(state, 'ExitCode', 'integer'),
      startedAt: textOf(state.StartedAt),
      pid: numberOf(state.Pid),
    },
    restartPolicy: { name: textOf(policy.Name), maximumRetryCount: numberOf(policy.MaximumRetryCount) },
    autoRemove: hostConfig.AutoRemove === true,
    networkMode: textOf(hostConfig.NetworkMode),
    endpoints: Object.entries(fieldsOf(networkSettings.Networks)).map(([network, endpoint]) =>
      endpointOf(network, fieldsOf(endpoint), id),
    ),
    portBindings: askedPorts(config, hostConfig),
    published: portsOf(networkSettings.Ports),
    stopTimeout: typeof config.StopTimeout === 'number' ? config.StopTimeout : undefined,
    raw: { config, hostConfig },
  };
}

/** A container out of a row of `GET /containers/json`. Throws an Error if it has no id or no state. */
export function summaryOf(row: Fields): ContainerSummary {
  const names = textsOf(row.Names).map((name) => name.replace(/^\//, ''));
  return {
    id: need(row, 'Id', 'text'),
    // A container that others link to has a name below each of them as well: "web/registry".
    name: names.find((name) => !name.includes('/')) ?? names[0] ?? '',
    image: textOf(row.Image),
    state: need(row, 'State', 'text'),
    labels: textMapOf(row.Labels),
    mounts: mountsOf(row.Mounts),
  };
}

function mountsOf(value: unknown): readonly Mount[] {
  return listOf(value)
    .map(fieldsOf)
    .map((mount) => ({
      type: textOf(mount.Type),
      name: textOf(mount.Name) === '' ? undefined : textOf(mount.Name),
      source: textOf(mount.Source),
      destination: textOf(mount.Destination),
      // What is not known to be read-only may be written to.
      writable: mount.RW !== false,
    }));
}

/** The first of two variables of one name counts, as for getenv(3). */
function environmentOf(variables: readonly string[]): Readonly<Record<string, string>> {
  const pairs = variables.map((variable): [string, string] => {
    const at = variable.indexOf('=');
    return at === -1 ? [variable, ''] : [variable.slice(0, at), variable.slice(at + 1)];
  });
  return Object.fromEntries(pairs.reverse());
}

function endpointOf(network: string, endpoint: Fields, container: string): Endpoint {
  // The engine adds the short id by itself (in inspections up to API 1.44); a container made like this one has its own.
  const aliases = textsOf(endpoint.Aliases).filter((alias) => alias !== container.slice(0, 12));
  const asked = fieldsOf(endpoint.IPAMConfig);
  const ipv4 = textOf(asked.IPv4Address);
  const ipv6 = textOf(asked.IPv6Address);
  const wanted = {
    Aliases: aliases,
    Links: textsOf(endpoint.Links),
    DriverOpts: fieldsOf(endpoint.DriverOpts),
    IPAMConfig: asked,
  };
  return {
    network,
    aliases,
    ip: textOf(endpoint.IPAddress),
    ipv6: textOf(endpoint.GlobalIPv6Address),
    gateway: textOf(endpoint.Gateway),
    fixed:
      ipv4 === '' && ipv6 === ''
        ? undefined
        : { ipv4: ipv4 === '' ? undefined : ipv4, ipv6: ipv6 === '' ? undefined : ipv6 },
    config: Object.fromEntries(Object.entries(wanted).filter(([, value]) => Object.keys(value).length > 0)),
  };
}

function askedPorts(config: Fields, hostConfig: Fields): readonly PortBinding[] {
  const asked = portsOf(hostConfig.PortBindings);
  if (hostConfig.PublishAllPorts !== true) return asked;
  const named = new Set(asked.map(({ port }) => port));
  const exposed = Object.keys(fieldsOf(config.ExposedPorts)).filter((port) => !named.has(port));
  return [...asked, ...exposed.map((port) => ({ port, hostIp: '', hostPort: '' }))];
}

function portsOf(value: unknown): readonly PortBinding[] {
  return Object.entries(fieldsOf(value)).flatMap(([port, bindings]) =>
    listOf(bindings)
      .map(fieldsOf)
      .map((binding) => ({ port, hostIp: textOf(binding.HostIp), hostPort: textOf(binding.HostPort) })),
  );
}
