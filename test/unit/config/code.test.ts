import { execFile } from 'node:child_process';
import { chmod, mkdir, mkdtemp, readdir, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

// In processes of their own: vitest would transform the files before Node could strip or refuse them.

const module = fileURLToPath(new URL('../../../src/config/load.ts', import.meta.url));
const nobody = 65_534;

let directory: string;

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'cleanup-config-'));
  await chmod(directory, 0o755);
});

afterEach(async () => {
  await chmod(directory, 0o755);
  await rm(directory, { recursive: true });
});

async function write(name: string, text: string): Promise<void> {
  await writeFile(join(directory, name), text);
  await chmod(join(directory, name), 0o644);
}

/** Loads the configuration in a Node of its own, without root's rights; what came of it, and what was printed besides. */
async function loadInNode(cwd = directory): Promise<{ readonly told: unknown; readonly printed: string }> {
  const script = `
    const { loadConfig } = await import(${JSON.stringify(module)});
    if (process.getuid() === 0) {
      process.setgroups([]);
      process.setgid(${nobody});
      process.setuid(${nobody});
    }
    const told = await loadConfig({ cwd: ${JSON.stringify(directory)}, env: {} }).then(
      ({ config, file }) => ({ keepWithin: config.untagged.keepWithin.text, file }),
      (error) => ({ problems: error.details ?? [error.stack] }),
    );
    console.log('told ' + JSON.stringify(told));
  `;
  const { stdout, stderr } = await promisify(execFile)(
    process.execPath,
    ['--input-type=module', '--eval', script],
    { cwd, env: { PATH: process.env.PATH } },
  );
  const told: unknown = JSON.parse(/^told (.*)$/m.exec(stdout)?.[1] ?? 'null');
  return { told, printed: stdout.replace(/^told .*\n/m, '') + stderr };
}

describe('a configuration in TypeScript', () => {
  it('loads through type stripping from a directory that cannot be written, and leaves nothing beside it', async () => {
    await write(
      'cleanup.config.ts',
      "import type { UserConfig } from 'nowhere';\n" +
        "export default { untagged: { keepWithin: '2h' as string } } satisfies UserConfig;\n",
    );
    await chmod(directory, 0o555);
    const { told, printed } = await loadInNode();
    expect(told).toEqual({ keepWithin: '2h', file: join(directory, 'cleanup.config.ts') });
    expect(printed).toBe('');
    expect(await readdir(directory)).toEqual(['cleanup.config.ts']);
  });

  it.each([
    ['needs more than stripping', 'enum hunter2 { a }\nexport default {};'],
    ['does not parse', 'export default {\n  password: "hunter2" x\n};'],
  ])('that %s is told so, without an excerpt', async (_, text) => {
    await write('cleanup.config.ts', text);
    const { problems } = (await loadInNode()).told as { problems: readonly string[] };
    expect(problems).toEqual([expect.stringContaining('cleanup.config.ts could not be run')]);
    expect(problems[0]).not.toContain('hunter2');
    expect(problems[0]).not.toContain('\n');
  });
});

describe('a configuration that cannot be read', () => {
  it('is not passed over', async () => {
    await write('cleanup.config.yaml', 'dryRun: true');
    await chmod(join(directory, 'cleanup.config.yaml'), 0o000);
    expect((await loadInNode()).told).toEqual({
      problems: [expect.stringContaining('cleanup.config.yaml cannot be read: EACCES')],
    });
  });

  it('is not passed over when its directory cannot be searched', async () => {
    await write('cleanup.config.yaml', 'dryRun: true');
    await chmod(directory, 0o000);
    expect((await loadInNode(tmpdir())).told).toEqual({
      problems: [expect.stringContaining('cannot be searched: EACCES')],
    });
  });
});

describe('cosmiconfig', () => {
  it.each(['js', 'ts', 'cjs', 'mjs'])(
    'runs no .config/config.%s of the working directory',
    async (extension) => {
      await mkdir(join(directory, '.config'));
      await write(`.config/config.${extension}`, 'console.log("it ran");');
      await write('cleanup.config.yaml', 'dryRun: true');
      const { told, printed } = await loadInNode();
      expect(printed).toBe('');
      expect(told).toEqual({ problems: [expect.stringContaining('start from another directory')] });
    },
  );

  it('takes no configuration out of package.json', async () => {
    await write(
      'package.json',
      '{"cosmiconfig": {"searchPlaces": ["x.json"]}, "cleanup": {"untagged": {"keepWithin": "0s"}}}',
    );
    await write('x.json', '{"untagged": {"keepWithin": "0s"}}');
    await write('cleanup.config.yaml', 'untagged: {keepWithin: 2h}');
    expect((await loadInNode()).told).toMatchObject({ keepWithin: '2h' });
  });
});
