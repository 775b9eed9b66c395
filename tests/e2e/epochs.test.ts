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
import { type Server, startBackend } from './lib/server.ts';
import { moment } from './lib/signal.ts';
import { Target } from './lib/target.ts';

vi.setConfig({ testTimeout: 60_000 }); // two servers are made, one copies the other

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

let pg: Postgres;
beforeEach(async () => {
  pg = await Postgres.start();
});
afterEach(() => pg?.stop());

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
    await run('psql', ['-X', '-q', '-1', '-v', 'ON_ERROR_STOP=1', '-o', '/dev/null', '-f', `${dir}/dump`, '-d', url]);
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
