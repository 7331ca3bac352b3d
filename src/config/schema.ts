import { z } from 'zod';
import { bareNumber, parseDuration } from './duration.ts';
import { isTimeZone, parseWindow } from './window.ts';

/*
 * The whole truth about the configuration: every key with its description and default. Types, messages, environment
 * names, `config init` and `config show` are all derived from here. Beside the description, `meta` may hold
 *   secret   never shown
 *   resolve  how a relative path is made absolute (see relative-paths.ts)
 *   example  what `config init` shows where there is no default
 */

const day = 86_400_000;

/** What `parse` makes of a text; its RangeError finishes the sentence "<key> …". */
function readBy<T>(parse: (text: string) => T, error?: z.core.$ZodErrorMap) {
  return z.string({ error }).transform((text, context): T => {
    try {
      return parse(text);
    } catch (error) {
      if (!(error instanceof RangeError)) throw error;
      context.issues.push({ code: 'custom', message: error.message, input: text });
      return z.NEVER;
    }
  });
}

const duration = readBy(parseDuration, ({ input }) =>
  typeof input === 'number' ? bareNumber(input) : undefined,
);
const window = readBy(parseWindow);

/** A wait. Node's timers end at once when they are given more than 24.8 days, so none may come near that. */
const wait = duration.refine(({ ms }) => ms <= day, 'must be at most 24h');
const deadline = wait.refine(({ ms }) => ms >= 1_000, 'must be at least 1s');

const text = z.string().min(1, 'must not be empty');
const argv = z.array(text).min(1, 'must name a program').readonly();
const digest = z
  .string()
  .regex(/^sha256:[0-9a-f]{64}$/, 'must be a digest: sha256: and 64 hexadecimal digits');

