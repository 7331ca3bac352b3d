/** One challenge of a `WWW-Authenticate` header. Scheme and parameter names are lower-case. */
export interface Challenge {
  readonly scheme: string;
  readonly params: ReadonlyMap<string, string>;
}

const token = /[!#$%&'*+\-.^_`|~0-9A-Za-z]+/y;
const separator = /[\s,]*/y;
const equals = /\s*=\s*/y;
const quoted = /"((?:[^"\\]|\\.)*)"/y;
/** What some schemes send in place of parameters (RFC 9110 §11.2). */
const token68 = /[ \t]+[0-9A-Za-z\-._~+/]+=*(?=[ \t]*(?:,|$))/y;

/**
 * The challenges of a `WWW-Authenticate` header (RFC 9110 §11.6.1), in order. Reading stops at the first thing
 * that is not of that grammar; what came before it counts.
 */
export function parseChallenges(header: string): readonly Challenge[] {
  const challenges: { scheme: string; params: Map<string, string> }[] = [];
  let at = 0;

  function take(pattern: RegExp): RegExpExecArray | undefined {
    pattern.lastIndex = at;
    const match = pattern.exec(header);
    if (match === null) return undefined;
    at = pattern.lastIndex;
    return match;
  }

  for (;;) {
    take(separator);
    const name = take(token)?.[0].toLowerCase();
    if (name === undefined) return challenges;
    const current = challenges.at(-1);
    if (current !== undefined && take(equals)) {
      const value = take(quoted)?.[1]?.replaceAll(/\\(.)/g, '$1') ?? take(token)?.[0];
      if (value === undefined) return challenges;
      // The first of two wins, so that nothing appended to a header replaces what came before.
      if (!current.params.has(name)) current.params.set(name, value);
    } else {
      challenges.push({ scheme: name, params: new Map() });
      take(token68);
    }
  }
}
