import type { Container } from '../../engine/engine.ts';
import type { Findings } from '../findings.ts';

/** Labels of those who start another container in the place of one that stops. */
const orchestrators: Readonly<Record<string, string>> = {
  'com.docker.swarm.task.id': 'Swarm',
  'io.kubernetes.pod.name': 'Kubernetes',
  'com.amazonaws.ecs.task-arn': 'ECS',
  'com.hashicorp.nomad.alloc_id': 'Nomad',
};

/** What of the live container's state speaks against stopping and starting it. */
export function judgeLive(live: Container, self: Container | undefined, findings: Findings): void {
  const { name, state, autoRemove, labels } = live;
  const { refusals, warnings } = findings;
  if (self !== undefined && (live.id === self.id || self.networkMode === `container:${live.id}`)) {
    refusals.push(
      `The cleaner shares the network of the live registry's container ${name} (network_mode), or that container itself, and would go down with it. Give it a container in a network that both are in.`,
    );
  }
  if (autoRemove) {
    refusals.push(
      `The container ${name} is removed once it stops (--rm), and could not be started again. Create it without --rm.`,
    );
  }
  for (const [key, orchestrator] of Object.entries(orchestrators)) {
    if (labels[key] === undefined) continue;
    refusals.push(
      `The container ${name} is run by ${orchestrator}, which would start another one in its place. This version cleans registries in plain containers and of Compose only.`,
    );
  }
  switch (statusOf(live)) {
    case 'running':
      return;
    case 'exited':
    case 'created':
      warnings.push(
        `The live registry does not run: its container ${name} is ${state.status}. It will not be started either.`,
      );
      return;
    case 'paused':
      refusals.push(`The container ${name} is paused. Unpause it first: docker unpause ${name}`);
      return;
    case 'restarting':
      refusals.push(
        `The container ${name} is restarting: it exited with ${state.exitCode} and is started again and again. See docker logs ${name}, and mend it first.`,
      );
      return;
    default:
      refusals.push(`The container ${name} is ${state.status}. Recreate it first.`);
  }
}

function statusOf({ state }: Container): string {
  if (state.restarting) return 'restarting';
  return state.paused ? 'paused' : state.status;
}
