import type { Break } from './break.ts';

const clean = 'src/commands/clean.ts';
const native = 'src/commands/collect-native.ts';

/** Nobody writes while anything is deleted. */
export const closing: readonly Break[] = [
  {
    promise: 'the stand-in refuses as a read-only registry does',
    file: 'src/apply/prove.ts',
    edits: [
      [
        "if (answer.status === 405 && answer.contentType === 'text/plain' && answer.apiVersion !== undefined) return;",
        'if (answer.status === 405) return;',
      ],
    ],
    seenBy: ['unit/apply/prove'],
  },
  {
    promise: 'read-only is proved before anything is deleted',
    file: 'src/commands/close.ts',
    edits: [
      ['await withClient(client, (standIn) => proveReadOnly(standIn, storage, held));', 'void client;'],
    ],
    seenBy: ['integration/fence.again'],
  },
  {
    promise: 'it is proved again right before references are removed',
    file: clean,
    edits: [['await prove(signal);', '']],
    seenBy: ['integration/fence.again'],
  },
  {
    promise: 'and again right before the collector',
    file: 'src/commands/collect-registry.ts',
    edits: [['await prove(context.signal);', '']],
    seenBy: ['integration/fence.again'],
  },
  {
    promise: 'and right before this program sweeps',
    file: native,
    edits: [['await prove(signal);', '']],
    seenBy: ['integration/native-runs'],
  },
  {
    promise: 'and whether anybody wrote since it was closed',
    file: native,
    edits: [
      ['await nobodyWroteSince(plan, storage, { since, closely, signal, thorough: false, threads });', ''],
    ],
    seenBy: ['integration/native-runs'],
  },
  {
    promise: 'names of tags and manifests that have come are seen where links are not looked at',
    file: 'src/inventory/near/merge.ts',
    edits: [
      [
        'if (same === undefined) others.push(tag);\n      else tags.push(same);',
        'if (same !== undefined) tags.push(same);',
      ],
      ['if (same === undefined) others.push(row);\n    else builder', 'if (same !== undefined) builder'],
    ],
    seenBy: ['unit/inventory/again', 'integration/native-runs'],
  },
  {
    promise:
      'after the native sweep the references of what was cleaned are looked at before the registry is opened',
    file: native,
    edits: [
      ['await nobodyWroteSince(plan, storage, { since, only, signal, thorough: false, threads });', ''],
    ],
    seenBy: ['integration/native-runs'],
  },
  {
    promise: 'and everything once it is open',
    file: native,
    edits: [
      [
        'const { manifests } = verifyOpened(plan, after, storage, { since, until, onLate });',
        'const manifests = 0; void verifyOpened;',
      ],
    ],
    seenBy: ['integration/native-runs'],
  },
  {
    promise: 'and whether it was closed all the time',
    file: native,
    edits: [['await stayedClosed();', '']],
    seenBy: ['integration/native-runs'],
  },
  {
    promise: 'whoever wrote while it was closed, wherever that was, is told then',
    file: native,
    edits: [['until = await held.now();', '']],
    seenBy: ['integration/native-runs'],
  },
  {
    promise: 'a link whose inode was changed since it was read is read again',
    file: 'src/inventory/near/earlier.ts',
    edits: [
      ['return seen.changed === changed && seen.modified === modified;', 'return seen.changed !== modified;'],
    ],
    seenBy: ['unit/inventory/again'],
  },
  {
    promise: 'and whatever was changed right before it was read',
    file: 'src/inventory/near/earlier.ts',
    edits: [['const tick = 2_000;', 'const tick = -60_000;']],
    seenBy: ['unit/inventory/again'],
  },
  {
    promise: 'and every link, where others may write past the kernel',
    file: 'src/inventory/near/read-near.ts',
    edits: [["if (!seesChanges) return 'links';", 'void seesChanges;']],
    seenBy: ['unit/inventory/again'],
  },
  {
    promise: 'nothing is removed before a supervisor that starts the registry again would have been seen',
    file: 'src/commands/close.ts',
    edits: [['await fence.settle();', '']],
    seenBy: ['unit/commands/close'],
  },
  {
    promise: 'no directory of a damaged repository that is left alone is tidied away',
    file: clean,
    edits: [['.filter((key) => !isLeftAlone(plan.isolated, key))', '']],
    seenBy: ['integration/isolate'],
  },
  {
    promise: 'somebody who writes behind the fence ends the run',
    file: 'src/apply/nobody-wrote.ts',
    edits: [
      ['if (late.length > 0) failLate(late, (key) => reader.locate(key));', ''],
      ['if (late.length > 0) failLate(late, locate);', ''],
    ],
    seenBy: ['unit/apply/nobody-wrote'],
  },
  {
    promise: 'a live registry that is started in the middle ends the run',
    file: 'src/apply/watch.ts',
    edits: [["if (broken !== undefined) fail('FENCE_FAILED', { reason: broken });", '']],
    seenBy: ['unit/apply/watch'],
  },
  {
    promise: 'and where it is a container, at once',
    file: 'src/runtime/docker/watch.ts',
    edits: [['if (containerId === live.id)', 'if (containerId === undefined)']],
    seenBy: ['unit/runtime/docker/watch'],
  },
  {
    promise: 'the old process is gone, not only its port',
    file: 'src/runtime/process/stop.ts',
    edits: [
      [
        'const alive = await waitUntilGone(doomed, Math.max(1_000, deadline - performance.now()), signal);',
        'const alive = [].concat([]); void waitUntilGone;',
      ],
    ],
    seenBy: ['integration/process-runtime-fence'],
  },
  {
    promise: 'every link is looked at again behind the fence',
    file: clean,
    edits: [
      [
        'const inventory = await read(storage, context, { known, thorough, threads });',
        'const inventory = known; void context; void thorough; void threads;',
      ],
    ],
    seenBy: ['integration/changes-meanwhile'],
  },
  {
    promise: 'the stand-in is read-only (process)',
    file: 'src/registry/configuration-readonly.ts',
    edits: [['readonly: { enabled: true },', '']],
    seenBy: ['unit/registry/configuration-readonly', 'unit/fuzz/config'],
  },
  {
    promise: 'the stand-in is read-only (docker)',
    file: 'src/runtime/docker/clone.ts',
    edits: [['\'{"readonly":{"enabled":true},', "'{"]],
    seenBy: ['unit/runtime/docker/clone'],
  },
  {
    promise: "no variable of the live registry's makes the stand-in write",
    file: 'src/runtime/docker/clone.ts',
    edits: [
      [
        'const kept = Object.entries(live.env).filter(([name]) => !undoing.test(name));',
        'const kept = Object.entries(live.env);',
      ],
    ],
    seenBy: ['unit/runtime/docker/clone'],
  },
  {
    promise: 'one directory under two names is one place',
    file: 'src/runtime/docker/mounts.ts',
    edits: [['if (volume?.device === undefined) break;', 'break;']],
    seenBy: ['unit/runtime/docker/mounts'],
  },
];

