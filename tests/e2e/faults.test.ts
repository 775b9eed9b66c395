// What is acknowledged stays, whatever is killed, stopped or full; and who was not answered may ask again.
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Api, type Person, person } from './lib/api.ts';
import { Device } from './lib/device.ts';
import { diskFull, type Disk, fileLimit } from './lib/disk.ts';
import { judgeSeen, judgeSent, logOf, messagesOf } from './lib/judge.ts';
import { HttpSender, Load, SocketSender } from './lib/load.ts';
import { Postgres } from './lib/postgres.ts';
import { type Server, startBackend, startEmbedded } from './lib/server.ts';
import { moment } from './lib/signal.ts';
import { places, Target } from './lib/target.ts';
import type { Channel } from './lib/types.ts';

vi.setConfig({ testTimeout: 180_000 }); // servers end and start, and forty clients talk to them

const quiet = { LINNET_ACCESS_LOG: 'false' };
/** A change that the database does not take is given up soon, so that refusals need not be waited for long. */
const hasty = { ...quiet, LINNET_APPEND_WAIT_MS: '300' };

/** Twenty people in four channels, each sending in two of them; half over HTTP, half over a WebSocket. */
class Crowd {
  readonly target = new Target();
  readonly load = new Load();
  readonly people: Person[] = [];
  readonly channels: number[] = [];
  readonly devices: Device[] = [];

  static async gather(server: Server, once = false): Promise<Crowd> {
    const crowd = new Crowd();
    crowd.target.put(server);
    crowd.people.push(await person(server.api(), 'p0'));
    const names = Array.from({ length: 19 }, (_, i) => `p${i + 1}`);
    crowd.people.push(...(await Promise.all(names.map((name) => person(server.api(), name)))));
    // As any client: where the server is hasty and the machine slow, they ask again.
    const patiently = async (api: Api, call: string, ask: object): Promise<unknown> => {
      for (;;) {
        const answer = await api.call(call, ask);
        if (answer.status === 503) continue;
        expect(answer.status, answer.text).toBeLessThan(300);
        return answer.body;
      }
    };
    for (let i = 0; i < 4; i++) {
      const made = await patiently(crowd.owner(server), 'channel_create', { body: { name: `room-${i}` } });
      crowd.channels.push((made as Channel).id);
    }
    const joins = crowd.people.slice(1).flatMap((p) => crowd.channels.map((id) => ({ p, id })));
    await Promise.all(joins.map(({ p, id }) => patiently(p.api, 'channel_join', { path: { id } })));
    for (const [i, p] of crowd.people.entries()) {
      const sender = i % 2 ? new SocketSender(crowd.device(p, once)) : new HttpSender(crowd.target, p);
      for (const k of [i, i + 1]) crowd.load.start(sender, crowd.channels[k % 4] as number);
    }
    return crowd;
  }

  private device(p: Person, once: boolean): Device {
    const device = new Device(this.target, p, { once, plain: this.devices.length % 2 === 0 });
    this.devices.push(device);
    return device;
  }

  /** The first person, in every channel, as a client of the present server. */
  owner(server: Server): Api {
    const api = server.api();
    api.bearer = this.people[0]?.signed.access_token as string;
    return api;
  }

  /** Holds the senders' memory against the logs; they may go on meanwhile. */
  async judge(server: Server): Promise<void> {
    for (const id of this.channels) await judgeSent(this.owner(server), this.load.sent, id);
  }

  /** The same for the readers, once nobody sends any more. */
  async judgeReaders(server: Server): Promise<void> {
    for (const id of this.channels) {
      const log = await logOf(this.owner(server), id);
      const messages = await messagesOf(this.owner(server), id);
      for (const device of this.devices) {
        await device.reach(id, log.length);
        judgeSeen(device, id, log, messages);
        expect(device.stream(id).resets).toBe(0);
      }
    }
  }

  async close(): Promise<void> {
    this.load.giveUp();
    this.target.end();
    await Promise.all(this.devices.map((d) => d.close()));
  }
}

