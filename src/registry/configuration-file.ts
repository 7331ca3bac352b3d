import { constants } from 'node:fs';
import { open } from 'node:fs/promises';
import { ConfigurationError, largestBytes } from './configuration-yaml.ts';

/**
 * The text of a registry's config.yml. It may be another user's, since every process may name every path: only regular
 * files are read, and no further than a configuration goes; a pipe would keep us waiting, a device would never end. Throws
 * ConfigurationError for these, and what the system says where it cannot be opened.
 */
export async function readConfigurationFile(path: string): Promise<string> {
  const file = await open(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    if (!(await file.stat()).isFile()) throw new ConfigurationError('it is not a file');
    const buffer = Buffer.alloc(largestBytes + 1);
    let length = 0;
    while (length < buffer.length) {
      const { bytesRead } = await file.read(buffer, length, buffer.length - length);
      if (bytesRead === 0) return buffer.toString('utf8', 0, length);
      length += bytesRead;
    }
    throw new ConfigurationError('it is larger than 1 MiB');
  } finally {
    await file.close();
  }
}
