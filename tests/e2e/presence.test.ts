// Who is there: on one server, and on two pods that share a Redis, which dies, stands still and comes back empty.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { person, type Person } from './lib/api.ts';
import { Redis } from './lib/redis.ts';
import { backends, createDatabase, type Server, startBackend } from './lib/server.ts';
import { connect, type Frame, settle, type Socket } from './lib/socket.ts';
import type { List, Member, Token } from './lib/types.ts';

type States = { [user_id: string]: string };
const on = (server: Server, p: Person): Promise<Socket> => connect(server, { token: p.signed.access_token });

/** Says whom to watch and takes the answer, which names all of them. */
async function watch(socket: Socket, ...people: Person[]): Promise<States> {
  const answer = await socket.request({ op: 'watch', user_ids: people.map((p) => p.user.id) });
  expect(answer.op, JSON.stringify(answer)).toBe('presence');
  return answer.states as States;
}

/** Waits until what was told last of somebody is this. */
function becomes(socket: Socket, p: Person, state: string): Promise<string> {
  return socket.until(() => {
    const told = socket.frames.filter((f) => f.op === 'presence' && `${p.user.id}` in (f.states as States));
    return (told.at(-1)?.states as States | undefined)?.[p.user.id] === state ? state : undefined;
  }, `${p.user.username} to be ${state}`);
}

