import { readdirSync } from 'node:fs';
import { setImmediate as turn } from 'node:timers/promises';
import { fail } from '../../errors.ts';
import type { makeBreath } from '../breath.ts';
import { isAbsence, storageFailure } from '../failure.ts';
import { prefixProblem } from '../key.ts';
import { isRawName, nameOfBytes } from '../raw-name.ts';
import type { Entry } from '../storage.ts';
import { isAnyOdd, typedNames } from './names.ts';
import { entryOf, type Root } from './root.ts';

const pageSize = 1_000;
const deed = 'list';

/** `directory` undefined: the file system did not say. */
interface Child {
  readonly name: string;
  readonly directory: boolean | undefined;
}

/** A directory that is being listed. */
interface Frame {
  readonly key: string;
  readonly children: readonly Child[];
  next: number;
}

/**
 * Lists depth first, so that no more is held than the names in the directories on the way to one file. An entry whose
 * name is not valid UTF-8 is `other`, a directory too: it is told, and nothing in it can be addressed.
 */
export async function* listTree(
  root: Root,
  breath: ReturnType<typeof makeBreath>,
  prefix: string,
  skip: (directory: string) => boolean = () => false,
): AsyncGenerator<readonly Entry[]> {
  const reason = prefixProblem(prefix);
  if (reason !== undefined) fail('STORAGE_FAILED', { deed, path: root.locate(prefix), reason });
  root.assertSame(deed);
  if (prefix !== '' && root.entry(prefix, deed) === undefined) return;
  const stack: Frame[] = [{ key: prefix, children: childrenIn(root, prefix) ?? [], next: 0 }];
  let page: Entry[] = [];
  for (let frame = stack.at(-1); frame !== undefined; frame = stack.at(-1)) {
    const child = frame.children[frame.next++];
    if (child === undefined) {
      stack.pop();
      continue;
    }
    const directory = `${frame.key}${child.name}/`;
    // Half of all entries are directories that are only gone through: they cost no lstat.
    if (child.directory === true && !skip(directory)) {
      const children = childrenIn(root, directory);
      if (children !== undefined && children.length > 0) {
        stack.push({ key: directory, children, next: 0 });
        await breath();
        continue;
      }
    }
    const entry = entryIn(root, frame.key, child.name);
    if (entry?.type === 'directory' && child.directory !== true && !skip(entry.key)) {
      const children = childrenIn(root, entry.key);
      if (children?.length === 0) page.push(entry);
      else if (children !== undefined) stack.push({ key: entry.key, children, next: 0 });
      await breath();
    } else if (entry !== undefined) {
      page.push(entry);
    }
    if (page.length >= pageSize) {
      yield page;
      page = [];
      await turn();
    }
  }
  // Else everything on a disk that was unmounted meanwhile would count as vanished.
  root.assertSame(deed);
  if (page.length > 0) yield page;
}

/** Undefined when it has vanished. */
function entryIn(root: Root, directory: string, name: string): Entry | undefined {
  const key = directory + name;
  if (isRawName(name)) return { key, type: 'other', size: 0, modified: undefined };
  const stats = root.lstat(key, deed);
  return stats === undefined ? undefined : entryOf(key, stats);
}

/** Undefined when the directory has vanished. */
function childrenIn(root: Root, key: string): readonly Child[] | undefined {
  const path = root.pathOf(key);
  try {
    const typed = typedNames(path)?.map((child) => ({ name: child.name, directory: child.isDirectory() }));
    const children = typed ?? readdirSync(path).map((name) => ({ name, directory: undefined }));
    if (!isAnyOdd(children)) return children;
    const names = readdirSync(path, { encoding: 'buffer' }).map(nameOfBytes);
    return names.map((name) => ({ name, directory: isRawName(name) ? false : undefined }));
  } catch (error) {
    if (isAbsence(error)) return undefined;
    throw storageFailure(deed, root.locate(key), error);
  }
}
