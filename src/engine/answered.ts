import { type CleanupError, problem } from '../errors.ts';
import { EngineAway, tellsAway } from './away.ts';
import { fieldsOf, textOf } from './fields.ts';

/** The error for a call that was answered with "no". */
export function answered(
  call: { readonly method: string; readonly path: string },
  status: number,
  body: Uint8Array,
): CleanupError {
  const { method, path } = call;
  const text = Buffer.from(body).toString();
  const said = messageIn(text);
  const reason = (said ?? withoutTags(text)).replace(/\s+/g, ' ').trim().slice(0, 500).replace(/\.$/, '');
  const hint = hintFor(status, reason, { method, path, fromEngine: said !== undefined });
  const away = tellsAway(status, reason) ? new EngineAway(reason) : undefined;
  return problem('ENGINE_ANSWERED', { method, path, status, reason, hint }, away);
}

function hintFor(
  status: number,
  reason: string,
  call: { readonly method: string; readonly path: string; readonly fromEngine: boolean },
): string | undefined {
  if (/HTTP request to an HTTPS server/i.test(reason)) {
    return 'The engine wants TLS there: set DOCKER_TLS_VERIFY=1 and DOCKER_CERT_PATH.';
  }
  // The engine has its own reasons for a 403, and says them as JSON. A proxy says it as HTML or plain text.
  if (/authorization denied by plugin/i.test(reason) || ([403, 405].includes(status) && !call.fromEngine)) {
    return `Something in front of the engine forbids this call, a socket proxy perhaps: allow ${call.method} ${call.path} there. compose/socket-proxy.yml lists all calls that are needed.`;
  }
  if ([502, 503, 504].includes(status) && !call.fromEngine) {
    return 'What stands in front of the engine does not reach it: see whether the engine runs, and the log of the proxy.';
  }
  return undefined;
}

/** Errors of the engine are `{"message": "…"}`. */
function messageIn(text: string): string | undefined {
  try {
    const message = textOf(fieldsOf(JSON.parse(text)).message);
    return message === '' ? undefined : message;
  } catch {
    return undefined; // no JSON: not the engine's own words, which is an answer as well
  }
}

function withoutTags(text: string): string {
  return text.replace(/<(style|script|title)\b[^>]*>[^<]*<\/\1>/gi, '').replace(/<[^>]{0,200}>/g, ' ');
}
