import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createMasker, isSecretName, maskDeep } from '../../src/mask.ts';

const awkward = [
  'hunter2',
  'pa ss/w+o?r&d=%',
  'ünïcode🔑',
  'a"b\\c\td',
  '$&$1(.*)[x]|^',
  "it's!()~*",
  '***x',
];

function none() {
  return createMasker({ values: [], credentials: [] });
}

describe('createMasker', () => {
  it.each(awkward)('masks %j wherever it stands', (secret) => {
    const mask = createMasker({ values: [secret], credentials: [] });
    expect(mask(`before ${secret}, ${secret} after`)).toBe('before ***, *** after');
  });

  it.each(awkward)('masks %j in the forms that it travels in', (secret) => {
    const mask = createMasker({ values: [], credentials: [{ username: 'bob', password: secret }] });
    const forms = [
      encodeURIComponent(secret),
      encodeURIComponent(secret).toLowerCase() === secret.toLowerCase()
        ? secret
        : encodeURIComponent(secret).replace(/%../g, (octet) => octet.toLowerCase()),
      encodeURI(secret),
      new URLSearchParams({ p: secret }).toString().slice(2),
      JSON.stringify(secret).slice(1, -1),
      Buffer.from(secret).toString('base64'),
      Buffer.from(secret).toString('base64url'),
      Buffer.from(`bob:${secret}`).toString('base64'),
      Buffer.from(`bob:${secret}`).toString('base64url'),
    ];
    for (const form of forms) expect(mask(`<${form}>`)).toMatch(/^<\*\*\*=*>$/);
  });

  it('leaves nothing of a secret that begins with another one', () => {
    const mask = createMasker({ values: ['hunter2', 'hunter2-and-more'], credentials: [] });
    expect(mask('hunter2-and-more hunter2')).toBe('*** ***');
  });

  it('masks every line of a secret that has several', () => {
    const mask = createMasker({ values: ['first line\r\nsecond line\n'], credentials: [] });
    expect(mask('x second line\nfirst line')).toBe('x ***\n***');
  });

  it('does not take a text apart for the sake of a short secret', () => {
    const mask = createMasker({ values: ['a', ''], credentials: [{ username: '', password: 'ab' }] });
    expect(mask('a banana, abstract')).toBe('a banana, abstract');
    expect(mask(`Basic ${Buffer.from(':ab').toString('base64')}`)).toBe('Basic ***');
  });

  it.each([
    ['https://bob:hunter2@registry.example/v2/', 'https://***@registry.example/v2/'],
    ['https://bob:hun@ter2@registry.example:5000', 'https://***@registry.example:5000'],
    ['redis://:hunter2@cache:6379/0', 'redis://***@cache:6379/0'],
    ['Authorization: Basic Ym9iOmh1bnRlcjI=', 'Authorization: Basic ***'],
    ['authorization="Bearer hunter2"', 'authorization="Bearer ***"'],
    ['"Authorization":"Bearer hunter2","x":1', '"Authorization":"Bearer ***","x":1'],
    [`sent Bearer ${'x'.repeat(40)} to`, 'sent Bearer *** to'],
  ])('knows credentials by where they stand: %s', (text, shown) => {
    expect(none()(text)).toBe(shown);
  });

  it.each([
    'http://registry.example/v2/app/manifests/sha256:abc',
    'registry.example/app@sha256:abc',
    'http://registry.example/app@sha256:abc',
    'Basic authentication is wanted',
    'WWW-Authenticate: Bearer realm="https://auth.example/token",service="registry"',
    'mail@example.org',
  ])('leaves %s as it is', (text) => {
    expect(none()(text)).toBe(text);
  });

  it('lets no secret through, whatever surrounds it', () => {
    const secrets = fc.string({ minLength: 4, unit: 'binary' }).filter((secret) => !secret.includes('*'));
    fc.assert(
      fc.property(secrets, fc.string(), fc.string(), (secret, before, after) => {
        const mask = createMasker({ values: [secret], credentials: [] });
        expect(mask(before + secret + after)).not.toContain(secret);
      }),
    );
  });

  it('takes no longer than the text is long', () => {
    const mask = createMasker({ values: ['hunter2'], credentials: [] });
    const started = performance.now();
    for (const unit of ['a.', 'a://', 'authorization: ', 'bearer ', 'a-', 'x']) mask(unit.repeat(200_000));
    expect(performance.now() - started).toBeLessThan(5_000);
  });
});

describe('maskDeep', () => {
  it('masks by value and by the name of the key, at any depth', () => {
    const mask = createMasker({ values: ['hunter2'], credentials: [] });
    expect(
      maskDeep(
        { a: ['x hunter2', 1, null, true], b: { password: 'other', token: { x: 1 }, secret: null } },
        mask,
      ),
    ).toEqual({ a: ['x ***', 1, null, true], b: { password: '***', token: '***', secret: null } });
  });
});

describe('isSecretName', () => {
  it.each([
    'password',
    'REGISTRY_PASSWORD',
    'CLEANUP_REGISTRY_AUTH_PASSWORD',
    'dbPasswd',
    'DB_PASS',
    'Authorization',
    'accessKey',
    'secret_key',
    'REGISTRY_HTTP_SECRET',
    'idToken',
    'Cookie',
  ])('knows %s', (name) => {
    expect(isSecretName(name)).toBe(true);
  });

  it.each(['PATH', 'username', 'CLEANUP_REGISTRY_AUTH_PASSWORD_FILE', 'passed', 'bypass', 'key', 'auth'])(
    'does not suspect %s',
    (name) => {
      expect(isSecretName(name)).toBe(false);
    },
  );
});
