import { CleanupError } from '../../errors.ts';
import { run } from '../../exec.ts';
import { ownContainerId } from '../../own-container.ts';
import type { Sheet } from './sheet.ts';

const unit = 'registry-cleanup-recover.service';

const install = [
  'After a crash of the machine in the middle of a run, it brings the registry back:',
  `    sudo cp examples/systemd/${unit} /etc/systemd/system/`,
  `    sudo systemctl enable ${unit}`,
];

/** Looks whether the machine, when it boots, brings a registry back that a run had closed. */
export async function lookForRecovery(env: NodeJS.ProcessEnv, sheet: Sheet): Promise<void> {
  await sheet.check('boot', async (notes) => {
    if (ownContainerId() !== undefined) {
      return notes.skip(
        `it cannot be seen from in a container. On the host, "systemctl is-enabled ${unit}" tells`,
      );
    }
    const state = await askSystemd(env);
    if (state === undefined) {
      notes.skip(
        'there is no systemd here: let whatever starts your services run "registry-cleanup recover"',
      );
    } else if (state === 'enabled' || state === 'enabled-runtime' || state === 'alias') {
      notes.seen(`${unit} is ${state}`);
    } else {
      notes.notice(`${unit} is not enabled (${state}).`, install);
    }
  });
}

/** What systemctl says of the unit; undefined where there is none to be asked. */
async function askSystemd(env: NodeJS.ProcessEnv): Promise<string | undefined> {
  try {
    const options = { cwd: '/', env, timeoutMs: 10_000 };
    const { stdout, stderr } = await run('systemctl', ['is-enabled', unit], options);
    return (
      stdout.trim() ||
      (/No such file/.test(stderr) ? 'not installed' : stderr.trim().split('\n')[0]) ||
      'no answer'
    );
  } catch (error) {
    if (error instanceof CleanupError && error.code === 'COMMAND_FAILED') return undefined;
    throw error;
  }
}
