import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Api, type Person, person } from './lib/api.ts';
import { backends, type Server, startEmbedded } from './lib/server.ts';
import { connect, settle } from './lib/socket.ts';
import { type Pair, pair } from './lib/stage.ts';
import type { ChangePage, Channel, List, Message, MessagePage, User } from './lib/types.ts';

type Pins = List<{ message: Message; user_id: number; at: string }> & { refs: Message[]; users: User[] };

const pin = (api: Api, id: number, message_id: number): Promise<undefined> =>
  api.ok('pin_put', { path: { id, message_id } }, 204);
const unpin = (api: Api, id: number, message_id: number): Promise<undefined> =>
  api.ok('pin_delete', { path: { id, message_id } }, 204);
const pins = (api: Api, id: number, query = {}): Promise<Pins> => api.ok<Pins>('pin_list', { path: { id }, query });
const rev = async (api: Api, id: number): Promise<number> =>
  (await api.ok<Channel>('channel_get', { path: { id } })).rev;

describe.each(backends)('pins on $name', ({ start }) => {
  let server: Server;
  let ann: Person;
  let bob: Person;
  let eve: Person;
  let made = 0;

  beforeAll(async () => {
    server = await start();
    ann = await person(server.api(), 'ann');
    bob = await person(server.api(), 'bob');
    eve = await person(server.api(), 'eve');
  });
  afterAll(() => server?.stop());
  afterEach(settle);

  /** A new channel of ann's with bob in it, and two messages of his. */
  async function room(more = {}): Promise<number> {
    const { id } = await ann.api.channel(`room-${++made}`, more);
    await bob.api.ok('channel_join', { path: { id } });
    for (const body of ['one', 'two']) await bob.api.send(id, body);
    return id;
  }

  test('are a mark of the message, a line of the channel, and a list', async () => {
    const id = await room();
    const before = await rev(ann.api, id);
    const socket = await connect(server, { token: bob.signed.access_token });
    await pin(ann.api, id, 1);
    const event = await socket.nextEvent(id, 'pin');
    expect(event).toEqual({
      op: 'event',
      channel_id: id,
      rev: before + 1,
      at: expect.any(String),
      type: 'pin',
      actor_id: ann.user.id,
      message_id: 1,
      changed_rev: before + 1,
      pinned: true,
    });
    await pin(ann.api, id, 1);
    await pin(ann.api, id, 2);
    const page = await bob.api.ok<MessagePage>('message_list', { path: { id } });
    expect(page.items.map((m) => [m.message_id, (m as Message & { pinned?: boolean }).pinned])).toEqual([
      [1, true],
      [2, true],
    ]);
    expect(page.changes.filter((c) => c.type === 'pin')[0]).toEqual(event); // a line
    const list = await bob.api.ok<Pins>('pin_list', { path: { id } });
    expect(list.items.map((p) => [p.message, p.user_id])).toEqual([
      [page.items[1], ann.user.id],
      [page.items[0], ann.user.id],
    ]);
    expect(list.users.map((u) => u.username).sort()).toEqual(['ann', 'bob']);
    const first = await pins(bob.api, id, { limit: 1 });
    const second = await pins(bob.api, id, { limit: 1, cursor: first.next as string });
    expect([first, second].map((p) => p.items.map((i) => i.message.message_id))).toEqual([[2], [1]]);
    expect(second.next).toBeNull();
    await unpin(ann.api, id, 1);
    await unpin(ann.api, id, 1);
    expect((await pins(bob.api, id)).items.map((p) => p.message.message_id)).toEqual([2]);
    expect(await rev(ann.api, id)).toBe(before + 3);
    const log = await bob.api.ok<ChangePage>('change_list', { path: { id }, query: { since_rev: before } });
    expect(log.items.map((e) => [e.type, e.message_id, (e as { pinned?: boolean }).pinned])).toEqual([
      ['pin', 1, true],
      ['pin', 2, true],
      ['pin', 1, false],
    ]);
    await socket.reach(id, before + 3);
    expect(log.items).toEqual(socket.events(id));
    await ann.api.ok('message_delete', { path: { id, message_id: 2 } }, 204);
    expect((await pins(bob.api, id)).items).toEqual([]);
  });

  test('are for operators, and for both of a direct message', async () => {
    const id = await room();
    const path = { id, message_id: 1 };
    for (const call of ['pin_put', 'pin_delete']) {
      const problem = await bob.api.refused(403, 'not_allowed', call, { path });
      expect(problem.detail).toBe('only operators pin messages');
      await eve.api.refused(403, 'not_member', call, { path });
      await ann.api.refused(404, 'not_found', call, { path: { id, message_id: 9 } });
      await ann.api.refused(409, 'epoch_changed', call, { path, query: { epoch: '0123456789abcdef' } });
    }
    await eve.api.refused(403, 'not_member', 'pin_list', { path: { id } });
    const dm = await ann.api.ok<Channel>('dm_create', { body: { user_ids: [bob.user.id] } });
    await ann.api.send(dm.id, 'ours');
    await pin(bob.api, dm.id, 1);
    expect((await pins(ann.api, dm.id)).items).toHaveLength(1);
    await eve.api.refused(404, 'not_found', 'pin_list', { path: { id: dm.id } });
  });

  test('show nothing of what was before one came, where that is nobody’s business', async () => {
    const { id } = await ann.api.channel(`room-${++made}`, { history: 'joined' });
    await ann.api.send(id, 'before bob came');
    await bob.api.ok('channel_join', { path: { id } });
    await ann.api.send(id, 'welcome', { reply_to: 1 });
    const socket = await connect(server, { token: bob.signed.access_token });
    await pin(ann.api, id, 1);
    await pin(ann.api, id, 2);
    expect(await socket.nextEvent(id, 'pin')).toMatchObject({ message_id: 1, pinned: true });
    const list = await pins(bob.api, id);
    expect(list.items.map((p) => p.message.message_id)).toEqual([2]);
    expect(list.refs).toEqual([]);
    expect(JSON.stringify([list, socket.events(id)])).not.toContain('before bob');
    expect((await pins(ann.api, id)).refs.map((m) => m.body)).toEqual(['before bob came']);
  });
});

