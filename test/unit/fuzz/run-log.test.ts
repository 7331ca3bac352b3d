import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { openRunLog } from '../../../src/pipeline/run-log.ts';
import { readRunLog } from '../../../src/pipeline/run-log-read.ts';
import { filesystemState } from '../../../src/storage/state.ts';
import { damaged, fuzz } from '../../support/fuzz.ts';
import { temporaryDirectory } from '../../support/program.ts';

const run = '20260115T120000-0badcafe';

/** The log of a run that removed some links and blobs. */
async function written(): Promise<string> {
  using directory = temporaryDirectory();
  const log = await openRunLog({
    state: filesystemState(directory.path),
    run,
    begin: { version: '1.2.3', registry: null, settings: { 'untagged.keepWithin': '1h', dryRun: false } },
    onMissed: (error) => {
      throw error;
    },
  });
  const links = ['a', 'b', 'c'].map((name) => ({
    kind: 'layer-link',
    repository: 'team/app',
    name,
    because: 'unused',
  }));
  log.ended(await log.going('apply', links), {
    failed: [['team/app a', 'EIO']],
    absent: ['team/app b'],
    open: [],
  });
  await log.going('collect', [{ kind: 'blob', name: 'd', because: 'no manifest' }]);
  await log.collected({ batch: 2, blobs: 1, spared: [], besides: ['e'] });
  await log.released();
  return readFileSync(join(directory.path, 'runs', `${run}.ndjson`), 'utf8');
}

const text = await written();

describe('the log of a run', () => {
  it('is a sample that has something of everything', () => {
    const { begin, batches, collected, released } = readRunLog(text);
    expect([begin?.version, batches.length, collected?.blobs, released]).toEqual(['1.2.3', 2, 1, true]);
  });

  fuzz(
    'damaged in any way is read as far as it goes',
    { usual: 5_000 },
    damaged([text, ...text.split('\n')]),
    (bytes) => {
      const { batches, missed } = readRunLog(bytes.toString());
      expect(missed).toBeGreaterThanOrEqual(0);
      const names = batches.flatMap(({ items }) => items.map(({ name }) => name));
      expect(names.length).toBeLessThanOrEqual(bytes.length);
      for (const { unnamed } of batches)
        for (const count of Object.values(unnamed)) expect(count).toBeGreaterThanOrEqual(0);
      expect(({} as Record<string, unknown>).unnamed).toBeUndefined();
    },
  );
});
