import type { Break } from './break.ts';

const pipeline = 'src/pipeline/pipeline.ts';
const journal = 'src/pipeline/journal.ts';

/** What was running runs again. */
export const restoring: readonly Break[] = [
  {
    promise: 'a deed is in the journal before it is done',
    file: pipeline,
    edits: [
      ['const journaled = await this.#journal?.deed(step, deed.memo);', 'const journaled = undefined;'],
      [
        'return deed.do(signal);',
        'return deed.do(signal).finally(() => this.#journal?.deed(step, deed.memo));',
      ],
    ],
    seenBy: ['unit/pipeline/pipeline'],
  },
  {
    promise: 'and on the disk, not only in the file',
    file: 'src/storage/state/in-place.ts',
    edits: [
      [
        '    await file.datasync();\n  } finally {\n    await file.close();\n    // An empty one',
        '  } finally {\n    await file.close();\n    // An empty one',
      ],
    ],
    seenBy: ['unit/pipeline/journal-durable'],
  },
  {
    promise: 'a run that fails or is interrupted undoes what it did',
    file: 'src/commands/run.ts',
    edits: [
      [
        'const worse = await restore(pipeline, draft, aftermath).catch((worse: unknown) => worse);',
        'const worse: unknown = undefined;',
      ],
    ],
    seenBy: ['crash/signals', 'integration/fence.again'],
  },
  {
    promise: 'a collector of ours ends before the live registry is started, also after a crash',
    file: 'src/runtime/process/children.ts',
    edits: [['if (found.length === 0) return;', 'if (found.length >= 0) return;']],
    seenBy: ['integration/collector-alone'],
  },
  {
    promise: 'a collector dies with us',
    file: 'src/runtime/process/collect.ts',
    edits: [
      [
        'return exitCode === 0 ? [setpriv, ...prefix] : [];',
        'return exitCode === 1 ? [setpriv, ...prefix] : [];',
      ],
    ],
    seenBy: ['integration/collector-alone'],
  },
  {
    promise: 'what was done last is undone first, and the lock released at the end',
    file: pipeline,
    edits: [
      [
        'let undo = this.#undos.pop(); undo !== undefined; undo = this.#undos.pop()',
        'let undo = this.#undos.shift(); undo !== undefined; undo = this.#undos.shift()',
      ],
    ],
    seenBy: ['unit/pipeline/pipeline'],
  },
  {
    promise: 'one undo that fails keeps no other from being done',
    file: pipeline,
    edits: [['if (mustBeGone.has(undo.step)) this.#undos.length = 0;', 'this.#undos.length = 0;']],
    seenBy: ['unit/pipeline/pipeline'],
  },
  {
    promise: 'the live registry is not started beside a running collector',
    file: 'src/pipeline/steps.ts',
    edits: [["new Set(['rehearse', 'collect'])", 'new Set([])']],
    seenBy: ['unit/pipeline/pipeline', 'unit/pipeline/journal'],
  },
  {
    promise: 'no new destructive step begins when time is up',
    file: pipeline,
    edits: [['return timed.has(id) ? this.#untilDeadline : this.#signal;', 'return this.#signal;']],
    seenBy: ['unit/pipeline/limits'],
  },
  {
    promise: 'recovery undoes the newest first',
    file: 'src/pipeline/journal-text.ts',
    edits: [['.sort((one, other) => other.at - one.at)', '.sort((one, other) => one.at - other.at)']],
    seenBy: ['unit/pipeline/journal', 'unit/fuzz/journal'],
  },
  {
    promise: 'what cannot be undone stays in the journal',
    file: journal,
    edits: [['if (failures.length > 0) throw closed ?? failures[0];', '']],
    seenBy: ['unit/pipeline/journal'],
  },
  {
    promise: 'a torn last line of the journal is survived',
    file: 'src/pipeline/journal-text.ts',
    edits: [["if (rest !== '' && !isTorn(rest)) lines.push(rest);", "if (rest !== '') lines.push(rest);"]],
    seenBy: ['unit/fuzz/journal'],
  },
  {
    promise: 'a damaged line of the journal is never read as another deed',
    file: 'src/pipeline/journal-line.ts',
    edits: [["if (sumOf(body) !== sum[1]) return 'unreadable';", '']],
    seenBy: ['unit/fuzz/journal', 'unit/pipeline/journal'],
  },
  {
    promise: 'a deed that the journal lost is told',
    file: journal,
    edits: [['if (lost.length > 0) throw damage(path, lost);', '']],
    seenBy: ['unit/pipeline/journal'],
  },
  {
    promise: 'what another version journaled is left to it',
    file: journal,
    edits: [["if (foreign.length > 0) throw problem('JOURNAL_FOREIGN', { path, found: foreign });", '']],
    seenBy: ['unit/pipeline/journal'],
  },
  {
    promise: 'the command to run by hand is the last thing on the screen',
    file: 'src/report/error.ts',
    edits: [
      [
        "...error.hint.flatMap((line) => (line.startsWith('    ') ? [paint.bold(line)] : prose(line))),\n  ]",
        "...error.hint.flatMap((line) => (line.startsWith('    ') ? [paint.bold(line)] : prose(line))),\n    ...prose('See above.'),\n  ]",
      ],
    ],
    seenBy: ['unit/report/error'],
  },
  {
    promise: 'names from outside act on no terminal',
    file: 'src/format.ts',
    edits: [['.replace(hidden, escapeOf)', '']],
    seenBy: ['unit/format', 'unit/fuzz/lines'],
  },
  {
    promise: 'every text of a report is made visible, and secrets are taken out',
    file: 'src/report/page.ts',
    edits: [['visible(mask(text), longest)', 'text']],
    seenBy: ['unit/report/report', 'unit/report/error'],
  },
];

