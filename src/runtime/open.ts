import type { ProcessRuntimeOptions } from './process.ts';
import type { Runtime } from './runtime.ts';

/** Opens a runtime; its code is loaded only then. `auto`: the only one that there is. */
export async function openRuntime(
  kind: 'auto' | 'process',
  options: ProcessRuntimeOptions,
): Promise<Runtime> {
  switch (kind) {
    case 'auto':
    case 'process': {
      const { createProcessRuntime } = await import('./process.ts');
      return createProcessRuntime(options);
    }
  }
}
