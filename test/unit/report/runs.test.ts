import { describe, expect, it } from 'vitest';
import { renderRuns } from '../../../src/report/runs.ts';
import type {
  RunItem,
  RunLogFigures,
  RunShownDocument,
  RunSummary,
  RunsDocument,
} from '../../../src/report/runs-document.ts';
import { parseRecord } from '../../../src/report/runs-record.ts';
import { renderRunShown } from '../../../src/report/runs-show.ts';
import { width } from '../../../src/screen.ts';
import { documentOf } from './documents.ts';

const removed = {
  tags: 0,
  manifests: 25,
  layerLinks: 120,
  uploads: 0,
  repositories: 0,
  blobs: 145,
  bytes: 0,
};

const done: RunSummary = {
  id: '20261121T180203-5f3a9c1e',
  at: '2026-11-21T18:02:03.123Z',
  state: 'ended',
  outcome: 'ok',
  exitCode: 0,
  error: null,
  seconds: 200,
  removed: { ...removed, bytes: 1_288_490_188 },
  window: { readOnlySeconds: 1.2, unavailableSeconds: 0.3 },
  doing: null,
  known: null,
  recovered: null,
};
const idle: RunSummary = {
  ...done,
  id: '20261120T180203-5f3a9c1e',
  outcome: 'nothing-to-do',
  seconds: 0.4,
  removed: { ...removed, manifests: 0, layerLinks: 0, blobs: 0 },
  window: { readOnlySeconds: 0, unavailableSeconds: 0 },
};
const nothing = { outcome: null, exitCode: null, seconds: null, removed: null, window: null } as const;
const killed: RunSummary = {
  ...done,
  ...nothing,
  id: '20261119T180203-5f3a9c1e',
  state: 'killed',
  doing: 'when the collector was about to run, or ran',
  known: { removed: { 'tag-history': 3, revision: 1 }, unknown: { blob: 1_300 } },
  recovered: { by: '20261119T190000-00000000', at: '2026-11-19T19:00:01Z', host: 'vm', undone: ['stop'] },
};

function list(...runs: readonly RunSummary[]): RunsDocument {
  return {
    version: 1,
    command: 'runs',
    exitCode: 0,
    directory: '/data/.registry-cleanup',
    runs,
    error: null,
  };
}