describe.each(backends)('presence on $name', ({ start }) => {
  let server: Server;
  let ann: Person;
  let bob: Person;
  let eve: Person;

  beforeAll(async () => {
    server = await start({ LINNET_WATCHES: '600', LINNET_ACCESS_LOG: 'false' });
    ann = await person(server.api(), 'ann');
    bob = await person(server.api(), 'bob');
    eve = await person(server.api(), 'eve');
  });
  afterEach(settle);
  afterAll(() => server?.stop());

  /** Everybody of the last test has gone. */
  beforeEach(async () => {
    const open = async (): Promise<number> =>
      Number(/^linnet_hub_sessions (\d+)$/m.exec((await server.api().call('metrics')).text)?.[1]);
    while ((await open()) > 0);
  });

  test('devices add up: online while one is, idle while all are, offline without any', async () => {
    const a = await on(server, ann);
    expect(await watch(a, bob, eve, ann)).toEqual({
      [ann.user.id]: 'online',
      [bob.user.id]: 'offline',
      [eve.user.id]: 'offline',
    });
    const [one, two] = [await on(server, bob), await on(server, bob)];
    await becomes(a, bob, 'online');
    one.say({ op: 'presence', state: 'idle' });
    two.say({ op: 'presence', state: 'idle' });
    await becomes(a, bob, 'idle');
    one.say({ op: 'presence', state: 'online' });
    await becomes(a, bob, 'online');
    one.ws.terminate(); // cut, without a word
    await becomes(a, bob, 'idle');
    await two.close();
    await becomes(a, bob, 'offline');
    // Each change once.
    const told = a.frames.filter((f) => f.op === 'presence').slice(1);
    expect(told.map((f) => f.states)).toEqual(
      ['online', 'idle', 'online', 'idle', 'offline'].map((state) => ({ [bob.user.id]: state })),
    );
  });

  test('the set that was said last counts; an empty one ends it', async () => {
    const a = await on(server, ann);
    await watch(a, bob);
    await watch(a, eve);
    const b = await on(server, bob);
    const e = await on(server, eve);
    await becomes(a, eve, 'online');
    expect(await watch(a, bob, eve)).toEqual({ [bob.user.id]: 'online', [eve.user.id]: 'online' });
    expect(await watch(a)).toEqual({});
    const before = a.frames.length;
    await b.close();
    e.say({ op: 'presence', state: 'idle' });
    const c = await on(server, ann); // watches after all of that
    expect(await watch(c, bob)).toEqual({ [bob.user.id]: 'offline' });
    expect((await a.request({ op: 'ping' })).op).toBe('pong');
    expect(a.frames.slice(before).filter((f) => f.op === 'presence')).toEqual([]);
  });

  test('many sets at once: each is answered, by the states or by a later one having come, and the last counts', async () => {
    const a = await on(server, ann);
    const answers = await Promise.all(
      Array.from({ length: 12 }, (_, i) =>
        a.request({ op: 'watch', user_ids: i === 11 ? [eve.user.id] : [bob.user.id] }),
      ),
    );
    for (const answer of answers)
      expect(answer.op === 'presence' || (answer.op === 'error' && answer.code === 'conflict'), JSON.stringify(answer)).toBe(true); // prettier-ignore
    expect(answers[11]?.states).toEqual({ [eve.user.id]: 'offline' });
    await on(server, bob);
    await on(server, eve);
    await becomes(a, eve, 'online');
    const told = a.frames.filter((f) => f.op === 'presence' && (f.states as States)[bob.user.id] === 'online');
    expect(told).toEqual([]);
  });

  test('who does not exist is not named', async () => {
    const a = await on(server, ann);
    const answer = await a.request({ op: 'watch', user_ids: [bob.user.id, 987_654, bob.user.id] });
    expect(answer.states).toEqual({ [bob.user.id]: 'offline' });
  });

  test('a list of members may be of those who are there', async () => {
    const { id } = await ann.api.channel('who-is-there');
    for (const p of [bob, eve]) await p.api.ok('channel_join', { path: { id } });
    const online = async (query: { [name: string]: string | number } = {}): Promise<List<Member>> =>
      ann.api.ok<List<Member>>('member_list', { path: { id }, query: { online: 'true', ...query } });
    expect(await online()).toMatchObject({ items: [], next: null });
    const b = await on(server, bob);
    const e = await on(server, eve);
    e.say({ op: 'presence', state: 'idle' });
    expect((await e.request({ op: 'ping' })).op).toBe('pong');
    const ids = (list: List<Member>): number[] => list.items.map((m) => m.user_id);
    expect(ids(await online())).toEqual([bob.user.id, eve.user.id]);
    const first = await online({ limit: 1 });
    expect(ids(first)).toEqual([bob.user.id]);
    const second = await online({ limit: 1, cursor: first.next as string });
    expect([ids(second), second.next]).toEqual([[eve.user.id], null]);
    expect(ids(await online({ q: 'ev' }))).toEqual([eve.user.id]);
    const all = await ann.api.ok<List<Member>>('member_list', { path: { id }, query: { online: 'false' } });
    expect(all.items.length).toBe(3);
    for (const wrong of ['', '1', 'TRUE', 'yes'])
      await ann.api.refused(422, 'invalid', 'member_list', { path: { id }, query: { online: wrong } });
    await Promise.all([b, e].map((s) => s.close()));
  });

  test('hostile sets and states are refused by an exact error, and nothing closes', async () => {
    const a = await on(server, ann);
    await watch(a, bob);
    const many = (n: number): number[] => Array.from({ length: n }, (_, i) => i + 1);
    const wrong: { [key: string]: unknown }[] = [
      { op: 'watch' },
      { op: 'watch', user_ids: null },
      { op: 'watch', user_ids: 7 },
      { op: 'watch', user_ids: { 1: 1 } },
      { op: 'watch', user_ids: ['1'] },
      { op: 'watch', user_ids: [1.5] },
      { op: 'watch', user_ids: [0] },
      { op: 'watch', user_ids: [-1] },
      { op: 'watch', user_ids: [9007199254740992] },
      { op: 'watch', user_ids: [[1]] },
      { op: 'watch', user_ids: [null] },
      { op: 'watch', user_ids: many(501) },
      { op: 'presence' },
      { op: 'presence', state: 7 },
      { op: 'presence', state: '' },
      { op: 'presence', state: 'offline' },
      { op: 'presence', state: 'ONLINE' },
      { op: 'presence', state: 'dnd' },
      { op: 'presence', state: ['online'] },
    ];
    for (const frame of wrong) {
      const answer = await a.request(frame as { op: string });
      const field = frame.op === 'watch' ? 'user_ids' : 'state';
      expect(answer, JSON.stringify(frame).slice(0, 80)).toMatchObject({ op: 'error', code: 'invalid' });
      expect((answer.errors as { field: string }[])[0]?.field).toBe(field);
    }
    expect((await a.request({ op: 'watch', user_ids: many(500) })).op).toBe('presence');
    const b = await on(server, bob);
    await becomes(a, bob, 'online'); // of the set of 500
    await b.close();
  });

  test('sets and states have a rate', async () => {
    const b = await on(server, eve);
    for (const frame of [
      { op: 'watch', user_ids: [] },
      { op: 'presence', state: 'idle' },
    ]) {
      for (let ref = 1; ref <= 120; ref++) b.say({ ...frame, ref });
      const refused = await b.next((f) => f.op === 'error' && f.code === 'rate_limited', 'a refusal');
      expect(refused).toMatchObject({ ref: expect.any(Number), retry_after: 1 });
    }
    expect((await b.request({ op: 'ping' })).op).toBe('pong');
  });

  test('a token needs the scope: read to watch, write to say how one is', async () => {
    const make = async (scopes: string[]): Promise<Socket> => {
      const { token } = await ann.api.ok<Token>('token_create', { body: { name: 'presence', scopes } }, 201);
      return connect(server, { token });
    };
    const reader = await make(['read']);
    expect(await watch(reader, bob)).toEqual({ [bob.user.id]: 'offline' });
    const idle = { op: 'presence', state: 'idle' };
    expect(await reader.request(idle)).toMatchObject({ op: 'error', code: 'scope_missing' });
  });
});

