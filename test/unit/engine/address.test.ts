import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { engineAddress, needEngineAddress, usualSockets } from '../../../src/engine/address.ts';
import { CleanupError } from '../../../src/errors.ts';

let home: string;
beforeAll(() => {
  home = mkdtempSync(join(tmpdir(), 'registry-cleanup-test-'));
});
afterAll(() => rmSync(home, { recursive: true, force: true }));

/** The code, and what was told. */
function refusal(env: Readonly<Record<string, string>>): string {
  try {
    engineAddress({ HOME: home, ...env });
  } catch (error) {
    if (error instanceof CleanupError) return [error.code, error.message, ...error.details].join('\n');
    throw error;
  }
  throw new Error('it was taken');
}

describe('DOCKER_HOST', () => {
  test.each([
    ['unix:///run/podman/podman.sock', { kind: 'socket', path: '/run/podman/podman.sock' }],
    ['unix:///tmp/a b'.replace(' ', '%20'), { kind: 'socket', path: '/tmp/a%20b' }],
    ['unix://', { kind: 'socket', path: '/var/run/docker.sock' }],
    ['tcp://docker:2375', { kind: 'tcp', host: 'docker', port: 2375, prefix: '', tls: undefined }],
    ['tcp://docker', { kind: 'tcp', host: 'docker', port: 2375, tls: undefined }],
    ['docker:2380', { kind: 'tcp', host: 'docker', port: 2380, tls: undefined }],
    ['tcp://[fd00::1]:2375', { kind: 'tcp', host: 'fd00::1', port: 2375, shown: 'tcp://[fd00::1]:2375' }],
    ['tcp://10.0.0.1:2375/', { kind: 'tcp', host: '10.0.0.1', prefix: '' }],
    ['http://proxy/engine/', { kind: 'tcp', port: 80, prefix: '/engine', tls: undefined }],
    ['https://proxy:8443', { kind: 'tcp', port: 8443, tls: { ca: undefined } }],
  ])('%s', (value, expected) => {
    expect(engineAddress({ HOME: home, DOCKER_HOST: value })).toMatchObject(expected);
  });

  test.each([
    ['fd://', /DOCKER_HOST: is no address/],
    ['ftp://docker:21', /must begin with/],
    ['unix://docker.sock', /full path/],
    ['tcp://', /is no address/],
    ['tcp://docker:70000', /is no address/],
    ['tcp://docker:0', /a port that one can connect to/],
    ['tcp://docker:2375?x=1', /query/],
    ['tcp://docker:2375#x', /fragment/],
    ['tcp://do%2fcker:2375', /is no address/],
    ['tcp://docker:2375/\n', /blank or a control character/],
    ['tcp://docker :2375', /blank/],
    ['tcp://user@docker:2375', /must not hold a user/],
    [' ', /blank/],
    ['ssh://host/run/docker.sock', /must not have a path/],
  ])('refuses %j and names the variable', (value, text) => {
    const told = refusal({ DOCKER_HOST: value });
    expect(told).toMatch(/^CONFIG_INVALID/);
    expect(told).toMatch(text);
  });

  test('refuses a pipe of Windows as a matter of use', () => {
    expect(refusal({ DOCKER_HOST: 'npipe:////./pipe/docker_engine' })).toMatch(/^USAGE/);
  });

  test('is never quoted where it is wrong: it could hold a password', () => {
    for (const value of ['tcp://me:hunter22@docker:2375', 'ssh://me:hunter22@docker', 'hunter22:hunter22']) {
      expect(refusal({ DOCKER_HOST: value })).not.toContain('hunter22');
    }
  });

  test('goes before the sockets that are there, and before a context', () => {
    const env = { DOCKER_HOST: 'tcp://docker:2375', DOCKER_CONTEXT: 'desktop-linux' };
    expect(engineAddress(env, ['/'])).toMatchObject({ kind: 'tcp' });
  });
});

