import type { Descriptor, ParsedManifest } from '../registry/manifest.ts';
import type { Manifest } from './inventory.ts';

/** What a manifest names, as an inventory tells it apart. */
export interface Named {
  readonly kind: Extract<Manifest, { state: 'ok' }>['kind'];
  readonly mediaType: string;
  readonly children: readonly Descriptor[];
  /** Config and layers. */
  readonly blobs: readonly Descriptor[];
  /** Layers with URLs. */
  readonly foreign: readonly Descriptor[];
  readonly subject: string | undefined;
}

const none: readonly Descriptor[] = [];

/** What a manifest that could be read names. */
export function namedBy(parsed: Exclude<ParsedManifest, { kind: 'damaged' | 'unknown' }>): Named {
  const { kind, mediaType } = parsed;
  if (kind === 'index') {
    const { children, subject } = parsed;
    return { kind, mediaType, children, blobs: none, foreign: none, subject };
  }
  const config = kind === 'image' && parsed.config !== undefined ? [parsed.config] : none;
  return {
    kind,
    mediaType,
    children: none,
    blobs: [...config, ...parsed.layers.filter(({ urls }) => !urls)],
    foreign: parsed.layers.filter(({ urls }) => urls),
    subject: kind === 'image' ? parsed.subject : undefined,
  };
}
