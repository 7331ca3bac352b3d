import type { Findings } from '../findings.ts';
import { type Address, formatAddress } from './address.ts';
import { findProgram } from './binary.ts';
import { type Listener, listenersOn } from './listeners.ts';
import { unitState } from './live.ts';
import type { ProcessRuntimeOptions } from './options.ts';
import { argumentsOf, isSameProcess, type ProcessIdentity, sharesOurRoot } from './processes.ts';
import { describeProcess, type RegistryProcess, sharesStorage } from './registry-processes.ts';

interface Look {
  readonly options: ProcessRuntimeOptions;
  readonly address: Address;
  readonly env: Readonly<Record<string, string>>;
  /** Every registry process. */
  readonly running: readonly RegistryProcess[];
}

/** The registry that listens on the address and is stopped by the fence: none when it does not run. */
export async function findLive(look: Look, findings: Findings): Promise<readonly RegistryProcess[]> {
  const { options, address } = look;
  const listeners = await listenersOn(address);
  const unit = typeof options.live === 'object' && 'unit' in options.live ? options.live.unit : undefined;
  const active = unit === undefined ? undefined : await activeUnit(unit, look, findings);
  if (listeners.length === 0) {
    if (active === true) {
      findings.refusals.push(
        `${formatAddress(address)}: the unit ${unit} is active, but nothing listens there. ` +
          'Point registry.config to the configuration that it uses, or wait until it has started.',
      );
    } else if (options.live !== 'stopped') {
      findings.warnings.push(
        `The live registry does not run: nothing listens on ${formatAddress(address)}. It will not be started either.`,
      );
    }
    return [];
  }
  if (active === false) {
    findings.refusals.push(
      `${formatAddress(address)}: the unit ${unit} is not active, but something listens there, which stopping the unit ` +
        'would not stop. Set registry.live to what really runs the registry.',
    );
  }
  const writers = (
    await Promise.all(listeners.map((listener) => judgeListener(listener, look, findings)))
  ).flat();
  // One process may hold several sockets, as for IPv4 and IPv6.
  return [...new Set(writers)];
}

async function judgeListener(
  listener: Listener,
  { options, running }: Look,
  findings: Findings,
): Promise<readonly RegistryProcess[]> {
  const { refusals } = findings;
  const place = `${listener.ip}:${listener.port}`;
  if (listener.owners.length === 0) {
    refusals.push(
      `${place}: something listens there that this user cannot see. Run as root, or as the registry's user.`,
    );
    return [];
  }
  const writers: RegistryProcess[] = [];
  for (const owner of listener.owners) {
    const name = await describeOwner(owner);
    const registry = running.find((one) => isSameProcess(one, owner) && one.verb === 'serve');
    if (registry?.run !== undefined) {
      refuseChild(registry, registry.run, place, findings);
    } else if (options.live === 'stopped') {
      refusals.push(
        `${place}: registry.live is "stopped", but ${name} listens there. Stop it, or set registry.live.`,
      );
    } else if (registry === undefined) {
      refusals.push(
        `${place}: ${name} listens there, which is no registry that we know. Check http.addr in registry.config.`,
      );
    } else if (!(await sharesOurRoot(owner.pid))) {
      refusals.push(
        `${place}: ${name} runs in a container, and the process runtime cannot restart that. Run the registry and the cleaner side by side.`,
      );
    } else if (!writers.includes(registry)) {
      writers.push(registry);
    }
  }
  return writers;
}

/** Refuses other processes that work on the storage: the fence would not stop them. */
export async function judgeOthers(
  running: readonly RegistryProcess[],
  live: readonly RegistryProcess[],
  root: Parameters<typeof sharesStorage>[1] & { readonly path: string },
  findings: Findings,
): Promise<void> {
  const { refusals } = findings;
  for (const process of running) {
    const isLive = live.some((one) => isSameProcess(one, process));
    const { storage, reason } = await sharesStorage(process, root);
    const name = describeProcess(process);
    if (process.run !== undefined && storage !== 'other') {
      refuseChild(process, process.run, root.path, findings);
    } else if (isLive && storage !== 'same') {
      refusals.push(
        `${root.path}: the live registry ${name} works on another directory${reason === undefined ? '' : ` (${reason})`}. ` +
          'Point registry.config to the configuration that it uses.',
      );
    } else if (!isLive && storage === 'same') {
      const deed = process.verb === 'serve' ? 'writes there too' : 'collects there';
      refusals.push(`${root.path}: ${name} ${deed}. Only one registry may: stop it, or wait for its end.`);
    } else if (!isLive && storage === 'unknown') {
      refusals.push(`${root.path}: ${name} may write there too: ${reason}. Stop it, or run as root.`);
    }
  }
}

/** A stand-in or collector of another run: what that run does is not over, or not undone. */
function refuseChild(process: RegistryProcess, run: string, place: string, findings: Findings): void {
  findings.refusals.push(
    `${place}: ${describeProcess(process)} belongs to run ${run}. Wait for the end of that run; if it has died, end this process.`,
  );
}

/** Whether systemd says that it runs; undefined, and a refusal, if it cannot be asked. */
async function activeUnit(unit: string, { env }: Look, { refusals }: Findings): Promise<boolean | undefined> {
  if (!/^[A-Za-z0-9:_.\\@][A-Za-z0-9:_.\\@-]*$/.test(unit)) {
    refusals.push(`registry.live.unit: ${JSON.stringify(unit)} is no name of a unit. Check registry.live.`);
    return undefined;
  }
  if ((await findProgram(['systemctl'], env.PATH)) === undefined) {
    refusals.push(
      'registry.live names a unit, but there is no systemctl on the PATH. Set it to { start, stop } commands, or "stopped".',
    );
    return undefined;
  }
  const state = await unitState(unit, { cwd: '/', env });
  if (state === 'active' || state === 'reloading') return true;
  if (state === 'inactive' || state === 'failed') return false;
  refusals.push(
    `registry.live.unit: systemctl says of ${unit}: "${state}". Wait until it settled, or mend registry.live.`,
  );
  return undefined;
}

async function describeOwner(owner: ProcessIdentity): Promise<string> {
  const argv = argumentsOf(owner.pid);
  return argv === undefined ? `the process ${owner.pid}` : describeProcess({ argv, pid: owner.pid });
}