const address = z
  .url({ protocol: /^https?$/, error: 'must be a URL that begins with http:// or https://' })
  .refine(
    (url) => !/^[a-z]+:\/\/[^/?#]*@/i.test(url),
    'must hold no credentials: they belong in registry.auth',
  )
  .refine((url) => !/[?#]/.test(url), 'must have neither "?" nor "#"')
  .transform((url) => url.replace(/\/+$/, ''));

const live = z.union(
  [z.literal('stopped'), z.strictObject({ unit: text }), z.strictObject({ start: argv, stop: argv })],
  { error: 'must be "stopped", { unit: NAME } or { start: [PROGRAM, …], stop: [PROGRAM, …] }' },
);

const drain = z.strictObject({
  timeout: wait.prefault('30s').meta({
    description: 'How long to wait for uploads in flight before the registry is stopped. 0s: not at all.',
  }),
  quiet: wait.prefault('2s').meta({
    description: 'Uploads count as finished when none of them has grown for so long.',
  }),
});

const registry = z.strictObject({
  runtime: z.literal(['auto', 'process', 'docker']).prefault('auto').meta({
    description:
      'How the registry is run. process: a registry binary on this machine. docker: a container. auto: find out.',
  }),
  container: text.optional().meta({
    description:
      'docker: name of the container of the live registry. Unset: found by the label registry-cleanup.role=live, or as the service "registry" of our own Compose project.',
    example: 'registry',
  }),
  binary: text.optional().meta({
    description:
      'The registry binary: a path, or a name on the PATH. Unset: registry or docker-registry on the PATH.',
    resolve: 'program',
    example: '/usr/bin/docker-registry',
  }),
  config: text.optional().meta({
    description:
      "The registry's own config.yml. Storage is read from it. Unset: the one that the live registry uses.",
    resolve: 'path',
    example: '/etc/docker/registry/config.yml',
  }),
  live: live.prefault({ unit: 'docker-registry' }).meta({
    description:
      'How the live registry is stopped and started: { unit: NAME } (systemd), { start: [PROGRAM, …], stop: [PROGRAM, …] }, or "stopped" when it does not run.',
    resolve: 'argv',
  }),
  url: address.optional().meta({
    description: "Where clients reach the registry. Unset: the address in the registry's own configuration.",
    example: 'http://127.0.0.1:5000',
  }),
  auth: z
    .strictObject({
      username: text.optional().meta({ description: 'Who signs in.', example: 'cleanup' }),
      password: text.optional().meta({
        description:
          'The password. Better kept out of this file: CLEANUP_REGISTRY_AUTH_PASSWORD_FILE names a file.',
        secret: true,
      }),
    })
    .prefault({})
    .meta({ description: 'Credentials for probes and verification, where the registry asks for them.' }),
  tls: z
    .strictObject({
      ca: text.optional().meta({
        description:
          'A PEM file with the certificate authority of the registry, trusted beside the usual ones.',
        resolve: 'path',
        example: '/etc/ssl/registry-ca.pem',
      }),
      insecure: z
        .boolean()
        .prefault(false)
        .meta({ description: 'Accept any certificate. Every run warns of it.' }),
    })
    .prefault({})
    .meta({ description: 'How the certificate of the registry is checked.' }),
  stopTimeout: deadline.prefault('60s').meta({
    description: 'How long the live registry may take to exit.',
  }),
  startTimeout: deadline.prefault('60s').meta({
    description: 'How long the registry may take until it answers.',
  }),
  drain: drain.prefault({}).meta({ description: 'Waiting for uploads in flight.' }),
});

export const schema = z.strictObject({
  registry: registry
    .prefault({})
    .meta({ description: 'The registry, and how it is stopped, started and reached.' }),
  untagged: z
    .strictObject({
      keepWithin: duration.prefault('1h').meta({
        description:
          'Manifests that no tag reaches stay for so long; with the native collector, so do blobs that no manifest names. 0s: none of them stays.',
      }),
      protect: z.array(digest).readonly().prefault([]).meta({
        description: 'Digests that stay, tagged or not, with all that they need.',
      }),
    })
    .prefault({})
    .meta({ description: 'Manifests that no tag reaches.' }),
  uploads: z
    .strictObject({
      keepWithin: duration.prefault('168h').meta({
        description: 'Unfinished uploads stay for so long after they last grew.',
      }),
    })
    .prefault({})
    .meta({ description: 'Unfinished uploads.' }),
  repositories: z
    .strictObject({
      removeEmpty: z
        .boolean()
        .prefault(false)
        .meta({ description: 'Remove repositories that hold nothing any more.' }),
    })
    .prefault({})
    .meta({ description: 'Repositories.' }),
  retention: z
    .tuple([], { error: 'is not supported by this version: leave it out' })
    .readonly()
    .prefault([])
    .meta({ description: 'Rules that let tags go. This version has none.' }),
  collector: z.literal(['registry', 'native']).prefault('registry').meta({
    description:
      "What sweeps blobs. registry: the registry's own garbage-collect. native: this program, which removes the blobs of its plan and no others; fast, and untagged.keepWithin counts for blobs too.",
  }),
  garbageCollect: z
    .strictObject({
      deleteUntagged: z.literal(['auto', true, false]).prefault('auto').meta({
        description: 'Whether garbage-collect gets --delete-untagged. auto: only where it cannot hurt.',
      }),
      rehearse: z.boolean().prefault(true).meta({
        description: "Compare the collector's own dry run with the plan before it may sweep.",
      }),
    })
    .prefault({})
    .meta({ description: "The registry's own collector." }),
  damage: z.literal(['stop', 'isolate']).prefault('stop').meta({
    description:
      'What to do about something damaged. stop: refuse to clean. isolate: leave that repository as it is, with all that it links to, and clean the others; blobs are swept by the native collector then.',
  }),
  readonlyInstance: z.boolean().prefault(true).meta({
    description: 'Serve pulls from a read-only stand-in while the live registry is stopped.',
  }),
  lock: z
    .strictObject({
      wait: wait.prefault('0s').meta({
        description:
          'How long to wait for another run that is under way. 0s: not at all, which ends this one with 4.',
      }),
    })
    .prefault({})
    .meta({ description: 'One run at a time on a storage.' }),
  state: z
    .strictObject({
      directory: text.optional().meta({
        description:
          'Where lock, journal and run records are kept. Unset: .registry-cleanup beside the registry data.',
        resolve: 'path',
        example: '/var/lib/registry-cleanup',
      }),
    })
    .prefault({})
    .meta({ description: 'The small files that a run keeps about itself.' }),
  limits: z
    .strictObject({
      maxDuration: deadline.optional().meta({
        description:
          'How long a run may take. After that nothing more is begun, the registry is brought back, and the run ends with 7.',
        example: '2h',
      }),
      window: window.optional().meta({
        description: 'When a run may work, by the clocks of limits.timeZone. May go over midnight.',
        example: '01:00-05:00',
      }),
      timeZone: text
        .refine(isTimeZone, 'must be a time zone such as "UTC" or "Europe/Berlin"')
        .optional()
        .meta({ description: 'The time zone of limits.window, which needs it.', example: 'Europe/Berlin' }),
    })
    .prefault({})
    .meta({ description: 'How long, and when. Dry runs have all the time they need.' }),
  unsafe: z
    .strictObject({
      allowNoTags: z.boolean().prefault(false).meta({
        description: 'Clean a registry that holds manifests but not one tag: everything in it goes.',
      }),
    })
    .prefault({})
    .meta({ description: 'Guards that can be switched off.' }),
  dryRun: z
    .boolean()
    .prefault(false)
    .meta({ description: 'Only tell what a run would do. Nothing is changed.' }),
});

type Frozen<T> = T extends object ? { readonly [K in keyof T]: Frozen<T[K]> } : T;

/** What may be written in a configuration file: every key is optional. */
export type UserConfig = z.input<typeof schema>;

/** What the program works with: defaults filled in, durations in milliseconds, paths absolute. */
export type Config = Frozen<z.output<typeof schema>>;
