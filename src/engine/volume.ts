import type { Volume } from './engine.ts';
import { type Fields, fieldsOf, isFields, need, textMapOf, textOf } from './fields.ts';

/** The volumes in the answer to `GET /volumes`. Throws an Error where one of them cannot be read. */
export function volumesOf(answer: Fields): readonly Volume[] {
  const rows = answer.Volumes;
  // Null: there are none. Without the key it is another answer, and "none" would be a guess.
  if (rows === null) return [];
  if (!Array.isArray(rows)) throw new Error('"Volumes" is missing or of another type');
  return rows.map((row: unknown) => {
    if (!isFields(row)) throw new Error('it lists something that is no object');
    return volumeOf(row);
  });
}

function volumeOf(row: Fields): Volume {
  return {
    name: need(row, 'Name', 'text'),
    mountpoint: textOf(row.Mountpoint),
    device: row.Driver === 'local' ? deviceOf(textMapOf(fieldsOf(row.Options))) : undefined,
  };
}

/**
 * What the local driver mounts, out of what it hands to mount(2): `type`, `device`, and `o`, separated by commas. `type`
 * means nothing where `o` says `bind`.
 */
function deviceOf({ type = '', device = '', o = '' }: Readonly<Record<string, string>>): string | undefined {
  const options = o.split(',').map((option) => option.trim());
  if (options.includes('bind') || options.includes('rbind'))
    return device.startsWith('/') ? device : undefined;
  if (type !== 'nfs' && type !== 'nfs4') return undefined;
  // `server:/path`; the kernel goes by addr, and the server before the colon may be left out.
  const [, named, path] = /^([^/]*):(\/.*)$/.exec(device) ?? [];
  const server = options.find((option) => option.startsWith('addr='))?.slice('addr='.length) || named;
  return path === undefined || !server ? undefined : `nfs:${server}:${path}`;
}
