import { request as requestHttp } from 'node:http';
import { request as requestHttps } from 'node:https';

/** A registry on this machine answers within milliseconds; one that takes longer is asked again. */
const patienceMs = 2_000;

/**
 * Whether a registry answers there: `GET /v2/` with 200, or 401 where it wants credentials. Nothing secret is sent and
 * who listens is known by its process, so its certificate is not checked. A TLS server that wants a certificate of
 * ours answers as well.
 */
export function answers(url: string): Promise<boolean> {
  const request = url.startsWith('https:') ? requestHttps : requestHttp;
  const options = { agent: false, rejectUnauthorized: false, timeout: patienceMs };
  return new Promise((resolve) => {
    const get = request(`${url}/v2/`, options, (response) => {
      response.resume();
      resolve(response.statusCode === 200 || response.statusCode === 401);
    });
    get.on('timeout', () => get.destroy());
    get.on('error', (error: NodeJS.ErrnoException) =>
      resolve(/^ERR_SSL_.*ALERT.*CERTIFICATE/.test(error.code ?? '')),
    );
    get.on('close', () => resolve(false));
    get.end();
  });
}
