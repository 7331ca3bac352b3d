import { open } from 'node:fs/promises';
import { resolve } from 'node:path';
import { z } from 'zod';
import { reasonOf } from '../errors.ts';
import { keys } from './keys.ts';
import { type Environment, type Layer, sourceIn, truthOf } from './layer.ts';
import { nearest } from './nearest.ts';
import { line } from './problems.ts';
import { setAt, type Tree } from './tree.ts';

export { foreignToRegistry } from './legacy.ts';

interface Variable {
  readonly name: string;
  readonly path: string;
  readonly type: z.core.$ZodType;
  /** Of a part: the variable that sets the whole. */
  readonly whole?: string;
}

/** Every key as a variable, and the parts of keys that have several forms. */
const variables: readonly Variable[] = keys.flatMap((key) => [
  { name: key.environment, path: key.path, type: key.type },
  ...key.parts.map((part) => ({
    name: part.environment,
    path: `${key.path}.${part.name}`,
    type: part.type,
    whole: key.environment,
  })),
]);

/** Variables of ours that are no keys. */
const others: readonly string[] = ['CLEANUP_CONFIG'];

/** Bytes of a file that a `…_FILE` variable names. */
const sizeLimit = 1024 * 1024;

/**
 * Reads every `CLEANUP_…` variable, and `CLEANUP_…_FILE`, whose file (relative to `cwd`) holds the value; one newline
 * at its end is not part of it. An empty variable counts as unset: Compose passes those for what it does not know.
 */
export async function readEnvironment(environment: Environment, cwd: string): Promise<Layer> {
  const tree: Tree = {};
  const sources = new Map<string, string>();
  const problems: string[] = [];
  for (const variable of variables) {
    const value = environment[variable.name] || undefined;
    const fileName = `${variable.name}_FILE`;
    const file = environment[fileName] || undefined;
    if (value === undefined && file === undefined) continue;
    const source = value === undefined ? fileName : variable.name;
    try {
      if (value !== undefined && file !== undefined)
        throw new Error(`${fileName} is set too: keep one of them`);
      if (
        variable.whole !== undefined &&
        (environment[variable.whole] || environment[`${variable.whole}_FILE`])
      ) {
        throw new Error(`${variable.whole} is set too: keep one of them`);
      }
      const text = file === undefined ? value : await contentOf(resolve(cwd, file));
      setAt(tree, variable.path, fromText(variable.type, text ?? ''));
      sources.set(variable.path, `environment ${source}`);
    } catch (error) {
      problems.push(line(variable.path, reasonOf(error), `environment ${source}`));
    }
  }
  return { tree, sourceOf: sourceIn(sources), problems: [...problems, ...unknownNames(environment)] };
}

function unknownNames(environment: Environment): readonly string[] {
  const known = [...variables.flatMap(({ name }) => [name, `${name}_FILE`]), ...others];
  return Object.keys(environment)
    .filter((name) => name.startsWith('CLEANUP_') && !known.includes(name))
    .map((name) => {
      const near = nearest(name, known);
      return line(
        name,
        `is not a variable${near === undefined ? '' : `; did you mean "${near}"?`}`,
        'environment',
      );
    });
}

/** What a text stands for where `type` is wanted. A text that fits nothing is left for the schema to refuse. */
function fromText(type: z.core.$ZodType, text: string): unknown {
  if (type instanceof z.ZodBoolean) return truthOf(text) ?? text;
  if (type instanceof z.ZodLiteral) return type.values.has(text) ? text : literalOf(type, text);
  if (type instanceof z.ZodArray || type instanceof z.ZodTuple) return listOf(text);
  if (type instanceof z.ZodUnion && text.startsWith('{')) return jsonOf(text);
  return text;
}

function literalOf(type: z.ZodLiteral, text: string): unknown {
  const truth = truthOf(text);
  return truth !== undefined && type.values.has(truth) ? truth : text;
}

function listOf(text: string): unknown {
  if (text.trimStart().startsWith('[')) return jsonOf(text);
  return text
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '');
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw new Error('is not valid JSON');
  }
}

/** Opened once and read no further than the limit: what is named may be a pipe, or a device without end. */
async function contentOf(path: string): Promise<string> {
  const file = await open(path, 'r').catch((error: unknown) => {
    throw new Error(`cannot be read: ${reasonOf(error)}`, { cause: error });
  });
  try {
    const chunks: Buffer[] = [];
    let size = 0;
    for await (const chunk of file.createReadStream({ autoClose: false, end: sizeLimit })) {
      chunks.push(chunk);
      size += chunk.length;
    }
    if (size > sizeLimit) throw new Error(`is longer than 1 MiB in ${path}`);
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(Buffer.concat(chunks));
    return text.replace(/\r?\n$/, '');
  } catch (error) {
    throw new Error(`cannot be read from ${path}: ${reasonOf(error)}`, { cause: error });
  } finally {
    await file.close();
  }
}
