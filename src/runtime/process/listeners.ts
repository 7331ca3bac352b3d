import { readdir, readFile, readlink } from 'node:fs/promises';
import { isIPv4 } from 'node:net';
import { pause } from '../../pause.ts';
import type { Address } from './address.ts';
import { isForbidden, orGone, type ProcessIdentity, pids, statusOf } from './processes.ts';

/** A TCP socket that listens, and every process that we can see holding it. */
export interface Listener {
  readonly ip: string;
  readonly port: number;
  /** None: its process is hidden from us (another user's, or in another pid namespace). */
  readonly owners: readonly ProcessIdentity[];
}

/** How often a socket without an owner is looked at before it counts as hidden from us. */
const looks = 5;

interface Socket {
  readonly ip: string;
  readonly port: number;
  readonly inode: string;
}

/**
 * Who listens where `address` would: on its port, on one of its addresses or on all of them. Linux only (proc(5)).
 * A socket outlives the process that is just ending by a moment, so one without an owner is looked at a few times.
 * `likely`: a process that is asked first. Where it holds all of them, nobody else is asked: who has them besides has
 * them from it.
 */
export async function listenersOn(address: Address, likely?: number): Promise<readonly Listener[]> {
  for (let look = 1; ; look += 1) {
    const listeners = await listenersNow(address, likely);
    if (look === looks || listeners.every(({ owners }) => owners.length > 0)) return listeners;
    await pause(50);
  }
}

/** Whether anybody listens where `address` would, whoever that is. */
export async function isListenedOn(address: Address): Promise<boolean> {
  return (await socketsOn(address)).length > 0;
}

async function listenersNow(address: Address, likely: number | undefined): Promise<readonly Listener[]> {
  const sockets = await socketsOn(address);
  if (sockets.length === 0) return [];
  const inodes = new Set(sockets.map(({ inode }) => inode));
  const first = await ownersOf(inodes, likely === undefined ? [] : [likely]);
  const owners = first.size === inodes.size ? first : await ownersOf(inodes, await pids());
  return sockets.map(({ ip, port, inode }) => ({ ip, port, owners: owners.get(inode) ?? [] }));
}

async function socketsOn(address: Address): Promise<readonly Socket[]> {
  const tables = await Promise.all(
    ['tcp', 'tcp6'].map((name) => orGone(readFile(`/proc/net/${name}`, 'utf8'))),
  );
  return tables
    .flatMap((table) => parseListening(table ?? ''))
    .filter((socket) => socket.port === address.port && address.ips.some((ip) => meets(socket.ip, ip)));
}

/** The listening sockets in the text of `/proc/net/tcp` or `/proc/net/tcp6`. */
export function parseListening(table: string): readonly Socket[] {
  const sockets: Socket[] = [];
  for (const line of table.split('\n').slice(1)) {
    // Most are connections, of which a busy machine has tens of thousands.
    if (!line.includes(' 0A ')) continue;
    const fields = line.trim().split(/\s+/);
    const [ip = '', port = ''] = (fields[1] ?? '').split(':');
    const inode = fields[9] ?? '';
    // 0A is TCP_LISTEN.
    if (fields[3] !== '0A') continue;
    // Whom we cannot read may be the one that listens.
    if (!/^(?:[0-9A-F]{8}|[0-9A-F]{32}):[0-9A-F]{4} \d+$/i.test(`${ip}:${port} ${inode}`))
      throw new Error(`the kernel tells of a socket that cannot be read: ${line.trim()}`);
    sockets.push({ ip: parseIp(ip), port: Number.parseInt(port, 16), inode });
  }
  return sockets;
}

/** The kernel prints each 32-bit word of an address in the byte order of the machine: little-endian where Node runs. */
function parseIp(hex: string): string {
  const bytes = Buffer.from(hex, 'hex');
  for (let word = 0; word < bytes.length; word += 4) bytes.subarray(word, word + 4).reverse();
  if (bytes.length === 4) return bytes.join('.');
  const mapped = bytes.subarray(0, 12).equals(Buffer.from('00000000000000000000ffff', 'hex'));
  if (mapped) return bytes.subarray(12).join('.');
  const groups = Array.from({ length: 8 }, (_, index) => bytes.readUInt16BE(index * 2).toString(16));
  return canonical(groups.join(':'));
}

/** `::` takes IPv4 too on Linux, as Go listens on it; `0.0.0.0` takes IPv4 alone. */
function meets(ip: string, wanted: string): boolean {
  const [a, b] = [canonical(ip), canonical(wanted)];
  if (a === b || a === '::' || b === '::') return true;
  return (a === '0.0.0.0' && isIPv4(b)) || (b === '0.0.0.0' && isIPv4(a));
}

/** One spelling per address: `URL` shortens IPv6 addresses the way RFC 5952 has it. */
function canonical(ip: string): string {
  return ip.includes(':') ? new URL(`http://[${ip.replace(/%.*$/, '')}]`).hostname.slice(1, -1) : ip;
}

async function ownersOf(
  inodes: ReadonlySet<string>,
  among: readonly number[],
): Promise<ReadonlyMap<string, readonly ProcessIdentity[]>> {
  const owners = new Map<string, ProcessIdentity[]>();
  await Promise.all(
    among.map(async (pid) => {
      for (const inode of await socketsOf(pid)) {
        if (!inodes.has(inode)) continue;
        const status = await statusOf(pid);
        const known = owners.get(inode) ?? [];
        if (status !== undefined && !known.some((owner) => owner.pid === pid)) {
          owners.set(inode, [...known, { pid, startTicks: status.startTicks }]);
        }
      }
    }),
  );
  return owners;
}

async function socketsOf(pid: number): Promise<readonly string[]> {
  const directory = `/proc/${pid}/fd`;
  try {
    const names = (await orGone(readdir(directory))) ?? [];
    const targets = await Promise.all(names.map((name) => orGone(readlink(`${directory}/${name}`))));
    return targets.flatMap((target) => target?.match(/^socket:\[(\d+)\]$/)?.[1] ?? []);
  } catch (thrown) {
    // Somebody else's process: its sockets are then owned by nobody that we see, and that is what callers act on.
    if (isForbidden(thrown)) return [];
    throw thrown;
  }
}
