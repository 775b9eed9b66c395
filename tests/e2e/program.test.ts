// The program as an operator meets it.
import { mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Answer, password, person } from './lib/api.ts';
import { linnet, Program } from './lib/process.ts';
import { createDatabase, type Server, startBackend, startEmbedded } from './lib/server.ts';
import type { Me, SignedIn } from './lib/types.ts';

vi.setConfig({ testTimeout: 60_000 }); // each command is a process of its own, and hashes passwords at their full cost

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(`${tmpdir()}/linnet-e2e-`);
});
afterEach(() => rm(dir, { recursive: true, force: true }));

async function run(
  args: string[],
  env: { [name: string]: string } = {},
): Promise<{ status: number | null; text: string }> {
  const program = new Program(linnet, args, env);
  await program.finish();
  return { status: program.child.exitCode, text: program.lines.join('\n') };
}

describe('commands', () => {
  test('without a command, or with one that is none, it names where to look', async () => {
    for (const args of [[], ['fly'], ['version', 'x']]) {
      const { status, text } = await run(args);
      expect(status).toBe(2);
      expect(text).toMatch(/^linnet: /);
    }
  });

  test('help and version', async () => {
    expect(await run(['version'])).toMatchObject({ status: 0, text: expect.stringMatching(/^linnet \d+\.\d+\.\d+$/) });
    const help = await run(['help']);
    expect(help.status).toBe(0);
    for (const command of ['serve', 'backend', 'migrate', 'admin']) expect(help.text).toContain(command);
  });

  test.each([
    [['--nonsense', '1']],
    [['--listen', 'nowhere']],
    [['--listen', '127.0.0.1:99999']],
    [['--reactors', 'many']],
    [['--reactors', '-1']],
    [['--rate-messages', 'fast']],
    [['--jwt-secret', 'short']],
    [['--setup-code', 'short']],
    [['--metrics-token', 'short']],
    [['--database-url', 'mysql://x']],
  ])('a setting that is wrong is refused at once: %j', async (args) => {
    const { status, text } = await run(['serve', '--data', dir, ...args]);
    expect(status).not.toBe(0);
    expect(text).toContain(args[0]?.replace(/^--/, '') ?? '');
  });

  test.each([
    ['--listen', 'LINNET_LISTEN', 'nowhere', 'nowhere', 'ADDRESS:PORT'],
    ['--listen', 'LINNET_LISTEN', '127.0.0.1:99999', '127.0.0.1:99999', 'ADDRESS:PORT'],
    ['--public-url', 'PUBLIC_URL', 'https://[bad', 'https://[bad', 'https://chat.example.org'],
    ['--allowed-origins', 'ALLOWED_ORIGINS', 'https://fine.example,foo', 'foo', 'https://chat.example.org'],
    ['--trusted-proxies', 'TRUSTED_PROXIES', '::1,10.0.0.0/99', '10.0.0.0/99', '10.0.0.0/8'],
  ])('%s is judged before anything is touched: %s=%s', async (flag, variable, value, bad, wanted) => {
    const { status, text } = await run(['serve', '--data', `${dir}/none`, flag, value]);
    expect(status).toBe(2);
    expect(text).toContain(`${flag} (${variable}): "${bad}" is not allowed; give `);
    expect(text).toContain(wanted);
    expect(text.split('\n')).toHaveLength(1);
    await expect(stat(`${dir}/none`)).rejects.toThrow('ENOENT');
  });

  test('a certificate that is not there is named, with the reason, and the data stays as it was', async () => {
    const { status, text } = await run([
      'serve',
      '--data',
      dir,
      '--tls-cert',
      `${dir}/none`,
      '--tls-key',
      `${dir}/none`,
    ]);
    expect(status).toBe(1);
    const log = text.split('\n').map((line) => JSON.parse(line));
    expect(log).toContainEqual(
      expect.objectContaining({ event: 'tls.load_failed', file: `${dir}/none`, why: 'No such file or directory' }),
    );
    expect(log.at(-1)).toMatchObject({ level: 'error', event: 'process.start_failed', error: 'unavailable' });
    expect(log.map((line) => line.event)).not.toContain('db.migration_applied');
  });

  test('a database that is away ends the start with an error that says so', async () => {
    const { status, text } = await run(['serve', '--data', dir, '--database-url', 'postgresql://127.0.0.1:1/none']);
    expect(status).toBe(1);
    const log = text.split('\n').map((line) => JSON.parse(line));
    expect(log.map((line) => line.event)).toContain('db.connect_failed');
    expect(log.at(-1)).toMatchObject({ level: 'error', event: 'process.start_failed', error: 'unavailable' });
  });

  test('each command tells its arguments', async () => {
    for (const args of [
      ['serve', '--help'],
      ['serve', '-h'],
      ['help', 'serve'],
    ]) {
      const { status, text } = await run(args);
      expect(status).toBe(0);
      expect(text).toContain('serve [--SETTING VALUE]...');
      expect(text).toContain('linnet config serve');
      expect(text).not.toContain('create-user');
    }
    expect(await run(['help', 'fly'])).toMatchObject({ status: 2 });
  });

  test('migrate says so also when there was nothing to do', async () => {
    for (const first of [true, false]) {
      const { status, text } = await run(['migrate', '--data', dir]);
      expect(status).toBe(0);
      const last = JSON.parse(text.split('\n').at(-1) ?? '');
      expect(last).toMatchObject({ event: 'process.migrated' });
      if (first) expect(last.applied).toBeGreaterThan(0);
      else expect(last.applied).toBe(0);
    }
  });

  test('a schema that a newer version has expanded is served; one that it has contracted is refused, in a line', async () => {
    const migrated = async (number: number, name: string): Promise<void> => {
      const db = new DatabaseSync(`${dir}/linnet.db`);
      db.prepare('INSERT INTO migrations (number, name, applied_at) VALUES (?, ?, 0)').run(number, name);
      db.close();
    };
    await (await startEmbedded({}, dir)).stop();
    await migrated(9000, 'of_the_future');
    const server = await startEmbedded({}, dir);
    await person(server.api(), 'alice');
    await server.stop();
    await migrated(9001, 'contract_of_the_future');
    const { status, text } = await run(['serve', '--listen', '127.0.0.1:0', '--data', dir]);
    expect(status).toBe(1);
    const log = text.split('\n').map((line) => JSON.parse(line));
    expect(log).toContainEqual(
      expect.objectContaining({ event: 'db.migration_newer', number: 9001, name: 'contract_of_the_future' }),
    );
    expect(log.at(-1)).toMatchObject({ event: 'process.start_failed' });
    expect(log.map((line) => line.event)).not.toContain('listening');
  });

  test('a backend without a secret, or with a known one, does not start', async () => {
    for (const env of [{}, { JWT_SECRET: 'change-me' }, { JWT_SECRET: 'too short' }]) {
      const { status } = await run(['backend', '--listen', '127.0.0.1:0', '--database-url', `sqlite:${dir}/x.db`], {
        ...env,
      });
      expect(status).not.toBe(0);
    }
  });

  test('config shows settings, but no secret', async () => {
    const { status, text } = await run(['config', 'backend'], {
      DATABASE_URL: 'sqlite:x.db',
      JWT_SECRET: 'do not show this secret to anybody',
    });
    expect(status).toBe(0);
    expect(text).toContain('JWT_SECRET');
    expect(text).not.toContain('do not show');
  });

  test('config shows settings that do not agree yet as well, and what is wrong with them last', async () => {
    const { status, text } = await run(['config', 'backend']);
    expect(status).toBe(2);
    expect(text).toContain('LINNET_DRAIN_ACCEPT_S');
    expect(text.split('\n')).toContainEqual(expect.stringMatching(/^linnet: --database-url .*backend needs it/));
    expect(await run(['config', 'fly'])).toMatchObject({
      status: 2,
      text: expect.stringContaining('"fly" is no role; give serve or backend'),
    });
    expect(await run(['config', 'storage'])).toMatchObject({ status: 2 });
  });
});

