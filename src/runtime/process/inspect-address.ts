import { reasonOf } from '../../errors.ts';
import type { Findings } from '../findings.ts';
import { understand } from '../judge-configuration.ts';
import { type Address, parseAddress } from './address.ts';
import { freePort } from './free-port.ts';
import { listenersOn } from './listeners.ts';
import { processesWith } from './live-process.ts';
import type { ProcessRuntimeOptions } from './options.ts';
import { isSameProcess } from './processes.ts';
import type { RegistryProcess } from './registry-processes.ts';

/**
 * The process whose environment and working directory complete the configuration: the one that was started with it;
 * where that leaves a choice, the one that listens on its address.
 */
export async function originOf(
  config: string,
  text: string,
  ours: Readonly<Record<string, string>>,
  running: readonly RegistryProcess[],
  options: ProcessRuntimeOptions,
): Promise<RegistryProcess | undefined> {
  if (options.live === 'stopped') return undefined;
  const users = await processesWith(config, running);
  if (users.length === 1) return users[0];
  const unheard: Findings = { refusals: [], warnings: [] };
  const guess = understand(config, text, ours, unheard);
  const address =
    guess === undefined ? undefined : await usableAddress(config, guess.http.addr, false, unheard);
  if (address === undefined) return undefined;
  const owners = (await listenersOn(address)).flatMap((listener) => listener.owners);
  return running.find((one) => owners.some((owner) => isSameProcess(one, owner)));
}

/** `http.addr`, taken apart. `anyWillDo`: nobody knows the address, so where none is set a free port is taken. */
export async function usableAddress(
  config: string,
  addr: string,
  anyWillDo: boolean,
  { refusals, warnings }: Findings,
): Promise<Address | undefined> {
  if (addr === '' && anyWillDo) {
    const port = await freePort();
    warnings.push(`${config}: http.addr is not set. The read-only stand-in will serve on 127.0.0.1:${port}.`);
    return { host: '127.0.0.1', port, ips: ['127.0.0.1'] };
  }
  try {
    const address = await parseAddress(addr);
    if (address !== undefined) return address;
    refusals.push(
      `${config}: http.addr is ${JSON.stringify(addr)}, which names no fixed port. Set it to HOST:PORT.`,
    );
  } catch (thrown) {
    refusals.push(
      `${config}: the host of http.addr ${JSON.stringify(addr)} is not known (${reasonOf(thrown)}). Mend it.`,
    );
  }
  return undefined;
}
