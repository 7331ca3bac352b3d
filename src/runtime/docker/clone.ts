import type { Container, Endpoint, NewContainer } from '../../engine/engine.ts';
import { label } from './labels.ts';

/** What to make, and where to connect it afterwards. */
export interface Clone {
  readonly container: NewContainer;
  readonly networks: readonly Pick<Endpoint, 'network' | 'config'>[];
}

/**
 * Variables that make the same registry read-only. The whole section at once: a variable for a part of it is silently
 * ignored where config.yml has that part, and a registry dies of it where it has not. No descriptor cache: it would
 * outlive what the collector removes.
 */
const readOnly: Readonly<Record<string, string>> = {
  REGISTRY_STORAGE_MAINTENANCE: '{"readonly":{"enabled":true},"uploadpurging":{"enabled":false}}',
  REGISTRY_STORAGE_CACHE: '{}',
};

/** A stand-in that serves beside the live registry may take its time to finish pulls in flight. */
const draining = { REGISTRY_HTTP_DRAINTIMEOUT: '10s' };

/** Variables that would be applied after ours and undo them. */
const undoing = /^REGISTRY_STORAGE_(MAINTENANCE|CACHE)(_|$)/;

/** Labels of Compose and of ours make a container part of something that the stand-in is no part of. */
const notOurs = /^(com\.docker\.compose\.|registry-cleanup\.)/;

/**
 * The stand-in: the live registry's container once more, from the same image and volumes and in the same networks under
 * the same names, but read-only. `hidden`: without any network, as a place for the collector alone. `drains`: it
 * finishes the requests in flight when it is stopped, though the live registry does not.
 */
export function standInOf(
  live: Container,
  options: {
    readonly name: string;
    readonly runId: string;
    readonly hidden: boolean;
    readonly drains: boolean;
  },
): Clone {
  const { config, hostConfig } = live.raw;
  const endpoints = options.hidden || !hasOwnNetworks(live) ? [] : live.endpoints.map(endpointOf(live));
  const [first, ...networks] = [
    ...endpoints.filter(({ network }) => network === live.networkMode),
    ...endpoints.filter(({ network }) => network !== live.networkMode),
  ];
  return {
    container: {
      name: options.name,
      config: {
        ...config,
        Hostname: live.hostname === live.id.slice(0, 12) ? '' : live.hostname,
        Image: live.imageId,
        Env: Object.entries(environmentOf(live, options.drains)).map(([name, value]) => `${name}=${value}`),
        Labels: {
          ...Object.fromEntries(Object.entries(live.labels).filter(([name]) => !notOurs.test(name))),
          [label.role]: 'readonly',
          [label.run]: options.runId,
        },
        // The live container has a mount for each volume that the image declares, and those are taken from it.
        Volumes: null,
        MacAddress: '',
        AttachStdin: false,
        OpenStdin: false,
        StdinOnce: false,
      },
      hostConfig: {
        ...hostConfig,
        Binds: null,
        Mounts: asMounts(hostConfig.Mounts).filter(({ Type }) => Type === 'tmpfs'),
        VolumesFrom: [live.id],
        RestartPolicy: { Name: 'no', MaximumRetryCount: 0 },
        AutoRemove: false,
        ContainerIDFile: '',
        ...(options.hidden
          ? { NetworkMode: 'none', PortBindings: {}, PublishAllPorts: false, Links: null }
          : {}),
      },
      endpoint: first,
    },
    networks,
  };
}

/** Whether live and stand-in can be found under one name at the same time: nothing of theirs is there only once. */
export function canOverlap(container: Container): boolean {
  return (
    hasOwnNetworks(container) &&
    container.endpoints.length > 0 &&
    container.portBindings.length === 0 &&
    container.published.length === 0 &&
    container.endpoints.every(({ fixed }) => fixed === undefined)
  );
}

/** Networks in which names are resolved; not the default bridge, the host's, none, or another container's. */
function hasOwnNetworks({ networkMode }: Container): boolean {
  return !/^(default|bridge|host|none|container:.*)$/.test(networkMode);
}

function environmentOf(live: Container, drains: boolean): Readonly<Record<string, string>> {
  const kept = Object.entries(live.env).filter(([name]) => !undoing.test(name));
  return { ...Object.fromEntries(kept), ...readOnly, ...(drains ? draining : {}) };
}

/** The container's name is resolved as its aliases are; its id is nobody's address. */
function endpointOf(live: Container): (endpoint: Endpoint) => Pick<Endpoint, 'network' | 'config'> {
  return ({ network, aliases, config }) => {
    const names = new Set([...aliases, live.name]);
    names.delete(live.id.slice(0, 12));
    return { network, config: { ...config, Aliases: [...names] } };
  };
}

function asMounts(mounts: unknown): readonly { readonly Type?: unknown }[] {
  return Array.isArray(mounts) ? mounts : [];
}