describe('serve', () => {
  test('two cannot share a data directory', async () => {
    const first = await startEmbedded({}, dir);
    const { status, text } = await run(['serve', '--listen', '127.0.0.1:0', '--data', dir]);
    expect(status).not.toBe(0);
    expect(text).toContain(`(process ${first.program.child.pid})`);
    await first.stop();
  });

  test('a port that is taken is an error', async () => {
    const first = await startEmbedded({}, dir);
    const { status, text } = await run(['serve', '--listen', `127.0.0.1:${first.port}`, '--data', `${dir}/other`]);
    expect(status).not.toBe(0);
    expect(text).toContain(String(first.port));
    await first.stop();
  });

  test('its secret is made once and readable by its owner alone', async () => {
    const first = await startEmbedded({}, dir);
    const ann = await person(first.api(), 'ann');
    await first.stop();
    expect((await stat(`${dir}/jwt-secret`)).mode & 0o777).toBe(0o600);
    const second = await startEmbedded({}, dir);
    const api = second.api();
    api.bearer = ann.signed.access_token;
    expect((await api.ok<Me>('me_get')).username).toBe('ann');
    await second.stop();
  });

  test('no password and no token reaches the log', async () => {
    const server = await startEmbedded({ LINNET_LOG_LEVEL: 'debug' }, dir);
    const ann = await person(server.api(), 'ann');
    await server.api().call('auth_login', { body: { username: 'ann', password: 'a wrong secret' } });
    await ann.api.ok('auth_refresh', { body: { refresh_token: ann.signed.refresh_token } });
    await server.stop();
    const log = server.program.lines.join('\n');
    for (const secret of [password, 'a wrong secret', ann.signed.access_token, ann.signed.refresh_token ?? '?'])
      expect(log).not.toContain(secret);
    for (const line of server.program.lines)
      expect(Object.keys(JSON.parse(line))).toEqual(expect.arrayContaining(['ts', 'level', 'event']));
  });

  test('an empty secret is refused at the start, not by the first who signs in', async () => {
    await writeFile(`${dir}/jwt-secret`, '\n', { mode: 0o600 });
    const { status, text } = await run(['serve', '--listen', '127.0.0.1:0', '--data', dir]);
    expect(status).toBe(1);
    expect(text).toContain(`${dir}/jwt-secret is empty`);
  });

  test('where it is not local, the first account needs the setup code', async () => {
    const server = await startEmbedded(
      { PUBLIC_URL: 'https://chat.example.org', LINNET_SETUP_CODE: 'open sesame 1234567890' },
      dir,
    );
    const body = { username: 'first', password, cookie: false };
    await server.api().refused(403, 'bad_setup_code', 'auth_register', { body: { ...body, setup_code: 'wrong' } });
    const none = await server.api().call('auth_register', { body });
    expect(none.status).toBe(403);
    expect(none.text).toContain('setup_code');
    expect(none.text).toContain('server.setup_code_made');
    await server.api().register('first', { setup_code: 'open sesame 1234567890' });
    const second = { ...body, username: 'second' };
    const shut = await server.api().refused(403, 'registration_closed', 'auth_register', { body: second });
    expect(shut.detail).toBe('An invite is needed here');
    await server.api().refused(404, 'not_found', 'auth_register', { body: { ...second, invite: 'x' } });
    await server.stop();
  });

  test('a forwarding header makes a request not local', async () => {
    const server = await startEmbedded({}, dir);
    const headers = { 'x-forwarded-for': '203.0.113.9' };
    const answer = await server.api().call('auth_register', { body: { username: 'first', password }, headers });
    expect(answer.status).toBe(403);
    await server.stop();
  });
});

