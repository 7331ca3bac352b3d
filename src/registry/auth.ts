import { problem } from '../errors.ts';
import { type Challenge, parseChallenges } from './auth-challenge.ts';
import { fetchToken, type Token } from './auth-token.ts';
import type { Transport } from './client-transport.ts';
import { parseHttpUrl, shownUrl } from './client-url.ts';

export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/**
 * What a request may do, as the registry names it in its challenges (`repository:<name>:pull,push`,
 * `registry:catalog:*`; several separated by a space). Here it only tells which token is kept for which requests.
 */
export type Scope = string;

/** Answers the challenges of one registry. Knows of nothing but what that registry asked for. */
export interface Authenticator {
  /** The `Authorization` of a request, from what earlier challenges taught. */
  known(scope: Scope): string | undefined;
  /**
   * What to send instead of `sent` after a 401 with these `WWW-Authenticate` headers; undefined when there is
   * nothing better. Errors: REGISTRY_UNREACHABLE, REGISTRY_ANSWERED, REGISTRY_GARBLED of the token service.
   */
  answer(scope: Scope, challenges: readonly string[], sent: string | undefined): Promise<string | undefined>;
}

/** Which of the schemes that we speak a registry asks for: Bearer where it offers both. */
export function challengeKind(headers: readonly string[]): 'basic' | 'bearer' | undefined {
  const schemes = parseChallenges(headers.join(', ')).map((challenge) => challenge.scheme);
  if (schemes.includes('bearer')) return 'bearer';
  return schemes.includes('basic') ? 'basic' : undefined;
}

export function createAuthenticator(
  registry: URL,
  credentials: Credentials | undefined,
  transport: Transport,
): Authenticator {
  const basic = credentials === undefined ? undefined : basicAuthorization(credentials);
  const tokens = new Map<Scope, Token>();
  const asking = new Map<string, Promise<Token>>();
  let usesBasic = false;

  function known(scope: Scope): string | undefined {
    const token = tokens.get(scope);
    if (token !== undefined && performance.now() < token.until) return token.authorization;
    return usesBasic ? basic : undefined;
  }

  async function answer(scope: Scope, headers: readonly string[], sent: string | undefined) {
    const challenges = parseChallenges(headers.join(', '));
    const bearer = challenges.find((challenge) => challenge.scheme === 'bearer');
    if (bearer === undefined) {
      if (basic === undefined || !challenges.some((challenge) => challenge.scheme === 'basic'))
        return undefined;
      usesBasic = true;
      return sent === basic ? undefined : basic;
    }
    const current = known(scope);
    // Another request with the same scope was quicker to fetch a token.
    if (current !== undefined && current !== sent && current !== basic) return current;
    tokens.delete(scope);
    const token = await shared(bearer, scope);
    tokens.set(scope, token);
    return token.authorization;
  }

  /** Requests in parallel that meet the same challenge share one visit to the token service. */
  function shared(bearer: Challenge, wanted: Scope): Promise<Token> {
    const realm = checkedRealm(bearer, registry);
    const service = bearer.params.get('service');
    const scope = bearer.params.get('scope') ?? wanted;
    const key = JSON.stringify([realm.href, service, scope]);
    const running = asking.get(key);
    if (running !== undefined) return running;
    const visit = fetchToken({ realm, service, scope, authorization: basic, transport }).finally(() => {
      asking.delete(key);
    });
    asking.set(key, visit);
    return visit;
  }

  return { known, answer };
}

/**
 * The token service that a challenge names. It gets the password, so it must not be easier to listen to than
 * the registry: over https, or (a registry without TLS) on the registry's own host.
 */
function checkedRealm(bearer: Challenge, registry: URL): URL {
  const realm = parseHttpUrl(bearer.params.get('realm') ?? '');
  if (realm === undefined || realm.username !== '' || realm.password !== '') {
    throw problem('REGISTRY_GARBLED', {
      url: shownUrl(registry),
      reason: 'its Bearer challenge names no token service (realm) that is an http(s) address',
    });
  }
  const asPrivate = registry.protocol === 'http:' && realm.hostname === registry.hostname;
  if (realm.protocol !== 'https:' && !asPrivate) {
    throw problem('REGISTRY_GARBLED', {
      url: shownUrl(registry),
      reason: `it sends for tokens to ${shownUrl(realm)}, where the password would be readable on the way (a token service on another host must use https)`,
    });
  }
  return realm;
}

function basicAuthorization({ username, password }: Credentials): string {
  return `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
}
