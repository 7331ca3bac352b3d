import type { Going } from '../../apply/apply.ts';
import type { LoggedItem } from '../../pipeline/run-log.ts';
import { isDigest } from '../../registry/digest.ts';
import { isRepositoryName, isTagName, keyOf, placeOf } from '../../registry/layout.ts';

/*
 * How a run log calls what is removed, and back: by digest or name within its repository, since 100,000 whole keys
 * would be too long. The keys are made again from that.
 */

/** Where a reason names the tag: what is said of many tags is written once. */
const tagInReason = 'tag {} ';

export function toLogged(going: Going): LoggedItem {
  const { kind, key, repository, digest, because } = going;
  switch (kind) {
    case 'tag':
      return { kind, repository, name: tagIn(key) ?? key, because };
    case 'tag-history': {
      const tag = tagIn(key);
      const generally = because.replace(`tag ${tag} `, tagInReason);
      return { kind, repository, name: `${tag} ${digest}`, because: generally };
    }
    case 'upload': {
      const place = placeOf(key);
      return { kind, repository, name: 'upload' in place ? (place.upload ?? key) : key, because };
    }
    case 'repository':
      return { kind, name: repository ?? key, because };
    default:
      // Most of what there is: a key is not taken apart for it.
      return { kind, repository, name: digest ?? key, because };
  }
}

function tagIn(key: string): string | undefined {
  const place = placeOf(key);
  return 'tag' in place ? place.tag : undefined;
}

/** What a log calls an item, taken apart. */
export interface Named {
  readonly kind: string;
  readonly repository: string | null;
  readonly tag: string | null;
  readonly digest: string | null;
  readonly key: string | null;
  readonly because: string;
}

/** Total: what is not as it should be has no key. */
export function fromLogged({ kind, repository, name, because }: LoggedItem): Named {
  const named = { kind, repository: repository ?? null, tag: null, digest: null, key: null, because };
  if (kind === 'blob') return isDigest(name) ? { ...named, digest: name, key: keyOf.blob(name) } : named;
  if (kind === 'directory') return { ...named, key: name };
  if (kind === 'repository') {
    return { ...named, repository: name, key: isRepositoryName(name) ? keyOf.repository(name) : null };
  }
  if (repository === undefined || !isRepositoryName(repository)) return named;
  switch (kind) {
    case 'tag':
      return isTagName(name) ? { ...named, tag: name, key: keyOf.tag(repository, name) } : named;
    case 'tag-history': {
      const [tag = '', digest = ''] = name.split(' ');
      if (!isTagName(tag) || !isDigest(digest)) return named;
      const particularly = because.replace(tagInReason, () => `tag ${tag} `);
      return { ...named, tag, digest, key: keyOf.tagHistory(repository, tag, digest), because: particularly };
    }
    case 'upload':
      return name.includes('/') ? named : { ...named, key: keyOf.upload(repository, name) };
    case 'revision':
    case 'layer-link': {
      if (!isDigest(name)) return named;
      const link = kind === 'revision' ? keyOf.revision : keyOf.layerLink;
      return { ...named, digest: name, key: link(repository, name) };
    }
    default:
      return named;
  }
}
