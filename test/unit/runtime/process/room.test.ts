import { chmodSync, mkdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { roomyDirectory } from '../../../../src/runtime/process/room.ts';
import { makeWorkplace } from '../../../../src/runtime/process/workplace.ts';
import { temporaryDirectory } from '../../../support/program.ts';
import { smallDisk } from '../../../support/small-disk.ts';

describe('where files of a child go', () => {
  it('is where temporary files go, as long as there is room', () => {
    expect(roomyDirectory()).toBe(tmpdir());
  });

  it('is the next place that is there, and is for us, and otherwise where temporary files go all the same', () => {
    using place = temporaryDirectory();
    const foreign = join(place.path, 'foreign');
    mkdirSync(foreign);
    chmodSync(foreign, 0o555);
    const missing = join(place.path, 'missing');
    expect(roomyDirectory([missing, place.path])).toBe(place.path);
    expect(roomyDirectory([missing])).toBe(tmpdir());
    if (process.geteuid?.() !== 0) expect(roomyDirectory([foreign, place.path])).toBe(place.path);
  });

  it.runIf(process.geteuid?.() === 0).each(['fill', 'fillInodes'] as const)(
    'is another one where nothing can be written any more (%s)',
    (how) => {
      using disk = smallDisk('tmpfs', 2);
      using place = temporaryDirectory();
      expect(roomyDirectory([disk.path, place.path])).toBe(disk.path);
      disk[how]();
      expect(roomyDirectory([disk.path, place.path])).toBe(place.path);
    },
  );

  it.runIf(process.geteuid?.() === 0)('is told when it has filled up all the same', async () => {
    using disk = smallDisk('tmpfs', 2);
    disk.fill();
    const directory = join(disk.path, 'registry-cleanup-20260115T120000-0badcafe-serve-0123456789ab');
    await expect(makeWorkplace(directory, 'version: 0.1')).rejects.toMatchObject({
      code: 'STORAGE_FAILED',
      message: expect.stringContaining(`${directory}/config.yml: no space left on device (ENOSPC)`),
    });
  });
});
