import { expect, test } from 'vitest';
import { childEnvironment, missingFrom, withoutOurs } from '../../../../src/runtime/process/environment.ts';

test('our own variables and those that mean something else to a registry stay with us', () => {
  const env = {
    PATH: '/bin',
    CLEANUP_DRY_RUN: 'true',
    REGISTRY_AUTH: 'u:p',
    REGISTRY_HTTP_ADDR: ':1',
    UNSET: undefined,
  };
  expect(withoutOurs(env, ['REGISTRY_AUTH'])).toEqual({ PATH: '/bin', REGISTRY_HTTP_ADDR: ':1' });
});

test("a child has the live registry's environment where there is one, without systemd's handles", () => {
  const live = { REGISTRY_HTTP_SECRET: 's', LISTEN_FDS: '1', LISTEN_PID: '7', NOTIFY_SOCKET: '/run/x' };
  expect(childEnvironment(live, { PATH: '/bin' })).toEqual({
    REGISTRY_HTTP_SECRET: 's',
    OTEL_TRACES_EXPORTER: 'none',
  });
  expect(childEnvironment(undefined, { PATH: '/bin' })).toEqual({
    PATH: '/bin',
    OTEL_TRACES_EXPORTER: 'none',
  });
});

test('whoever exports traces goes on to', () => {
  expect(childEnvironment({ OTEL_TRACES_EXPORTER: 'otlp' }, {})).toEqual({ OTEL_TRACES_EXPORTER: 'otlp' });
});

test('names the variables of the registry that we could not give it again', () => {
  const live = { REGISTRY_A: '1', REGISTRY_B: '2', REGISTRY_C: '3', HOME: '/root' };
  expect(missingFrom({ REGISTRY_A: '1', REGISTRY_B: 'other' }, live)).toEqual(['REGISTRY_B', 'REGISTRY_C']);
});
