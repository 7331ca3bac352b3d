import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { containerOfCgroup, containerOfMounts } from '../../../src/own-container.ts';
import { mountsIn } from '../../../src/runtime/docker/self.ts';
import { parseListening } from '../../../src/runtime/process/listeners.ts';
import { argumentsOf, isAlive, statusOf } from '../../../src/runtime/process/processes.ts';
import { damaged, fuzz } from '../../support/fuzz.ts';
import { temporaryDirectory } from '../../support/program.ts';

const id = '0123456789abcdef'.repeat(4);
const mountinfo = [
  '22 28 0:20 / /sys rw,nosuid shared:7 - sysfs sysfs rw',
  `745 735 254:1 /var/lib/docker/containers/${id}/hostname /etc/hostname rw,relatime - ext4 /dev/vda1 rw`,
  '746 735 254:1 /srv/registry\\040data /data rw,relatime master:1 - ext4 /dev/vda1 rw,errors=remount-ro',
  '747 735 0:50 / /tmp rw - tmpfs tmpfs rw,size=65536k',
].join('\n');
const cgroups = [`0::/docker/${id}\n`, `12:pids:/system.slice/docker-${id}.scope\n11:cpu:/x\n`, '0::/\n'];
const tcp = [
  '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode',
  '   0: 0100007F:1388 00000000:0000 0A 00000000:00000000 00:00000000 00000000     0        0 123456 1 0000000000000000 100 0 0 10 0',
  '   1: 0100007F:C2F2 0100007F:1388 01 00000000:00000000 00:00000000 00000000  1000        0 123457 1 0000000000000000 20 4 30 10 -1',
  '   2: 00000000000000000000000001000000:1F90 00000000000000000000000000000000:0000 0A 00000000:00000000 00:00000000 00000000 0 0 99 1',
].join('\n');

/** A table that the kernel did not write so is an error, and never nobody who listens. */
function listening(table: string): ReturnType<typeof parseListening> {
  try {
    return parseListening(table);
  } catch (error) {
    expect(String(error)).toContain('a socket that cannot be read');
    return [];
  }
}

describe('what the kernel tells', () => {
  fuzz('mounts are read as far as they are some', { usual: 5_000 }, damaged([mountinfo]), (bytes) => {
    const table = bytes.toString();
    for (const point of Object.values(mountsIn(table)).flat()) expect(point).not.toMatch(/[\n ]$/);
    const container = containerOfMounts(table);
    if (container !== undefined) expect([container.length, table.includes(container)]).toEqual([64, true]);
  });

  fuzz('a control group names a container by its whole id', { usual: 5_000 }, damaged(cgroups), (bytes) => {
    const container = containerOfCgroup(bytes.toString());
    if (container !== undefined) expect(container).toMatch(/^[0-9a-f]{64}$/);
  });

  fuzz(
    'sockets listen on a port, or are none',
    { usual: 5_000 },
    fc.oneof(damaged([tcp]), damaged([tcp], 1)),
    (bytes) => {
      for (const { ip, port, inode } of listening(bytes.toString())) {
        expect(port >= 0 && port <= 65_535).toBe(true);
        expect(ip).toMatch(/^[0-9a-f.:]+$/);
        expect(inode).not.toBe('');
      }
    },
  );

  it.each([
    'sleep',
    'two words',
    ') Z 1 1 1 1 (',
    '((((((((((((((',
    '))))))))))))))',
    '\n) S 1\n(x) Z ',
    '\x1b[2J\r\x07',
    '💥💥💥é',
    '\u202egnp.exe',
  ])('a process is the same one, whatever its program is called: %j', async (name) => {
    using directory = temporaryDirectory();
    const program = join(directory.path, name);
    copyFileSync('/bin/sleep', program);
    const words = ['60'];
    const child = spawn(program, words, { stdio: 'ignore', argv0: `${name}\n) Z (` });
    try {
      await once(child, 'spawn');
      const pid = child.pid ?? 0;
      // What stands behind the name, which the kernel tells in another file, too, cut to 15 bytes.
      const comm = readFileSync(`/proc/${pid}/comm`, 'latin1').slice(0, -1);
      const stat = readFileSync(`/proc/${pid}/stat`, 'latin1');
      const fields = stat.slice(`${pid} (${comm}) `.length).split(' ');
      const status = await statusOf(pid);
      expect(status).toMatchObject({ pid, session: Number(fields[3]), startTicks: Number(fields[19]) });
      expect(status?.startTicks).toBeGreaterThan(0);
      expect(await isAlive({ pid, startTicks: status?.startTicks ?? 0 })).toBe(true);
      expect(argumentsOf(pid)).toEqual([`${name}\n) Z (`, ...words]);
    } finally {
      child.kill('SIGKILL');
    }
  });
});