describe('admin', () => {
  test('create-user makes people with tokens', async () => {
    const file = `${dir}/tokens`;
    const made = await run([
      'admin',
      'create-user',
      '--count',
      '3',
      '--prefix',
      'bench',
      '--tokens',
      file,
      '--data',
      dir,
    ]);
    expect(made, made.text).toMatchObject({ status: 0 });
    const lines = (await readFile(file, 'utf8')).trim().split('\n');
    expect(lines.map((l) => l.split(' ')[0])).toEqual(['bench1', 'bench2', 'bench3']);
    expect((await stat(file)).mode & 0o077).toBe(0);
    const server = await startEmbedded({}, dir);
    for (const line of lines) {
      const [name, token] = line.split(' ');
      const api = server.api();
      if (token) api.bearer = token;
      expect((await api.ok<Me>('me_get')).username).toBe(name);
    }
    await server.stop();
  });

  async function secret(name: string, text: string): Promise<string> {
    const file = `${dir}/${name}`;
    await writeFile(file, text, { mode: 0o600 });
    return file;
  }
  const signIn = (server: Server, word: string): Promise<Answer> =>
    server.api().call('auth_login', { body: { username: 'ann', password: word, cookie: false } });

  async function passwordsAreSetAndReset(where: string[], start: () => Promise<Server>): Promise<void> {
    const [file, other] = [await secret('old', 'the first password\n'), await secret('new', 'the second password')];
    const create = ['admin', 'create-user', ...where, '--username', 'ann', '--password-file'];
    expect(await run([...create, await secret('short', 'short')])).toMatchObject({
      status: 1,
      text: expect.stringContaining('password: '),
    });
    const made = await run([...create, file]);
    expect(made, made.text).toMatchObject({ status: 0 });
    let server = await start();
    const signed = await signIn(server, 'the first password');
    expect(signed.status, signed.text).toBe(200);
    await server.stop();
    const reset = ['admin', 'reset-password', ...where, '--password-file', other, '--username'];
    expect(await run([...reset, 'nobody'])).toMatchObject({
      status: 1,
      text: expect.stringContaining('there is no account nobody'),
    });
    const done = await run([...reset, 'ann']);
    expect(done, done.text).toMatchObject({ status: 0, text: expect.stringContaining('sessions and tokens ended: 1') });
    server = await start();
    const old = server.api();
    old.bearer = (signed.body as SignedIn).access_token;
    await old.refused(401, 'session_revoked', 'me_get');
    expect((await signIn(server, 'the first password')).status).toBe(401);
    expect((await signIn(server, 'the second password')).status).toBe(200);
    await server.stop();
  }

  test('a person made with a password signs in, and a lost one is set anew (SQLite)', () =>
    passwordsAreSetAndReset(['--data', dir], () => startEmbedded({}, dir)));

  test('a person made with a password signs in, and a lost one is set anew (PostgreSQL)', async () => {
    const url = await createDatabase();
    await passwordsAreSetAndReset(['--database-url', url], () => startBackend(url));
  });

  test('tokens that are there already are not written over', async () => {
    const create = ['admin', 'create-user', '--data', dir, '--tokens', `${dir}/tokens`, '--username'];
    expect(await run([...create, 'ann'])).toMatchObject({ status: 0 });
    const before = await readFile(`${dir}/tokens`, 'utf8');
    expect(await run([...create, 'bob'])).toMatchObject({ status: 1, text: expect.stringContaining('there already') });
    expect(await readFile(`${dir}/tokens`, 'utf8')).toBe(before);
    const empty = await secret('empty', '');
    expect(await run([...create.slice(0, 5), empty, '--username', 'bob'])).toMatchObject({ status: 0 });
    expect(await readFile(empty, 'utf8')).toMatch(/^bob linnet_/);
  });

  test('a mistyped place does not become a database by a reset, and is named by what makes one', async () => {
    const reset = ['--username', 'ann', '--password-file', await secret('new', 'the second password')];
    for (const place of [
      ['--data', `${dir}/none`],
      ['--database-url', `sqlite:${dir}/none`],
    ]) {
      const { status, text } = await run(['admin', 'reset-password', ...place, ...reset]);
      expect(status).toBe(1);
      expect(text).toContain(`${dir}/none`);
      await expect(stat(`${dir}/none`)).rejects.toThrow('ENOENT');
    }
    const made = ['admin', 'create-user', '--data', `${dir}/none`, '--username', 'ann', '--tokens', `${dir}/t`];
    expect((await run(made)).text).toContain(`"database":"sqlite:${dir}/none/linnet.db"`);
  });
});
