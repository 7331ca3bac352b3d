import { z } from 'zod';

/* What the journal keeps of each deed: names and ids of containers, no secrets. */

const container = z.object({ id: z.string(), name: z.string() });

const createMemo = z.object({
  kind: z.literal('docker-create'),
  runId: z.string(),
  name: z.string(),
});

const standInMemo = z.object({
  kind: z.enum(['docker-readonly', 'docker-collect']),
  runId: z.string(),
  /** Of the container that serves read-only, and in which the collector runs. */
  name: z.string(),
  /** It serves beside the live registry, before that is stopped and after it is started again. */
  beside: z.boolean(),
  /** Not ours: it is declared, and stays when we are done; it runs on if it ran before. */
  declared: z.enum(['running', 'stopped']).optional(),
});

const stopMemo = z.object({
  kind: z.literal('docker-stop'),
  runId: z.string(),
  live: container,
  /** Of the life that we ended: another one began meanwhile, and may remember what is gone. */
  startedAt: z.string(),
  restartPolicy: z.object({ name: z.string(), maximumRetryCount: z.int() }),
  /** Port, scheme and prefix of the registry in its container. */
  port: z.int(),
  tls: z.boolean(),
  prefix: z.string(),
  /** Its name in URLs. */
  host: z.string().optional(),
  startTimeoutMs: z.number(),
  /** Its place in a Compose project, by which one that was made anew is known, or can be made. */
  compose: z
    .object({
      project: z.string(),
      service: z.string(),
      /** Where the project is, and its files there, as Compose says: for the command by hand. May be empty. */
      directory: z.string(),
      files: z.array(z.string()).readonly(),
    })
    .optional(),
});

const flushMemo = z.object({
  kind: z.literal('docker-flush'),
  runId: z.string(),
  live: container,
  /** Path of config.yml in the container, where Redis and its password are read again. */
  config: z.string(),
  major: z.int(),
  address: z.string(),
  byHand: z.string(),
});

export type FlushMemo = Readonly<z.infer<typeof flushMemo>>;
export type CreateMemo = Readonly<z.infer<typeof createMemo>>;
export type StandInMemo = Readonly<z.infer<typeof standInMemo>>;
export type StopMemo = Readonly<z.infer<typeof stopMemo>>;

const memo = z.discriminatedUnion('kind', [createMemo, standInMemo, stopMemo, flushMemo]);

/** Undefined if it is no memo of this runtime. */
export function parseMemo(value: unknown): CreateMemo | StandInMemo | StopMemo | FlushMemo | undefined {
  return memo.safeParse(value).data;
}
