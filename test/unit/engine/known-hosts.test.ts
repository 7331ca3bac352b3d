import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { keysOfHost } from '../../../src/engine/known-hosts.ts';

const [one, two] = ['b25l', 'dHdv'];
const found = (text: string, host: string, port = 22) =>
  keysOfHost(text, host, port).map(({ type, bytes }) => `${type} ${bytes}`);

test('finds all keys of a host, under any of its names', () => {
  const text = `# comment\n\nother ssh-ed25519 ${two}\nhost,10.0.0.1 ssh-ed25519 ${one} me@here\nhost ssh-rsa ${two}\n`;
  expect(found(text, 'host')).toEqual(['ssh-ed25519 one', 'ssh-rsa two']);
  expect(found(text, 'HOST')).toEqual(['ssh-ed25519 one', 'ssh-rsa two']);
  expect(found(text, '10.0.0.1')).toEqual(['ssh-ed25519 one']);
  expect(found(text, 'hos')).toEqual([]);
  expect(found(text, 'host', 2222)).toEqual([]);
});

test('knows patterns and what they leave out', () => {
  const text = `*.example.com,!bad.example.com,10.0.0.? ssh-ed25519 ${one}\n`;
  expect(found(text, 'good.example.com')).toEqual(['ssh-ed25519 one']);
  expect(found(text, '10.0.0.9')).toEqual(['ssh-ed25519 one']);
  for (const host of ['bad.example.com', 'example.com', 'a.examplexcom', '10.0.0.99']) {
    expect(found(text, host)).toEqual([]);
  }
});

test('heeds marks: a revoked key counts nowhere, an authority is no host', () => {
  const text = `@revoked * ssh-ed25519 ${one}\nhost ssh-ed25519 ${one}\nhost ssh-ed25519 ${two}\n@cert-authority * ssh-rsa ${two}\n`;
  expect(found(text, 'host')).toEqual(['ssh-ed25519 two']);
});

test.skipIf(spawnSync('ssh-keygen', ['-?']).error !== undefined)(
  'knows names that OpenSSH has hashed',
  () => {
    const directory = mkdtempSync(join(tmpdir(), 'registry-cleanup-test-'));
    try {
      const key = 'AAAAC3NzaC1lZDI1NTE5AAAAIE9jOgZsP4BnqbBXDQdnJp5mFNBxBdQiVPDyrvDQkjDG';
      const file = join(directory, 'known_hosts');
      writeFileSync(file, `host ssh-ed25519 ${key}\n[host]:2222 ssh-ed25519 ${key}\n`);
      expect(spawnSync('ssh-keygen', ['-H', '-f', file]).status).toBe(0);
      const text = readFileSync(file, 'utf8');
      expect(text).toContain('|1|');
      expect(text).not.toContain('host');
      expect(found(text, 'host')).toHaveLength(1);
      expect(found(text, 'host', 2222)).toHaveLength(1);
      expect(found(text, 'other')).toEqual([]);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  },
);