describe('presence on two pods', { timeout: 60_000 }, () => {
  const ttl = 4000;
  let redis: Redis;
  let env: { [name: string]: string };
  let url: string;
  let here: Server;
  let there: Server;
  let ann: Person;
  let bob: Person;
  let eve: Person;

  const again = async (server: Server, event: string, n: number): Promise<void> => {
    let seen = 0;
    await server.program.log(event, () => ++seen === n);
  };
  const count = (server: Server, event: string): number =>
    server.program.lines.filter((l) => l.includes(`"event":"${event}"`)).length;

  beforeAll(async () => {
    redis = await Redis.start();
    url = await createDatabase();
    env = {
      REDIS_URL: redis.url,
      LINNET_ACCESS_LOG: 'false',
      LINNET_PRESENCE_TTL_MS: `${ttl}`,
      // A busy machine is no Redis that is away, nor one that does not answer.
      LINNET_REDIS_AWAY_MS: '2500',
      LINNET_REDIS_WAIT_MS: '10000',
    };
    [here, there] = [await startBackend(url, env), await startBackend(url, env)];
    for (const server of [here, there]) await again(server, 'bus.link_back', 1);
    ann = await person(here.api(), 'ann');
    bob = await person(there.api(), 'bob');
    eve = await person(there.api(), 'eve');
  });
  afterEach(settle);
  afterAll(async () => {
    await here?.stop();
    await there?.stop();
    await redis?.kill();
  });

  test('devices on both add up, and a change comes quickly', async () => {
    const a = await on(here, ann);
    await watch(a, bob, eve);
    await becomes(a, bob, 'offline');
    const [one, two] = [await on(here, bob), await on(there, bob)];
    await becomes(a, bob, 'online');
    one.say({ op: 'presence', state: 'idle' });
    two.say({ op: 'presence', state: 'idle' });
    await becomes(a, bob, 'idle');
    two.say({ op: 'presence', state: 'online' });
    await becomes(a, bob, 'online');
    two.ws.terminate();
    await becomes(a, bob, 'idle');
    await one.close();
    await becomes(a, bob, 'offline');
    const e = await on(there, eve);
    await becomes(a, eve, 'online');
    expect(await watch(a, eve)).toEqual({ [eve.user.id]: 'online' });
    await e.close();
    await becomes(a, eve, 'offline');
  });

  test('in a large channel those are listed who are there and typed lately, on any pod', async () => {
    const { id } = await ann.api.channel('large');
    for (const p of [bob, eve]) await p.api.ok('channel_join', { path: { id } });
    const large = `UPDATE heads SET member_count = 1001 WHERE channel_id = ${id}`;
    await promisify(execFile)('psql', ['-X', '-q', '-d', url, '-c', large]);
    const online = async (): Promise<number[]> => {
      const { items } = await ann.api.ok<List<Member>>('member_list', { path: { id }, query: { online: 'true' } });
      return items.map((m) => m.user_id);
    };
    const [b, e] = [await on(there, bob), await on(here, eve)] as [Socket, Socket];
    expect(await online()).toEqual([]);
    b.say({ op: 'typing', channel_id: id });
    while (!(await online()).includes(bob.user.id));
    e.say({ op: 'typing', channel_id: id });
    while (!(await online()).includes(eve.user.id));
    await b.close();
    while ((await online()).includes(bob.user.id));
    await e.close();
  });

  test('a pod that is killed is forgotten within the time, and what it shared with others is not', async () => {
    const doomed = await startBackend(url, env);
    await again(doomed, 'bus.link_back', 1);
    const a = await on(here, ann);
    const dead = [await on(doomed, bob), await on(doomed, eve)];
    const e = await on(there, eve);
    e.say({ op: 'presence', state: 'idle' });
    await watch(a, bob, eve);
    await becomes(a, bob, 'online');
    await becomes(a, eve, 'online');
    await doomed.kill(); // the unit test has the time to the millisecond
    await becomes(a, bob, 'offline');
    await becomes(a, eve, 'idle');
    for (const socket of dead) socket.faults.length = 0; // a reset connection is no fault of the server’s here
  });

  test('a pod that stops says so at once', async () => {
    const leaving = await startBackend(url, env);
    await again(leaving, 'bus.link_back', 1);
    const a = await on(here, ann);
    await on(leaving, bob);
    await watch(a, bob);
    await becomes(a, bob, 'online');
    await leaving.stop();
    await becomes(a, bob, 'offline');
  });

  test('Redis dies: everybody’s own pod is what there is; it comes back empty: all are seen again', async () => {
    const [a, b, c] = [await on(here, ann), await on(there, bob), await on(here, eve)] as [Socket, Socket, Socket];
    await watch(a, bob, eve);
    await becomes(a, bob, 'online');
    await becomes(a, eve, 'online');
    const back = [here, there].map((s) => count(s, 'bus.link_back'));
    await redis.kill();
    await becomes(a, bob, 'offline'); // on the other pod
    c.say({ op: 'presence', state: 'idle' });
    await becomes(a, eve, 'idle'); // on this one
    b.say({ op: 'presence', state: 'idle' });
    await redis.again();
    await again(here, 'bus.link_back', (back[0] as number) + 1);
    await again(there, 'bus.link_back', (back[1] as number) + 1);
    await becomes(a, bob, 'idle');
    c.say({ op: 'presence', state: 'online' });
    await becomes(a, eve, 'online');
    await b.close();
    await becomes(a, bob, 'offline');
  });

  test('a Redis that stands still hides nobody who was seen on this pod, and is caught up with', async () => {
    const [a, b, c] = [await on(here, ann), await on(there, bob), await on(here, eve)] as [Socket, Socket, Socket];
    await watch(a, bob, eve);
    await becomes(a, bob, 'online');
    const lost = count(here, 'bus.link_lost');
    redis.pause();
    await again(here, 'bus.link_lost', lost + 1);
    expect((await a.request({ op: 'ping' })).op).toBe('pong');
    b.say({ op: 'presence', state: 'idle' });
    redis.resume();
    await becomes(a, bob, 'idle');
    const eves = a.frames.flatMap((f: Frame) => (f.op === 'presence' ? [(f.states as States)[eve.user.id]] : []));
    expect(eves.filter((s) => s === 'offline')).toEqual([]);
    await c.close();
    await becomes(a, eve, 'offline');
  });
});
