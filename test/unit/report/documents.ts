import type { ReportDocument } from '../../../src/report/document.ts';

const nothing = { tags: 0, manifests: 0, layerLinks: 0, uploads: 0, repositories: 0, blobs: 0, bytes: 0 };

/** A run that removed 25 manifests of one repository, with `changes` to it. */
export function documentOf(changes: Partial<ReportDocument> = {}): ReportDocument {
  return {
    version: 1,
    command: 'run',
    outcome: 'ok',
    exitCode: 0,
    dryRun: false,
    registry: { version: '2.8.2', runtime: 'process', storage: 'filesystem' },
    before: { repositories: 1, tags: 1, manifests: 26, layerLinks: 125, blobs: 1151, bytes: 2_097_152 },
    after: { repositories: 1, tags: 1, manifests: 1, layerLinks: 5, blobs: 6, bytes: 1_048_576 },
    removed: {
      tags: 0,
      manifests: 25,
      layerLinks: 120,
      uploads: 0,
      repositories: 0,
      blobs: 1145,
      bytes: 1_048_576,
    },
    later: nothing,
    kept: [{ reason: 'tagged', manifests: 1 }],
    young: { manifests: 0, keepWithin: '1h', nextAt: null, blobs: 0, bytes: 0 },
    window: { readOnlySeconds: 1.2, unavailableSeconds: 0.3 },
    collector: {
      name: 'registry',
      deleteUntagged: true,
      because: 'every manifest that stays is tagged',
      rehearsed: true,
    },
    steps: [
      { id: 'inventory', seconds: 0.4, outcome: 'ok' },
      { id: 'collect', seconds: 1.1, outcome: 'ok' },
    ],
    repositories: [{ name: 'noise', tags: 1, manifestsBefore: 26, manifestsAfter: 1, bytesFreed: 1_048_576 }],
    isolated: [],
    left: [],
    warnings: [],
    error: null,
    ...changes,
  };
}

/** A run that found nothing to remove, and stayed away from the registry. */
export function idleDocumentOf(changes: Partial<ReportDocument> = {}): ReportDocument {
  const before = { repositories: 1, tags: 1, manifests: 25, layerLinks: 125, blobs: 150, bytes: 2_097_152 };
  return documentOf({
    outcome: 'nothing-to-do',
    before,
    after: before,
    removed: nothing,
    window: { readOnlySeconds: 0, unavailableSeconds: 0 },
    collector: null,
    steps: [{ id: 'inventory', seconds: 0.4, outcome: 'ok' }],
    repositories: [],
    ...changes,
  });
}

/** A run that ended with `error` before anything was changed. */
export function failedDocumentOf(changes: Partial<ReportDocument> = {}): ReportDocument {
  return idleDocumentOf({ outcome: 'failed', exitCode: 1, after: null, kept: [], ...changes });
}
