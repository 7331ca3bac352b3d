import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { imageEnvironment } from '../../../bench/collect/ours.ts';

it('our program is measured in the environment that its image gives it', () => {
  const dockerfile = readFileSync(join(process.cwd(), 'compose/Dockerfile'), 'utf8');
  const [, set = ''] = /^ENV NODE_ENV=production (.+)$/m.exec(dockerfile) ?? [];
  expect(set.split(' ').sort()).toEqual(
    Object.entries(imageEnvironment).map(([name, value]) => `${name}=${value}`),
  );
});
