import { dirname, resolve } from 'node:path';
import { fail, reasonOf } from '../errors.ts';
import type { Secrets } from '../mask.ts';
import { readEnvironment } from './environment.ts';
import { findConfigFiles, readConfigFile } from './file.ts';
import { keys } from './keys.ts';
import type { Environment, Layer } from './layer.ts';
import { readLegacy, type StorageRootHint } from './legacy.ts';
import { line, schemaProblems } from './problems.ts';
import { settle } from './relative-paths.ts';
import { cautions, check, rules } from './rules.ts';
import { type Config, schema, type UserConfig } from './schema.ts';
import { setAt, type Tree, valueAt } from './tree.ts';

export interface LoadOptions {
  /** Where configuration files are looked for, and what relative paths in environment and flags start from. */
  readonly cwd: string;
  readonly env: Environment;
  /** What the command line says, as configuration: `{ readonlyInstance: false }`. */
  readonly flags?: UserConfig;
  /** `--config`: this file and no other, relative to `cwd`. */
  readonly configFile?: string | undefined;
}

export interface LoadedConfig {
  readonly config: Config;
  /** Dotted path of every key → where its value comes from: `default`, `file …`, `environment …`, `command line`. */
  readonly sources: Readonly<Record<string, string>>;
  /** What every run should say. */
  readonly warnings: readonly string[];
  /** The configuration file, absolute; undefined when there is none. */
  readonly file: string | undefined;
  /** Where REGISTRY_DIR or REGISTRY_DATA_DIR say that the storage is. */
  readonly storageRootHint: StorageRootHint | undefined;
  /** What must not be shown. */
  readonly secrets: Secrets;
}

/**
 * Reads the configuration: command line over environment over file over defaults. A key is taken whole from the
 * highest place that sets it.
 * @throws CONFIG_INVALID with all problems at once.
 */
export async function loadConfig({ cwd, env, flags = {}, configFile }: LoadOptions): Promise<LoadedConfig> {
  const files = await locate(cwd, configFile ?? (env.CLEANUP_CONFIG || undefined));
  const file = files[0];
  const legacy = readLegacy(env, cwd);
  // Lowest first.
  const layers = [
    ...(file === undefined ? [] : [await readLayer(file)]),
    settled(legacy, cwd),
    settled(await readEnvironment(env, cwd), cwd),
    settled({ tree: flags, sourceOf: () => 'command line', problems: [] }, cwd),
  ];
  const where = file ?? 'environment and command line';
  refuse(where, [...layers.flatMap((layer) => problemsOf(layer, where)), ...environmentProblems(env)]);

  const { tree, sources } = merge(layers);
  const config: Config = schema.parse(tree);
  refuse(where, check(rules, config));
  return {
    config,
    sources,
    warnings: [
      ...files.slice(1).map((other) => `${other} is not read: ${file} is there too`),
      ...check(cautions, config),
    ],
    file,
    storageRootHint: legacy.storageRootHint,
    secrets: secretsIn(config, layers),
  };
}

async function locate(cwd: string, explicit: string | undefined): Promise<readonly string[]> {
  if (explicit !== undefined) return [resolve(cwd, explicit)];
  try {
    return await findConfigFiles(resolve(cwd));
  } catch (error) {
    return fail('CONFIG_INVALID', { source: cwd, problems: [reasonOf(error)] }, error);
  }
}

async function readLayer(file: string): Promise<Layer> {
  const sourceOf = () => inFile(file);
  try {
    return { tree: settle(await readConfigFile(file), dirname(file)), sourceOf, problems: [] };
  } catch (error) {
    return { tree: {}, sourceOf, problems: [`${file} ${whyUnreadable(error)}`] };
  }
}

function whyUnreadable(error: unknown): string {
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return 'does not exist';
  // The first line alone: parsers quote the file below it.
  const reason = reasonOf(error).split('\n', 1)[0] ?? '';
  return syscall === undefined ? reason : `cannot be read: ${reason}`;
}

function inFile(file: string): string {
  return `file ${file}`;
}

function settled(layer: Layer, base: string): Layer {
  return { ...layer, tree: settle(layer.tree, base) };
}

/**
 * Each layer by itself: what is wrong in a file is told even where the environment overrides it. `where` stands
 * above all problems, and is not said again with each.
 */
function problemsOf({ tree, sourceOf, problems }: Layer, where: string): readonly string[] {
  const sourceBelow = (path: string) => (sourceOf(path) === inFile(where) ? '' : sourceOf(path));
  return [...problems, ...schemaProblems(tree, sourceBelow)];
}

function environmentProblems(env: Environment): readonly string[] {
  if (env.NODE_TLS_REJECT_UNAUTHORIZED !== '0') return [];
  const text = '0 accepts any certificate from anybody: unset it, and set registry.tls.ca';
  return [line('NODE_TLS_REJECT_UNAUTHORIZED', text, 'environment')];
}

function refuse(source: string, problems: readonly string[]): void {
  if (problems.length > 0) fail('CONFIG_INVALID', { source, problems });
}

function merge(layers: readonly Layer[]) {
  const tree: Tree = {};
  const sources: Record<string, string> = {};
  for (const { path, preset } of keys) {
    const layer = layers.findLast((candidate) => valueAt(candidate.tree, path) !== undefined);
    if (layer !== undefined) setAt(tree, path, valueAt(layer.tree, path));
    sources[path] = layer?.sourceOf(path) ?? (preset === undefined ? 'not set' : 'default');
  }
  return { tree, sources };
}

/** Of every layer: a password in the file is one, whether or not the environment overrides it. */
function secretsIn({ registry: { auth } }: Config, layers: readonly Layer[]): Secrets {
  const values = keys
    .filter((key) => key.secret)
    .flatMap((key) => layers.map((layer) => valueAt(layer.tree, key.path)))
    .filter((value) => typeof value === 'string');
  const { username, password } = auth;
  return {
    values: [...new Set(values)],
    credentials: username === undefined || password === undefined ? [] : [{ username, password }],
  };
}
