import { mapTexts } from './plain-data.ts';

/** What must never be shown: passwords and the like, and pairs that also travel as Basic credentials. */
export interface Secrets {
  readonly values: readonly string[];
  readonly credentials: readonly { readonly username: string; readonly password: string }[];
}

/** What is shown in a secret's place. */
export const masked = '***';

/**
 * Secrets shorter than this are not looked for in running text: masking every "a" would hide the text and, by its
 * pattern, tell the secret. They are still masked where a key says what they are.
 */
const shortest = 4;

/** What stands before the host of a URL. Greedy: a password may hold a raw "@". */
const userinfo = /(\b[a-z][a-z0-9+.-]{0,30}:\/\/)[^\s/?#"'<>]{1,1024}@/gi;
const authorization = /(\bauthorization["']?\s{0,8}[:=]\s{0,8}["']?(?:[a-z]{1,20}\s{1,8})?)[^\s"',]+/gi;
const bearer = /(\bbearer\s{1,8})[\w.~+/=-]{20,}/gi;
const secretName =
  /passw(?:or)?d|passphrase|(?:^|[_-])pass$|secret|token|authorization|credential|cookie|(?:api|access|private)[_-]?key/i;

/**
 * A function that takes secrets out of a text: each as it is, each line of one that has several, URL-encoded,
 * escaped as in JSON, in base64, and as base64 of `user:pass`; besides whatever stands in a URL before the "@", in an
 * Authorization header, and as a bearer token.
 */
export function createMasker(secrets: Secrets): (text: string) => string {
  const forms = new Set<string>();
  for (const value of [...secrets.values, ...secrets.credentials.map(({ password }) => password)]) {
    for (const part of [value, ...value.split(/\r?\n/)]) {
      if (part.length >= shortest) for (const form of formsOf(part)) forms.add(form);
    }
  }
  for (const { username, password } of secrets.credentials) {
    for (const form of base64Of(`${username}:${password}`)) forms.add(form);
  }
  // Longest first: a secret that begins with another one must not leave its tail behind.
  const known = [...forms]
    .sort((a, b) => b.length - a.length)
    .map((form) => form.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&'));
  const pattern = known.length === 0 ? undefined : new RegExp(known.join('|'), 'g');
  return (text) => {
    const withoutKnown = pattern === undefined ? text : text.replace(pattern, masked);
    return withoutKnown
      .replace(userinfo, `$1${masked}@`)
      .replace(authorization, `$1${masked}`)
      .replace(bearer, `$1${masked}`);
  };
}

/**
 * A copy of plain data, as `mapTexts` makes it, in which every text has gone through `mask`, and everything below a key
 * that names a secret (`password`, `authorization`, `token` …) is masked whatever it is.
 */
export function maskDeep(value: unknown, mask: (text: string) => string): unknown {
  return mapTexts(value, mask, (key) => (isSecretName(key) ? masked : undefined));
}

/** Whether a key or variable of this name holds a secret by its name alone. A file's name (`…_FILE`) is none. */
export function isSecretName(name: string): boolean {
  return !/_?file$/i.test(name) && secretName.test(name);
}

function formsOf(secret: string): readonly string[] {
  const encoded = [encodeURIComponent, encodeURI, formEncoded].map((encode) => encode(secret.toWellFormed()));
  const lower = encoded.map((form) => form.replace(/%[0-9A-F]{2}/g, (octet) => octet.toLowerCase()));
  return [secret, JSON.stringify(secret).slice(1, -1), ...encoded, ...lower, ...base64Of(secret)];
}

/** As in a query or a form: a blank is "+", and more is escaped than by encodeURIComponent. */
function formEncoded(text: string): string {
  return new URLSearchParams({ '': text }).toString().slice(1);
}

/** The usual and the URL-safe alphabet, without the padding, which may or may not follow. */
function base64Of(text: string): readonly string[] {
  const bytes = Buffer.from(text);
  return [bytes.toString('base64').replace(/=+$/, ''), bytes.toString('base64url')];
}
