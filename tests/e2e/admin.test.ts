// `linnet admin` as an operator meets it: beside a server that runs, and while none does.
import { randomUUID } from 'node:crypto';
import { mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { DatabaseSync } from 'node:sqlite';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { person } from './lib/api.ts';
import { Device } from './lib/device.ts';
import { judgeSeen, judgeSent, logOf, messagesOf } from './lib/judge.ts';
import { Load, SocketSender } from './lib/load.ts';
import { linnet, Program } from './lib/process.ts';
import { createDatabase, type Server, startBackend, startEmbedded } from './lib/server.ts';
import { attach, connect, settle } from './lib/socket.ts';
import { Target } from './lib/target.ts';
import type { Me, Message, User } from './lib/types.ts';

vi.setConfig({ testTimeout: 60_000 }); // each command is a process of its own, with all its checks

let dir: string;

beforeEach(async () => {
  dir = await mkdtemp(`${tmpdir()}/linnet-e2e-`);
});
afterEach(() => rm(dir, { recursive: true, force: true }));

async function run(...args: string[]): Promise<{ status: number | null; text: string }> {
  const program = new Program(linnet, ['admin', ...args]);
  await program.finish();
  const said = program.lines.filter((line) => !line.startsWith('{"ts"')); // without the log
  return { status: program.child.exitCode, text: said.join('\n') };
}

/** What it said, once it has gone well. */
async function well(...args: string[]): Promise<string> {
  const done = await run(...args);
  expect(done, done.text).toMatchObject({ status: 0 });
  return done.text;
}

async function fails(status: number, text: string | RegExp, ...args: string[]): Promise<void> {
  const done = await run(...args);
  expect(done.text).toMatch(text);
  expect(done, done.text).toMatchObject({ status });
}

const rows = (text: string): { [name: string]: unknown }[] => text.split('\n').map((line) => JSON.parse(line));

describe('its commands', () => {
  const verbs = ['create-user', 'set-role', 'reset-password', 'revoke-sessions', 'list', 'check', 'backup', 'restore'];

  test('are named where one is missing or wrong, and each tells its arguments', async () => {
    const none = await run();
    expect(none.status).toBe(2);
    for (const verb of verbs) {
      expect(none.text.split('\n')).toContain(`  ${verb}`);
      expect(await well(verb, '--help')).toContain(`admin ${verb} `);
    }
    await fails(2, 'there is no command "fly"', 'fly');
  });

  test.each([
    [['set-role'], 'give --username NAME and --role ROLE'],
    [['set-role', '--username', 'ann'], 'give --username NAME and --role ROLE'],
    [['set-role', '--username'], '--username: a value is missing'],
    [['set-role', '--username', 'ann', '--role', 'king'], '--role: guest, member, admin or owner'],
    [['revoke-sessions'], 'give --username NAME, or --all'],
    [['revoke-sessions', '--all', '--username', 'ann'], 'give --username NAME, or --all'],
    [['list'], 'give people, channels or sessions'],
    [['list', 'fish'], 'fish: give people, channels or sessions'],
    [['list', 'people', '--username', 'ann'], '--username: is for sessions'],
    [['backup'], 'give a directory that is to be made'],
    [['restore'], 'give a directory that `linnet admin backup` wrote'],
    [['check', '--nonsense', '1'], 'nonsense'],
    [['create-user', '--username', 'ann', '--names', 'x', '--tokens', 'y'], 'or --username NAME'],
  ])('called wrongly, %j, say so with status 2', async (args, text) => {
    await fails(2, text, ...args);
  });

  test('where they find nothing of ours they make nothing: an address may be mistyped', async () => {
    const url = await createDatabase();
    const where = ['--database-url', url];
    await writeFile(`${dir}/password`, 'a good password\n', { mode: 0o600 });
    const nothing = 'there is nothing of linnet in this database';
    await fails(1, nothing, 'set-role', '--username', 'ann', '--role', 'admin', ...where);
    await fails(1, nothing, 'reset-password', '--username', 'ann', '--password-file', `${dir}/password`, ...where);
    await fails(1, nothing, 'revoke-sessions', '--all', ...where);
    await fails(1, nothing, 'list', 'people', ...where);
    await fails(1, nothing, 'check', ...where);
    const psql = new Program('psql', [
      '-X',
      '-A',
      '-t',
      '-d',
      url,
      '-c',
      "SELECT count(*) FROM pg_class WHERE relname = 'migrations'",
    ]);
    await psql.finish();
    expect(psql.lines).toEqual(['0']);
    await writeFile(`${dir}/linnet.db`, '');
    await fails(1, nothing, 'set-role', '--username', 'ann', '--role', 'admin', '--data', dir);
  });

  test.each(['set-role', 'revoke-sessions', 'list', 'check', 'backup'])('%s makes no database', async (verb) => {
    const more: { [verb: string]: string[] } = {
      'set-role': ['--username', 'ann', '--role', 'admin'],
      'revoke-sessions': ['--all'],
      list: ['people'],
      backup: [`${dir}/backup`],
    };
    await fails(
      1,
      `${dir}/none/linnet.db: there is no such database`,
      verb,
      ...(more[verb] ?? []),
      '--data',
      `${dir}/none`,
    );
    await expect(stat(`${dir}/none`)).rejects.toThrow('ENOENT');
  });
});

const sites = [
  {
    name: 'SQLite',
    open: async () => ({ where: ['--data', dir], start: (env: { [name: string]: string }) => startEmbedded(env, dir) }),
  },
  {
    name: 'PostgreSQL',
    open: async () => {
      const url = await createDatabase();
      return {
        where: ['--database-url', url],
        start: (env: { [name: string]: string }) => startBackend(url, env),
      };
    },
  },
];

describe.each(sites)('beside a server on $name', ({ open }) => {
  let server: Server;
  let where: string[];
  const checks = { LINNET_HEAD_CHECK_MS: '100' };

  beforeEach(async () => {
    const site = await open();
    where = site.where;
    server = await site.start(checks);
  });
  afterEach(async () => {
    settle();
    await server.stop();
  });

  test('a role is given, and everybody hears of it', async () => {
    const ann = await person(server.api(), 'ann');
    const bob = await person(server.api(), 'bob');
    const socket = await attach(server, { token: ann.signed.access_token }, 0);
    const own = await connect(server, { token: bob.signed.access_token });
    await fails(1, 'there is no account eve', 'set-role', '--username', 'eve', '--role', 'admin', ...where);
    await fails(1, 'ann: the last owner stays', 'set-role', '--username', 'ann', '--role', 'member', ...where);
    expect(await well('set-role', '--username', 'bob', '--role', 'admin', ...where)).toContain(
      'bob is admin now, and was member',
    );
    await socket.reach(0, 3); // after ann and bob came
    expect(socket.events(0).at(-1)).toMatchObject({ type: 'user', user_id: bob.user.id });
    expect((await bob.api.ok<Me>('me_get')).role).toBe('admin');
    expect(await own.next((f) => f.op === 'me', 'me')).toMatchObject({ user: { id: bob.user.id, role: 'admin' } });
    expect(await well('set-role', '--username', 'bob', '--role', 'admin', ...where)).toContain('bob is admin already');
    await well('set-role', '--username', 'bob', '--role', 'owner', ...where);
    await well('set-role', '--username', 'ann', '--role', 'member', ...where);
    expect(await well('check', ...where)).toMatch(/^well: /m);
  });

  test('a bot becomes no owner and gets no password, and a name is taken as people type it', async () => {
    const ann = await person(server.api(), 'ann');
    const bot = { username: 'robo', bot: true };
    const { token } = await ann.api.ok<{ token: string }>('user_create', { body: bot }, 201);
    await writeFile(`${dir}/password`, 'another good password\n', { mode: 0o600 });
    const reset = ['reset-password', '--password-file', `${dir}/password`, ...where];
    await fails(1, 'robo: a bot owns no server', 'set-role', '--username', 'robo', '--role', 'owner', ...where);
    await fails(1, /robo is a bot, and has no password: POST \/users\/\d+\/reset/, ...reset, '--username', 'Robo');
    const robo = server.api();
    robo.bearer = token;
    await robo.ok('me_get');
    const login = { username: 'robo', password: 'another good password', cookie: false };
    await server.api().refused(401, 'bad_credentials', 'auth_login', { body: login });
    await fails(1, 'ann: the last owner stays', 'set-role', '--username', 'ANN', '--role', 'member', ...where);
    expect(await well('set-role', '--username', 'Robo', '--role', 'admin', ...where)).toContain('robo is admin now');
    expect(await well('list', 'sessions', '--username', 'ROBO', ...where)).toMatch(/ robo /);
    expect(await well(...reset, '--username', 'Ann')).toContain('the password of ann is set');
    expect(await well('revoke-sessions', '--username', 'Robo', ...where)).toContain('ended: 1, of 1 people');
  });

  test('who becomes a guest is cut off and out of channel 0; who no longer is one comes in', async () => {
    await person(server.api(), 'ann');
    const bob = await person(server.api(), 'bob');
    const socket = await connect(server, { token: bob.signed.access_token });
    expect(await well('set-role', '--username', 'bob', '--role', 'guest', ...where)).toContain('ended: 1');
    expect((await socket.over()).code).toBe(4003);
    await bob.api.refused(401, 'session_revoked', 'me_get');
    const tokens = `${dir}/secret`;
    await writeFile(tokens, 'another good password\n', { mode: 0o600 });
    await well('reset-password', '--username', 'bob', '--password-file', tokens, ...where);
    const body = { username: 'bob', password: 'another good password', cookie: false };
    const signed = (await server.api().call('auth_login', { body })).body as { access_token: string; user: User };
    const guest = await connect(server, { token: signed.access_token });
    expect(guest.ready.channels.map((c) => c.id)).not.toContain(0);
    await well('set-role', '--username', 'bob', '--role', 'member', ...where);
    await guest.next((f) => f.op === 'channel' && (f.channel as { id: number }).id === 0, 'channel 0');
    expect(await well('check', ...where)).toMatch(/^well: /m);
  });

  test('sessions are ended, one person`s or all, within a head check', async () => {
    const ann = await person(server.api(), 'ann');
    const bob = await person(server.api(), 'bob');
    const hers = await connect(server, { token: ann.signed.access_token });
    const his = await connect(server, { token: bob.signed.access_token });
    await fails(1, 'there is no account eve', 'revoke-sessions', '--username', 'eve', ...where);
    expect(await well('revoke-sessions', '--username', 'bob', ...where)).toContain(
      'sessions and tokens ended: 1, of 1 people',
    );
    expect((await his.over()).code).toBe(4003);
    await bob.api.refused(401, 'session_revoked', 'me_get');
    await ann.api.ok('me_get');
    const token = await ann.api.ok<{ token: string }>('token_create', { body: { name: 'bot', scopes: ['read'] } }, 201);
    expect(await well('revoke-sessions', '--all', '--keep-tokens', ...where)).toContain(
      'sessions ended: 1, of 1 people',
    );
    expect((await hers.over()).code).toBe(4003);
    const bot = server.api();
    bot.bearer = token.token;
    await bot.ok('me_get');
    expect(await well('revoke-sessions', '--all', ...where)).toContain('ended: 1, of 1 people');
    await bot.refused(401, 'session_revoked', 'me_get');
    expect(await well('revoke-sessions', '--all', ...where)).toContain('ended: 0, of 0 people');
  });

  test('people, channels and sessions are listed, for eyes and for programs', async () => {
    const ann = await person(server.api(), 'ann');
    const { id } = await ann.api.channel('room');
    await ann.api.send(id, 'hello');
    expect(await well('list', 'people', ...where)).toMatch(/^id +username +role.*\n1 +ann +owner +active +1 +0 /);
    expect(rows(await well('list', 'people', '--json', ...where))).toEqual([
      expect.objectContaining({ id: 1, username: 'ann', role: 'owner', state: 'active', sessions: 1, tokens: 0 }),
    ]);
    const channels = rows(await well('list', 'channels', '--json', ...where));
    expect(channels).toContainEqual(
      expect.objectContaining({ id, kind: 'public', name: 'room', state: 'open', members: 1, messages: 1 }),
    );
    expect(channels).toContainEqual(expect.objectContaining({ id: 0, kind: 'server', name: null, last_at: null }));
    const sessions = rows(await well('list', 'sessions', '--username', 'ann', '--json', ...where));
    expect(sessions).toEqual([expect.objectContaining({ kind: 'client', username: 'ann', address: '127.0.0.1' })]);
    await fails(1, 'there is no account eve', 'list', 'sessions', '--username', 'eve', '--json', ...where);
    const bob = await person(server.api(), 'bob');
    await ann.api.ok('dm_create', { body: { user_ids: [bob.user.id] } }, 201);
    const dm = rows(await well('list', '--json', ...where, 'channels')).find((row) => row.kind === 'dm');
    expect(dm).toMatchObject({ name: null, people: `${ann.user.id},${bob.user.id}` });
  });

  test('people are made by a list of names, with a role', async () => {
    const ann = await person(server.api(), 'ann');
    const socket = await attach(server, { token: ann.signed.access_token }, 0);
    await writeFile(`${dir}/names`, 'bob\r\n\ncarla-x\ndora\n');
    await writeFile(`${dir}/tokens.new`, 'somebody else`s');
    const made = ['create-user', '--names', `${dir}/names`, '--role', 'admin', '--tokens', `${dir}/tokens`, ...where];
    expect(await well(...made)).toBe(`made: 3 people\n${dir}/tokens: their tokens`);
    expect(await readFile(`${dir}/tokens.new`, 'utf8')).toBe('somebody else`s');
    expect((await readdir(dir)).filter((name) => name.includes('partial'))).toEqual([]);
    const lines = (await readFile(`${dir}/tokens`, 'utf8')).trim().split('\n');
    expect(lines.map((line) => line.split(' ')[0])).toEqual(['bob', 'carla-x', 'dora']);
    for (const line of lines) {
      const [name, token] = line.split(' ');
      const api = server.api();
      if (token) api.bearer = token;
      expect(await api.ok<Me>('me_get')).toMatchObject({ username: name, role: 'admin' });
    }
    await socket.reach(0, 4);
    expect(socket.events(0).map((event) => event.user_id)).toEqual([1, 2, 3, 4]);
    await writeFile(`${dir}/names`, 'emma\nbob\n');
    const again = ['create-user', '--names', `${dir}/names`, '--tokens', `${dir}/more`, ...where];
    await fails(1, "one of these names is, or was, somebody's", ...again);
    await writeFile(`${dir}/names`, 'emma\nnot a name\n');
    await fails(1, /username: /, ...again);
    await writeFile(`${dir}/names`, '\n\n');
    await fails(1, 'names: there is none', ...again);
    expect(await well('check', ...where)).toMatch(/^well: /m);
  });

  test('check goes on beside writers, and tells what is wrong', async () => {
    const ann = await person(server.api(), 'ann');
    const { id } = await ann.api.channel('room');
    const target = new Target();
    target.put(server);
    const device = new Device(target, ann);
    await device.greeted();
    const load = new Load();
    load.start(new SocketSender(device), id);
    await load.more(20);
    for (let i = 0; i < 3; i++)
      expect(await well('check', ...where)).toMatch(/^well: 3 channels, \d+ revs, 1 people$/m);
    await load.more(1);
    await load.finish();
    target.end();
    await device.close();
    expect(rows(await well('check', '--json', ...where)).at(-1)).toMatchObject({ well: true, findings: 0, people: 1 });
  });
});

test('check names what is damaged, in words and for programs, with status 1', async () => {
  const server = await startEmbedded({}, dir);
  const ann = await person(server.api(), 'ann');
  const { id } = await ann.api.channel('room');
  for (const body of ['one', 'two', 'three']) await ann.api.send(id, body);
  await server.stop();
  const db = new DatabaseSync(`${dir}/linnet.db`);
  db.exec(`DELETE FROM messages WHERE channel_id = ${id} AND message_id = 2`);
  db.close();
  const { status, text } = await run('check', '--data', dir);
  expect(status).toBe(1);
  expect(text).toContain(`rev_missing: channel ${id}: rev 3 is in no row`);
  expect(text).toMatch(/^NOT WELL: /m);
  const json = await run('check', '--json', '--data', dir);
  expect(json.status).toBe(1);
  expect(rows(json.text)[0]).toEqual({ check: 'rev_missing', channel_id: id, text: 'rev 3 is in no row' });
  expect(rows(json.text).at(-1)).toMatchObject({ well: false, findings: 3 });
});

test('a database that is damaged, or none, is named so', async () => {
  const server = await startEmbedded({}, dir);
  const ann = await person(server.api(), 'ann');
  const { id } = await ann.api.channel('room');
  for (let i = 0; i < 40; i++) await ann.api.send(id, 'x'.repeat(7000));
  await well('backup', `${dir}/backup`, '--data', dir);
  await server.stop();
  const damage = async (path: string): Promise<void> => {
    const whole = await readFile(path);
    // All but the first pages, which hold the schema.
    await writeFile(
      path,
      whole.map((byte, at) => (at > whole.length / 4 && at % 4096 < 64 ? 0xa5 : byte)),
    );
  };
  await damage(`${dir}/linnet.db`);
  const checked = await run('check', '--data', dir);
  expect(checked, checked.text).toMatchObject({ status: 1 });
  for (const line of checked.text.split('\n'))
    expect(line).toMatch(/^(pages: |NOT WELL: |linnet: admin check: the database is damaged \(SQLite: )/);
  await damage(`${dir}/backup/linnet.db`);
  const other = ['--data', `${dir}/other`];
  await fails(1, /is damaged, or no database: \S/, 'restore', `${dir}/backup`, ...other);
  for (const path of [`${dir}/linnet.db`, `${dir}/backup/linnet.db`]) await writeFile(path, 'junk '.repeat(1000));
  const none = 'the database is damaged (SQLite: file is not a database): restore a backup';
  await fails(1, `linnet: admin check: ${none}`, 'check', '--data', dir);
  await fails(1, 'is damaged, or no database: file is not a database', 'restore', `${dir}/backup`, ...other);
});

test('an older schema is not read, and the reason is told', async () => {
  const server = await startEmbedded({}, dir);
  await server.stop();
  const db = new DatabaseSync(`${dir}/linnet.db`);
  db.exec('DELETE FROM migrations WHERE number = (SELECT max(number) FROM migrations)');
  db.close();
  await fails(1, 'of an older version: start the server once, or run `linnet migrate`', 'check', '--data', dir);
});

describe('backup and restore', () => {
  test('made under load and restored elsewhere, it has all that was acknowledged before, and clients go on from it', async () => {
    const first = await startEmbedded({ LINNET_ACCESS_LOG: 'false' }, `${dir}/first`);
    const people = [
      await person(first.api(), 'ann'),
      await person(first.api(), 'bob'),
      await person(first.api(), 'cid'),
    ];
    const ann = people[0] as (typeof people)[0];
    const ids = [(await ann.api.channel('one')).id, (await ann.api.channel('two')).id];
    for (const p of people.slice(1)) for (const id of ids) await p.api.ok('channel_join', { path: { id } });
    const target = new Target();
    target.put(first);
    const devices = people.map((p) => new Device(target, p));
    await Promise.all(devices.map((d) => d.greeted()));
    const load = new Load();
    for (const device of devices) for (const id of ids) load.start(new SocketSender(device), id);
    await load.more(100);
    const before = load.sent.filter((one) => one.message).map((one) => one.nonce);
    expect(await well('backup', `${dir}/backup`, '--data', `${dir}/first`)).toContain(`${dir}/backup: written`);
    for (const id of ids) {
      // Past what the backup can hold, which each of the six may have been sending meanwhile.
      const top = Math.max(...load.sent.map((one) => (one.channel_id === id ? (one.message?.rev ?? 0) : 0)));
      await Promise.all(devices.map((device) => device.reach(id, top + 10)));
    }
    target.put(undefined);
    await first.kill();

    expect((await stat(`${dir}/backup`)).mode & 0o777).toBe(0o700);
    expect((await readdir(`${dir}/backup`)).sort()).toEqual(['jwt-secret', 'linnet.db']);
    for (const file of ['jwt-secret', 'linnet.db'])
      expect((await stat(`${dir}/backup/${file}`)).mode & 0o777).toBe(0o600);
    expect(await well('restore', `${dir}/backup`, '--data', `${dir}/second`)).toContain('restored, with 3 people');
    const db = new DatabaseSync(`${dir}/second/linnet.db`);
    const nonces = new Set(
      db
        .prepare('SELECT hex(nonce) AS n FROM messages')
        .all()
        .map((row) => row.n),
    );
    db.close();
    expect(before.filter((nonce) => !nonces.has(nonce.replaceAll('-', '').toUpperCase()))).toEqual([]);

    const second = await startEmbedded({ LINNET_ACCESS_LOG: 'false' }, `${dir}/second`);
    target.put(second);
    await load.more(100);
    await load.finish();
    expect(load.forgotten).toBeGreaterThan(0); // what came after the backup was sent again, and is there
    const api = second.api();
    if (ann.api.bearer) api.bearer = ann.api.bearer;
    for (const id of ids) {
      await judgeSent(api, load.sent, id, false);
      const log = await logOf(api, id);
      const messages = await messagesOf(api, id);
      for (const device of devices) {
        await device.reach(id, log.length);
        expect(device.stream(id).resets).toBeGreaterThan(0);
        judgeSeen(device, id, log, messages);
      }
    }
    expect(await well('check', '--data', `${dir}/second`)).toMatch(/^well: /m);
    target.end();
    await Promise.all(devices.map((d) => d.close()));
    await second.stop();
  });

  /** A data directory in which ann has said `body`; a backup of it. */
  async function site(body: string): Promise<Message> {
    const server = await startEmbedded({}, `${dir}/data`);
    const ann = await person(server.api(), 'ann');
    const { id } = await ann.api.channel('room');
    const message = await ann.api.send(id, body, { nonce: randomUUID() });
    await well('backup', `${dir}/backup`, '--data', `${dir}/data`);
    await server.stop();
    return message;
  }

  const meta = (path: string, key: string): unknown => {
    const db = new DatabaseSync(path);
    const row = db.prepare('SELECT value FROM meta WHERE key = ?').get(key);
    db.close();
    return row?.value;
  };

  test('a backup writes over nothing, and leaves nothing behind where it fails', async () => {
    await site('hello');
    await fails(1, `${dir}/backup: is there already`, 'backup', `${dir}/backup`, '--data', `${dir}/data`);
    await fails(1, 'No such file or directory', 'backup', `${dir}/none/backup`, '--data', `${dir}/data`);
    expect((await readdir(dir)).sort()).toEqual(['backup', 'data']);
    await fails(1, 'pg_dump', 'backup', `${dir}/other`, '--database-url', await migrated());
  });

  async function migrated(): Promise<string> {
    const url = await createDatabase();
    const program = new Program(linnet, ['migrate', '--database-url', url]);
    await program.finish();
    return url;
  }

  test('a restore is another history, and keeps what was there', async () => {
    await site('hello');
    const uuid = meta(`${dir}/data/linnet.db`, 'uuid');
    await fails(1, 'is there already; --force keeps it beside', 'restore', `${dir}/backup`, '--data', `${dir}/data`);
    const said = await well('restore', `${dir}/backup`, '--force', '--data', `${dir}/data`);
    const kept = /^(\S+\.before-\d{8}T\d{6}Z): what was there before$/m.exec(said)?.[1] ?? '';
    expect(meta(kept, 'uuid')).toBe(uuid);
    const now = meta(`${dir}/data/linnet.db`, 'uuid');
    expect(now).toMatch(/^[0-9a-f-]{36}$/);
    expect(now).not.toBe(uuid);
    expect(meta(`${dir}/backup/linnet.db`, 'uuid')).toBe(uuid); // the backup is as it was
    expect((await readdir(`${dir}/backup`)).sort()).toEqual(['jwt-secret', 'linnet.db']);
    const left = (await readdir(`${dir}/data`)).filter((name) => name.includes('restoring'));
    expect(left).toEqual([]);
    const again = await startEmbedded({}, `${dir}/data`);
    await again.stop();
  });

  test('a restore is refused while a server runs, and where the backup is none', async () => {
    await site('hello');
    const server = await startEmbedded({}, `${dir}/data`);
    await fails(
      1,
      /is locked: another linnet \(process \d+\)/,
      'restore',
      `${dir}/backup`,
      '--force',
      '--data',
      `${dir}/data`,
    );
    const url = ['--database-url', `sqlite:${dir}/data/linnet.db`];
    await fails(1, 'a server uses it: stop it first', 'restore', `${dir}/backup`, '--force', ...url);
    await server.stop();
    const other = ['--data', `${dir}/other`];
    await fails(1, `${dir}/none/linnet.db: there is no such file`, 'restore', `${dir}/none`, ...other);
    await fails(1, 'pg_restore', 'restore', `${dir}/backup`, '--database-url', await createDatabase());
    const db = new DatabaseSync(`${dir}/backup/linnet.db`);
    db.exec("INSERT INTO migrations (number, name, applied_at) VALUES (9000, 'of_the_future', 0)");
    db.close();
    await fails(1, 'is of a newer version of linnet', 'restore', `${dir}/backup`, ...other);
    await writeFile(`${dir}/backup/linnet.db`, 'no database at all, but long enough to be looked at');
    await fails(1, 'is damaged, or no database', 'restore', `${dir}/backup`, ...other);
    await writeFile(`${dir}/backup/linnet.db`, '');
    await fails(1, 'is no database of linnet', 'restore', `${dir}/backup`, ...other);
    expect(
      (await readdir(`${dir}/other`)).filter((name) => name.startsWith('linnet.db') && !name.endsWith('.lock')),
    ).toEqual([]);
  });
});