describe('TLS', () => {
  const env = { DOCKER_HOST: 'tcp://docker', DOCKER_TLS_VERIFY: '1' };

  test('is spoken where DOCKER_TLS_VERIFY is not empty, on a port of its own', () => {
    expect(engineAddress(env)).toMatchObject({ port: 2376, tls: { ca: undefined } });
    expect(engineAddress({ ...env, DOCKER_TLS_VERIFY: '' })).toMatchObject({ port: 2375, tls: undefined });
    expect(engineAddress({ ...env, DOCKER_HOST: 'http://docker' })).toMatchObject({ tls: undefined });
  });

  test('takes the files of DOCKER_CERT_PATH', () => {
    const certs = join(home, 'certs');
    mkdirSync(certs);
    for (const name of ['ca', 'cert', 'key']) writeFileSync(join(certs, `${name}.pem`), name);
    expect(engineAddress({ ...env, DOCKER_CERT_PATH: certs })).toMatchObject({
      tls: { ca: 'ca', cert: 'cert', key: 'key' },
    });
    rmSync(join(certs, 'cert.pem'));
    expect(refusal({ ...env, DOCKER_CERT_PATH: certs })).toMatch(/DOCKER_CERT_PATH: of cert.pem and key.pem/);
    rmSync(join(certs, 'key.pem'));
    expect(engineAddress({ ...env, DOCKER_CERT_PATH: certs })).toMatchObject({
      tls: { ca: 'ca', cert: undefined, key: undefined },
    });
  });

  test('refuses a DOCKER_CERT_PATH that holds nothing or cannot be read', () => {
    expect(refusal({ ...env, DOCKER_CERT_PATH: join(home, 'none') })).toMatch(
      /DOCKER_CERT_PATH: .* holds none/,
    );
    mkdirSync(join(home, 'odd', 'ca.pem'), { recursive: true });
    expect(refusal({ ...env, DOCKER_CERT_PATH: join(home, 'odd') })).toMatch(/cannot be read \(EISDIR\)/);
  });
});

describe('without DOCKER_HOST', () => {
  let server: Server;
  beforeAll(async () => {
    server = createServer();
    await new Promise<void>((resolve) => server.listen(join(home, 'docker.sock'), resolve));
  });
  afterAll(() => server.close());

  test('takes the first socket that is there, and a directory in its place only if there is no other', () => {
    const directory = join(home, 'made-by-compose');
    mkdirSync(directory);
    const socket = join(home, 'docker.sock');
    expect(engineAddress({}, [join(home, 'none'), socket])).toMatchObject({ path: socket });
    expect(engineAddress({}, [directory, socket])).toMatchObject({ path: socket });
    expect(engineAddress({}, [join(home, 'none'), directory])).toMatchObject({ path: directory });
    expect(engineAddress({}, [join(home, 'none'), join(socket, 'below')])).toBeUndefined();
  });

  test('takes a symlink to a socket', () => {
    const link = join(home, 'link.sock');
    expect(spawnSync('ln', ['-s', join(home, 'docker.sock'), link]).status).toBe(0);
    const directory = join(home, 'made-by-compose');
    expect(engineAddress({ DOCKER_HOST: '' }, [directory, link])).toMatchObject({ path: link });
  });

  test('looks where engines listen: as root, rootless, and on a desktop', () => {
    expect(usualSockets({ XDG_RUNTIME_DIR: '/run/user/7', HOME: '/home/me' })).toEqual([
      '/var/run/docker.sock',
      '/run/user/7/docker.sock',
      `/run/user/${process.getuid?.()}/docker.sock`,
      '/home/me/.docker/run/docker.sock',
    ]);
  });

  test('says what to do if there is none at all', () => {
    const none = [join(home, 'none'), join(home, 'none either')];
    expect(() => needEngineAddress({}, none)).toThrow(
      /could not be reached: DOCKER_HOST is not set.*none either/,
    );
  });

  test('refuses a context, which could mean another engine', () => {
    expect(refusal({ DOCKER_CONTEXT: 'production' })).toMatch(/DOCKER_CONTEXT: contexts are not read/);
    expect(engineAddress({ DOCKER_CONTEXT: 'default' }, [])).toBeUndefined();
  });
});

describe('ssh', () => {
  const key = 'AAAAC3NzaC1lZDI1NTE5AAAAIGRlZg==';
  const known = (lines: string, name = 'known_hosts') => {
    mkdirSync(join(home, '.ssh'), { recursive: true });
    writeFileSync(join(home, '.ssh', name), lines);
  };

  test('asks only a host whose key is known, with a key of ours', () => {
    const env = { HOME: home, DOCKER_HOST: 'ssh://deploy@docker.example:2222', SSH_AUTH_SOCK: '/agent' };
    expect(refusal(env)).toMatch(/the key of docker\.example is not in .*ssh -p 2222 docker\.example/);
    known(`docker.example ssh-ed25519 ${key}\n`);
    expect(refusal(env)).toMatch(/is not in/);
    known(`[docker.example]:2222 ssh-ed25519 ${key} a comment\n`);
    expect(engineAddress(env)).toMatchObject({
      kind: 'ssh',
      shown: 'ssh://docker.example:2222',
      host: 'docker.example',
      port: 2222,
      user: 'deploy',
      agent: '/agent',
      hostKeys: [{ type: 'ssh-ed25519', bytes: Buffer.from(key, 'base64') }],
    });
    expect(refusal({ ...env, SSH_AUTH_SOCK: '' })).toMatch(/needs an agent/);
    known('my key', 'id_ecdsa');
    expect(engineAddress({ ...env, SSH_AUTH_SOCK: '' })).toMatchObject({
      agent: undefined,
      privateKey: 'my key',
    });
  });
});
