import { Command, Option } from 'commander';
import type { UserConfig } from '../config/schema.ts';
import type { ExitCode } from '../errors.ts';
import { noiseFlags } from '../noise/options.ts';
import type { Surroundings } from './main.ts';
import { version } from './version.ts';

/** Flags that every command which reads the configuration takes. */
export interface CommonFlags {
  readonly config?: string;
  readonly json?: boolean;
}

interface LockFlags {
  readonly waitLock?: string;
}

interface RunFlags extends CommonFlags, LockFlags {
  readonly dryRun?: boolean;
  readonly readonlyInstance: boolean;
  readonly registry: boolean;
  readonly unsafeAllowNoTags?: boolean;
}

const exitCodes = `
Exit codes:
  0    done, or nothing to do        5   the fence did not hold
  1    failed, registry restored     6   refused by a guard
  2    bad configuration/arguments   7   out of time
  3    done, some items left         20  THE REGISTRY COULD NOT BE RESTORED
  4    another run holds the lock    21  verification found something lost
  130/143  interrupted, everything undone
`;

/** The command line. Commands are loaded when they are asked for, so that --help is quick. */
export function createProgram(surroundings: Surroundings, done: (code: ExitCode) => void): Command {
  const { stdout } = surroundings;
  const program = new Command('registry-cleanup')
    .description('Cleans a self-hosted Docker/OCI registry, and proves that nothing was lost.')
    .version(version(), '-V, --version')
    .exitOverride()
    .configureOutput({
      writeOut: (text) => void stdout.write(text),
      writeErr: () => {},
      outputError: () => {},
      getOutHelpWidth: () => stdout.columns ?? 80,
    })
    .addHelpText('after', exitCodes);

  const common = (command: Command): Command =>
    command
      .option('--config <file>', 'configuration file (default: cleanup.config.{ts,js,json,yaml} here)')
      .option('--json', 'one JSON document on stdout, everything else on stderr');
  const waits = ['--wait-lock <duration>', 'wait so long ("1h") for another run that is under way'] as const;

  common(program.command('run', { isDefault: true }))
    .description('clean the registry (the default command)')
    .option('--dry-run', 'only tell what would be done; changes nothing')
    .option('--yes', 'for scripts of other tools: nothing is ever asked here')
    .option('--no-readonly-instance', 'serve no pulls meanwhile: no stand-in is started')
    .addOption(new Option('--no-registry', 'the same, as earlier tools call it').hideHelp())
    .option('--unsafe-allow-no-tags', 'clean a registry that has manifests but not one tag')
    .option(...waits)
    .action(async (flags: RunFlags) => {
      const { runCommand } = await import('./run-command.ts');
      done(await runCommand('run', flags.config, flags.json === true, runConfig(flags), surroundings));
    });

  common(program.command('plan'))
    .description('tell what a run would remove and keep, item by item, and why')
    .option('--unsafe-allow-no-tags', 'plan for a registry that has manifests but not one tag')
    .action(async (flags: RunFlags) => {
      const { runCommand } = await import('./run-command.ts');
      done(await runCommand('plan', flags.config, flags.json === true, runConfig(flags), surroundings));
    });

  common(program.command('check'))
    .description('tell whether everything that a tag needs exists')
    .option('--read-data', 'stream and hash every blob')
    .action(async (flags: CommonFlags & { readonly readData?: boolean }) => {
      const { checkCommand } = await import('./check-command.ts');
      done(await checkCommand({ ...flags, readData: flags.readData === true }, surroundings));
    });

  common(program.command('recover'))
    .description('bring back what a run that died left stopped or started; safe at any time, as at boot')
    .option(...waits)
    .action(async (flags: CommonFlags & LockFlags) => {
      const { recoverCommand } = await import('./recover-command.ts');
      done(await recoverCommand(flags, lockConfig(flags), surroundings));
    });

  common(program.command('doctor'))
    .description('tell what would stop a run here, and what to do about it; changes nothing')
    .action(async (flags: CommonFlags) => {
      const { doctorCommand } = await import('./doctor-command.ts');
      done(await doctorCommand(flags, surroundings));
    });

  const runs = common(program.command('runs'))
    .description('list the last 30 runs, the killed ones as well')
    .action(async (flags: CommonFlags) => {
      const { runsCommand } = await import('./runs-command.ts');
      done(await runsCommand(undefined, flags, surroundings));
    });
  common(runs.command('show <id>'))
    .description('tell what a run removed, and why: by its id, the beginning of it, or "last"')
    .action(async (id: string, _flags: CommonFlags, command: Command) => {
      const { runsCommand } = await import('./runs-command.ts');
      done(await runsCommand(id, command.optsWithGlobals(), surroundings));
    })
    .copyInheritedSettings(program);

  const noise = program
    .command('noise [images]')
    .description('fill a registry with images, most of them soon overwritten, for trying this out')
    .option('--config <file>', 'configuration file')
    .option('--url <url>', "the registry (default: registry.url, or the address in the registry's config)");
  for (const { flags, description } of noiseFlags) noise.option(flags, description);
  noise.action(async (images: string | undefined, flags: Record<string, string | boolean | undefined>) => {
    const { noiseCommand } = await import('./noise-command.ts');
    done(await noiseCommand(images, flags, surroundings));
  });

  addConfigCommands(program, surroundings, done);
  for (const command of program.commands) command.copyInheritedSettings(program);
  return program;
}

function addConfigCommands(
  program: Command,
  surroundings: Surroundings,
  done: (code: ExitCode) => void,
): void {
  const { cwd, env, stdout } = surroundings;
  const config = program.command('config').description('write, check or show the configuration');
  config
    .command('init')
    .description('write a commented configuration file here')
    .option('--ts', 'cleanup.config.ts instead of cleanup.config.yaml')
    .action(async ({ ts }: { ts?: boolean }) => {
      const { configInit } = await import('./config.ts');
      const { text, exitCode } = await configInit({ cwd, format: ts === true ? 'ts' : 'yaml' });
      stdout.write(`${text}\n`);
      done(exitCode);
    });
  config
    .command('validate')
    .description('say whether the configuration may be used')
    .option('--config <file>', 'configuration file')
    .action(async ({ config: configFile }: CommonFlags) => {
      const { configValidate } = await import('./config.ts');
      const { text, exitCode } = await configValidate({ cwd, env, configFile });
      stdout.write(`${text}\n`);
      done(exitCode);
    });
  config
    .command('show')
    .description('print the configuration as it is understood, and where each value comes from')
    .option('--config <file>', 'configuration file')
    .option('--json', 'as JSON')
    .action(async ({ config: configFile, json }: CommonFlags) => {
      const { configShow } = await import('./config.ts');
      const { text, exitCode } = await configShow({ cwd, env, configFile, json });
      stdout.write(`${text}\n`);
      done(exitCode);
    });
  for (const command of config.commands) command.copyInheritedSettings(program);
}

/** What the flags say, as configuration; what they do not say is left out. */
function runConfig(flags: RunFlags): UserConfig {
  return {
    ...(flags.dryRun === true ? { dryRun: true } : {}),
    ...(flags.readonlyInstance === false || flags.registry === false ? { readonlyInstance: false } : {}),
    ...(flags.unsafeAllowNoTags === true ? { unsafe: { allowNoTags: true } } : {}),
    ...lockConfig(flags),
  };
}

function lockConfig({ waitLock }: LockFlags): UserConfig {
  return waitLock === undefined ? {} : { lock: { wait: waitLock } };
}
