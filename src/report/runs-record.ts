import { z } from 'zod';
import type { ReportDocument } from './document.ts';

const count = z.number().nonnegative();
const text = z.string();

const totals = z.looseObject({
  repositories: count,
  tags: count,
  manifests: count,
  layerLinks: count,
  blobs: count,
  bytes: count,
});

const removed = totals.extend({ uploads: count });

/** As much of a report as is needed to draw it. Later versions may have added to it. */
const shape = z.looseObject({
  version: z.literal(1),
  command: z.enum(['run', 'plan']),
  outcome: text,
  exitCode: z.int(),
  dryRun: z.boolean(),
  registry: z.looseObject({ version: text, runtime: text, storage: text }).nullable(),
  before: totals.nullable(),
  after: totals.nullable(),
  removed,
  later: removed,
  kept: z.array(
    z.looseObject({
      reason: z.enum([
        'tagged',
        'child',
        'referrer',
        'protected',
        'young',
        'changed',
        'unreadable',
        'isolated',
      ]),
      manifests: count,
    }),
  ),
  young: z.looseObject({
    manifests: count,
    keepWithin: text,
    nextAt: text.nullable(),
    blobs: count,
    bytes: count,
  }),
  window: z.looseObject({ readOnlySeconds: count, unavailableSeconds: count }),
  collector: z
    .looseObject({ name: text, deleteUntagged: z.boolean(), because: text, rehearsed: z.boolean() })
    .nullable(),
  steps: z.array(z.looseObject({ id: text, seconds: count, outcome: text, note: text.optional() })),
  repositories: z.array(
    z.looseObject({
      name: text,
      tags: count,
      manifestsBefore: count,
      manifestsAfter: count,
      bytesFreed: count,
    }),
  ),
  isolated: z.array(
    z.looseObject({
      name: text,
      findings: z.array(
        z.looseObject({ kind: text, path: text, tag: text.nullable(), detail: text, cure: text }),
      ),
    }),
  ),
  left: z.array(z.looseObject({ path: text, reason: text })),
  warnings: z.array(text),
  error: z.looseObject({ code: text, message: text, hint: text, details: z.array(text) }).nullable(),
});

/** The document of a run out of its file; undefined when it is none that can be drawn. */
export function parseRecord(file: string): ReportDocument | undefined {
  try {
    const value: unknown = JSON.parse(file);
    const whole = withNewKeys(value);
    return isReport(whole) ? whole : undefined;
  } catch (error) {
    if (error instanceof SyntaxError) return undefined;
    throw error;
  }
}

/** Runs of earlier versions did not tell what they left, nor of young blobs, and isolated nothing. */
function withNewKeys(value: unknown): unknown {
  if (!isObject(value)) return value;
  const young = isObject(value.young) ? { blobs: 0, bytes: 0, ...value.young } : value.young;
  return { left: [], isolated: [], ...value, young };
}

function isObject(value: unknown): value is { readonly [key: string]: unknown } {
  return typeof value === 'object' && value !== null;
}

function isReport(value: unknown): value is ReportDocument {
  return shape.safeParse(value).success;
}
