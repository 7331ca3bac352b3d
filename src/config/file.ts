import { lstat, stat } from 'node:fs/promises';
import { dirname, extname, join, resolve } from 'node:path';
import { cosmiconfig } from 'cosmiconfig';
import { reasonOf } from '../errors.ts';
import { loadCode, loadJson, loadYaml } from './loaders.ts';

/** Looked for in this order, in the working directory alone. */
export const places = [
  'cleanup.config.ts',
  'cleanup.config.js',
  'cleanup.config.mjs',
  'cleanup.config.json',
  'cleanup.config.yaml',
  'cleanup.config.yml',
] as const;

/** Bytes. A configuration is a page; anything bigger is a mistake or an attack. */
const sizeLimit = 1024 * 1024;

const loaders = {
  '.ts': loadCode,
  '.js': loadCode,
  '.mjs': loadCode,
  '.json': loadJson,
  '.yaml': loadYaml,
  '.yml': loadYaml,
};

/**
 * The configuration files in `directory`, in order of precedence: the first counts. One that cannot be read (no
 * right, a dangling link) is among them: passing over it would mean running with other settings than were written,
 * which is why cosmiconfig's own search is not used.
 * @throws Error when the directory cannot be searched.
 */
export async function findConfigFiles(directory: string): Promise<readonly string[]> {
  const found = await Promise.all(places.map((place) => isThere(join(directory, place))));
  return places.filter((_, index) => found[index]).map((place) => join(directory, place));
}

/**
 * The content of a configuration file, not yet validated; comments alone are an empty configuration.
 * @throws Error whose message says what is wrong; never with an excerpt of the file, which may hold secrets.
 */
export async function readConfigFile(file: string): Promise<unknown> {
  const code = await inspect(file);
  await refuseForeignCode();
  const explorer = openExplorer();
  const result: unknown = (await explorer.load(file))?.config;
  // No loader is called for a file without content. Such a file was more likely cut short than meant.
  if (!(result instanceof Loaded)) throw new Error('is empty: write at least a comment, or remove it');
  if (code && result.content === undefined) throw new Error('has no default export');
  return result.content ?? {};
}

function openExplorer() {
  try {
    return cosmiconfig('cleanup', { cache: false, ignoreEmptySearchPlaces: false, loaders: wrapped() });
  } catch (error) {
    const reason = reasonOf(error).split('\n', 1)[0];
    throw new Error(`cannot be loaded from ${process.cwd()}: cosmiconfig stumbles there: ${reason}`, {
      cause: error,
    });
  }
}

/** A loader's result in a wrapper, so that cosmiconfig follows no `$import` in it past our checks. */
class Loaded {
  readonly content: unknown;
  constructor(content: unknown) {
    this.content = content;
  }
}

function wrapped() {
  return Object.fromEntries(
    Object.entries(loaders).map(([extension, load]) => [
      extension,
      async (file: string, text: string) => new Loaded(await load(file, text)),
    ]),
  );
}

/** Whether the file is code, which must be nobody else's to write. */
async function inspect(file: string): Promise<boolean> {
  if (!Object.hasOwn(loaders, extname(file))) {
    throw new Error(`must end with ${Object.keys(loaders).join(', ')}`);
  }
  const found = await stat(file);
  if (!found.isFile()) throw new Error('is not a file');
  if (found.size > sizeLimit) throw new Error(`is bigger than 1 MiB (${found.size} bytes)`);
  const code = ['.ts', '.js', '.mjs'].includes(extname(file));
  if (code && (found.mode & 0o022) !== 0) {
    throw new Error(
      `is code that ${(found.mode & 0o002) === 0 ? 'its group' : 'everybody'} may change, so it is not run: chmod go-w it`,
    );
  }
  return code;
}

/**
 * Every cosmiconfig explorer first looks for settings of its own below the process's working directory, and would run
 * `.config/config.js` there, unchecked. That is not ours to run.
 */
async function refuseForeignCode(): Promise<void> {
  for (const extension of ['js', 'ts', 'cjs', 'mjs']) {
    const file = resolve('.config', `config.${extension}`);
    if (await isThere(file)) {
      throw new Error(
        `cannot be loaded from ${process.cwd()}: ${file} would be run with it; start from another directory`,
      );
    }
  }
}

async function isThere(file: string): Promise<boolean> {
  try {
    await lstat(file);
    return true;
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'ENOENT' || code === 'ENOTDIR') return false;
    throw new Error(`${dirname(file)} cannot be searched: ${reasonOf(error)}`, { cause: error });
  }
}
