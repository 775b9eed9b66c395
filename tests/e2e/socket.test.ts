import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Person, password, person } from './lib/api.ts';
import { backends, type Server } from './lib/server.ts';
import { attach, connect, dial, type Frame, settle, type Socket } from './lib/socket.ts';
import type { Channel, Message, SignedIn, Token } from './lib/types.ts';

describe.each(backends)('sockets on $name', ({ start }) => {
  let server: Server;
  let ann: Person;
  let bob: Person;
  let made = 0;

  beforeAll(async () => {
    server = await start();
    ann = await person(server.api(), 'ann');
    bob = await person(server.api(), 'bob');
  });
  afterEach(settle);
  afterAll(() => server?.stop());

  async function room(...who: Person[]): Promise<number> {
    const { id } = await ann.api.channel(`room-${++made}`);
    for (const p of who) await p.api.ok('channel_join', { path: { id } });
    return id;
  }
  const on = (p: Person): { token: string } => ({ token: p.signed.access_token });

  test('ready tells who one is and where the streams begin', async () => {
    const id = await room();
    const { ready } = await connect(server, on(ann));
    expect(ready.user.username).toBe('ann');
    const kinds = new Map(ready.channels.map((c) => [c.id, c.kind]));
    expect([kinds.get(0), kinds.get(id)]).toEqual(['server', 'public']);
    const row = await ann.api.ok<Channel>('channel_get', { path: { id } });
    expect(ready.channels.find((c) => c.id === id)?.rev).toBe(row.rev);
  });

  test('a message reaches every member once, in one order, its sender too', async () => {
    const id = await room(bob);
    const [a, b] = [await connect(server, on(ann)), await connect(server, on(bob))];
    const sent = await Promise.all(Array.from({ length: 20 }, (_, i) => (i % 2 ? ann : bob).api.send(id, `m ${i}`)));
    const last = Math.max(...sent.map((m) => m.rev));
    for (const socket of [a, b]) {
      await socket.reach(id, last);
      const bodies = new Map(sent.map((m) => [m.rev, m]));
      for (const event of socket.events(id)) expect(event.message).toEqual(bodies.get(event.rev));
      expect(socket.events(id).length).toBe(20);
    }
    expect(a.events(id)).toEqual(b.events(id)); // the same frames for every reader
  });

  test('send over the socket is acknowledged, and its event comes as well', async () => {
    const id = await room(bob);
    const [a, b] = [await connect(server, on(ann)), await connect(server, on(bob))];
    const nonce = randomUUID();
    const message = await a.send(id, nonce, 'over the wire');
    expect(message).toMatchObject({ channel_id: id, nonce, body: 'over the wire', author_id: ann.user.id });
    for (const socket of [a, b]) expect((await socket.nextEvent(id, 'message')).message).toEqual(message);
    expect(await a.send(id, nonce, 'over the wire')).toEqual(message); // a retry
    const reused = await a.request({ op: 'send', channel_id: id, nonce, body: 'other words' });
    expect([reused.op, reused.code]).toEqual(['error', 'nonce_reused']);
    const { last_id } = await ann.api.ok<Channel>('channel_get', { path: { id } });
    expect(last_id).toBe(1);
  });

  test('edits, deletions, topics and members travel in the same stream', async () => {
    const id = await room();
    const a = await connect(server, on(ann));
    const m = await ann.api.send(id, 'first');
    const path = { id, message_id: m.message_id };
    await ann.api.ok('message_patch', { path, body: { body: 'second' } });
    await a.reach(id, m.rev + 1); // read later, it would be as it is then
    await ann.api.ok('message_delete', { path });
    await ann.api.ok('channel_patch', { path: { id }, body: { topic: 'news' } });
    await bob.api.ok('channel_join', { path: { id } });
    await bob.api.ok('channel_leave', { path: { id } });
    await a.reach(id, m.rev + 5);
    const events = a.events(id);
    expect(events.map((e) => e.type)).toEqual(['message', 'edit', 'delete', 'topic', 'member', 'member']);
    expect(events.slice(4).map((e) => [e.change, e.user_id])).toEqual([
      ['join', bob.user.id],
      ['leave', bob.user.id],
    ]);
    expect(events[1]?.message).toMatchObject({ body: 'second', changed_rev: m.rev + 1 });
    expect(events[2]?.message?.body ?? '').toBe('');
    expect(events[3]).toMatchObject({ topic: 'news', actor_id: ann.user.id });
  });

  test('who comes back is given everything since the cursor, then lives on', async () => {
    const id = await room(bob);
    const first = await connect(server, on(bob));
    const before = await ann.api.send(id, 'seen');
    await first.reach(id, before.rev);
    await first.close();
    const missed: Message[] = [];
    for (let i = 0; i < 30; i++) missed.push(await ann.api.send(id, `missed ${i}`));
    const hello = { cursors: { [id]: before.rev }, user_rev: first.ready.user_rev, epoch: first.ready.epoch };
    const again = await connect(server, on(bob), hello);
    const synced = await again.next((f) => f.op === 'synced' && f.channel_id === id, 'synced');
    expect(synced.rev).toBe(missed.at(-1)?.rev);
    expect(again.events(id).map((e) => e.message?.body)).toEqual(missed.map((m) => m.body));
    const live = await ann.api.send(id, 'live');
    await again.reach(id, live.rev);
    expect(again.events(id).length).toBe(31);
  });

  test('a cursor with its time goes on; one with another time, epoch or above the head is reset', async () => {
    const id = await room(bob);
    const m = await ann.api.send(id, 'anchor');
    const at = await ann.api
      .ok<{ items: { rev: number; at: string }[] }>('change_list', { path: { id }, query: { since_rev: m.rev - 1 } })
      .then((c) => c.items[0]?.at ?? '');
    const good = await connect(server, on(bob), { cursors: { [id]: [m.rev, at] } });
    await ann.api.send(id, 'next');
    await good.reach(id, m.rev + 1);
    expect(good.frames.some((f) => f.op === 'reset')).toBe(false);
    const bad: [string, Parameters<typeof connect>[2]][] = [
      ['another time', { cursors: { [id]: [m.rev, '2001-01-01T00:00:00.000Z'] } }],
      ['another epoch', { cursors: { [id]: m.rev }, epoch: '0123456789abcdef' }],
      ['above the head', { cursors: { [id]: m.rev + 1000 } }],
    ];
    for (const [what, hello] of bad) {
      const socket = await connect(server, on(bob), hello);
      const end = await socket.next((f) => (f.op === 'reset' || f.op === 'synced') && f.channel_id === id, what);
      expect([what, end.op]).toEqual([what, 'reset']);
      expect((end.channel as Channel).id).toBe(id);
      const live = await ann.api.send(id, what);
      await socket.reach(id, live.rev);
    }
  });

  test('far behind is a reset, not a flood', async () => {
    const id = await room(bob);
    const { rev } = await ann.api.ok<Channel>('channel_get', { path: { id } });
    for (let i = 0; i < 13; i++) await Promise.all(Array.from({ length: 40 }, () => ann.api.send(id, 'flood')));
    const socket = await connect(server, on(bob), { cursors: { [id]: rev } });
    const reset = await socket.next((f) => f.op === 'reset' && f.channel_id === id, 'reset');
    expect(reset.rev).toBe(rev + 520);
    expect(socket.events(id)).toEqual([]);
  });

  test('a new membership brings its channel to an open socket, an end takes it away', async () => {
    const b = await connect(server, on(bob));
    const { id } = await ann.api.channel(`room-${++made}`, { private: true });
    await ann.api.ok('member_put', { path: { id, user_id: bob.user.id }, body: {} });
    const came = await b.next((f) => f.op === 'channel' && (f.channel as Channel).id === id, 'channel');
    expect((came.channel as Channel).me?.role).toBe('member');
    const m = await ann.api.send(id, 'welcome');
    await b.reach(id, m.rev);
    await ann.api.ok('member_delete', { path: { id, user_id: bob.user.id }, query: { reason: 'bye' } });
    await b.next((f) => f.op === 'channel_gone' && f.channel_id === id, 'channel_gone');
    const kick = b.events(id).at(-1);
    expect([kick?.type, kick?.change, kick?.user_id]).toEqual(['member', 'kick', bob.user.id]);
    await ann.api.send(id, 'among ourselves');
    await ann.api.ok('member_put', { path: { id, user_id: bob.user.id }, body: {} });
    await b.next((f) => f.op === 'channel' && (f.channel as Channel).id === id, 'the channel again');
    const after = await ann.api.send(id, 'welcome back');
    await b.reach(id, after.rev);
    expect(b.events(id).some((e) => e.message?.body === 'among ourselves')).toBe(false);
  });

  test('joining and leaving oneself is seen by all of one’s sockets', async () => {
    const { id } = await ann.api.channel(`room-${++made}`);
    const sockets = [await connect(server, on(bob)), await connect(server, on(bob))];
    await bob.api.ok('channel_join', { path: { id } });
    for (const s of sockets) await s.next((f) => f.op === 'channel' && (f.channel as Channel).id === id, 'channel');
    await bob.api.ok('channel_leave', { path: { id } });
    for (const s of sockets) await s.next((f) => f.op === 'channel_gone' && f.channel_id === id, 'channel_gone');
  });

  test('a direct message reaches the other person at once', async () => {
    const b = await connect(server, on(bob));
    const dm = await ann.api.ok<Channel>('dm_create', { body: { user_ids: [bob.user.id] } });
    const m = await ann.api.send(dm.id, 'psst');
    await b.until(() => (b.cursors.has(dm.id) ? true : undefined), 'the DM');
    await b.reach(dm.id, m.rev);
  });

  test('a read marker moves on the other devices', async () => {
    const id = await room(bob);
    const [one, two] = [await connect(server, on(bob)), await connect(server, on(bob))];
    const m = await ann.api.send(id, 'read me');
    await one.reach(id, m.rev);
    one.say({ op: 'read', channel_id: id, message_id: m.message_id });
    const moved = (f: Frame): boolean => f.op === 'read' && f.channel_id === id;
    const read = await two.next(moved, 'read');
    expect(read).toMatchObject({ read_id: 1, read_seq: 1, mention_count: 0 });
    expect(read).not.toHaveProperty('unread');
    await bob.api.ok('channel_unread', { path: { id }, body: { message_id: m.message_id } }, 204);
    // A marker that went back would be taken for an old one, were it not called what it is.
    const back = await two.next(moved, 'unread');
    expect(back).toMatchObject({ read_id: 0, read_seq: 0, unread: true, at: expect.stringMatching(/Z$/) });
    const n = await ann.api.send(id, 'and me');
    await bob.api.ok('channel_read', { path: { id }, body: { message_id: n.message_id } });
    expect(await two.next(moved, 'read')).toMatchObject({ read_id: 2, read_seq: 2 });
  });

  test('who is typing is told to the others in the channel', async () => {
    const id = await room(bob);
    const [a, b] = [await attach(server, on(ann), id), await attach(server, on(bob), id)];
    await ann.api.ok('typing_create', { path: { id } }, 204);
    expect(await b.nextOp('typing')).toMatchObject({ channel_id: id, user_id: ann.user.id });
    b.say({ op: 'typing', channel_id: id });
    const told = (f: Frame): boolean => f.op === 'typing' && f.user_id === bob.user.id;
    expect(await a.next(told, 'typing')).toMatchObject({ channel_id: id });
  });

  test('a profile change is one event in the server’s log', async () => {
    const a = await connect(server, on(ann));
    await bob.api.ok('me_patch', { body: { display_name: `Bob ${++made}` } });
    const event = await a.nextEvent(0, 'user');
    expect(event.user_id).toBe(bob.user.id);
  });

  test('a request that is refused is an error, never a close', async () => {
    const id = await room();
    const b = await connect(server, on(bob));
    const refused = async (frame: { op: string } & { [key: string]: unknown }, code: string): Promise<void> => {
      const answer = await b.request(frame);
      expect([answer.op, answer.code], JSON.stringify(answer)).toEqual(['error', code]);
    };
    await refused({ op: 'send', channel_id: id, nonce: randomUUID(), body: 'x' }, 'not_member');
    await refused({ op: 'read', channel_id: id, message_id: 1 }, 'not_member');
    await refused({ op: 'send', channel_id: id, nonce: randomUUID(), body: 'x', attachments: ['a'] }, 'invalid');
    const stray = await b.request({ op: 'send', channel_id: 987_654, nonce: randomUUID(), body: 'x' });
    expect(stray).toMatchObject({ op: 'error', code: 'not_found', detail: 'There is no such channel' });
    await refused({ op: 'send', channel_id: id, nonce: 'x', body: 'x' }, 'invalid');
    await refused({ op: 'send', channel_id: 'x', nonce: randomUUID(), body: 'x' }, 'invalid');
    await refused({ op: 'send', nonce: randomUUID() }, 'invalid');
    expect((await b.request({ op: 'ping' })).op).toBe('pong');
  });

  test('unknown fields are ignored here', async () => {
    const id = await room();
    const a = await connect(server, on(ann));
    const answer = await a.request({ op: 'send', channel_id: id, nonce: randomUUID(), body: 'x', from_the_future: 1 });
    expect(answer.op).toBe('ack');
  });

  test('an API token reads and writes as its scopes say', async () => {
    const id = await room();
    const make = async (scopes: string[]): Promise<string> =>
      (await ann.api.ok<Token>('token_create', { body: { name: 'ws', scopes } }, 201)).token;
    const reader = await connect(server, { token: await make(['read']) });
    const refusal = await reader.request({ op: 'send', channel_id: id, nonce: randomUUID(), body: 'x' });
    expect([refusal.op, refusal.code]).toEqual(['error', 'scope_missing']);
    expect(refusal.detail).toBe('The token needs the scope write');
    const writer = await connect(server, { token: await make(['read', 'write']) });
    const m = await writer.send(id, randomUUID(), 'by a bot');
    await reader.reach(id, m.rev);
  });

  test('by subprotocol: the token is not echoed', async () => {
    const socket = await connect(server, { protocols: ['linnet.v1', `bearer.${ann.signed.access_token}`] });
    expect(socket.ws.protocol).toBe('linnet.v1');
  });

  test('by cookie, from our own origin only', async () => {
    const login = await server.api().call('auth_login', { body: { username: 'ann', password } });
    const cookie = login.headers.getSetCookie()[0]?.split(';')[0] ?? '';
    await connect(server, { cookie, origin: server.origin });
    for (const origin of ['https://evil.example', undefined]) {
      const socket = await dial(server, origin ? { cookie, origin } : { cookie });
      await socket.until(() => socket.refused ?? socket.closed, 'refusal').catch(() => undefined);
      const { refused, closed } = socket;
      expect(refused?.status === 403 || closed?.code === 1008, JSON.stringify({ refused, closed })).toBe(true);
    }
  });

  test('/api/ws is the same place', async () => {
    await connect(server, { ...on(ann), path: '/api/ws' });
  });

  test('without a session the upgrade succeeds and closes with 4001', async () => {
    for (const options of [{}, { token: 'nonsense' }, { protocols: ['linnet.v1', 'bearer.nonsense'] }]) {
      const socket = await dial(server, options);
      expect((await socket.over()).code).toBe(4001);
    }
  });

  test('logging out closes its sockets with 4003, others stay', async () => {
    const login = async (): Promise<SignedIn> =>
      server.api().ok<SignedIn>('auth_login', { body: { username: 'bob', password, cookie: false } });
    const [here, there] = [await login(), await login()];
    const [a, b] = [
      await connect(server, { token: here.access_token }),
      await connect(server, { token: there.access_token }),
    ];
    const api = server.api();
    api.bearer = here.access_token;
    await api.ok('auth_logout', {}, 204);
    expect((await a.over()).code).toBe(4003);
    expect((await b.request({ op: 'ping' })).op).toBe('pong');
  });

  const hostile: [string, string | Buffer, number][] = [
    ['no JSON', '{"op":', 4002],
    ['an array', '[]', 4002],
    ['no op', '{}', 4002],
    ['an op that is no text', '{"op":7}', 4002],
    ['an unknown op', '{"op":"teleport"}', 4002],
    ['a key twice', '{"op":"ping","op":"hello"}', 4002],
    ['nesting without end', '['.repeat(20_000), 4002],
    ['a binary message', Buffer.from('{"op":"ping"}'), 1003],
    ['a message over 64 KiB', JSON.stringify({ op: 'ping', pad: 'x'.repeat(66_000) }), 1009],
  ];
  test.each(hostile)('%s closes with its code', async (_, data, code) => {
    const a = await connect(server, on(ann));
    a.ws.send(data);
    expect((await a.over()).code).toBe(code);
  });

  test.each([
    ['a list of cursors', '[]', 'hello: cursors: must be an object'],
    ['a cursor of no channel', '{"x":1}', 'hello: cursors: each is CHANNEL_ID: REV or [REV, AT]'],
    ['a cursor without a number', '{"1":"2"}', 'hello: cursors: each is CHANNEL_ID: REV or [REV, AT]'],
    ['a cursor whose time is none', '{"1":[1,"now"]}', 'hello: cursors: each is CHANNEL_ID: REV or [REV, AT]'],
    ['a cursor below zero', '{"1":-1}', 'hello: cursors: each is CHANNEL_ID: REV or [REV, AT]'],
  ])('a hello with %s is told what is wrong', async (_, cursors, reason) => {
    const a = await dial(server, on(ann));
    await a.opened();
    a.say(`{"op":"hello","cursors":${cursors}}`);
    expect(await a.over()).toEqual({ code: 4002, reason });
  });

  test.each([
    ['a list', '[]', 'ref is no string or number'],
    ['no whole number', '1.5', 'ref is no string or number'],
    ['too long', JSON.stringify('x'.repeat(65)), 'ref: at most 64 bytes'],
  ])('a ref that is %s closes, and is told why', async (_, ref, reason) => {
    const a = await connect(server, on(ann));
    a.say(`{"op":"ping","ref":${ref}}`);
    expect(await a.over()).toEqual({ code: 4002, reason });
  });

  test('an op that is not known is named where it closes', async () => {
    const a = await connect(server, on(ann));
    a.say('{"op":"teleport"}');
    expect(await a.over()).toEqual({ code: 4002, reason: 'no known op: teleport' });
  });

  test.each(['{"op":"send"}', '{"op":"read","channel_id":1,"message_id":1}'])(
    '%s before hello closes with 4002',
    async (text) => {
      const a = await dial(server, on(ann));
      await a.opened();
      a.say(text);
      expect((await a.over()).code).toBe(4002);
    },
  );

  test('hello comes once, and must be readable', async () => {
    const twice = await connect(server, on(ann));
    twice.say({ op: 'hello', cursors: {} });
    expect((await twice.over()).code).toBe(4002);
    const many = Object.fromEntries(Array.from({ length: 1001 }, (_, i) => [i + 1, 1]));
    for (const cursors of [{ x: 1 }, { 1: 'x' }, { 1: -1 }, { 1: [1] }, { 1: [1, 'x'] }, [], 7, many]) {
      const socket = await dial(server, on(ann));
      await socket.opened();
      socket.say({ op: 'hello', cursors });
      expect((await socket.over()).code).toBe(4002);
    }
  });

  test('a hello in two parts is one', async () => {
    const ids = [await room(), await room()];
    const revs = await Promise.all(ids.map(async (id) => (await ann.api.send(id, 'x')).rev));
    const socket: Socket = await dial(server, on(ann));
    await socket.opened();
    socket.say({ op: 'hello', cursors: { [ids[0] ?? 0]: (revs[0] ?? 0) - 1 }, more: true });
    socket.cursors.set(ids[0] ?? 0, (revs[0] ?? 0) - 1);
    await socket.hello({ cursors: { [ids[1] ?? 0]: (revs[1] ?? 0) - 1 } });
    for (const [i, id] of ids.entries()) await socket.reach(id, revs[i] ?? 0);
  });

  test('a channel that one is not in is gone, not replayed', async () => {
    const { id } = await ann.api.channel(`room-${++made}`, { private: true });
    await ann.api.send(id, 'secret');
    const b = await connect(server, on(bob), { cursors: { [id]: 0, 987654: 3 } });
    expect(b.ready.gone.sort((x, y) => x - y)).toEqual([id, 987_654].sort((x, y) => x - y));
    expect((await b.request({ op: 'ping' })).op).toBe('pong');
    expect(b.events(id)).toEqual([]);
  });

  test('a pong answers a ping of the protocol', async () => {
    const a = await connect(server, on(ann));
    const pong = new Promise<string>((resolve) => a.ws.once('pong', (data: Buffer) => resolve(data.toString())));
    a.ws.ping('are you there');
    expect(await pong).toBe('are you there');
  });
});
