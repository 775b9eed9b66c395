// Mentions: whom a message names, how many are unread, the list of them, and what a message said before. Who writes is on
// one server, who is named has devices on both.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Api, type Person, person } from './lib/api.ts';
import { attach, type Frame, settle, type Socket } from './lib/socket.ts';
import { type Stage, stages } from './lib/stage.ts';
import type { Channel, Followed, List, Message, ThreadPage, User } from './lib/types.ts';

type Mentions = List<{ message: Message }> & { users: User[] };
type Versions = List<{ body_rev: number; body: string; at: string }>;

describe.each(stages)('on $name', ({ open }) => {
  let stage: Stage;
  let ann: Person; // here
  let bob: Person; // there,
  let bobHere: Api; // and here
  let eve: Person; // there
  let made = 0;

  beforeAll(async () => {
    stage = await open();
    ann = await person(stage.here.api(), 'ann');
    bob = await person(stage.there.api(), 'bob');
    eve = await person(stage.there.api(), 'eve');
    bobHere = stage.here.api();
    bobHere.bearer = bob.signed.access_token;
  });
  afterEach(settle);
  afterAll(() => stage?.stop());

  async function room(more = {}, ...others: Person[]): Promise<number> {
    const { id } = await ann.api.channel(`room-${++made}`, more);
    for (const p of others) await p.api.ok('channel_join', { path: { id } });
    return id;
  }
  const count = async (p: Person, id: number): Promise<number | undefined> =>
    (await p.api.ok<Channel>('channel_get', { path: { id } })).me?.mention_count;
  const mentions = (api: Api, query = {}): Promise<Mentions> => api.ok<Mentions>('mention_list', { query });
  const listed = async (p: Person, id: number): Promise<number[]> =>
    (await mentions(p.api, { limit: 100 })).items
      .filter((i) => i.message.channel_id === id)
      .map((i) => i.message.message_id);
  const mark = (api: Api, how: 'read' | 'unread', id: number, message_id: number): Promise<undefined> =>
    api.ok(`channel_${how}`, { path: { id }, body: { message_id } }, 204);
  const edit = (p: Person, id: number, message_id: number, body: string): Promise<Message> =>
    p.api.ok<Message>('message_patch', { path: { id, message_id }, body: { body } }, 200);
  /** What comes next is live. */
  const on = async (p: Person, id: number, server = stage.there): Promise<Socket> => {
    const socket = await attach(server, { token: p.signed.access_token }, id);
    await socket.nextOp('synced');
    return socket;
  };
  const marker =
    (id: number) =>
    (f: Frame): boolean =>
      f.op === 'read' && f.channel_id === id;

  test('a body names members by @name, once each, and everybody; not in code, nor in other words', async () => {
    const id = await room({}, bob, eve);
    const [b, e] = [bob.user.id, eve.user.id];
    const dan = await person(stage.here.api(), 'dan');
    const cases: [string, number[], boolean][] = [
      ['hi @bob', [b], false],
      ['@eve, @bob and @EVE', [b, e], false],
      ['@channel: dinner', [], true],
      ['@bob, @all', [b], true],
      ['(@everyone)', [], true],
      ['@here', [], false],
      ['`@bob` and ``@all ` @eve``', [], false],
      ['```\n@bob @channel\n```\n@eve', [e], false],
      ['an `open tick, @bob', [b], false],
      ['me@bob, https://x.example/@bob, \\@bob, @@bob', [], false],
      ['@bobby @bob-', [], false],
      [`@${dan.user.username}, @nobody, @ann`, [], false], // no member, nobody, oneself
    ];
    const socket = await on(bob, id);
    for (const [body, user_ids, all] of cases) {
      const sent = await ann.api.send(id, body);
      expect([body, sent.mentions]).toEqual([body, { user_ids, all }]);
      expect((await socket.nextEvent(id, 'message')).message).toEqual(sent);
      expect(await bob.api.ok<Message>('message_get', { path: { id, message_id: sent.message_id } })).toEqual(sent);
    }
    expect([await count(bob, id), await count(eve, id), await count(ann, id)]).toEqual([6, 5, 0]);
  });

  test('those by name and @channel count while they are unread, @here never', async () => {
    const id = await room({}, bob, eve);
    for (const body of ['hi @bob', '@channel: dinner', '@bob and @channel', '@here', 'nobody', '`@bob`'])
      await ann.api.send(id, body);
    await bob.api.send(id, '@bob @all'); // not by oneself
    expect([await count(bob, id), await count(eve, id), await count(ann, id)]).toEqual([3, 3, 1]);
    const devices = [await on(bob, id), await on(bob, id, stage.here)];
    const told = async (want: object): Promise<void> => {
      for (const socket of devices) expect(await socket.next(marker(id), 'the marker')).toMatchObject(want);
    };
    await mark(bobHere, 'read', id, 1);
    await told({ read_id: 1, read_seq: 1, mention_count: 2 });
    expect(await count(bob, id)).toBe(2);
    await mark(bob.api, 'read', id, 7);
    await told({ read_id: 7, read_seq: 7, mention_count: 0 });
    expect(await count(bob, id)).toBe(0);
    await mark(bobHere, 'unread', id, 3);
    await told({ read_id: 2, read_seq: 2, mention_count: 1, unread: true });
    await mark(bob.api, 'unread', id, 1);
    await told({ read_id: 0, read_seq: 0, mention_count: 3, unread: true });
    expect(await count(bob, id)).toBe(3);
    for (const api of [bob.api, bobHere]) {
      await api.refused(422, 'invalid', 'channel_unread', { path: { id }, body: { message_id: 0 } });
      await api.refused(404, 'not_found', 'channel_unread', { path: { id }, body: { message_id: 8 } });
    }
    // An edit and a deletion change what counts.
    await edit(ann, id, 1, 'hi all of you');
    expect(await count(bob, id)).toBe(2);
    await edit(ann, id, 5, 'you, @bob');
    expect(await count(bob, id)).toBe(3);
    await ann.api.ok('message_delete', { path: { id, message_id: 2 } }, 204);
    expect([await count(bob, id), await count(eve, id)]).toEqual([2, 2]);
    expect(await listed(bob, id)).toEqual([5, 3]);
    await bobHere.ok('channel_leave', { path: { id } });
    expect(await listed(bob, id)).toEqual([]);
    await bobHere.ok('channel_join', { path: { id } });
    expect(await count(bob, id)).toBe(0); // what was before is read
    expect(await listed(bob, id)).toEqual([5, 3]);
  });

  test('an edit says anew whom a message names, and notifies nobody', async () => {
    const id = await room({}, bob, eve);
    await ann.api.send(id, 'a thread');
    const main = await ann.api.send(id, '@bob, look');
    const reply = await ann.api.send(id, 'nobody yet', { thread_id: 1 });
    for (const p of [bob, eve]) await mark(p.api, 'read', id, reply.message_id);
    const sockets = [await on(bob, id), await on(eve, id)];
    const one = await edit(ann, id, main.message_id, '@eve and @channel, look');
    expect(one.mentions).toEqual({ user_ids: [eve.user.id], all: true });
    const two = await edit(ann, id, reply.message_id, 'for @eve');
    const after = await ann.api.send(id, 'on we go');
    for (const socket of sockets) {
      for (const edited of [one, two])
        expect(await socket.nextEvent(id)).toMatchObject({ type: 'edit', rev: edited.changed_rev, message: edited });
      await socket.reach(id, after.rev);
      expect((await socket.request({ op: 'ping' })).op).toBe('pong');
      expect(socket.frames.filter((f) => f.op === 'read' || f.op === 'thread')).toEqual([]);
    }
    expect([await count(bob, id), await count(eve, id)]).toEqual([0, 0]); // they have read it as it was
    // It stands where the message does: named by @channel is bob as well.
    expect(await listed(bob, id)).toEqual([main.message_id]);
    expect(await listed(eve, id)).toEqual([reply.message_id, main.message_id]);
    await edit(ann, id, main.message_id, 'look, @eve');
    expect(await listed(bob, id)).toEqual([]);
    await mark(eve.api, 'unread', id, main.message_id);
    expect(await count(eve, id)).toBe(1); // and what is in the thread counts there
    const thread = await eve.api.ok<ThreadPage>('thread_get', { path: { id, message_id: 1 } });
    expect(thread.me).toEqual({ following: false, read_seq: 0, mention_count: 0 });
  });

  test('what is said in a thread counts for the thread, and is in the list', async () => {
    const id = await room({}, bob);
    await ann.api.send(id, 'root');
    const devices = [await on(bob, id), await on(bob, id, stage.here)];
    const mine = async (api: Api): Promise<unknown[]> => {
      const all = await api.ok<List<Followed>>('thread_list');
      const found = all.items.find((f) => f.root.channel_id === id);
      const page = await api.ok<ThreadPage>('thread_get', { path: { id, message_id: 1 } });
      expect(page.me.mention_count).toBe(found?.mention_count);
      return [found?.mention_count, found?.unread, await count(bob, id)];
    };
    for (const body of ['for @bob', 'for nobody', 'for @bob']) await ann.api.send(id, body, { thread_id: 1 });
    await ann.api.send(id, 'and @bob', { thread_id: 1, in_channel: true });
    for (const socket of devices)
      expect(await socket.next((f) => f.op === 'thread' && f.channel_id === id, 'the thread')).toMatchObject({
        thread_id: 1,
        following: true,
        read_seq: 0,
      });
    for (const api of [bob.api, bobHere]) expect(await mine(api)).toEqual([3, 4, 0]);
    expect(await listed(bob, id)).toEqual([5, 4, 2]);
    await bobHere.ok('thread_read', { path: { id, message_id: 1 }, body: { message_id: 2 } }, 204);
    for (const api of [bob.api, bobHere]) expect(await mine(api)).toEqual([2, 3, 0]);
    expect(await listed(bob, id)).toEqual([5, 4, 2]); // read or not
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
      for (let cursor: string | null = '', i = 0; cursor !== null; i++) {
        const api = i % 2 ? bobHere : bob.api; // each page of the other
        const p: Mentions = await mentions(api, { limit, ...(cursor ? { cursor } : {}) });
        expect(p.items.length).toBeLessThanOrEqual(limit);
        all.push(...p.items.map((item) => item.message));
        cursor = p.next;
      }
      const of = all.filter((m) => mine.includes(String(m.channel_id)));
      // Of one moment by their channels.
      expect(of.map((m) => `${m.created_at} ${String(m.channel_id).padStart(6, '0')} ${m.message_id}`)).toEqual(
        [...wanted].sort().reverse(),
      );
      expect(all.some((m) => m.channel_id === elsewhere)).toBe(false);
    }
    const users = (await mentions(bob.api, { limit: 4 })).users.map((u) => u.id);
    expect(users).toEqual([ann.user.id, bob.user.id]);
    for (const cursor of ['1', '1-2', '1-2-3-4', 'a-b-c', '-1-2-3'])
      await bob.api.refused(422, 'invalid', 'mention_list', { query: { cursor } });
  });

  test('nothing of what was before one came, where that is nobody’s business', async () => {
    const id = await room({ history: 'joined' }, bob);
    await ann.api.send(id, '@bob @channel');
    expect(await listed(bob, id)).toEqual([1]);
    await bobHere.ok('channel_leave', { path: { id } });
    await bobHere.ok('channel_join', { path: { id } });
    expect(await listed(bob, id)).toEqual([]);
    await ann.api.send(id, '@channel');
    expect(await listed(bob, id)).toEqual([2]);
    expect(await count(bob, id)).toBe(1);
    await bob.api.refused(404, 'not_found', 'channel_unread', { path: { id }, body: { message_id: 1 } });
    await mark(bob.api, 'unread', id, 2);
    expect(await count(bob, id)).toBe(1);
  });

  test('whom one has blocked mentions nobody, also with what was written before', async () => {
    const id = await room({}, bob, eve);
    for (const body of ['@bob', '@channel']) await eve.api.send(id, body);
    expect(await count(bob, id)).toBe(2);
    await mark(bob.api, 'read', id, 2);
    const devices = [await on(bob, id), await on(bob, id, stage.here)];
    await bobHere.ok('block_put', { path: { id: eve.user.id } }, 204);
    const named = await eve.api.send(id, '@bob');
    expect(named.mentions).toEqual({ user_ids: [bob.user.id], all: false }); // a block is not for her to see
    await eve.api.send(id, '@all');
    expect(await count(bob, id)).toBe(0);
    expect(await listed(bob, id)).toEqual([]);
    expect(await count(ann, id)).toBe(2);
    const mine = await ann.api.send(id, '@bob');
    await mark(bobHere, 'unread', id, 1);
    for (const socket of devices) {
      await socket.reach(id, mine.rev); // the stream is everybody's
      expect(socket.events(id).at(-1)?.message).toEqual(mine);
      const unread = await socket.next((f) => marker(id)(f) && f.unread === true, 'the marker');
      expect(unread).toMatchObject({ read_id: 0, mention_count: 1 });
    }
    await bob.api.ok('block_delete', { path: { id: eve.user.id } }, 204);
    expect(await listed(bob, id)).toEqual([5, 4, 3, 2, 1]);
    expect(await count(bob, id)).toBe(5);
  });

  test('what a message said is for its author and for operators, and gone with it', async () => {
    const id = await room({}, bob, eve);
    const path = { id, message_id: (await bob.api.send(id, 'one')).message_id };
    const versions = (api: Api, query = {}): Promise<Versions> =>
      api.ok<Versions>('message_history', { path, query }, 200);
    const audited = (): Promise<string> => stage.sql(`SELECT count(*) FROM audit WHERE target = '${id}-1'`);
    const first = await versions(bob.api);
    expect(first.items.map((v) => v.body)).toEqual(['one']);
    const edited: Message[] = [];
    for (const [api, body] of [
      [bob.api, 'two'],
      [bobHere, 'two'],
      [bobHere, 'three'],
    ] as const)
      edited.push(await api.ok<Message>('message_patch', { path, body: { body } }));
    const all = await versions(bob.api);
    expect(all.items.map((v) => [v.body, v.body_rev, v.at])).toEqual([
      ['three', edited[2]?.body_rev, edited[2]?.edited_at],
      ['two', edited[0]?.body_rev, edited[0]?.edited_at],
      ['one', first.items[0]?.body_rev, edited[0]?.created_at],
    ]);
    expect(await audited()).toBe('0');
    const annThere = stage.there.api();
    annThere.bearer = ann.signed.access_token;
    for (const limit of [1, 2]) {
      const got: Versions['items'] = [];
      for (let cursor: string | null = '', i = 0; cursor !== null; i++) {
        const p: Versions = await versions(i % 2 ? annThere : ann.api, { limit, ...(cursor ? { cursor } : {}) });
        got.push(...p.items);
        cursor = p.next;
      }
      expect(got).toEqual(all.items);
    }
    expect(await audited()).toBe('5');
    const by = `SELECT count(*) FROM audit WHERE target = '${id}-1' AND action = 'message.history' AND actor_id = `;
    expect(await stage.sql(by + ann.user.id)).toBe('5');
    const problem = await eve.api.refused(403, 'not_allowed', 'message_history', { path });
    expect(problem.detail).toBe('only its author and operators see what a message said');
    await ann.api.refused(404, 'not_found', 'message_history', { path: { id, message_id: 9 } });
    await bob.api.ok('message_delete', { path }, 204);
    for (const p of [ann, bob]) {
      const gone = await p.api.refused(404, 'not_found', 'message_history', { path });
      expect(gone.detail).toBe('this message was deleted');
    }
    expect(await stage.sql(`SELECT count(*) FROM message_edits WHERE channel_id = ${id}`)).toBe('0');
  });

  test('in a direct message only its author sees what it said', async () => {
    const dm = await ann.api.ok<Channel>('dm_create', { body: { user_ids: [bob.user.id] } });
    const path = { id: dm.id, message_id: (await bob.api.send(dm.id, 'one')).message_id };
    await bob.api.ok('message_patch', { path, body: { body: 'two' } });
    expect((await bobHere.ok<Versions>('message_history', { path })).items).toHaveLength(2);
    await ann.api.refused(403, 'not_allowed', 'message_history', { path });
  });
});