test('are limited', async () => {
  const server = await startEmbedded({ LINNET_PINS: '2' });
  try {
    const { api } = await person(server.api(), 'ann');
    const { id } = await api.channel('room');
    for (const body of ['one', 'two', 'three']) await api.send(id, body);
    expect((await api.ok<{ limits: { pins: number } }>('server_get')).limits.pins).toBe(2);
    await pin(api, id, 1);
    await pin(api, id, 2);
    const problem = await api.refused(409, 'limit_reached', 'pin_put', { path: { id, message_id: 3 } });
    expect(problem.detail).toBe('at most 2 pinned messages in a channel');
    await unpin(api, id, 1);
    await pin(api, id, 3);
  } finally {
    await server.stop();
  }
});

describe('two backends', () => {
  let pods: Pair;
  beforeAll(async () => {
    pods = await pair({ LINNET_HEAD_CHECK_MS: '3000' });
  });
  afterAll(() => pods?.stop());

  test('cross from one backend to another', async () => {
    const { here, there, redis } = pods;
    const ann = await person(here.api(), 'ann');
    const bob = await person(there.api(), 'bob');
    const { id } = await ann.api.channel('both');
    await bob.api.ok('channel_join', { path: { id } });
    await bob.api.send(id, 'one');
    const socket = await connect(there, { token: bob.signed.access_token });
    await pin(ann.api, id, 1);
    expect(await socket.nextEvent(id, 'pin')).toMatchObject({ actor_id: ann.user.id, pinned: true });
    expect(await pins(bob.api, id)).toEqual(await pins(ann.api, id));
    await redis.kill();
    await unpin(ann.api, id, 1);
    expect(await socket.nextEvent(id, 'pin')).toMatchObject({ pinned: false });
    settle();
  });
});
