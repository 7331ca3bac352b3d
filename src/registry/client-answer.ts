import { type CleanupError, problem } from '../errors.ts';
import { createMasker } from '../mask.ts';
import type { Answer } from './client-transport.ts';
import { parseHttpUrl, shownUrl } from './client-url.ts';

/** Bytes of an answer that is only shown to people. */
export const messageLimit = 4096;
const shownCharacters = 300;

/** The error for a status that nobody expected. */
export function answered(answer: Answer): CleanupError {
  const { request } = answer;
  return problem('REGISTRY_ANSWERED', {
    method: request.method,
    url: shownUrl(request.url),
    status: answer.status,
    body: explanation(answer),
  });
}

/** The error for an answer that is not what it should be. */
export function garbled(answer: Answer, reason: string, cause?: unknown): CleanupError {
  return problem('REGISTRY_GARBLED', { url: shownUrl(answer.request.url), reason }, cause);
}

/** The body as a JSON object without a prototype to trip over. Errors: REGISTRY_GARBLED. */
export function jsonObject(answer: Answer): ReadonlyMap<string, unknown> {
  if (answer.cut) throw garbled(answer, `it is longer than ${answer.request.limit} bytes`);
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(answer.body));
  } catch (error) {
    throw garbled(answer, 'it is not JSON', error);
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw garbled(answer, 'it is not a JSON object');
  }
  return new Map(Object.entries(value));
}

/** The list of strings under `key`; null (no tags are left) is an empty one. Errors: REGISTRY_GARBLED. */
export function stringsIn(answer: Answer, key: string): readonly string[] {
  const list = jsonObject(answer).get(key) ?? [];
  if (!Array.isArray(list) || !list.every((item) => typeof item === 'string')) {
    throw garbled(answer, `"${key}" is not a list of names`);
  }
  return list;
}

/** The codes of distribution's error document (`{"errors": [{code, message}]}`); empty for any other body. */
export function errorCodes(answer: Answer): readonly string[] {
  return errorsIn(answer).map((error) => error.code);
}

/**
 * Whether the registry says that there is no such thing. The 404 of whatever else may stand at that address
 * is no such answer: distribution puts its version on every one.
 */
export function isAbsent(answer: Answer): boolean {
  if (answer.status !== 404) return false;
  return answer.header('docker-distribution-api-version') !== undefined || errorCodes(answer).length > 0;
}

/** A `Content-Type` without its parameters, in lower case. */
export function mediaTypeOf(answer: Answer): string {
  return (answer.header('content-type') ?? '').split(';', 1)[0]?.trim().toLowerCase() ?? '';
}

function explanation(answer: Answer): string {
  const { request } = answer;
  const location = answer.header('location');
  const elsewhere = location === undefined ? undefined : parseHttpUrl(location, request.url);
  if (answer.status >= 300 && answer.status < 400 && elsewhere !== undefined) {
    return `it redirects to ${shownUrl(elsewhere)}`;
  }
  const errors = errorsIn(answer).map(({ code, message }) => (message === '' ? code : `${code}: ${message}`));
  const text = errors.length > 0 ? errors.join('; ') : new TextDecoder().decode(answer.body);
  const line = withoutSecrets(text, request.headers?.authorization).replaceAll(/\s+/g, ' ').trim();
  return line.length > shownCharacters ? `${line.slice(0, shownCharacters)}…` : line;
}

function errorsIn(answer: Answer): { code: string; message: string }[] {
  let value: unknown;
  try {
    value = JSON.parse(new TextDecoder().decode(answer.body));
  } catch {
    return []; // Not JSON: then it is shown as it is.
  }
  const errors: unknown =
    typeof value === 'object' && value !== null && 'errors' in value ? value.errors : [];
  if (!Array.isArray(errors)) return [];
  return errors.flatMap((error: unknown) => {
    if (typeof error !== 'object' || error === null || !('code' in error)) return [];
    if (typeof error.code !== 'string') return [];
    const message = 'message' in error && typeof error.message === 'string' ? error.message : '';
    return [{ code: error.code, message }];
  });
}

/** A server may send back what it was sent: neither a token nor a password leaves through a message. */
function withoutSecrets(text: string, authorization = ''): string {
  const [scheme, value = ''] = authorization.split(' ');
  const pair = scheme === 'Basic' ? Buffer.from(value, 'base64').toString() : '';
  const colon = pair.indexOf(':');
  const credentials = { username: pair.slice(0, Math.max(colon, 0)), password: pair.slice(colon + 1) };
  return createMasker({ values: [value], credentials: colon === -1 ? [] : [credentials] })(text);
}
