import { resolve } from 'node:path';
import { parse } from 'yaml';
import { type Environment, type Layer, sourceIn, truthOf } from './layer.ts';
import { line } from './problems.ts';
import { setAt, type Tree, valueAt } from './tree.ts';

/** Where the environment says that the registry's storage is; to be compared with the registry's own configuration. */
export interface StorageRootHint {
  /** Absolute; what `docker/registry/v2` is below. */
  readonly path: string;
  /** The variable that says so. */
  readonly variable: string;
}

export interface Legacy extends Layer {
  readonly storageRootHint: StorageRootHint | undefined;
}

interface Meaning {
  readonly path: string;
  readonly value: unknown;
}

/** Finds the meanings of a variable that is set. @throws Error whose message says what is wrong with it. */
type Reading = (text: string) => readonly Meaning[];

/**
 * The variables of earlier cleaners (lazyfrosch/docker-registry-cleanup: DRYRUN, RUN_REGISTRY;
 * mortensteenrasmussen/docker-registry-manifest-cleanup: the others), with the meaning they have here.
 * In doubt a run is a dry one.
 */
const readings: Readonly<Record<string, Reading>> = {
  DRY_RUN: (text) => [{ path: 'dryRun', value: truthOf(text) ?? true }],
  DRYRUN: (text) => [{ path: 'dryRun', value: truthOf(text) ?? true }],
  REGISTRY_URL: (text) => [{ path: 'registry.url', value: text }],
  REGISTRY_AUTH: credentialsIn,
  SELF_SIGNED_CERT: (text) => [{ path: 'registry.tls.insecure', value: truthOf(text) ?? true }],
  RUN_REGISTRY: (text) => {
    const value = truthOf(text);
    if (value === undefined) throw new Error('must be true or false');
    return [{ path: 'readonlyInstance', value }];
  },
};

/** Name → what leads from its value to the driver's root. */
const rootHints: Readonly<Record<string, (path: string) => string>> = {
  REGISTRY_DIR: (path) => path,
  REGISTRY_DATA_DIR: (path) => path.replace(/(?<=\/)docker\/registry\/v2\/*$/, ''),
};

/** Reads what earlier cleaners were told by environment. An empty variable counts as unset. */
export function readLegacy(environment: Environment, cwd: string): Legacy {
  const tree: Tree = {};
  const sources = new Map<string, string>();
  const problems: string[] = [];
  for (const [name, reading] of Object.entries(readings)) {
    const text = environment[name];
    if (text === undefined || text === '') continue;
    try {
      for (const { path, value } of reading(text)) {
        // DRY_RUN=false does not undo DRYRUN=true.
        if (path === 'dryRun' && valueAt(tree, path) === true) continue;
        setAt(tree, path, value);
        sources.set(path, `environment ${name}`);
      }
    } catch (error) {
      if (!(error instanceof Error)) throw error;
      problems.push(line(name, error.message, 'environment'));
    }
  }
  const hints = Object.entries(rootHints).flatMap(([variable, rootOf]) => {
    const path = environment[variable];
    return path === undefined || path === '' ? [] : [{ variable, path: resolve(cwd, rootOf(path)) }];
  });
  const [storageRootHint, second] = hints;
  if (storageRootHint !== undefined && second !== undefined && storageRootHint.path !== second.path) {
    problems.push(
      line(
        second.variable,
        `names another directory (${second.path}) than ${storageRootHint.variable}`,
        'environment',
      ),
    );
  }
  return { tree, sourceOf: sourceIn(sources), problems, storageRootHint };
}

/**
 * The names that are set here and must be kept from a registry's environment. It reads every `REGISTRY_…` as a part of
 * its configuration, and `REGISTRY_AUTH=user:pass` makes it panic (distribution 2.8 and 3.1, configuration/parser.go).
 * Our own are kept from it because some are secrets.
 */
export function foreignToRegistry(environment: Environment): string[] {
  return Object.keys(environment).filter((name) => {
    if (name === 'REGISTRY_AUTH') return credentialsIn(environment[name] ?? '').length > 0;
    return name.startsWith('CLEANUP_') || Object.hasOwn(readings, name) || Object.hasOwn(rootHints, name);
  });
}

/** `user:pass`. Without a colon, or as a YAML map, REGISTRY_AUTH is the registry's own variable and says nothing to us. */
function credentialsIn(text: string): readonly Meaning[] {
  const colon = text.indexOf(':');
  if (colon < 0 || isYamlMap(text)) return [];
  return [
    { path: 'registry.auth.username', value: text.slice(0, colon) },
    { path: 'registry.auth.password', value: text.slice(colon + 1) },
  ];
}

function isYamlMap(text: string): boolean {
  try {
    const value: unknown = parse(text, { logLevel: 'silent' });
    return typeof value === 'object' && value !== null;
  } catch {
    // Not YAML at all, so not the registry's own form.
    return false;
  }
}
