import { describe, expect, it } from 'vitest';
import { containerOfCgroup, containerOfMounts } from '../../src/own-container.ts';

const mine = '111491aaa64e4cfe0955071cc96dfabae7be1e63e65a49afceddfe49758035c9';
const other = '70c9fb54add1e14ca8a6aada74910a3c9a0db93398adf66d41203246d38b0939';

/** A line as the kernel writes it: something of the host's disk, mounted somewhere. */
function mount(root: string, point: string): string {
  return `126 109 254:0 ${root} ${point} rw,relatime - ext4 /dev/vda rw,discard`;
}

describe('the container that the mount table tells', () => {
  it.each(['/var/lib/docker', '/home/me/.local/share/docker', '/docker-data/100000.100000'])(
    'is the one whose files Docker mounted from %s',
    (data) => {
      const table = ['resolv.conf', 'hostname', 'hosts']
        .map((name) => mount(`${data}/containers/${mine}/${name}`, `/etc/${name}`))
        .join('\n');
      expect(containerOfMounts(`22 27 0:21 / /proc rw - proc proc rw\n${table}\n`)).toBe(mine);
    },
  );

  it('is found by one file, where others are mounted by the user', () => {
    const table = [
      mount('/etc/hosts', '/etc/hosts'),
      mount(`/var/lib/docker/containers/${mine}/hostname`, '/etc/hostname'),
    ].join('\n');
    expect(containerOfMounts(table)).toBe(mine);
  });

  it('is none on the host, which lists what its containers have mounted', () => {
    const shm = `90 27 0:50 / /var/lib/docker/containers/${mine}/mounts/shm rw - tmpfs shm rw,size=65536k`;
    const inside = mount(`/var/lib/docker/containers/${mine}/hostname`, '/srv/chroot/etc/hostname');
    expect(containerOfMounts(`${shm}\n${inside}\n`)).toBeUndefined();
  });

  it('is none where nothing is said', () => {
    expect(containerOfMounts('')).toBeUndefined();
    expect(containerOfMounts(mount('/', '/etc/hosts'))).toBeUndefined();
  });
});

describe('the container that the cgroup tells', () => {
  it.each([
    ['cgroupfs', `9:name=systemd:/docker/${mine}\n8:pids:/docker/${mine}\n0::/docker/${mine}\n`],
    ['systemd', `0::/system.slice/docker-${mine}.scope\n`],
    [
      'rootless systemd',
      `0::/user.slice/user-1000.slice/user@1000.service/user.slice/docker-${mine}.scope\n`,
    ],
    ['a program in the container that has a cgroup of its own', `0::/docker/${mine}/init\n`],
    ['a container in a container', `0::/docker/${other}/docker/${mine}\n`],
  ])('with %s', (_driver, table) => {
    expect(containerOfCgroup(table)).toBe(mine);
  });

  it.each([
    ['a cgroup namespace of its own', '0::/\n'],
    ['the host', '0::/user.slice/user-1000.slice/session-2.scope\n'],
    ['a name that is longer', `0::/machine/${mine}0\n`],
  ])('is none with %s', (_where, table) => {
    expect(containerOfCgroup(table)).toBeUndefined();
  });
});
