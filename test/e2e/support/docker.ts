import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

/** What a command said; it ended well. */
export async function docker(...args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)('docker', [...args], {
    maxBuffer: 64 * 1024 * 1024,
    timeout: 120_000,
  });
  return stdout.trim();
}

/** The inspection of a container, an image or the like; undefined if there is none. */
export async function inspected(name: string): Promise<Inspection | undefined> {
  try {
    const [found] = JSON.parse(await docker('inspect', name)) as Inspection[];
    return found;
  } catch (error) {
    if (/No such object/.test(String(error))) return undefined;
    throw error;
  }
}

/** What of an inspection tests look at. */
export interface Inspection {
  readonly Id: string;
  readonly Name: string;
  readonly State: { readonly Running: boolean; readonly Status: string; readonly StartedAt: string };
  readonly Mounts: readonly {
    readonly Source: string;
    readonly Destination: string;
    readonly Name?: string;
  }[];
  readonly HostConfig: {
    readonly RestartPolicy: { readonly Name: string; readonly MaximumRetryCount: number };
    readonly PortBindings: Readonly<Record<string, unknown>> | null;
    readonly NetworkMode: string;
    readonly LogConfig: unknown;
  };
  readonly Config: {
    readonly Labels: Readonly<Record<string, string>>;
    readonly User: string;
    readonly Env: readonly string[] | null;
  };
  readonly NetworkSettings: {
    readonly Ports: Readonly<
      Record<string, readonly { readonly HostIp: string; readonly HostPort: string }[] | null>
    >;
    readonly Networks: Readonly<
      Record<
        string,
        {
          readonly IPAddress: string;
          readonly Aliases: readonly string[] | null;
          readonly IPAMConfig: { readonly IPv4Address?: string } | null;
        }
      >
    >;
  };
}

/**
 * All that must be the same after a run: who it is, how it restarts, where it is found. Not when it was started, nor the
 * addresses that the engine chose.
 */
export async function standing(name: string): Promise<unknown> {
  const found = await inspected(name);
  if (found === undefined) return undefined;
  const { Id, State, HostConfig, NetworkSettings, Mounts } = found;
  const networks = Object.entries(NetworkSettings.Networks).map(([network, { Aliases, IPAMConfig }]) => ({
    network,
    aliases: [...(Aliases ?? [])].sort(),
    fixed: IPAMConfig?.IPv4Address ?? '',
  }));
  return {
    id: Id,
    running: State.Running,
    restart: HostConfig.RestartPolicy,
    ports: HostConfig.PortBindings,
    published: Object.keys(NetworkSettings.Ports).sort(),
    mode: HostConfig.NetworkMode,
    networks: networks.sort((a, b) => (a.network < b.network ? -1 : 1)),
    mounts: Mounts.map(({ Source, Destination }) => `${Source}:${Destination}`).sort(),
  };
}

/** What runs made over the storage at `root` (on the engine's host) and left behind, whatever its state. */
export async function leftBehind({ root }: { readonly root: string }): Promise<readonly string[]> {
  const listed = await docker('ps', '-a', '--filter', 'label=registry-cleanup.run', '--format', '{{.Names}}');
  const names = listed.split('\n').filter((name) => name !== '');
  const all = await Promise.all(names.map((name) => inspected(name)));
  return all
    .filter((one) => one?.Mounts.some(({ Source }) => Source === root))
    .map((one) => one?.Name.replace(/^\//, '') ?? '');
}
