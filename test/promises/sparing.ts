import type { Break } from './break.ts';

const blobs = 'src/plan/unnamed-blobs.ts';
const plan = 'src/plan/make-plan.ts';
const spared = 'if (native && (isNew || mayGo?.has(id) === false)) {';

/** What the native collector and `damage: isolate` leave alone. */
export const sparing: readonly Break[] = [
  {
    promise: 'the native collector spares young blobs',
    file: blobs,
    edits: [[spared, 'if (native && mayGo?.has(id) === false) {']],
    seenBy: ['unit/plan/native'],
  },
  {
    promise: 'and sweeps only what both looks let go',
    file: blobs,
    edits: [[spared, 'if (native && isNew) {']],
    seenBy: ['unit/plan/native', 'unit/plan/second-plan'],
  },
  {
    promise: 'and spares what a push under way has linked',
    file: plan,
    edits: [['onYoung: (target) => awaited.add(target),', 'onYoung: () => {},']],
    seenBy: ['unit/plan/native'],
  },
  {
    promise: 'and what a layer link leads to that stays',
    file: plan,
    edits: [['if (native) marked[target] = 1;', 'void target;']],
    seenBy: ['unit/plan/native'],
  },
  {
    promise: 'a damaged repository is left alone by damage: isolate',
    file: plan,
    edits: [['if (isolated.has(name)) {', 'if (isolated.has(name.slice(1))) {']],
    seenBy: ['unit/plan/isolate', 'unit/plan/isolate-property'],
  },
  {
    promise: 'and so is all that it links to',
    file: 'src/plan/isolate.ts',
    edits: [['if (isolated.size === 0) return;', 'if (isolated.size >= 0) return;']],
    seenBy: ['unit/plan/isolate', 'unit/plan/isolate-property'],
  },
];
