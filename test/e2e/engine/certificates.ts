import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** A throw-away authority in `directory`, as DOCKER_CERT_PATH wants it, and what it signed. */
export interface Authority {
  /** Holds `ca.pem`, `cert.pem` and `key.pem` of a client. */
  readonly directory: string;
  readonly ca: string;
  readonly server: { readonly cert: string; readonly key: string };
}

/** Makes an authority, a certificate for the server `name`, and one for a client. */
export function makeAuthority(directory: string, name: string): Authority {
  const at = (file: string) => join(directory, file);
  const openssl = (...args: readonly string[]) => execFileSync('openssl', args, { stdio: 'pipe' });
  const fresh = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes'];
  openssl(
    'req',
    '-x509',
    ...fresh,
    '-days',
    '2',
    '-subj',
    '/CN=test authority',
    '-keyout',
    at('ca-key.pem'),
    '-out',
    at('ca.pem'),
  );
  const sign = (prefix: string, usage: string) => {
    const [key, request, cert, extensions] = ['key.pem', 'request.pem', 'cert.pem', 'extensions'].map(
      (file) => at(`${prefix}${file}`),
    );
    if (!key || !request || !cert || !extensions) throw new Error('there are four names');
    writeFileSync(extensions, `subjectAltName=DNS:${name}\nextendedKeyUsage=${usage}\n`);
    openssl('req', ...fresh, '-subj', `/CN=${name}`, '-keyout', key, '-out', request);
    openssl(
      'x509',
      '-req',
      '-days',
      '2',
      '-in',
      request,
      '-CA',
      at('ca.pem'),
      '-CAkey',
      at('ca-key.pem'),
      '-CAcreateserial',
      '-extfile',
      extensions,
      '-out',
      cert,
    );
    return { cert: readFileSync(cert, 'utf8'), key: readFileSync(key, 'utf8') };
  };
  sign('', 'clientAuth');
  return { directory, ca: readFileSync(at('ca.pem'), 'utf8'), server: sign('server-', 'serverAuth') };
}
