// Two backends on one PostgreSQL hear of each other through Redis, and without it by looking at the database.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { person, type Person } from './lib/api.ts';
import { Redis } from './lib/redis.ts';
import { createDatabase, type Server, startBackend } from './lib/server.ts';
import { connect, settle, type Socket } from './lib/socket.ts';

describe('two backends', { timeout: 60_000 }, () => {
  let redis: Redis;
  let here: Server;
  let there: Server;
  let one: Person;
  let two: Person;
  let channel: number;

  const counter = async (server: Server, name: string): Promise<number> => {
    const { text } = await server.api().call('metrics');
    const line = text.split('\n').find((l) => l.startsWith(`${name} `));
    return Number(line?.slice(name.length + 1));
  };
  /** How often this server has logged it. */
  const count = (server: Server, event: string): number =>
    server.program.lines.filter((l) => l.includes(`"event":"${event}"`)).length;
  const logged = async (server: Server, event: string, n: number): Promise<void> => {
    let seen = 0;
    await server.program.log(event, () => ++seen === n);
  };

  beforeAll(async () => {
    redis = await Redis.start();
    const url = await createDatabase();
    // A busy machine is no Redis that is away.
    const env = { REDIS_URL: redis.url, LINNET_ACCESS_LOG: 'false', LINNET_REDIS_AWAY_MS: '2500' };
    here = await startBackend(url, env);
    there = await startBackend(url, env);
    await logged(here, 'bus.link_back', 1);
    await logged(there, 'bus.link_back', 1);
    one = await person(here.api(), 'one');
    two = await person(there.api(), 'two');
    channel = (await one.api.channel('both')).id;
    await two.api.ok('channel_join', { path: { id: channel } });
  });
  afterAll(async () => {
    await here?.stop();
    await there?.stop();
    await redis?.kill();
  });
  afterEach(settle);

  const open = (): Promise<Socket[]> =>
    Promise.all([
      connect(here, { token: one.signed.access_token }),
      connect(there, { token: two.signed.access_token }),
    ]);

  /** A message sent on one side reaches the other; how long that took. */
  async function passes(from: Person, to: Socket, body: string): Promise<number> {
    const began = performance.now();
    const sent = await from.api.send(channel, body);
    const event = await to.next(
      (f) => f.op === 'event' && f.channel_id === channel && f.rev === sent.rev,
      `message ${sent.message_id} on the other side`,
    );
    expect(event.message).toMatchObject({ message_id: sent.message_id, body });
    return performance.now() - began;
  }

  test('a message, a hint and news of oneself reach the other pod', async () => {
    const [a, b] = (await open()) as [Socket, Socket];
    await passes(one, b, 'from here');
    await passes(two, a, 'from there');
    await passes(one, b, 'x'.repeat(8000)); // too large for the bus with all that is around it
    a.say({ op: 'typing', channel_id: channel });
    await b.next((f) => f.op === 'typing' && f.channel_id === channel && f.user_id === one.user.id, 'typing');
    expect(await counter(there, 'linnet_bus_received_total{result="taken"}')).toBeGreaterThan(0);
    // Made over there: what concerns oneself comes here as well.
    const dm = await two.api.ok<{ id: number }>('dm_create', { body: { user_ids: [one.user.id] } });
    await two.api.send(dm.id, 'hello');
    await a.next((f) => f.op === 'channel' && (f.channel as { id: number }).id === dm.id, 'the new channel');
  });

  /**
   * Sends `n` messages one after the other, by turns in both directions: how much longer the middle one of them was on its
   * way than one to the pod that it was sent through, which is what this machine takes just now.
   */
  async function median(n: number, a: Socket, b: Socket, body: string): Promise<number> {
    const longer: number[] = [];
    for (let i = 0; i < n; i++) {
      const near = await (i % 2 ? passes(two, b, body) : passes(one, a, body));
      longer.push((await (i % 2 ? passes(two, a, body) : passes(one, b, body))) - near);
    }
    return longer.sort((x, y) => x - y)[n >> 1] as number;
  }

  const ready = async (server: Server): Promise<unknown> => {
    const { status, dependencies } = await server
      .api()
      .ok<{ status: string; dependencies: { [name: string]: string } }>('ready', {}, 200);
    return { status, ...dependencies };
  };
  const well = { status: 'ok', database: 'ok', redis: 'ok' };
  const without = { status: 'degraded', database: 'ok', redis: 'degraded' };
  /** Limits have a link of their own, which may be back a little later. */
  const wellAgain = async (server: Server): Promise<void> => {
    while ((await counter(server, 'linnet_bus_away')) || (await counter(server, 'linnet_eph_away')))
      await new Promise((again) => setTimeout(again, 20));
    expect(await ready(server)).toEqual(well);
  };

  // Heads are looked at every LINNET_HEAD_CHECK_AWAY_MS (250), so a message waits for half of that and the reads. A busy
  // machine delays one or the other by more; that half of the messages take four times as long as the longest wait takes
  // a machine that stands. With checks as in peace (3 s) the middle one takes 1.5 s.
  test.for([
    ['dead', (): Promise<void> => redis.kill(), (): Promise<void> => redis.again()],
    ['standing still', async (): Promise<void> => redis.pause(), async (): Promise<void> => redis.resume()],
  ] as const)(
    'with Redis %s messages reach the other pod within a second, and whoever asks is told',
    async ([, begin, end]) => {
      const [a, b] = (await open()) as [Socket, Socket];
      const lost = [here, there].map((server) => count(server, 'bus.link_lost')) as [number, number];
      const back = [here, there].map((server) => count(server, 'bus.link_back')) as [number, number];
      await Promise.all([here, there].map(wellAgain));
      await begin();
      await passes(one, b, 'nobody may know yet');
      await logged(here, 'bus.link_lost', lost[0] + 1);
      await logged(there, 'bus.link_lost', lost[1] + 1);
      expect(await median(20, a, b, 'without Redis')).toBeLessThan(1000);
      for (const server of [here, there]) {
        expect(await ready(server)).toEqual(without);
        expect(await counter(server, 'linnet_bus_away')).toBe(1);
      }
      await end();
      await logged(here, 'bus.link_back', back[0] + 1);
      await logged(there, 'bus.link_back', back[1] + 1);
      await Promise.all([here, there].map(wellAgain));
    },
  );

  test('without Redis they arrive all the same, and once it is back quickly again', async () => {
    const [a, b] = (await open()) as [Socket, Socket];
    const lost = [count(here, 'bus.link_lost'), count(there, 'bus.link_lost')] as const;
    const back = [count(here, 'bus.link_back'), count(there, 'bus.link_back')] as const;
    await redis.kill();
    await logged(here, 'bus.link_lost', lost[0] + 1);
    await logged(there, 'bus.link_lost', lost[1] + 1);
    for (let i = 0; i < 3; i++) {
      await passes(one, b, `without ${i}`);
      await passes(two, a, `without ${i}, too`);
    }
    const late = await connect(there, { token: one.signed.access_token }); // attaching waits for nobody
    await passes(two, late, 'to who came meanwhile');
    await redis.again();
    await logged(here, 'bus.link_back', back[0] + 1);
    await logged(there, 'bus.link_back', back[1] + 1);
    await passes(one, b, 'with it again');
    await passes(two, a, 'with it again, too');
    await passes(two, late, 'and so does who came meanwhile');
  });

  test('a Redis that stands still is noticed', async () => {
    const [a, b] = (await open()) as [Socket, Socket];
    const lost = count(here, 'bus.link_lost');
    const back = count(here, 'bus.link_back');
    redis.pause();
    await passes(one, b, 'while nobody knows yet');
    await logged(here, 'bus.link_lost', lost + 1);
    await passes(two, a, 'by the database');
    redis.resume();
    await logged(here, 'bus.link_back', back + 1);
    await passes(one, b, 'by Redis');
  });
});

describe('two backends that nobody gave a Redis', () => {
  test('hear of each other by looking at the database', async () => {
    const url = await createDatabase();
    const env = { LINNET_ACCESS_LOG: 'false', LINNET_HEAD_CHECK_MS: '200' };
    const servers = [await startBackend(url, env), await startBackend(url, env)] as const;
    try {
      const one = await person(servers[0].api(), 'one');
      const two = await person(servers[1].api(), 'two');
      const { id } = await one.api.channel('both');
      const b = await connect(servers[1], { token: two.signed.access_token });
      await one.api.ok('member_put', { path: { id, user_id: two.user.id }, body: {} });
      await b.next((f) => f.op === 'channel' && (f.channel as { id: number }).id === id, 'being added');
      const sent = await one.api.send(id, 'hello');
      await b.next((f) => f.op === 'event' && f.channel_id === id && f.rev === sent.rev, 'the message');
    } finally {
      settle();
      for (const server of servers) await server.stop();
    }
  });
});
