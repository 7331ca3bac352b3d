import { expect, test } from 'vitest';
import { renderDoctor } from '../../../src/report/doctor.ts';
import type { DoctorCheck, DoctorDocument } from '../../../src/report/doctor-document.ts';

function documentOf(checks: readonly DoctorCheck[], changes: Partial<DoctorDocument> = {}): DoctorDocument {
  const faulty = checks.some(({ outcome }) => outcome === 'fault');
  return {
    version: 1,
    command: 'doctor',
    outcome: faulty ? 'faults' : 'ok',
    exitCode: faulty ? 6 : 0,
    registry: { version: '2.8.2', runtime: 'docker', storage: 'filesystem' },
    checks,
    error: null,
    ...changes,
  };
}

const version: DoctorCheck = { id: 'version', title: 'Version', outcome: 'ok', text: '2.8.2', findings: [] };

function faulty(text: string, more: Partial<DoctorCheck['findings'][number]> = {}): DoctorCheck {
  const finding = { severity: 'fault', text, details: [], cure: [], ...more } as const;
  return { id: 'storage', title: 'Storage', outcome: 'fault', text: '/srv/registry', findings: [finding] };
}

function skipped(id: DoctorCheck['id'], title: string, text: string): DoctorCheck {
  return { id, title, outcome: 'skipped', text, findings: [] };
}

test('lists what was looked at, and says that nothing stands in the way', () => {
  const boot: DoctorCheck = {
    id: 'boot',
    title: 'Recovery at boot',
    outcome: 'notice',
    text: '',
    findings: [
      {
        severity: 'notice',
        text: 'x.service is not enabled (disabled).',
        details: [],
        cure: ['To enable it:', '    sudo systemctl enable x.service'],
      },
    ],
  };
  expect(renderDoctor(documentOf([version, boot]))).toMatchInlineSnapshot(`
    "✔ Version: 2.8.2
    ! Recovery at boot
      ! x.service is not enabled (disabled).
        → To enable it:
            sudo systemctl enable x.service

    Nothing stands in the way of a run.
    "
  `);
});

test('shows each fault with what belongs to it and its cure, and counts them', () => {
  const first = faulty('Rights are lacking.', {
    details: ['/srv/registry/docker (tags): no right to read it.'],
    cure: ['Run it as root, or as the owner:', "    sudo -u '#1234' registry-cleanup"],
  });
  const second: DoctorCheck = { ...faulty('/srv/x: this is no file.'), id: 'contents', title: 'Contents' };
  expect(renderDoctor(documentOf([version, first, second]))).toMatchInlineSnapshot(`
    "✔ Version: 2.8.2
    ✖ Storage: /srv/registry
      ✖ Rights are lacking.
        - /srv/registry/docker (tags): no right to read it.
        → Run it as root, or as the owner:
            sudo -u '#1234' registry-cleanup
    ✖ Contents: /srv/registry
      ✖ /srv/x: this is no file.

    2 things would stop a run.
    "
  `);
});

test('tells in one line what was skipped for one reason', () => {
  const checks = [
    version,
    skipped('address', 'Address', 'it does not run'),
    skipped('credentials', 'Credentials', 'it does not run'),
    skipped('lock', 'Other runs', 'nobody knows'),
  ];
  const text = renderDoctor(documentOf(checks));
  expect(text).toContain('\n– Address, Credentials: it does not run\n– Other runs: nobody knows\n');
});

test('breaks at the width of the terminal, but not a command', () => {
  const command = `    sudo cp ${'x'.repeat(90)} /etc`;
  const check = faulty(`${'word '.repeat(60)}end.`, {
    cure: ['Do this, which is a rather long text to read on one line alone, so it breaks:', command],
  });
  const lines = renderDoctor(documentOf([check]), { columns: 80, wrap: true }).split('\n');
  expect(lines).toContain(`    ${command}`);
  for (const line of lines) if (!line.includes(command)) expect(line.length).toBeLessThanOrEqual(80);
  expect(lines.filter((line) => line.includes('word')).length).toBeGreaterThan(3);
});

test('masks secrets and makes hostile names visible', () => {
  const check = faulty('repo\x1b[2J\u202e: hunter2 is wrong.', {
    details: ['hunter2\n'],
    cure: ['say hunter2'],
  });
  const text = renderDoctor(documentOf([check]), { mask: (line) => line.replaceAll('hunter2', '***') });
  expect(text).toContain(String.raw`repo\x1b[2J\u202e: *** is wrong.`);
  expect(text).toContain(String.raw`- ***\n`);
  expect(text).toContain('say ***');
  expect(text).not.toContain('hunter2');
  expect(text).not.toContain('\x1b');
});

test('shows so many findings of one check, and counts the others', () => {
  const [finding] = faulty('x').findings;
  const many = Array.from({ length: 25 }, (_, i) => ({ ...finding!, text: `fault number ${i}.` }));
  const text = renderDoctor(documentOf([{ ...faulty('x'), findings: many }]));
  expect(text).toContain('fault number 19.');
  expect(text).not.toContain('fault number 20.');
  expect(text).toContain('and 5 more: --json tells them all');
  expect(text).toContain('25 things would stop a run.');
});

test('gives no verdict when it was interrupted', () => {
  const error = { code: 'INTERRUPTED', message: 'Interrupted by SIGINT.', hint: 'Run again.', details: [] };
  const text = renderDoctor(documentOf([version], { outcome: 'interrupted', exitCode: 130, error }));
  expect(text).toContain('ERROR INTERRUPTED (exit code 130)');
  expect(text).not.toMatch(/stands in the way|would stop/);
});

test('colours only where that is wanted', () => {
  const document = documentOf([version, faulty('x')]);
  expect(renderDoctor(document)).not.toContain('\x1b');
  expect(renderDoctor(document, { color: true })).toContain('\x1b[31m');
});
