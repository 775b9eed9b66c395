// When the database goes back: a standby that had not everything becomes the primary, a dump is restored in place. Clients
// drop what they have of the history that has ended and send again what it acknowledged; a switchover that loses nothing
// resets nobody.
import { execFile } from 'node:child_process';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { promisify } from 'node:util';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type Api, type Person, person } from './lib/api.ts';
import { Device } from './lib/device.ts';
import { judgeSeen, judgeSent, logOf, messagesOf } from './lib/judge.ts';
import { Load, SocketSender } from './lib/load.ts';
import { Postgres, type Standby } from './lib/postgres.ts';
import { Program } from './lib/process.ts';
import { type Server, startBackend } from './lib/server.ts';
import { moment } from './lib/signal.ts';
import { connect, dial, settle } from './lib/socket.ts';
import { Target } from './lib/target.ts';

vi.setConfig({ testTimeout: 180_000 }); // two servers are made, one copies the other

const run = promisify(execFile);
const env = { LINNET_ACCESS_LOG: 'false', LINNET_APPEND_WAIT_MS: '1000' };

/** Eight people with a socket each in three channels, sending in two of them. */
class Crowd {
  readonly load = new Load();
  readonly devices: Device[] = [];
  readonly channels: number[] = [];
  private readonly people: Person[] = [];
  private readonly target = new Target();
  private readonly server: Server;

  private constructor(server: Server) {
    this.server = server;
    this.target.put(server);
  }

  static async gather(server: Server): Promise<Crowd> {
    const crowd = new Crowd(server);
    crowd.people.push(await person(server.api(), 'p0'));
    for (let i = 1; i < 8; i++) crowd.people.push(await person(server.api(), `p${i}`));
    for (let i = 0; i < 3; i++) crowd.channels.push((await crowd.api().channel(`room-${i}`)).id);
    const guests = crowd.people.slice(1);
    await Promise.all(guests.flatMap((p) => crowd.channels.map((id) => p.api.ok('channel_join', { path: { id } }))));
    for (const p of crowd.people) crowd.devices.push(new Device(crowd.target, p));
    await Promise.all(crowd.devices.map((d) => d.greeted()));
    crowd.send(crowd.load);
    return crowd;
  }

  send(load: Load): void {
    for (const [i, device] of this.devices.entries())
      for (const k of [i, i + 1]) load.start(new SocketSender(device), this.channels[k % 3] as number);
  }

  private api(): Api {
    return (this.people[0] as Person).api;
  }

  /** Once nobody sends any more: everything that was ever acknowledged is there once, and every client has what is there. */
  async judge(): Promise<void> {
    for (const id of this.channels) {
      await judgeSent(this.api(), this.load.sent, id, false);
      const log = await logOf(this.api(), id);
      const messages = await messagesOf(this.api(), id);
      for (const device of this.devices) {
        await device.reach(id, log.length);
        judgeSeen(device, id, log, messages);
      }
    }
  }

  resets(): number[] {
    return this.channels.flatMap((id) => this.devices.map((d) => d.stream(id).resets));
  }

  async close(): Promise<void> {
    this.load.giveUp();
    this.target.end();
    await Promise.all(this.devices.map((d) => d.close()));
    await this.server.stop();
  }
}

/**
 * In place, while a server reads and writes there. Both take locks on many tables: all are locked first, so that they soon
 * wait for each other if they do, and then it is the server that gives way.
 */
