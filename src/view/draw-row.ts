import { DefaultRenderer, Listr, ListrDefaultRendererLogLevels, ListrLogger, ProcessOutput } from 'listr2';
import type { Palette } from '../screen.ts';
import type { Outlet } from './outlet.ts';
import { progressOf, type Row, roomOf, rowText } from './row.ts';

const spinner = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏'];
const frameMs = 100;

/** listr2 asks process.stdout whether it may draw; we draw on the stream that we were given. */
class RowRenderer extends DefaultRenderer {
  static override nonTTY = true;
}

/** Draws one row until it has ended, and leaves its last state on the screen. */
export async function drawRow(row: Row, outlet: Outlet, paint: Palette): Promise<void> {
  const list = new Listr<undefined, typeof RowRenderer>(
    {
      title: rowText(row, roomOf(outlet.columns), paint),
      task: async (_, task) => {
        const refresh = (): void => {
          const room = roomOf(outlet.columns);
          const progress = progressOf(row, room);
          task.output = progress ?? null;
          // Always set: it turns the spinner, too.
          task.title = rowText(row, room, paint);
        };
        // Not a reason for the process to stay alive.
        const ticks = setInterval(refresh, frameMs).unref();
        await row.ended;
        clearInterval(ticks);
        refresh();
        if (row.end?.outcome === 'skipped') task.skip();
        if (row.end?.outcome === 'failed' || row.end?.outcome === 'interrupted')
          throw new Error(row.end.outcome);
      },
    },
    {
      renderer: RowRenderer,
      registerSignalListeners: false,
      exitOnError: false,
      rendererOptions: {
        // No timer of its own, which would keep the process alive: `refresh` turns the spinner.
        lazy: true,
        showErrorMessage: false,
        showSkipMessage: false,
        logger: new ListrLogger({ processOutput: processOutputOf(outlet) }),
        ...styleOf(row, paint),
      },
    },
  );
  await list.run();
}

function frameNow(): string {
  return spinner[Math.floor(performance.now() / frameMs) % spinner.length] ?? '';
}

/** Icons of every state that a row gets into, painted here: listr2's own colours would ask process.stdout. */
function styleOf(row: Row, paint: Palette) {
  const levels = ListrDefaultRendererLogLevels;
  const icons = {
    [levels.WAITING]: () => ' ',
    [levels.PENDING]: () => paint.cyan(frameNow()),
    [levels.COMPLETED]: () => (row.end?.outcome === 'warning' ? paint.yellow('⚠') : paint.green('✔')),
    [levels.FAILED]: () => (row.end?.outcome === 'interrupted' ? paint.yellow('⊘') : paint.red('✖')),
    [levels.SKIPPED_WITH_COLLAPSE]: () => paint.dim('↓'),
    [levels.OUTPUT]: () => paint.dim('›'),
  };
  const asIs = (icon = ''): string => icon;
  return { icon: icons, color: Object.fromEntries(Object.keys(icons).map((level) => [level, asIs])) };
}

/**
 * listr2 takes the write methods of its streams over while it draws and holds back what others print. It gets a stand-in
 * for the stream, so that an error message of a dying process is never held back.
 */
function processOutputOf(outlet: Outlet): ProcessOutput {
  const surface: Pick<NodeJS.WriteStream, 'isTTY' | 'columns' | 'rows' | 'write'> = {
    isTTY: true,
    get columns() {
      return outlet.columns;
    },
    get rows() {
      return outlet.rows;
    },
    write(text: string | Uint8Array) {
      outlet.write(String(text));
      return true;
    },
  };
  const stream = surface as NodeJS.WriteStream;
  return new ProcessOutput(stream, stream);
}