/** What is removed, in which order, and what becomes of it. */
export const deleting: readonly Break[] = [
  {
    promise: 'references go before data, in their order',
    file: 'src/apply/apply.ts',
    edits: [
      [
        "const order = ['tag', 'tag-history', 'revision', 'layer-link'] as const;",
        "const order = ['layer-link', 'revision', 'tag-history', 'tag'] as const;",
      ],
    ],
    seenBy: ['unit/apply/apply'],
  },
  {
    promise: 'a removal that failed leaves what depends on it',
    file: 'src/apply/apply.ts',
    edits: [['return !blocked.has(repository);', 'return true;']],
    seenBy: ['unit/apply/apply'],
  },
  {
    promise: 'the lock is asked for before every single removal',
    file: 'src/storage/removal.ts',
    edits: [['    else await before();\n', '']],
    seenBy: ['contracts/storage.memory', 'contracts/storage.filesystem'],
  },
  {
    promise: 'and the run that lost it removes nothing more',
    file: 'src/apply/apply.ts',
    edits: [['    await held.stillOurs();\n', '']],
    seenBy: ['unit/apply/apply'],
  },
  {
    promise: 'directories that a registry needs stay when they are emptied',
    file: 'src/storage/removal.ts',
    edits: [["return directory !== '' && !kept.has(name);", "return directory !== '' && name !== '';"]],
    seenBy: ['contracts/storage.memory', 'contracts/storage.filesystem'],
  },
  {
    promise: 'the rehearsal is compared with the plan',
    file: 'src/apply/rehearse.ts',
    edits: [['if (sweeps === 1 && marked[id] === 1) {', 'if (sweeps === 2) {']],
    seenBy: ['unit/apply/rehearse'],
  },
  {
    promise: 'the collector does not run when its rehearsal disagrees',
    file: 'src/commands/collect-registry.ts',
    edits: [['compareRehearsal(plan, collection);', '']],
    seenBy: ['integration/collector-disobeys'],
  },
  {
    promise: 'a collector that says nothing of its end has not succeeded',
    file: 'src/apply/collector.ts',
    edits: [['else if (result.exitCode !== 0 || !summary) {', 'else if (result.exitCode !== 0) {']],
    seenBy: ['unit/apply/collector'],
  },
  {
    promise: "the end of the collector's output is not its end",
    file: 'src/apply/collector.ts',
    edits: [['const cut = result.outputCut === true &&', 'const cut = false &&']],
    seenBy: ['unit/apply/collector'],
  },
  {
    promise: 'what stays is looked for afterwards',
    file: 'src/apply/verify.ts',
    edits: [
      [
        'const lost = [...lostKeys(plan, after).filter((key) => !late.has(key)), ...brokenTags(after, late)];',
        'const lost: string[] = [];',
      ],
    ],
    seenBy: ['unit/apply/verify', 'integration/collector-disobeys'],
  },
  {
    promise: 'the cache in Redis is flushed',
    file: 'src/runtime/flush.ts',
    edits: [['if (owed) await flushCache(settings, find);', '']],
    seenBy: ['integration/redis'],
  },
];
