import { posix } from 'node:path';
import type { Container } from '../../engine/engine.ts';

/** How a container runs the registry. */
export interface Program {
  /** The registry's program in the container: a path, or a name on its PATH. */
  readonly binary: string;
  /** Of config.yml in the container. Absolute. */
  readonly configPath: string;
}

type Started = Pick<Container, 'name' | 'command' | 'env' | 'workingDirectory'>;

const shells = /^(?:.*\/)?(?:a|ba|da|z)?sh$/;
/** Words that need no quotes, and no shell to understand them. */
const plainServe = /([\w./@%+-]+)[ \t]+serve(?:[ \t]+([\w./@%+:-]+))?(?=[ \t]*(?:$|[;&|\n]))/g;

/**
 * Reads it from the container's command, as the official images are started: `registry serve PATH`, `/entrypoint.sh
 * PATH`, `sh -c "… exec registry serve PATH"`, and REGISTRY_CONFIGURATION_PATH where no path is given.
 */
export function programOf(container: Started): Program | { readonly refusal: string } {
  const { name, env, workingDirectory } = container;
  const words = wordsOf(container.command);
  const serve = words.indexOf('serve');
  const before = serve > 0 ? words[serve - 1] : undefined;
  const path =
    (serve >= 0 ? argumentAfter(words, serve) : lastYaml(words)) ?? env.REGISTRY_CONFIGURATION_PATH;
  if (path === undefined || path === '') {
    return {
      refusal:
        `${name}: its command does not tell where the registry's configuration is. ` +
        'End it with "serve" and the path of config.yml, or set REGISTRY_CONFIGURATION_PATH in its environment.',
    };
  }
  return {
    binary: before === undefined || isWrapper(before) ? 'registry' : before,
    configPath: posix.resolve(workingDirectory || '/', path),
  };
}

/** The command; where a shell runs a script, what that serves with. */
function wordsOf(command: readonly string[]): readonly string[] {
  const shell = command.findIndex(
    (word, index) => shells.test(word) && /^-\w*c$/.test(command[index + 1] ?? ''),
  );
  if (shell < 0) return command;
  const found = [...(command[shell + 2] ?? '').matchAll(plainServe)];
  const [match] = found;
  if (match === undefined || found.length > 1) return [];
  return [match[1] ?? '', 'serve', ...(match[2] === undefined ? [] : [match[2]])];
}

function argumentAfter(words: readonly string[], at: number): string | undefined {
  return words.slice(at + 1).find((word) => !word.startsWith('-'));
}

function lastYaml(words: readonly string[]): string | undefined {
  return words.findLast((word) => /\.ya?ml$/.test(word));
}

/** What puts the program before its arguments itself, or is none. */
function isWrapper(word: string): boolean {
  return word.startsWith('-') || /\.sh$|entrypoint/.test(word);
}