async function restore(dump: string, url: string): Promise<void> {
  const each = "SELECT tablename FROM pg_tables WHERE schemaname = 'public'";
  const lock = `DO $$ DECLARE t TEXT; BEGIN FOR t IN ${each} LOOP EXECUTE format('LOCK TABLE %I', t); END LOOP; END $$`;
  const args = ['-X', '-q', '-1', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null', '-c', lock, '-f', dump, '-d', url];
  await run('psql', args, { env: { ...process.env, PGOPTIONS: '-c deadlock_timeout=1h' } });
}

let pg: Postgres;
beforeEach(async () => {
  pg = await Postgres.start();
});
afterEach(async () => {
  await pg?.stop();
  settle();
});

/** Of the primary, wherever it is. */
function either(url: string, standby: Standby): string {
  const at = new URL(url);
  return url.replace(at.host, `${at.host},${new URL(standby.url).host}`);
}

test('a standby that had not everything is promoted: clients are reset, and what was forgotten is sent again', async () => {
  const url = await pg.database('forgets');
  const standby = await pg.standby();
  const server = await startBackend(either(url, standby), env);
  const crowd = await Crowd.gather(server);
  try {
    await crowd.load.more(100);
    await standby.kill();
    await crowd.load.more(100 + Math.floor(Math.random() * 100));
    await moment(20);
    await pg.kill();
    await standby.again();
    await standby.promote();
    await server.program.log('epoch.changed');
    await crowd.load.more(100);
    await crowd.load.finish();
    await crowd.judge();
    expect(crowd.load.forgotten).toBeGreaterThan(0);
    expect(Math.min(...crowd.resets())).toBeGreaterThan(0);
  } finally {
    await crowd.close();
  }
});

test('a dump is restored in place under load: the same', async () => {
  const url = await pg.database('restored');
  const dir = await mkdtemp(`${tmpdir()}/linnet-dump-`);
  const server = await startBackend(url, env);
  const crowd = await Crowd.gather(server);
  try {
    await crowd.load.more(100);
    await run('pg_dump', ['--clean', '--if-exists', '-f', `${dir}/dump`, '-d', url]);
    await crowd.load.more(100 + Math.floor(Math.random() * 100));
    await restore(`${dir}/dump`, url);
    await server.program.log('epoch.changed');
    await crowd.load.more(100);
    await crowd.load.finish();
    await crowd.judge();
    expect(crowd.load.forgotten).toBeGreaterThan(0);
    expect(Math.min(...crowd.resets())).toBeGreaterThan(0);
  } finally {
    await crowd.close();
    await rm(dir, { recursive: true });
  }
});

test('a planned switchover under load loses nothing and resets nobody', async () => {
  const url = await pg.database('switched');
  const standby = await pg.standby();
  const server = await startBackend(either(url, standby), env);
  const crowd = await Crowd.gather(server);
  try {
    await crowd.load.more(100);
    await moment(20);
    await pg.shutDown();
    await standby.promote();
    await server.program.log('epoch.changed');
    await crowd.load.more(100);
    await crowd.load.finish();
    await crowd.judge();
    expect(crowd.load.forgotten).toBe(0);
    expect(Math.max(...crowd.resets())).toBe(0);
  } finally {
    await crowd.close();
  }
});

/** Who stores an epoch has to wait for it: the advisory lock of src/store/epoch.c, until the program is finished. */
async function holdEpochs(url: string): Promise<Program> {
  const psql = new Program('psql', ['-X', '-q', '-A', '-t', '-d', url]);
  psql.child.stdin?.write("SELECT pg_advisory_lock(7310591024);\nSELECT 'held';\n");
  await psql.line((line) => (line === 'held' ? line : undefined), 'it had the lock');
  return psql;
}

async function value(url: string, sql: string): Promise<string> {
  return (await run('psql', ['-X', '-q', '-A', '-t', '-d', url, '-c', sql])).stdout.trim();
}

/** On a pod that nobody sends anything through; `url` is where the database goes on. */
async function storedFirst(server: Server, url: string, goBack: () => Promise<unknown>): Promise<void> {
  const me = await person(server.api(), 'me');
  const { id } = await me.api.channel('room');
  const options = { token: me.signed.access_token };
  const before = await connect(server, options);
  const stored = (): Promise<string> => value(url, "SELECT value FROM meta WHERE key = 'epoch'");
  expect(await stored()).toBe(before.ready.epoch);
  const lock = await holdEpochs(url);
  await goBack();
  await before.over();
  const after = await dial(server, options);
  await after.opened();
  after.say({ op: 'hello', cursors: {} });
  const waiting = "SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted";
  while ((await value(url, waiting)) === '0') await moment(100);
  expect((await me.api.call('message_list', { path: { id } })).status).toBe(503);
  expect(await stored()).toBe(before.ready.epoch);
  expect(Number(await value(url, 'SELECT count(*) FROM moves'))).toBeGreaterThan(0);
  expect(after.frames).toEqual([]);
  await lock.finish();
  const ready = await after.nextOp('ready');
  expect(ready.epoch).not.toBe(before.ready.epoch);
  expect(await stored()).toBe(ready.epoch);
  expect(await value(url, 'SELECT count(*) FROM moves')).toBe('0');
}

const often = { ...env, LINNET_HEAD_CHECK_MS: '200' };

test('an idle pod stores the epoch of a promoted standby, and empties moves, before anybody is served', async () => {
  const url = await pg.database('idle');
  const standby = await pg.standby();
  const server = await startBackend(either(url, standby), often);
  const there = url.replace(new URL(url).host, new URL(standby.url).host);
  try {
    await storedFirst(server, there, async () => {
      await pg.shutDown(); // the standby has everything
      await standby.promote();
    });
  } finally {
    await server.stop();
  }
});

test('an idle pod stores the epoch of a dump that was restored in place, and empties moves, before anybody is served', async () => {
  const url = await pg.database('idle');
  const dir = await mkdtemp(`${tmpdir()}/linnet-dump-`);
  const server = await startBackend(url, often);
  try {
    await storedFirst(server, url, async () => {
      await run('pg_dump', ['--clean', '--if-exists', '-f', `${dir}/dump`, '-d', url]);
      await restore(`${dir}/dump`, url);
    });
  } finally {
    await server.stop();
    await rm(dir, { recursive: true });
  }
});
