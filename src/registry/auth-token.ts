import { answered, garbled, jsonObject } from './client-answer.ts';
import type { Transport } from './client-transport.ts';

export interface Token {
  /** Value of the `Authorization` header. */
  readonly authorization: string;
  /** On the clock of `performance.now()`. */
  readonly until: number;
}

const tokenLimit = 64 * 1024;
/** What a token service means that does not tell (distribution's token specification). */
const defaultSeconds = 60;
/** A token that is about to expire may not arrive in time. */
const usedShare = 0.9;

/**
 * One visit to a token service (distribution, "Token Authentication Specification"): GET with `service` and one
 * `scope` per resource, with the credentials as Basic where there are any. Redirects are not followed, so the
 * credentials stay with the service.
 */
export async function fetchToken(visit: {
  readonly realm: URL;
  readonly service: string | undefined;
  readonly scope: string;
  readonly authorization: string | undefined;
  readonly transport: Transport;
}): Promise<Token> {
  const url = new URL(visit.realm);
  if (visit.service !== undefined) url.searchParams.append('service', visit.service);
  for (const scope of visit.scope.split(' ').filter((part) => part !== ''))
    url.searchParams.append('scope', scope);

  const headers: Record<string, string> =
    visit.authorization === undefined ? {} : { authorization: visit.authorization };
  const asked = performance.now();
  const answer = await visit.transport.send({ method: 'GET', url, headers, limit: tokenLimit });
  if (answer.status !== 200) throw answered(answer);

  const body = jsonObject(answer);
  const token = body.get('token') ?? body.get('access_token');
  // Anything else could not be a header's value.
  if (typeof token !== 'string' || !/^[\x21-\x7e]+$/.test(token)) {
    throw garbled(answer, 'the token service sent no token');
  }
  const seconds = body.get('expires_in');
  const lifetime = typeof seconds === 'number' && seconds > 0 ? seconds : defaultSeconds;
  return { authorization: `Bearer ${token}`, until: asked + lifetime * 1000 * usedShare };
}
