import { z } from 'zod';

/*
 * What the journal keeps of each deed. No secrets: the live registry is started by its unit or command, a child is
 * found by the directory of its configuration.
 */

const argv = z.array(z.string()).min(1).readonly();

const identity = z.object({ pid: z.int().positive(), startTicks: z.int().nonnegative() });

/** What starting the live registry needs. */
const start = {
  runId: z.string(),
  /** Nothing was running, nothing is started. */
  live: z.union([
    z.literal('stopped'),
    z.object({ unit: z.string() }).readonly(),
    z.object({ start: argv, stop: argv }).readonly(),
  ]),
  address: z.object({ host: z.string(), port: z.int(), ips: z.array(z.string()).readonly() }).readonly(),
  /** Answers at `<url>/v2/` when it runs. */
  url: z.string(),
  /** Of the process that stopped it, for relative paths in commands. */
  cwd: z.string(),
  /** How long a stopping registry may go on for the sake of requests in flight. */
  drainMs: z.number(),
  startTimeoutMs: z.number(),
};

const stopMemo = z.object({
  ...start,
  kind: z.literal('process-stop'),
  /** Who served when the run began. */
  writers: z.array(identity).readonly(),
});

const renewMemo = z.object({
  ...start,
  kind: z.literal('process-renew'),
  stopTimeoutMs: z.number(),
  /** Of the storage. */
  root: z.string(),
  /** Of the boot (boot_id, random(4)) in which something may have been removed. */
  boot: z.string(),
});

const childMemo = z.object({
  kind: z.enum(['process-readonly', 'process-collect']),
  runId: z.string(),
  /** Of its generated configuration. */
  directory: z.string(),
});

const flushMemo = z.object({
  kind: z.literal('process-flush'),
  runId: z.string(),
  /** The registry's own config.yml, which is read again. */
  config: z.string(),
  /** Of the registry, for relative paths in its configuration. */
  cwd: z.string(),
  /** Of the registry: versions name their Redis differently. */
  major: z.int(),
  /** Names of the variables that the configuration needs beside. */
  variables: z.array(z.string()).readonly(),
  /** Where Redis was when the run began, for people. */
  address: z.string(),
  /** Flushes it by hand. Asks for the password. */
  byHand: z.string(),
});

export type StopMemo = Readonly<z.infer<typeof stopMemo>>;
export type ChildMemo = Readonly<z.infer<typeof childMemo>>;
export type FlushMemo = Readonly<z.infer<typeof flushMemo>>;
export type RenewMemo = Readonly<z.infer<typeof renewMemo>>;

const memo = z.discriminatedUnion('kind', [stopMemo, childMemo, flushMemo, renewMemo]);

/** Undefined if it is no memo of this runtime. */
export function parseMemo(value: unknown): StopMemo | ChildMemo | FlushMemo | RenewMemo | undefined {
  return memo.safeParse(value).data;
}
