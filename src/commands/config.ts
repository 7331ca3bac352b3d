import { writeFile } from 'node:fs/promises';
import { resolve } from 'node:path';
import { type ExampleFormat, inYaml, renderExample } from '../config/example.ts';
import { findConfigFiles } from '../config/file.ts';
import { type Key, keys, type Node, root } from '../config/keys.ts';
import { type LoadedConfig, type LoadOptions, loadConfig } from '../config/load.ts';
import type { Config } from '../config/schema.ts';
import { isTree, setAt, type Tree, valueAt } from '../config/tree.ts';
import { CleanupError, type ExitCode, fail, reasonOf } from '../errors.ts';
import { createMasker, maskDeep, masked } from '../mask.ts';

export interface CommandResult {
  /** For stdout, secrets masked, without a newline at its end. */
  readonly text: string;
  readonly exitCode: ExitCode;
}

/**
 * `config init`: writes a commented configuration into `cwd`. Overwrites nothing.
 * @throws USAGE when a configuration is there already; STORAGE_FAILED when it cannot be written.
 */
export async function configInit(options: {
  readonly cwd: string;
  readonly format?: ExampleFormat;
}): Promise<CommandResult> {
  const format = options.format ?? 'yaml';
  const file = resolve(options.cwd, `cleanup.config.${format}`);
  try {
    const [existing] = await findConfigFiles(options.cwd);
    if (existing !== undefined) refuseToOverwrite(existing);
    // Whatever the umask says: code that a group may write is not run.
    await writeFile(file, renderExample(format), { flag: 'wx', mode: 0o644 });
  } catch (error) {
    if (error instanceof CleanupError) throw error;
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') refuseToOverwrite(file);
    fail('STORAGE_FAILED', { deed: 'write', path: file, reason: reasonOf(error) }, error);
  }
  return {
    text: `${file} is written. Everything in it is commented out: it means the defaults.`,
    exitCode: 0,
  };
}

/**
 * `config validate`: says whether the configuration may be used.
 * @throws CONFIG_INVALID (exit 2) with everything that is wrong.
 */
export async function configValidate(options: LoadOptions): Promise<CommandResult> {
  const { file, warnings, secrets } = await loadConfig(options);
  const text = [`${named(file)} is valid.`, ...warnings.map((warning) => `warning: ${warning}`)].join('\n');
  return { text: createMasker(secrets)(text), exitCode: 0 };
}

/**
 * `config show`: the configuration as it is understood, with the place that each value comes from; as YAML that can
 * be loaded again, or as JSON.
 * @throws CONFIG_INVALID (exit 2) with everything that is wrong.
 */
export async function configShow(options: LoadOptions & { readonly json?: boolean }): Promise<CommandResult> {
  const loaded = await loadConfig(options);
  return { text: options.json === true ? showJson(loaded) : showYaml(loaded), exitCode: 0 };
}

function showJson({ config, file, sources, warnings, secrets }: LoadedConfig): string {
  const mask = createMasker(secrets);
  const values: Tree = {};
  for (const key of keys) setAt(values, key.path, shown(key, config, mask));
  const document = { version: 1, file: file ?? null, config: values, sources, warnings: warnings.map(mask) };
  return JSON.stringify(document, null, 2);
}

function showYaml({ config, file, sources, warnings, secrets }: LoadedConfig): string {
  const mask = createMasker(secrets);
  const render = (node: Node, indent: string): readonly string[] => {
    if (node.kind === 'section') {
      return [`${indent}${node.name}:`, ...node.children.flatMap((child) => render(child, `${indent}  `))];
    }
    const value = shown(node, config, mask);
    const source = sources[node.path] ?? '';
    return [
      value === undefined
        ? `${indent}# ${node.name}: ${source}`
        : `${indent}${node.name}: ${inYaml(value)}  # ${source}`,
    ];
  };
  const head = [`# ${named(file)}`, ...warnings.map((warning) => `# warning: ${mask(warning)}`)];
  return [...head, ...root.children.flatMap((node) => render(node, ''))].join('\n');
}

/** The value as it would be written, secrets masked; undefined where there is none. */
function shown(key: Key, config: Config, mask: (text: string) => string): unknown {
  const value = valueAt(config, key.path);
  if (value === undefined) return undefined;
  if (key.secret) return masked;
  return maskDeep(isTree(value) && typeof value.ms === 'number' ? value.text : value, mask);
}

function named(file: string | undefined): string {
  return file ?? 'The configuration (no file: environment, command line and defaults)';
}

function refuseToOverwrite(file: string): never {
  return fail('USAGE', {
    message: `${file} exists already and is not overwritten.`,
    hint: 'Move it away first, or edit it; "registry-cleanup config show" prints what it means.',
  });
}
