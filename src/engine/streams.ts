import { CleanupError, reasonOf } from '../errors.ts';
import { type Caller, type Opened, parsed } from './caller.ts';
import type { Calls } from './calls.ts';
import { pathOf } from './calls.ts';
import type { Engine, EngineEvent } from './engine.ts';
import { type Fields, fieldsOf, isFields, need, textOf } from './fields.ts';
import { createLines, createOutput, type Sink } from './output.ts';

/** The part of the engine whose answers come bit by bit. */
export type Streams = Pick<Engine, 'exec' | 'logs' | 'events'>;

export function createStreams(caller: Caller, calls: Pick<Calls, 'inspect'>): Streams {
  return {
    async exec(container, argv, onLine) {
      const created = await caller.ask({
        method: 'POST',
        path: `${pathOf(container)}/exec`,
        body: { AttachStdin: false, AttachStdout: true, AttachStderr: true, Tty: false, Cmd: argv },
      });
      const id = parsed(created, (fields) => need(fields, 'Id', 'text'));
      // Without "Upgrade: tcp" the output is an ordinary answer, so that it gets through any HTTP proxy.
      const opened = await caller.open({
        method: 'POST',
        path: `/exec/${encodeURIComponent(id)}/start`,
        body: { Detach: false, Tty: false },
      });
      const output = pour(opened, createOutput(onLine, { tty: false }));
      // Whoever waits sees the rejection; this keeps it from ending the program before they do.
      output.catch(() => undefined);
      return { id, output };
    },
    async logs(container, lines) {
      const inspected = await calls.inspect(container);
      const found: string[] = [];
      const sink = createOutput((line) => found.push(line), { tty: inspected?.raw.config.Tty === true });
      const answer = await caller.ask({
        method: 'GET',
        path: `${pathOf(container)}/logs`,
        query: { stdout: '1', stderr: '1', tail: String(lines) },
        // A log driver that cannot be read. Engines before 17.06 said 500.
        fine: [501],
      });
      if (answer.status === 501) return [];
      sink.write(answer.body);
      sink.end();
      return found.slice(-lines);
    },
    async events(listener) {
      const filters = JSON.stringify({ type: ['container'] });
      const opened = await caller.open(
        { method: 'GET', path: '/events', query: { filters } },
        listener.signal,
      );
      const sink = createLines((line) => {
        if (line.trim() !== '' && !listener.signal.aborted) listener.onEvent(eventOf(line));
      });
      void pour(opened, sink)
        .then(
          () => 'the engine ended the stream',
          (thrown: unknown) => (thrown instanceof CleanupError ? thrown.message : reasonOf(thrown)),
        )
        .then((reason) => {
          if (!listener.signal.aborted && !caller.closed) listener.onEnded(reason);
        });
    },
  };
}

async function pour(opened: Opened, sink: Sink): Promise<void> {
  for await (const bytes of opened.bytes) sink.write(bytes);
  sink.end();
}

/** @see https://docs.docker.com/reference/api/engine/version/v1.47/#tag/System/operation/SystemEvents */
function eventOf(line: string): EngineEvent {
  const event: unknown = JSON.parse(line);
  if (!isFields(event)) throw new Error('an event is no object');
  const actor: Fields = fieldsOf(event.Actor);
  return {
    action: need(event, 'Action', 'text'),
    containerId: need(actor, 'ID', 'text'),
    containerName: textOf(fieldsOf(actor.Attributes).name),
  };
}
