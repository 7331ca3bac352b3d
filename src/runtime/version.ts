/**
 * Reads what `--version` prints: `docker-registry github.com/docker/distribution 2.8.2+ds1` (2.x) and
 * `registry github.com/distribution/distribution/v3 v3.1.1` (3.x).
 */
export function parseVersion(text: string): { readonly version: string; readonly major: number } | undefined {
  const match = /^\S+ \S*distribution\S* v?((\d+)\.\d+\.\d+\S*)\s*$/m.exec(text);
  return match?.[1] === undefined ? undefined : { version: match[1], major: Number(match[2]) };
}