describe('the list of runs', () => {
  it('is a table, and says below a run what its row does not', () => {
    expect(renderRuns(list(done, idle, killed))).toBe(`\
run                       began (UTC)       outcome       exit    freed     took
20261121T180203-5f3a9c1e  2026-11-21 18:02  done             0  1.2 GiB    3 min
    25 manifests, 120 layer links and 145 blobs removed; closed to pushes for
      1.2 s
20261120T180203-5f3a9c1e  2026-11-21 18:02  nothing to do    0      0 B    0.4 s
20261119T180203-5f3a9c1e  2026-11-21 18:02  killed           -        -        -
    last heard of when the collector was about to run, or ran
    3 tag histories and 1 manifest removed
    1,300 blobs about to go, or gone: which of both is not on record
    taken over at 2026-11-19 19:00 UTC by 20261119T190000-00000000 on vm: 1 step
      undone

"registry-cleanup runs show ID" tells what a run removed, and why.
`);
  });

  it.each([
    ['ok', 0, 'done'],
    ['nothing-to-do', 0, 'nothing to do'],
    ['empty', 0, 'empty'],
    ['partial', 3, 'some left'],
    ['failed', 5, 'failed'],
    ['refused', 6, 'refused'],
    ['partial', 7, 'out of time'],
    ['not-restored', 20, 'NOT RESTORED'],
    ['lost', 21, 'LOST'],
    ['interrupted', 130, 'interrupted'],
    ['constructor', 0, 'constructor'],
  ] as const)('calls %s (%i) "%s"', (outcome, exitCode, word) => {
    const text = renderRuns(list({ ...done, outcome, exitCode, error: 'SOME_CODE' }));
    const [, row = '', below] = text.split('\n');
    expect(row.slice(44, 57).trim()).toBe(word);
    expect(row.slice(57, 62).trim()).toBe(String(exitCode));
    expect(below).toContain('removed');
    expect(text).toContain('SOME_CODE');
  });

  it('says where it cannot tell whether one runs', () => {
    const text = renderRuns(
      list({ ...done, ...nothing, state: 'unknown', doing: 'before it removed anything' }),
    );
    expect(text).toContain(' no end known ');
    expect(text).toContain('running or killed: that cannot be told from here, and no heartbeat');
  });

  it('is no wider than 80 columns, whatever the figures', () => {
    const most = { ...removed, bytes: 1023 * 2 ** 40, manifests: 9_999_999 };
    for (const seconds of [0.001, 9.94, 59, 3_569, 86_400 * 3]) {
      const text = renderRuns(
        list({ ...done, removed: most, seconds, exitCode: 143, outcome: 'interrupted' }),
      );
      for (const line of text.split('\n')) expect(width(line)).toBeLessThanOrEqual(80);
    }
  });

  it('says that there are none, and where it looked', () => {
    expect(renderRuns(list())).toBe('No run is on record in /data/.registry-cleanup.\n');
  });

  it('shows nothing that a terminal would act on, and no secret', () => {
    const host = '\x1b]0;x\x07hunter2';
    const text = renderRuns(
      list({ ...killed, doing: 'a\u202eb', recovered: { by: 'x', at: 'y', host, undone: [] } }),
      { mask: (plain) => plain.replaceAll('hunter2', '***') },
    );
    expect(text).toContain('x on \\x1b]0;x\\x07***: nothing was left open');
    expect(text).toContain('a\\u202eb');
    expect(text.replaceAll('\n', '')).not.toMatch(/[\p{Cc}\p{Cf}]|hunter2/u);
  });
});

