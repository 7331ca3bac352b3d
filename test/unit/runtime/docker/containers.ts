import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { containerOf } from '../../../../src/engine/container.ts';
import type { Container, ContainerSummary, Mount } from '../../../../src/engine/engine.ts';

const fixtures = resolve(import.meta.dirname, '../../../fixtures/containers');

/** A container as an engine (20.10) told it: a file of test/fixtures/containers, with what is different here. */
export function container(fixture: string, different: Partial<Container> = {}): Container {
  const told = JSON.parse(readFileSync(`${fixtures}/${fixture}.json`, 'utf8'));
  return { ...containerOf(told), ...different };
}

/** A row of a listing. */
export function row(name: string, different: Partial<ContainerSummary> = {}): ContainerSummary {
  const id = Buffer.from(name).toString('hex').padEnd(64, '0').slice(0, 64);
  return { id, name, image: 'registry:2', state: 'running', labels: {}, mounts: [], ...different };
}

/** `volume:/path`, `/source:/path`, `/source:/path:ro`. */
export function mount(text: string): Mount {
  const [source = '', destination = '', mode] = text.split(':');
  const bind = source.startsWith('/');
  return {
    type: bind ? 'bind' : 'volume',
    name: bind ? undefined : source,
    source: bind ? source : `/var/lib/docker/volumes/${source}/_data`,
    destination,
    writable: mode !== 'ro',
  };
}
