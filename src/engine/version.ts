import { type Fields, need, textOf } from './fields.ts';

/** The newest version of the API that we know: Engine 27. Newer engines speak it, too. */
const newest = '1.47';

/**
 * The version of the API to speak, out of `GET /version`: the engine's newest, or ours if that is older; the oldest
 * that the engine takes if even that is newer than ours. Throws an Error if it tells no version.
 */
export function spokenVersion(answer: Fields): string {
  const offered = versionIn(need(answer, 'ApiVersion', 'text'));
  // Podman and engines before 1.25 may leave it out.
  const oldest = textOf(answer.MinAPIVersion) === '' ? '1.0' : versionIn(textOf(answer.MinAPIVersion));
  const ours = isNewer(offered, newest) ? newest : offered;
  return isNewer(oldest, ours) ? oldest : ours;
}

function versionIn(text: string): string {
  if (!/^\d{1,3}\.\d{1,3}$/.test(text)) throw new Error(`"${text.slice(0, 20)}" is no version of the API`);
  return text;
}

function isNewer(one: string, other: string): boolean {
  const [major = 0, minor = 0] = one.split('.').map(Number);
  const [otherMajor = 0, otherMinor = 0] = other.split('.').map(Number);
  return major === otherMajor ? minor > otherMinor : major > otherMajor;
}