describe('a run', () => {
  const digest = (character: string) => `sha256:${character.repeat(64)}`;
  const item: RunItem = {
    kind: 'revision',
    repository: 'team/app',
    tag: null,
    digest: digest('a'),
    key: 'docker/registry/v2/…',
    because: 'no tag, index or subject leads to it',
    outcome: 'removed',
    reason: null,
  };
  const log: RunLogFigures = {
    program: '0.1.0',
    host: 'vm',
    settings: { 'untagged.keepWithin': '1h', readonlyInstance: true },
    unnamed: {},
    forgotten: false,
    missed: 0,
    besides: [],
  };
  const shown: RunShownDocument = {
    version: 1,
    command: 'runs show',
    exitCode: 0,
    run: killed,
    log,
    items: [],
    report: null,
    error: null,
  };

  it('is shown item by item, under kind, repository and reason, apart by what came of it', () => {
    const items: RunItem[] = [
      { ...item, kind: 'tag-history', tag: 'v1', digest: digest('b'), because: 'of tag v1' },
      { ...item, kind: 'tag-history', tag: 'v2', digest: digest('b'), because: 'of tag v2' },
      item,
      { ...item, digest: digest('c') },
      { ...item, repository: 'other' },
      { ...item, digest: digest('d'), outcome: 'failed', reason: 'EACCES' },
      {
        ...item,
        kind: 'blob',
        repository: null,
        digest: digest('e'),
        because: 'unneeded',
        outcome: 'unknown',
      },
      { ...item, kind: 'repository', repository: 'gone', digest: null, because: 'it is empty' },
      { ...item, kind: 'directory', repository: null, digest: null, key: 'a/', outcome: 'absent' },
    ];
    expect(renderRunShown({ ...shown, items })).toBe(`\
Run 20261119T180203-5f3a9c1e: killed
Began at 2026-11-21 18:02 UTC on vm (registry-cleanup 0.1.0)
Settings: untagged.keepWithin 1h, readonlyInstance true

Removed: 2 tag histories, 3 manifests and 1 repository
  2 tag histories in team/app: what the tag pointed to earlier goes, or is gone
    v1 ${digest('b')}
    v2 ${digest('b')}
  2 manifests in team/app: no tag, index or subject leads to it
    ${digest('a')}
    ${digest('c')}
  1 manifest in other: no tag, index or subject leads to it
    ${digest('a')}
  1 repository: it is empty
    gone

Begun, and not known to be finished: 1 blob
  1 blob: unneeded
    ${digest('e')}

Could not be removed: 1 manifest
  1 manifest in team/app: no tag, index or subject leads to it (EACCES)
    ${digest('d')}

There is no report. What is known of its end
  - last heard of when the collector was about to run, or ran
  - 3 tag histories and 1 manifest removed
  - 1,300 blobs about to go, or gone: which of both is not on record
  - taken over at 2026-11-19 19:00 UTC by 20261119T190000-00000000 on vm: 1 step
    undone
`);
  });

  it('ends with its report as it was, which tells times as they were then', () => {
    const young = { manifests: 1, keepWithin: '1h', nextAt: '2026-11-21T18:32:03Z', blobs: 0, bytes: 0 };
    const text = renderRunShown({ ...shown, run: done, report: documentOf({ young }) });
    expect(text).toContain('\n[ Report ]\n\nRegistry 2.8.2, process runtime');
    expect(text).toContain('(in 30 min)');
    expect(text.endsWith('Done in 1.5 s.\n')).toBe(true);
    expect(text).not.toContain('There is no report');
  });

  it('says what is not on record', () => {
    const text = renderRunShown({
      ...shown,
      log: { ...log, unnamed: { blob: 500_000, 'new-kind': 2 }, missed: 3, besides: [digest('f')] },
    });
    expect(text).toContain('! 500,000 blobs and 2 × new-kind more, whose names are not kept');
    expect(text).toContain('! 3 items more, which could not be put on record.');
    expect(text).toContain(`! The collector swept what it had not announced:\n    ${digest('f')}\n`);
    expect(renderRunShown({ ...shown, run: done, log: null })).toContain('not on record item by item');
  });

  it('shows names so that a terminal does not act on them', () => {
    const name = 'evil\x1b[2J\u202e';
    const text = renderRunShown({
      ...shown,
      items: [{ ...item, repository: name, digest: null, key: name, because: name }],
    });
    expect(text).toContain('in evil\\x1b[2J\\u202e: evil\\x1b[2J\\u202e\n    evil\\x1b[2J\\u202e\n');
  });
});

describe('a record', () => {
  const document = documentOf();

  it('is read as it was written, and when a later version has added to it', () => {
    expect(parseRecord(JSON.stringify(document))).toEqual(document);
    expect(parseRecord(JSON.stringify({ ...document, more: [1] }))).toMatchObject({ more: [1] });
  });

  it('of an earlier version, which did not tell what it left, nor of young blobs, and isolated nothing, is read', () => {
    const { left: _, isolated: __, young, ...first } = document;
    const { manifests, keepWithin, nextAt } = young;
    const record = { ...first, young: { manifests, keepWithin, nextAt } };
    expect(parseRecord(JSON.stringify(record))).toEqual(document);
  });

  it('that is none is not drawn, whatever is wrong with it', () => {
    const text = JSON.stringify(document);
    expect(parseRecord(text.slice(0, -1))).toBeUndefined();
    for (const other of ['null', '[]', '1', '""', '{}']) expect(parseRecord(other)).toBeUndefined();
    expect(parseRecord(text.replace('"bytes":1048576', '"bytes":1e999'))).toBeUndefined();
    for (const key of Object.keys(document)) {
      for (const wrong of [undefined, null, 'x', 5, [1], { a: 1 }]) {
        const read = parseRecord(JSON.stringify({ ...document, [key]: wrong }));
        if (read === undefined) continue;
        // What is taken for a report can be drawn as one.
        renderRunShown({ ...shown(), report: read });
      }
    }
    function shown(): RunShownDocument {
      const none = { log: null, items: [], report: null, error: null };
      return { version: 1, command: 'runs show', exitCode: 0, run: done, ...none };
    }
  });
});
