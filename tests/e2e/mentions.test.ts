// Mentions: how many are unread, the list of them, and what a message said before.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Person, person } from './lib/api.ts';
import type { Server } from './lib/server.ts';
import { attach, settle } from './lib/socket.ts';
import { type Place, places } from './lib/target.ts';
import type { Channel, List, Message, User } from './lib/types.ts';

type Mentions = List<{ message: Message }> & { users: User[] };
type Versions = List<{ body_rev: number; body: string; at: string }>;

describe.each(places)('on $name', ({ open }) => {
  let place: Place;
  let server: Server;
  let ann: Person;
  let bob: Person;
  let eve: Person;
  let made = 0;

  beforeAll(async () => {
    place = await open();
    server = await place.start();
    ann = await person(server.api(), 'ann');
    bob = await person(server.api(), 'bob');
    eve = await person(server.api(), 'eve');
  });
  afterAll(async () => {
    await server?.stop();
    await place?.remove();
  });
  afterEach(settle);

  async function room(more = {}, ...others: Person[]): Promise<number> {
    const { id } = await ann.api.channel(`room-${++made}`, more);
    for (const p of others) await p.api.ok('channel_join', { path: { id } });
    return id;
  }
  const count = async (p: Person, id: number): Promise<number | undefined> =>
    (await p.api.ok<Channel>('channel_get', { path: { id } })).me?.mention_count;
  const mentions = (p: Person, query = {}): Promise<Mentions> => p.api.ok<Mentions>('mention_list', { query });
  const listed = async (p: Person, id: number): Promise<number[]> =>
    (await mentions(p, { limit: 100 })).items
      .filter((i) => i.message.channel_id === id)
      .map((i) => i.message.message_id);
  const mark = (p: Person, how: 'read' | 'unread', id: number, message_id: number): Promise<undefined> =>
    p.api.ok(`channel_${how}`, { path: { id }, body: { message_id } }, 204);

  test('those by name and @channel count while they are unread, @here never', async () => {
    const id = await room({}, bob, eve);
    for (const body of ['hi @bob', '@channel: dinner', '@bob and @channel', '@here', 'nobody', '`@bob`'])
      await ann.api.send(id, body);
    await bob.api.send(id, '@bob @all'); // not by oneself
    expect([await count(bob, id), await count(eve, id), await count(ann, id)]).toEqual([3, 3, 1]);
    await mark(bob, 'read', id, 1);
    expect(await count(bob, id)).toBe(2);
    await mark(bob, 'read', id, 7);
    expect(await count(bob, id)).toBe(0);
    const socket = await attach(server, { token: bob.signed.access_token }, id);
    await mark(bob, 'unread', id, 3);
    const told = await socket.next((f) => f.op === 'read' && f.channel_id === id, 'the marker');
    expect(told).toMatchObject({ read_id: 2, read_seq: 2, mention_count: 1, unread: true });
    await mark(bob, 'unread', id, 1);
    expect(await count(bob, id)).toBe(3);
    await bob.api.refused(422, 'invalid', 'channel_unread', { path: { id }, body: { message_id: 0 } });
    await bob.api.refused(404, 'not_found', 'channel_unread', { path: { id }, body: { message_id: 8 } });
    // An edit and a deletion change what counts.
    await ann.api.ok('message_patch', { path: { id, message_id: 1 }, body: { body: 'hi all of you' } });
    expect(await count(bob, id)).toBe(2);
    await ann.api.ok('message_patch', { path: { id, message_id: 5 }, body: { body: 'you, @bob' } });
    expect(await count(bob, id)).toBe(3);
    await ann.api.ok('message_delete', { path: { id, message_id: 2 } }, 204);
    expect([await count(bob, id), await count(eve, id)]).toEqual([2, 2]);
    expect(await listed(bob, id)).toEqual([5, 3]);
    await bob.api.ok('channel_leave', { path: { id } });
    expect(await listed(bob, id)).toEqual([]);
    await bob.api.ok('channel_join', { path: { id } });
    expect(await count(bob, id)).toBe(0); // what was before is read
    expect(await listed(bob, id)).toEqual([5, 3]);
  });

  test('the list has what one may read of all one’s channels, newest first, in pages that touch', async () => {
    const rooms = [await room({}, bob), await room({}, bob), await room({}, bob)];
    const elsewhere = await room();
    const wanted: string[] = [];
    for (let i = 0; i < 9; i++) {
      const id = rooms[i % 3] as number;
      const sent = await ann.api.send(id, i % 2 ? `@channel ${i}` : `@bob ${i}`);
      wanted.unshift(`${sent.created_at} ${String(id).padStart(6, '0')} ${sent.message_id}`);
    }
    await ann.api.send(elsewhere, '@bob @channel');
    const mine = rooms.map((id) => String(id));
    for (const limit of [1, 2, 4, 100]) {
      const all: Message[] = [];
      for (let cursor: string | null = ''; cursor !== null;) {
        const p: Mentions = await mentions(bob, { limit, ...(cursor ? { cursor } : {}) });
        expect(p.items.length).toBeLessThanOrEqual(limit);
        all.push(...p.items.map((i) => i.message));
        cursor = p.next;
      }
      const of = all.filter((m) => mine.includes(String(m.channel_id)));
      // Of one moment by their channels.
      expect(of.map((m) => `${m.created_at} ${String(m.channel_id).padStart(6, '0')} ${m.message_id}`)).toEqual(
        [...wanted].sort().reverse(),
      );
      expect(all.some((m) => m.channel_id === elsewhere)).toBe(false);
    }
    const users = (await mentions(bob, { limit: 4 })).users.map((u) => u.id);
    expect(users).toEqual([ann.user.id, bob.user.id]);
    for (const cursor of ['1', '1-2', '1-2-3-4', 'a-b-c', '-1-2-3'])
      await bob.api.refused(422, 'invalid', 'mention_list', { query: { cursor } });
  });

  test('nothing of what was before one came, where that is nobody’s business', async () => {
    const id = await room({ history: 'joined' }, bob);
    await ann.api.send(id, '@bob @channel');
    expect(await listed(bob, id)).toEqual([1]);
    await bob.api.ok('channel_leave', { path: { id } });
    await bob.api.ok('channel_join', { path: { id } });
    expect(await listed(bob, id)).toEqual([]);
    await ann.api.send(id, '@channel');
    expect(await listed(bob, id)).toEqual([2]);
    expect(await count(bob, id)).toBe(1);
    await bob.api.refused(404, 'not_found', 'channel_unread', { path: { id }, body: { message_id: 1 } });
    await mark(bob, 'unread', id, 2);
    expect(await count(bob, id)).toBe(1);
  });

  test('whom one has blocked mentions nobody, also with what was written before', async () => {
    const id = await room({}, bob, eve);
    for (const body of ['@bob', '@channel']) await eve.api.send(id, body);
    expect(await count(bob, id)).toBe(2);
    await place.sql(`INSERT INTO blocks (user_id, blocked_id, at) VALUES (${bob.user.id}, ${eve.user.id}, 1)`);
    try {
      for (const body of ['@bob', '@all']) await eve.api.send(id, body);
      expect(await count(bob, id)).toBe(0);
      expect(await listed(bob, id)).toEqual([]);
      expect(await count(ann, id)).toBe(2);
    } finally {
      await place.sql(`DELETE FROM blocks WHERE user_id = ${bob.user.id}`);
    }
    expect(await listed(bob, id)).toEqual([4, 2, 1]); // by name he never was in the third
  });

  test('what a message said is for its author and for operators, and gone with it', async () => {
    const id = await room({}, bob, eve);
    const path = { id, message_id: (await bob.api.send(id, 'one')).message_id };
    const versions = (p: Person, query = {}): Promise<Versions> =>
      p.api.ok<Versions>('message_history', { path, query }, 200);
    const audited = (): Promise<string> => place.sql(`SELECT count(*) FROM audit WHERE target = '${id}-1'`);
    const first = await versions(bob);
    expect(first.items.map((v) => v.body)).toEqual(['one']);
    const edited: Message[] = [];
    for (const body of ['two', 'two', 'three'])
      edited.push(await bob.api.ok<Message>('message_patch', { path, body: { body } }));
    const all = await versions(bob);
    expect(all.items.map((v) => [v.body, v.body_rev, v.at])).toEqual([
      ['three', edited[2]?.body_rev, edited[2]?.edited_at],
      ['two', edited[0]?.body_rev, edited[0]?.edited_at],
      ['one', first.items[0]?.body_rev, edited[0]?.created_at],
    ]);
    expect(await audited()).toBe('0');
    for (const limit of [1, 2]) {
      const got: Versions['items'] = [];
      for (let cursor: string | null = ''; cursor !== null;) {
        const p: Versions = await versions(ann, { limit, ...(cursor ? { cursor } : {}) });
        got.push(...p.items);
        cursor = p.next;
      }
      expect(got).toEqual(all.items);
    }
    expect(await audited()).toBe('5');
    const problem = await eve.api.refused(403, 'not_allowed', 'message_history', { path });
    expect(problem.detail).toBe('only its author and operators see what a message said');
    await ann.api.refused(404, 'not_found', 'message_history', { path: { id, message_id: 9 } });
    await bob.api.ok('message_delete', { path }, 204);
    for (const p of [ann, bob]) {
      const gone = await p.api.refused(404, 'not_found', 'message_history', { path });
      expect(gone.detail).toBe('this message was deleted');
    }
    expect(await place.sql(`SELECT count(*) FROM message_edits WHERE channel_id = ${id}`)).toBe('0');
  });

  test('in a direct message only its author sees what it said', async () => {
    const dm = await ann.api.ok<Channel>('dm_create', { body: { user_ids: [bob.user.id] } });
    const path = { id: dm.id, message_id: (await bob.api.send(dm.id, 'one')).message_id };
    await bob.api.ok('message_patch', { path, body: { body: 'two' } });
    expect((await bob.api.ok<Versions>('message_history', { path })).items).toHaveLength(2);
    await ann.api.refused(403, 'not_allowed', 'message_history', { path });
  });
});
