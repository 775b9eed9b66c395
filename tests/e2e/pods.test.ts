// Two backends on one PostgreSQL and one Redis: what happens on one of them is seen on the other.
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { password, person, type Person } from './lib/api.ts';
import type { Server } from './lib/server.ts';
import { attach, connect, type Frame, settle, type Socket } from './lib/socket.ts';
import { type Pair, pair } from './lib/stage.ts';
import type { Channel, List, Member, Message, SignedIn, Token, User } from './lib/types.ts';

describe('two backends', () => {
  let pods: Pair;
  let here: Server;
  let there: Server;
  let ann: Person;
  let bob: Person;
  let made = 0;

  beforeAll(async () => {
    pods = await pair();
    ({ here, there } = pods);
    ann = await person(here.api(), 'ann');
    bob = await person(there.api(), 'bob');
  });
  afterEach(settle);
  afterAll(() => pods?.stop());

  const on = (server: Server, p: Person): Promise<Socket> => connect(server, { token: p.signed.access_token });
  const room = async (...others: Person[]): Promise<number> => {
    const { id } = await ann.api.channel(`room-${++made}`);
    for (const p of others) await p.api.ok('channel_join', { path: { id } });
    return id;
  };
  const of =
    (op: string, id: number) =>
    (f: Frame): boolean =>
      f.op === op && f.channel_id === id;

  test('a read marker moves on one’s device on the other pod, forward by value and back as what it is', async () => {
    const id = await room(bob);
    const [one, two] = [await on(here, bob), await on(there, bob)] as [Socket, Socket];
    const sent: Message[] = [];
    for (let i = 0; i < 4; i++) sent.push(await ann.api.send(id, `m ${i}`));
    await Promise.all([one, two].map((s) => s.reach(id, sent[3]?.rev as number)));
    one.say({ op: 'read', channel_id: id, message_id: 2 });
    expect(await two.next(of('read', id), 'read')).toMatchObject({ read_id: 2, read_seq: 2, mention_count: 0 });
    two.say({ op: 'read', channel_id: id, message_id: 3 });
    await one.next((f) => of('read', id)(f) && f.read_id === 3, 'the other way');
    await bob.api.ok('channel_unread', { path: { id }, body: { message_id: 2 } }, 204); // bob's api is there
    expect(await one.next((f) => of('read', id)(f) && f.unread === true, 'unread')).toMatchObject({ read_id: 1 });
    const elsewhere = here.api();
    elsewhere.bearer = bob.signed.access_token;
    await elsewhere.ok('channel_read', { path: { id }, body: { message_id: 4 } }, 204);
    const last = await two.next((f) => of('read', id)(f) && f.read_id === 4, 'read over HTTP');
    // As values: each later one has a later time, and the list has the last.
    const ats = two.frames.filter(of('read', id)).map((f) => f.at as string);
    expect([...ats].sort()).toEqual(ats);
    expect(new Set(ats).size).toBe(ats.length);
    const row = await bob.api.ok<Channel>('channel_get', { path: { id } });
    expect([row.me?.read_id, last.read_seq]).toEqual([4, 4]);
    // Shown to nobody else.
    const anns = await on(there, ann);
    one.say({ op: 'read', channel_id: id, message_id: 4 });
    const m = await ann.api.send(id, 'after');
    await anns.reach(id, m.rev);
    expect(anns.frames.some(of('read', id))).toBe(false);
  });

  test('who joins, leaves, is added or kicked elsewhere is seen here, and by their own devices', async () => {
    const id = await room();
    const a = await on(here, ann);
    const [b, c] = [await on(here, bob), await on(there, bob)] as [Socket, Socket];
    const members = async (p: Person): Promise<number[]> =>
      (await p.api.ok<List<Member>>('member_list', { path: { id } })).items.map((m) => m.user_id).sort();
    const event = async (change: string): Promise<void> => {
      const match = (f: Frame): boolean => f.op === 'event' && f.channel_id === id && f.change === change;
      expect(await a.next(match, change)).toMatchObject({ type: 'member', user_id: bob.user.id });
    };
    const has = (f: Frame): boolean => f.op === 'channel' && (f.channel as Channel).id === id;
    await bob.api.ok('channel_join', { path: { id } }); // over there
    await event('join');
    for (const socket of [b, c]) await socket.next(has, 'the channel that was joined');
    expect(await members(bob)).toEqual([ann.user.id, bob.user.id].sort());
    const sent = await ann.api.send(id, 'welcome');
    for (const socket of [b, c]) await socket.reach(id, sent.rev);
    await bob.api.ok('channel_leave', { path: { id } });
    await event('leave');
    for (const socket of [b, c]) await socket.next(of('channel_gone', id), 'its end');
    expect(await members(ann)).toEqual([ann.user.id]);
    await ann.api.ok('member_put', { path: { id, user_id: bob.user.id }, body: {} }); // here
    await event('join');
    for (const socket of [b, c]) await socket.next(has, 'being added');
    await ann.api.ok('member_delete', { path: { id, user_id: bob.user.id } }, 204);
    await event('kick');
    for (const socket of [b, c]) await socket.next(of('channel_gone', id), 'being kicked');
    const after = await ann.api.send(id, 'without bob');
    await a.reach(id, after.rev);
    for (const socket of [b, c]) {
      expect((await socket.request({ op: 'ping' })).op).toBe('pong');
      expect(socket.events(id).some((e) => e.rev === after.rev)).toBe(false);
    }
  });

  const took = async (what: () => Promise<unknown>): Promise<number> => {
    const from = performance.now();
    await what();
    return performance.now() - from;
  };

  /**
   * Half of `n` times it takes less than this longer than what this machine takes just now for as many commits, requests
   * and hops: a message from the one to the other, and an answer over there.
   */
  async function median(n: number, once: () => Promise<void>): Promise<number> {
    const id = await room(bob);
    const socket = await attach(there, { token: bob.signed.access_token }, id);
    const alike = async (): Promise<void> => {
      const sent = await ann.api.send(id, 'as quick as it goes');
      await socket.reach(id, sent.rev);
      await bob.api.ok('me_get');
    };
    const longer: number[] = [];
    for (let i = 0; i < n; i++) longer.push(-(await took(alike)) + (await took(once)));
    return longer.sort((a, b) => a - b)[n >> 1] as number;
  }

  test('a session that ends here is cut off there within a second', async () => {
    const login = async (): Promise<SignedIn> =>
      here.api().ok<SignedIn>('auth_login', { body: { username: 'bob', password, cookie: false } });
    const ends: { session: SignedIn; socket: Socket }[] = [];
    for (let i = 0; i < 5; i++) {
      const session = await login();
      ends.push({ session, socket: await connect(there, { token: session.access_token }) });
    }
    const kept = await on(there, bob);
    const one = async (): Promise<void> => {
      const { session, socket } = ends.pop() as { session: SignedIn; socket: Socket };
      const api = here.api();
      api.bearer = session.access_token;
      await api.ok('auth_logout', {}, 204);
      expect((await socket.over()).code).toBe(4003);
      const over = there.api();
      over.bearer = session.access_token;
      await over.refused(401, 'session_revoked', 'me_get');
    };
    expect(await median(5, one)).toBeLessThan(1000);
    expect((await kept.request({ op: 'ping' })).op).toBe('pong');
  });

  test('a token that is taken back here is cut off there within a second', async () => {
    const made: Token[] = [];
    const sockets: Socket[] = [];
    for (let i = 0; i < 5; i++) {
      const token = await bob.api.ok<Token>('token_create', { body: { name: `t${i}`, scopes: ['read'] } }, 201);
      made.push(token);
      sockets.push(await connect(there, { token: token.token }));
    }
    const elsewhere = here.api();
    elsewhere.bearer = bob.signed.access_token;
    const one = async (): Promise<void> => {
      const [token, socket] = [made.pop() as Token, sockets.pop() as Socket];
      await elsewhere.ok('token_delete', { path: { id: token.id } }, 204);
      expect((await socket.over()).code).toBe(4003);
      const over = there.api();
      over.bearer = token.token;
      await over.refused(401, 'session_revoked', 'me_get');
    };
    expect(await median(5, one)).toBeLessThan(1000);
  });

  test('who is deactivated here is cut off there within a second', async () => {
    const cid = await person(there.api(), 'cid');
    const patch = (deactivated: boolean): Promise<User> =>
      ann.api.ok<User>('user_patch', { path: { id: cid.user.id }, body: { deactivated } }); // ann's api is here
    const one = async (): Promise<void> => {
      const socket = await on(there, cid);
      await patch(true);
      expect((await socket.over()).code).toBe(4003);
      await cid.api.refused(401, 'unauthenticated', 'me_get');
      await patch(false);
    };
    expect(await median(5, one)).toBeLessThan(1000);
  });

  test('who is kicked here is cut off there within a second', async () => {
    const rooms: number[] = [];
    for (let i = 0; i < 5; i++) rooms.push(await room(bob));
    const b = await attach(there, { token: bob.signed.access_token }, ...rooms);
    const one = async (): Promise<void> => {
      const id = rooms.pop() as number;
      await ann.api.ok('member_delete', { path: { id, user_id: bob.user.id } }, 204);
      await b.next(of('channel_gone', id), 'being kicked');
      await bob.api.refused(403, 'not_member', 'message_create', {
        path: { id },
        body: { nonce: randomUUID(), body: 'still here?' },
      });
    };
    expect(await median(5, one)).toBeLessThan(1000);
  });

  test('a status and do not disturb reach everybody by one rev of the server’s log', async () => {
    const [a, b] = [await on(here, ann), await on(there, bob)] as [Socket, Socket];
    const before = b.cursors.get(0) as number;
    const body = { status: `at the lake ${++made}`, do_not_disturb: true };
    await ann.api.ok('me_patch', { body });
    for (const socket of [a, b])
      expect(await socket.nextEvent(0, 'user')).toMatchObject({ rev: before + 1, user_id: ann.user.id, user: body });
    await ann.api.ok('me_patch', { body: { status: null, do_not_disturb: false } });
    expect((await b.nextEvent(0, 'user')).rev).toBe(before + 2);
  });

  test('typing is told on the other pod, not to oneself, and to nobody who is not in the channel', async () => {
    const [id, other] = [await room(bob), await room()];
    const hearing = (server: Server, p: Person): Promise<Socket> =>
      attach(server, { token: p.signed.access_token }, id);
    const [a, b, again] = [await hearing(here, ann), await hearing(there, bob), await hearing(there, ann)];
    const typing = (f: Frame): boolean => f.op === 'typing';
    a.say({ op: 'typing', channel_id: other }); // bob is not there
    a.say({ op: 'typing', channel_id: id, thread_id: 1 });
    expect(await b.next(typing, 'typing')).toEqual({
      op: 'typing',
      channel_id: id,
      user_id: ann.user.id,
      thread_id: 1,
    });
    await bob.api.ok('typing_create', { path: { id } }, 204);
    for (const socket of [a, again])
      expect(await socket.next(typing, 'typing')).toEqual({ op: 'typing', channel_id: id, user_id: bob.user.id });
    // What was said before has come or will not come.
    const m = await ann.api.send(id, 'done');
    for (const socket of [a, b, again]) await socket.reach(id, m.rev);
    expect([a, b, again].map((s) => s.frames.filter(typing).length)).toEqual([1, 1, 1]);
  });

  test('who was silenced, or may not write, types to nobody', async () => {
    const id = await room(bob);
    const [a, b] = [await on(here, ann), await on(there, bob)] as [Socket, Socket];
    const quiet = await room(bob);
    const silenced = `silenced_until = 4102444800000 WHERE channel_id = ${id} AND user_id = ${bob.user.id}`;
    for (const text of [`UPDATE members SET ${silenced}`, `UPDATE heads SET read_only = 1 WHERE channel_id = ${quiet}`])
      await pods.sql(text);
    await bob.api.refused(403, 'not_allowed', 'typing_create', { path: { id } });
    for (const channel_id of [id, quiet])
      expect(await b.request({ op: 'typing', channel_id })).toMatchObject({ op: 'error', code: 'not_allowed' });
    const m = await ann.api.send(id, 'done');
    await a.reach(id, m.rev);
    expect(a.frames.some((f) => f.op === 'typing')).toBe(false);
  });

  test('typing has a rate, refused by an error that says when, and never closes', async () => {
    const id = await room(bob);
    const b = await on(there, bob);
    for (let ref = 1; ref <= 20; ref++) b.say({ op: 'typing', ref, channel_id: id });
    const refused = await b.next((f) => f.op === 'error', 'a refusal');
    expect(refused).toMatchObject({ ref: expect.any(Number), code: 'rate_limited', retry_after: 1 });
    expect((await b.request({ op: 'ping' })).op).toBe('pong');
    const wrong: [object, string][] = [
      [{}, 'invalid'],
      [{ channel_id: '1' }, 'invalid'],
      [{ channel_id: -1 }, 'invalid'],
      [{ channel_id: 0 }, 'invalid'],
      [{ channel_id: 1.5 }, 'invalid'],
      [{ channel_id: 9007199254740992 }, 'invalid'],
      [{ channel_id: id, thread_id: 'x' }, 'invalid'],
      [{ channel_id: id, thread_id: 0 }, 'invalid'],
      [{ channel_id: 987_654 }, 'not_member'],
    ];
    for (const [fields, code] of wrong)
      expect(await b.request({ op: 'typing', ...fields }), JSON.stringify(fields)).toMatchObject({ op: 'error', code });
  });
});
