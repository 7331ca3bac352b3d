import type { Findings } from '../findings.ts';
import { judgeCache } from '../judge-cache.ts';
import { judgeConfiguration, understand } from '../judge-configuration.ts';
import type { RegistryState } from '../runtime.ts';
import { localUrl } from './address.ts';
import { childEnvironment, withoutOurs } from './environment.ts';
import { accessFrom } from './flush.ts';
import type { Ground } from './ground.ts';
import { originOf, usableAddress } from './inspect-address.ts';
import { findRoot, readConfigText } from './inspect-configuration.ts';
import { warnOfDifferences } from './inspect-differences.ts';
import { findLive, judgeOthers } from './inspect-live.ts';
import { configPath, usableBinary } from './inspect-programs.ts';
import type { ProcessRuntimeOptions } from './options.ts';
import { workingDirectoryOf } from './processes.ts';
import { describeProcess, registryProcesses } from './registry-processes.ts';

export interface Inspection {
  readonly state: RegistryState;
  /** Undefined where something is refused that leaves nothing to stand on. */
  readonly ground: Ground | undefined;
}

/** Finds out how the registry is run, and everything that speaks against closing it. Changes nothing. */
export async function inspect(options: ProcessRuntimeOptions, signal: AbortSignal): Promise<Inspection> {
  const findings: Findings = { refusals: [], warnings: [] };
  const ground = await survey(options, findings, signal);
  signal.throwIfAborted();
  return { state: stateOf(options, ground, findings), ground: isComplete(ground) ? ground : undefined };
}

async function survey(
  options: ProcessRuntimeOptions,
  findings: Findings,
  signal: AbortSignal,
): Promise<Partial<Ground>> {
  if (process.platform !== 'linux') {
    findings.refusals.push(
      'The process runtime finds processes through /proc, which only Linux has. Run it on Linux.',
    );
    return { options };
  }
  const ours = withoutOurs(options.env, options.dropEnv);
  const binary = await usableBinary(options, ours, findings);
  const running = await registryProcesses(binary?.stats);
  const config = await configPath(options, ours, binary, running, findings);
  const text = config === undefined ? undefined : await readConfigText(config, findings);
  signal.throwIfAborted();
  if (config === undefined || text === undefined) return { options, binary };

  const origin = await originOf(config, text, ours, running, options);
  const environment = childEnvironment(origin?.environment, ours);
  const cwd = (origin && (await workingDirectoryOf(origin.pid))) ?? process.cwd();
  const configuration = understand(config, text, environment, findings);
  if (configuration === undefined) return { options, binary };
  const stop = {
    ms: options.stopTimeoutMs,
    setting: 'registry.stopTimeout',
    otherwise: 'a run during a long upload would fail',
  };
  judgeConfiguration(config, configuration, { ...options, stop }, findings);
  if (binary !== undefined) {
    await judgeCache(config, configuration, binary.major, accessFrom(cwd), findings);
    signal.throwIfAborted();
  }
  const root =
    configuration.driver === 'filesystem' ? await findRoot(configuration, cwd, findings) : undefined;

  const { addr } = configuration.http;
  const address = await usableAddress(config, addr, origin === undefined, findings);
  const writers =
    address === undefined ? [] : await findLive({ options, address, env: ours, running }, findings);
  signal.throwIfAborted();
  if (root !== undefined) await judgeOthers(running, writers, { ...root.stats, path: root.path }, findings);
  await warnOfDifferences(options, writers, ours, binary, findings);
  return {
    options,
    binary,
    text,
    config,
    configuration,
    root,
    address,
    url: address && localUrl(address, configuration.http),
    environment:
      addr === '' && address
        ? { ...environment, REGISTRY_HTTP_ADDR: `127.0.0.1:${address.port}` }
        : environment,
    commandEnvironment: { ...ours, ...registryVariables(writers[0]?.environment) },
    cwd,
    writers,
  };
}

function registryVariables(env: Readonly<Record<string, string>> = {}): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(env).filter(([name]) => name.startsWith('REGISTRY_')));
}

function stateOf(options: ProcessRuntimeOptions, ground: Partial<Ground>, findings: Findings): RegistryState {
  const { binary, configuration, root, url, writers = [] } = ground;
  return {
    runtime: 'process',
    version: binary?.version ?? '',
    major: binary?.major ?? 0,
    driver: 'filesystem',
    root: root?.path ?? '',
    url: options.url?.replace(/\/+$/, '') ?? url ?? '',
    live: writers.length > 0 ? 'running' : 'stopped',
    writers: writers.map((writer) => ({ name: describeProcess(writer), pid: writer.pid })),
    auth: configuration?.auth ?? 'none',
    cache: configuration?.cache ?? 'none',
    proxy: configuration?.proxy,
    refusals: findings.refusals,
    warnings: findings.warnings,
  };
}

function isComplete(ground: Partial<Ground>): ground is Ground {
  const { binary, text, configuration, root, address, url } = ground;
  return [binary, text, configuration, root, address, url].every((part) => part !== undefined);
}
