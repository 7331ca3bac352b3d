import { expect, it } from 'vitest';
import { programOf } from '../../../../src/runtime/docker/program.ts';
import { portOf } from '../../../../src/runtime/docker/read-configuration.ts';

function read(command: readonly string[], env: Readonly<Record<string, string>> = {}, workingDirectory = '') {
  return programOf({ name: 'registry', command, env, workingDirectory });
}

const v2 = '/etc/docker/registry/config.yml';
const v3 = '/etc/distribution/config.yml';

it.each([
  ['registry:2', ['/entrypoint.sh', v2], 'registry', v2],
  ['registry:3', ['/entrypoint.sh', v3], 'registry', v3],
  ['distribution/distribution', ['registry', 'serve', v3], 'registry', v3],
  ['the entrypoint with its own serve', ['/entrypoint.sh', 'serve', '/my.yaml'], 'registry', '/my.yaml'],
  ['an entrypoint of one’s own', ['/docker-entrypoint', 'serve', v2], 'registry', v2],
  ['Debian', ['/usr/bin/docker-registry', 'serve', v2], '/usr/bin/docker-registry', v2],
  ['tini', ['/sbin/tini', '--', 'registry', 'serve', v2], 'registry', v2],
  ['flags', ['registry', 'serve', '--log-level', v2], 'registry', v2],
  [
    'a shell',
    ['/bin/sh', '-c', `update-ca-certificates && exec /bin/registry serve ${v2}`],
    '/bin/registry',
    v2,
  ],
  ['a shell with flags', ['bash', '-euc', `registry serve ${v2}; true`], 'registry', v2],
  ['a script', ['sh', '/start.sh', v2], 'registry', v2],
  ['no path', ['registry', 'serve'], 'registry', '/from/env.yml'],
  ['a shell and no path', ['sh', '-c', 'registry serve'], 'registry', '/from/env.yml'],
  ['nothing of use', ['/run-registry'], 'registry', '/from/env.yml'],
])('reads the command of %s', (_, command, binary, configPath) => {
  const env = { REGISTRY_CONFIGURATION_PATH: '/from/env.yml' };
  expect(read(command, env)).toEqual({ binary, configPath });
});

it('takes a path as the container does', () => {
  expect(read(['serve', 'config.yml'], {}, '/etc/own')).toMatchObject({ configPath: '/etc/own/config.yml' });
  expect(read(['serve', './a/../config.yml'])).toMatchObject({ configPath: '/config.yml' });
});

it.each([
  [['/run-registry']],
  [['registry', 'serve']],
  [['sh', '-c', 'registry serve "$CONFIG"']],
  [['sh', '-c', `registry serve ${v2} & registry serve ${v3}`]],
  [['sh', '-c', `cp x ${v2}`]],
])('refuses where %j does not tell', (command) => {
  expect(read(command)).toEqual({ refusal: expect.stringContaining('REGISTRY_CONFIGURATION_PATH') });
});

it.each([
  [':5000', 5000],
  ['0.0.0.0:80', 80],
  ['[::]:443', 443],
  ['localhost:65535', 65_535],
  ['', undefined],
  [':0', undefined],
  [':65536', undefined],
  ['5000', undefined],
  ['::1:5000', undefined],
  [':http', undefined],
])('the port of %j is %s', (addr, port) => {
  expect(portOf(addr)).toBe(port);
});
