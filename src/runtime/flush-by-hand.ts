import { cachePatterns } from '../registry/redis-keys.ts';
import type { RedisSettings } from '../registry/redis-settings.ts';
import { shellQuote } from './shell-quote.ts';

/**
 * One line for bash that removes the cache's keys, without the password: it is asked for. By its patterns it may meet a
 * key of somebody else, which `isCacheKey` would not.
 */
export function flushByHand({ at, username, password, db, tls }: RedisSettings): string {
  const place = 'path' in at ? ['-s', at.path] : ['-h', at.host, '-p', String(at.port)];
  const secure =
    tls === undefined
      ? []
      : [
          '--tls',
          ...(tls.rootCas[0] === undefined ? [] : ['--cacert', tls.rootCas[0]]),
          ...(tls.certificate === undefined ? [] : ['--cert', tls.certificate]),
          ...(tls.key === undefined ? [] : ['--key', tls.key]),
        ];
  const user = username === undefined ? [] : ['--user', username];
  const cli = shellQuote(['redis-cli', ...place, '-n', String(db), ...user, ...secure]);
  const patterns = cachePatterns.map((pattern) => `'${pattern}'`).join(' ');
  // Read into the variable that redis-cli takes it from: on the command line every user of the machine could see it.
  const ask =
    password === undefined ? '' : "read -rsp 'Password of Redis: ' REDISCLI_AUTH && export REDISCLI_AUTH && ";
  return `${ask}for p in ${patterns}; do ${cli} --scan --pattern "$p" | xargs -r ${cli} UNLINK; done`;
}
