import { type Document, isMap, isScalar, type ParsedNode, parseDocument, visit } from 'yaml';
import { reasonOf } from '../errors.ts';

/** A registry's own config.yml is a few KB. */
export const largestBytes = 1024 * 1024;
/** The parser looks for the target of each from the top. */
const mostAliases = 100;

export type Values = Readonly<Record<string, unknown>>;

export interface ConfigurationText {
  /** Scalars as the registry resolves them where a value is untyped (`storage`, `auth`): `yes` is true, `017` is 15. */
  readonly values: Values;
  /** Scalars as text, whatever they look like: what a typed Go string gets, `0.1` and `:5000` and `0123` alike. */
  readonly texts: Values;
  /** The document with its scalars and their quotes untouched and its aliases written out, to be changed and printed. */
  readonly document: Document.Parsed;
}

/** Thrown for what the registry itself would refuse to start with, and for what we refuse to read. */
export class ConfigurationError extends Error {
  override readonly name = 'ConfigurationError';
}

/**
 * Reads YAML the way distribution does (gopkg.in/yaml.v2, so YAML 1.1 without times and base-60 numbers). Throws
 * ConfigurationError: too large, not YAML, not a map, duplicate keys, an alias bomb. Of several documents, as in Go, it
 * is the first that counts.
 */
export function readYaml(text: string): ConfigurationText {
  if (Buffer.byteLength(text) > largestBytes) throw new ConfigurationError('it is larger than 1 MiB');
  const typed = parse(text, 'typed');
  const plain = parse(text, 'text');
  if (!isMap(typed.contents)) throw new ConfigurationError('it is not a map of settings');
  // In this order: `toJS` counts what aliases expand to and refuses a bomb before we write them out.
  const values = toJs(typed) as Values;
  const texts = toJs(plain) as Values;
  writeOutAliases(plain);
  return { values, texts, document: plain };
}

/** One value, as of an environment variable. Empty text is null. */
export function readYamlValue(text: string, as: 'typed' | 'text'): unknown {
  return toJs(parse(text, as)) ?? null;
}

function parse(text: string, as: 'typed' | 'text'): Document.Parsed {
  // Every two keys of a map are compared by the parser itself: a large file would take it hours.
  const common = { logLevel: 'silent', uniqueKeys: false } as const;
  const document = parseDocument(
    text,
    as === 'text'
      ? { ...common, schema: 'failsafe', merge: true }
      : {
          ...common,
          version: '1.1',
          customTags: (tags) =>
            tags.filter(
              (tag) => typeof tag === 'string' || !/TIME|timestamp/.test(`${tag.format} ${tag.tag}`),
            ),
        },
  );
  const [error] = document.errors;
  if (error !== undefined) throw new ConfigurationError(firstLine(error.message), { cause: error });
  refuseExcess(document);
  return document;
}

function refuseExcess(document: Document.Parsed): void {
  let aliases = 0;
  visit(document, {
    Alias() {
      if (++aliases > mostAliases) throw new ConfigurationError(`it has more than ${mostAliases} aliases`);
    },
    Map(_key, map) {
      const scalars = map.items.flatMap(({ key }) => (isScalar(key) ? [key.value] : []));
      if (new Set(scalars).size < scalars.length) throw new ConfigurationError('Map keys must be unique');
    },
  });
}

function toJs(document: Document.Parsed): unknown {
  try {
    return document.toJS({ maxAliasCount: 100 });
  } catch (thrown) {
    throw new ConfigurationError(firstLine(reasonOf(thrown)), { cause: thrown });
  }
}

/** So that a section can be replaced without taking an anchor away that another section uses. */
function writeOutAliases(document: Document.Parsed): void {
  visit(document, {
    Alias: (_key, alias, ancestors) => {
      const target = alias.resolve(document);
      if (target === undefined || ancestors.some((node) => node === target)) {
        throw new ConfigurationError(`the alias *${alias.source} stands for something that holds it`);
      }
      return target.clone() as ParsedNode;
    },
  });
  visit(document, {
    Node: (_key, node) => {
      if ('anchor' in node) delete node.anchor;
      // A comment inside { } would need a line of its own.
      delete node.comment;
      delete node.commentBefore;
    },
  });
}

function firstLine(message: string): string {
  return (message.split('\n')[0] ?? message).replace(/[:.]\s*$/, '');
}
