import { type Credentials, createAuthenticator, type Scope } from './auth.ts';
import { garbled } from './client-answer.ts';
import { type Answer, createTransport, type Request, type Tls } from './client-transport.ts';
import { credentialsIn, parseHttpUrl, type RegistryAddress, registryAddress } from './client-url.ts';

/** Questions to one registry, answered whatever their status. */
export interface Exchange {
  readonly address: RegistryAddress;
  /** Without credentials. */
  plain(request: Request): Promise<Answer>;
  /** With the credentials that the registry asks for; a 401 comes back when there are none that it takes. */
  authorized(scope: Scope, request: Request): Promise<Answer>;
  /** `authorized`, and then wherever that leads, without credentials: blobs may lie with an object store. */
  redirected(scope: Scope, request: Request): Promise<Answer>;
  close(): Promise<void>;
}

const redirectLimit = 5;

export function createExchange(options: {
  readonly url: string;
  readonly auth?: Credentials;
  readonly tls?: Tls;
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
  readonly connectTo?: { readonly host: string; readonly port: number } | undefined;
}): Exchange {
  const address = registryAddress(options.url);
  const { connectTo } = options;
  const detour = connectTo && { origin: address.url.origin, ...connectTo };
  const transport = createTransport({ ...options, detour });
  const credentials = options.auth ?? credentialsIn(options.url);
  const authenticator = createAuthenticator(address.url, credentials, transport);

  async function authorized(scope: Scope, request: Request): Promise<Answer> {
    const sent = authenticator.known(scope);
    const answer = await transport.send(withAuthorization(request, sent));
    if (answer.status !== 401) return answer;
    const better = await authenticator.answer(scope, answer.headers('www-authenticate'), sent);
    return better === undefined ? answer : transport.send(withAuthorization(request, better));
  }

  async function redirected(scope: Scope, request: Request): Promise<Answer> {
    let answer = await authorized(scope, request);
    for (let hops = 0; isRedirect(answer); hops++) {
      if (hops === redirectLimit) throw garbled(answer, `it redirects more than ${redirectLimit} times`);
      answer = await transport.send({ ...request, url: target(answer) });
    }
    return answer;
  }

  return { address, plain: transport.send, authorized, redirected, close: transport.close };
}

function withAuthorization(request: Request, authorization: string | undefined): Request {
  return authorization === undefined
    ? request
    : { ...request, headers: { ...request.headers, authorization } };
}

function isRedirect(answer: Answer): boolean {
  return [301, 302, 303, 307, 308].includes(answer.status);
}

function target(answer: Answer): URL {
  const location = answer.header('location');
  const url = location === undefined ? undefined : parseHttpUrl(location, answer.request.url);
  if (url === undefined) throw garbled(answer, 'it redirects to nowhere');
  return url;
}
