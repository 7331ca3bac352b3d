import { problem } from '../errors.ts';
import type { Reader, Storage } from './storage.ts';

/** `reader` and nothing but: what else the object behind it can do is out of reach. */
export function readerOf(reader: Reader): Reader {
  return {
    name: reader.name,
    near: reader.near,
    locate: (key) => reader.locate(key),
    list: (prefix, skip) => reader.list(prefix, skip),
    read: (key, limit) => reader.read(key, limit),
    open: (key) => reader.open(key),
    stat: (key) => reader.stat(key),
  };
}

/**
 * A storage that removes nothing, for a dry run: the same code runs, and whatever asks for a removal, even of nothing,
 * gets STORAGE_READ_ONLY.
 */
export function readonly(reader: Reader): Storage {
  return {
    ...readerOf(reader),
    async remove(keys) {
      throw problem('STORAGE_READ_ONLY', { deed: 'remove', path: reader.locate(keys[0] ?? '') });
    },
  };
}