describe.each(places)('the process on $name', ({ open }) => {
  test('killed at any moment: nothing acknowledged is lost, nothing is there twice', async () => {
    const place = await open();
    let server = await place.start(quiet);
    const crowd = await Crowd.gather(server);
    const { load, target } = crowd;
    try {
      for (let round = 1; round <= 3; round++) {
        await load.more(20 + Math.floor(Math.random() * 150));
        await moment(20);
        if (round === 3) load.giveUp(); // what is not answered now is not asked again
        target.put(undefined);
        await server.kill();
        server = await place.start(quiet);
        target.put(server);
        if (round < 3) await load.more(40);
        else await load.finish();
        await crowd.judge(server);
      }
      await crowd.judgeReaders(server);
      expect(load.lost).toBeGreaterThan(0);
    } finally {
      await crowd.close();
      await server.stop();
      await place.remove();
    }
  });

  test('told to stop under load: says so, answers what is under way, sends everybody away', async () => {
    const place = await open();
    // Long enough for all that is asked of it below while it still takes connections.
    const drain = { ...quiet, LINNET_DRAIN_ACCEPT_S: '5', LINNET_DRAIN_S: '1' };
    let server = await place.start(drain);
    const crowd = await Crowd.gather(server, true);
    const { load } = crowd;
    try {
      await load.more(100);
      const exit = server.stop(); // throws unless the code is 0
      await server.program.log('process.stopping');
      const ready = await server.api().call('ready');
      expect([ready.status, ready.body]).toMatchObject([503, { status: 'draining' }]);
      expect(ready.headers.get('connection')).toBe('close');
      await load.more(50); // still served
      await load.finish();
      expect(load.lost).toBe(0);
      for (const device of crowd.devices) {
        const { reconnect_in_ms } = await device.frame('drain');
        expect(reconnect_in_ms).toBeGreaterThanOrEqual(0);
        expect(reconnect_in_ms).toBeLessThan(1000);
        expect(await device.ended()).toBe(1001);
      }
      await exit;
      const end = await server.program.log('process.stopped');
      expect(end).toMatchObject({ connections: 0, quiet: true });
      server = await place.start(drain);
      await crowd.judge(server);
    } finally {
      await crowd.close();
      await server.stop();
      await place.remove();
    }
  });
});

describe('the database away', () => {
  let pg: Postgres;

  beforeAll(async () => {
    pg = await Postgres.start();
  });
  afterAll(() => pg?.stop());

  /** A crowd at work; what is thrown in is the test's, the verdict is always the same. */
  async function during(name: string, fault: (crowd: Crowd, server: Server) => Promise<void>): Promise<void> {
    const server = await startBackend(await pg.database(name), hasty);
    const crowd = await Crowd.gather(server);
    try {
      await crowd.load.more(20 + Math.floor(Math.random() * 100));
      await moment(20);
      await fault(crowd, server);
      await crowd.load.more(100);
      await crowd.load.finish();
      expect([...crowd.load.refused.keys()]).toEqual(['unavailable']);
      expect(crowd.load.lost).toBe(0);
      await crowd.judge(server);
      await crowd.judgeReaders(server);
      expect(crowd.devices.flatMap((d) => d.closes)).toEqual([]); // no socket was cut
    } finally {
      await crowd.close();
      await server.stop();
    }
  }

  test('PostgreSQL killed and started again: 503 meanwhile, then it goes on by itself', async () => {
    await during('killed', async (crowd, server) => {
      await pg.kill();
      await crowd.load.refusals(60);
      await server.api().ok('health');
      const path = { id: crowd.channels[0] as number };
      const { headers } = await crowd.owner(server).call('channel_get', { path });
      expect(headers.get('retry-after')).toBe('1');
      await crowd.owner(server).refused(503, 'unavailable', 'channel_get', { path });
      await pg.again();
    });
  });

  test('PostgreSQL standing still for two seconds: what waits is given up in time, what is under way goes on', async () => {
    await during('paused', async ({ load }, server) => {
      const two_seconds = new Promise((resolve) => setTimeout(resolve, 2000));
      await pg.pause();
      try {
        await load.refusals(10);
        await server.api().ok('health');
        await two_seconds;
      } finally {
        await pg.resume();
      }
    });
  });

  test('told to stop while PostgreSQL stands still, it ends all the same', async () => {
    const server = await startBackend(await pg.database('stopped'), quiet);
    const crowd = await Crowd.gather(server, true);
    await crowd.load.more(20);
    await pg.pause();
    try {
      crowd.load.giveUp();
      await server.stop();
      const end = await server.program.log('process.stopped');
      expect(end).toMatchObject({ written: false });
    } finally {
      await pg.resume();
      await crowd.close();
    }
  });
});

describe.each([
  { name: 'the disk', full: diskFull },
  { name: 'the limit of file sizes', full: fileLimit },
])('$name full under SQLite', ({ full }) => {
  test('sends are answered 503 and nothing is lost; once there is room it goes on by itself', async () => {
    const disk: Disk = await full();
    let server = await startEmbedded(hasty, disk.dir);
    const crowd = await Crowd.gather(server);
    const { load, target } = crowd;
    try {
      for (let round = 0; round < 2; round++) {
        await load.more(50);
        await disk.fill(server);
        await load.refusals(60);
        const api = crowd.owner(server);
        await api.ok('channel_get', { path: { id: crowd.channels[0] as number } }); // reading goes on
        await crowd.judge(server);
        await disk.free(server);
        await load.more(50);
      }
      await load.finish();
      expect([...load.refused.keys()]).toEqual(['unavailable']);
      expect(load.lost).toBe(0);
      await crowd.judge(server);
      target.put(undefined);
      await server.kill();
      server = await startEmbedded(hasty, disk.dir);
      target.put(server);
      await crowd.judge(server);
      await crowd.judgeReaders(server);
    } finally {
      await crowd.close();
      await server.stop();
      await disk.remove();
    }
  });
});