/** One run at a time. */
export const locking: readonly Break[] = [
  {
    promise: 'of runs that begin at once, one gets the lock',
    file: 'src/storage/state.ts',
    edits: [["if (errno === 'EEXIST') return false;", "if (errno === 'EEXIST') return true;"]],
    seenBy: ['contracts/state', 'unit/pipeline/lock'],
  },
  {
    promise: 'an owner that cannot be seen is watched before it counts as dead',
    file: 'src/pipeline/fate.ts',
    edits: [["if (life !== 'unknown') return life;", "return life === 'alive' ? life : 'dead';"]],
    seenBy: ['unit/pipeline/lock'],
  },
  {
    promise: 'a living owner keeps its lock',
    file: 'src/pipeline/owner.ts',
    edits: [["return started === owner.startedAt ? 'alive' : 'dead';", "return 'dead';"]],
    seenBy: ['unit/pipeline/owner', 'unit/pipeline/lock'],
  },
  {
    promise: 'a process of the same number is not taken for the owner',
    file: 'src/pipeline/owner.ts',
    edits: [
      [
        "return started === owner.startedAt ? 'alive' : 'dead';",
        "return started === undefined ? 'dead' : 'alive';",
      ],
    ],
    seenBy: ['unit/pipeline/owner'],
  },
  {
    promise: 'a damaged lock is never a dead owner’s',
    file: 'src/pipeline/owner.ts',
    edits: [['return sum === undefined || sum === sumOf(owner) ? owner : undefined;', 'return owner;']],
    seenBy: ['unit/fuzz/lock'],
  },
  {
    promise: 'taking over from a dead run is recovering it first',
    file: 'src/pipeline/lock.ts',
    edits: [['await options.recover(ours);', '']],
    seenBy: ['unit/pipeline/lock'],
  },
  {
    promise: 'a run whose heart cannot beat deletes nothing more',
    file: 'src/pipeline/lock.ts',
    edits: [['if (isLate()) throw late();', '']],
    seenBy: ['unit/pipeline/lock'],
  },
  {
    promise: 'what another run took over is not undone by the first',
    file: 'src/apply/watch.ts',
    edits: [['if (!(await held.takenOver())) await deed.undo();', 'await deed.undo();']],
    seenBy: ['unit/apply/watch'],
  },
];

/** Where there is a Docker Engine. */
export const containers: readonly Break[] = [
  {
    promise: 'the live registry is up again before the stand-in goes, where both can be found under one name',
    file: 'src/commands/close.ts',
    edits: [['fence.overlaps ? [serve, stop] : [stop, serve]', '[stop, serve]']],
    seenBy: ['e2e/serving'],
  },
  {
    promise: 'the restart policy is put back',
    file: 'src/runtime/docker/restore.ts',
    edits: [['await engine.setRestartPolicy(live.name, memo.restartPolicy);', ';']],
    seenBy: ['e2e/restored-alias'],
  },
  {
    promise: 'only the listed calls are made to the engine',
    file: 'compose/socket-proxy.conf',
    edits: [['default 0;', 'default 1;']],
    seenBy: ['e2e/socket-proxy'],
  },
];
