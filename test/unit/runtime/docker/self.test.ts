import { expect, it } from 'vitest';
import { fits, mountsIn } from '../../../../src/runtime/docker/self.ts';
import { mount } from './containers.ts';

/* As seen in a container with --init, a socket, a volume, a directory with a blank in its name, and tmpfs on /tmp. */
const table = String.raw`242 185 0:58 / / rw,relatime master:31 - overlay overlay rw,lowerdir=/l,upperdir=/u,workdir=/w
243 242 0:65 / /proc rw,nosuid,nodev,noexec,relatime - proc proc rw
244 242 0:59 / /dev rw,nosuid - tmpfs tmpfs rw,size=65536k,mode=755
246 242 0:64 / /sys ro,nosuid,nodev,noexec,relatime - sysfs sysfs ro
260 242 0:71 / /tmp rw,nosuid,nodev,noexec,relatime - tmpfs tmpfs rw
263 242 254:0 /usr/bin/docker-init /sbin/docker-init ro,relatime - ext4 /dev/vda rw
264 242 254:0 /volumes/data/_data /var/lib/registry rw,relatime master:1 - ext4 /dev/vda rw
265 242 0:23 /docker.sock /run/docker.sock rw,nosuid,nodev - tmpfs tmpfs rw,size=1624196k,mode=755
266 242 254:0 /srv/my\040files /my\040files rw,relatime - ext4 /dev/vda rw
270 242 254:0 /c/09c3/resolv.conf /etc/resolv.conf rw,relatime - ext4 /dev/vda rw
271 242 254:0 /c/09c3/hostname /etc/hostname rw,relatime - ext4 /dev/vda rw
272 242 254:0 /c/09c3/hosts /etc/hosts rw,relatime - ext4 /dev/vda rw
101 243 0:65 /bus /proc/bus ro,nosuid,nodev,noexec,relatime - proc proc rw
`;

const binds = ['/var/lib/registry', '/run/docker.sock', '/my files'];
const seen = { binds, memory: ['/tmp'] };
const real = (path: string): string => path.replace(/^\/var\/run\//, '/run/');
const told = [
  'data:/var/lib/registry',
  '/var/run/docker.sock:/var/run/docker.sock',
  '/srv/my files:/my files',
];

it('finds what is mounted from outside in the mount table, and whole file systems in memory', () => {
  expect(mountsIn(table)).toEqual(seen);
});

it('knows the container that mounts what is mounted here', () => {
  const mounts = told.map(mount);
  expect(fits({ mounts }, seen, real)).toBe(true);
  // A file system that is mounted below a directory of the host comes with it.
  expect(fits({ mounts }, { ...seen, binds: [...binds, '/my files/below'] }, real)).toBe(true);
  const memory = { ...mount('x:/memory'), type: 'tmpfs', source: '' };
  expect(fits({ mounts: [...mounts, memory] }, seen, real)).toBe(true);
});

it('knows the container that mounts a whole file system in memory from outside', () => {
  const mounts = [...told, '/run:/run/host'].map(mount);
  expect(fits({ mounts }, { binds, memory: ['/run/host'] }, real)).toBe(true);
  expect(fits({ mounts }, seen, real)).toBe(false);
});

it('knows another container by one mount more or less', () => {
  expect(fits({ mounts: told.slice(1).map(mount) }, seen, real)).toBe(false);
  expect(fits({ mounts: [...told, '/srv:/srv'].map(mount) }, seen, real)).toBe(false);
  expect(fits({ mounts: [] }, seen, real)).toBe(false);
  expect(fits({ mounts: [] }, { binds: [], memory: [] }, real)).toBe(true);
});
