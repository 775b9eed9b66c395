// Replies in threads: what is sent, what a root shows of them, and what a client makes of their events.
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Api, type Person, person } from './lib/api.ts';
import { backends, type Server } from './lib/server.ts';
import { attach, connect, type Frame, settle, type Socket } from './lib/socket.ts';
import { type Pair, pair } from './lib/stage.ts';
import type {
  ChangePage,
  Channel,
  Event,
  Followed,
  List,
  Message,
  MessagePage,
  ThreadPage,
  User,
} from './lib/types.ts';

const get = (api: Api, id: number, message_id: number): Promise<Message> =>
  api.ok<Message>('message_get', { path: { id, message_id } });
const page = (api: Api, id: number, query = {}): Promise<MessagePage> =>
  api.ok<MessagePage>('message_list', { path: { id }, query });
const row = (api: Api, id: number): Promise<Channel> => api.ok<Channel>('channel_get', { path: { id } });

const thread = (api: Api, id: number, message_id = 1, query = {}): Promise<ThreadPage> =>
  api.ok<ThreadPage>('thread_get', { path: { id, message_id }, query });
const followed = (api: Api, query = {}): Promise<List<Followed> & { users: User[] }> =>
  api.ok('thread_list', { query });
const own = (api: Api, id: number, message_id = 1): Promise<ThreadPage['me']> =>
  thread(api, id, message_id).then((t) => t.me);
const mark = (api: Api, id: number, message_id: number, root = 1): Promise<undefined> =>
  api.ok('thread_read', { path: { id, message_id: root }, body: { message_id } }, 204);
const marks = (s: Socket): Frame[] => s.frames.filter((f) => f.op === 'thread');
const places = (list: Followed[]): string[] => list.map((f) => `${f.root.channel_id}-${f.root.message_id}`);

/** What a client that held these messages has after the events, by the rule of changed_rev alone. */
function follow(held: Map<number, Message>, events: Event[]): void {
  for (const e of events) {
    const root = e.root && held.get(e.root.message_id);
    if (e.message && (held.get(e.message.message_id)?.changed_rev ?? -1) < e.message.changed_rev)
      held.set(e.message.message_id, e.message);
    if (!e.root || !root || root.changed_rev >= e.rev) continue;
    const { thread: _, ...rest } = root;
    held.set(root.message_id, { ...rest, changed_rev: e.rev, ...(e.root.thread ? { thread: e.root.thread } : {}) });
  }
}

describe.each(backends)('threads on $name', ({ start }) => {
  let server: Server;
  let ann: Person;
  let bob: Person;
  let eve: Person;
  let made = 0;

  beforeAll(async () => {
    server = await start({ LINNET_RATE_MESSAGES: 'off', LINNET_RATE_REQUESTS: 'off' });
    ann = await person(server.api(), 'ann');
    bob = await person(server.api(), 'bob');
    eve = await person(server.api(), 'eve');
  });
  afterAll(() => server?.stop());
  afterEach(settle);

  /** A new channel of ann's with bob in it, and a message of hers. */
  async function room(more = {}): Promise<number> {
    const { id } = await ann.api.channel(`room-${++made}`, more);
    await bob.api.ok('channel_join', { path: { id } });
    await ann.api.send(id, 'root');
    return id;
  }

  test('a reply is numbered in its thread, and in the main flow only when it shall be there', async () => {
    const id = await room();
    const socket = await connect(server, { token: ann.signed.access_token });
    const one = await bob.api.send(id, 'one', { thread_id: 1 });
    expect(one).toMatchObject({ message_id: 2, seq: null, thread_id: 1, thread_seq: 1 });
    expect(one.thread).toBeUndefined();
    const ack = await socket.request({
      op: 'send',
      channel_id: id,
      nonce: randomUUID(),
      body: 'two',
      thread_id: 1,
      in_channel: true,
    });
    expect(ack).toMatchObject({ op: 'ack', message: { message_id: 3, seq: 2, thread_id: 1, thread_seq: 2 } });
    const three = await bob.api.send(id, 'three', { thread_id: 1, reply_to: 2 });
    expect(three).toMatchObject({ seq: null, thread_seq: 3, reply_to: 2 });
    const four = await ann.api.send(id, 'main');
    expect(four).toMatchObject({ message_id: 5, seq: 3 });

    const root = await get(bob.api, id, 1);
    expect(root.thread).toEqual({
      count: 3,
      last_id: 4,
      last_at: three.created_at,
      last_seq: 3,
      user_ids: [bob.user.id, ann.user.id],
    });
    expect([root.changed_rev, root.body_rev]).toEqual([three.rev, root.rev]);
    expect((await page(bob.api, id)).items.map((m) => m.message_id)).toEqual([1, 3, 5]);
    expect((await page(bob.api, id, { threads: false })).items).toHaveLength(3);
    expect((await page(bob.api, id, { threads: true })).items.map((m) => m.message_id)).toEqual([1, 2, 3, 4, 5]);
    expect(await row(bob.api, id)).toMatchObject({ last_id: 5, last_seq: 3 });
    // Unread counts the main flow.
    await bob.api.ok('channel_read', { path: { id }, body: { message_id: 4 } }, 204);
    expect((await row(bob.api, id)).me).toMatchObject({ read_id: 4, read_seq: 2 });
    await socket.reach(id, four.rev);
    const events = socket.events(id);
    expect(events.map((e) => [e.type, e.rev, e.root?.message_id, e.root?.thread?.count])).toEqual([
      ['message', one.rev, 1, 1],
      ['message', one.rev + 1, 1, 2],
      ['message', three.rev, 1, 3],
      ['message', four.rev, undefined, undefined],
    ]);
    expect(events[2]?.root?.thread).toEqual(root.thread);
  });

  test('what cannot be a root is refused, and says why', async () => {
    const id = await room();
    await bob.api.send(id, 'reply', { thread_id: 1 });
    await ann.api.send(id, 'goes');
    await ann.api.ok('message_delete', { path: { id, message_id: 3 } }, 204);
    const before = (await row(ann.api, id)).rev;
    for (const [thread_id, why] of [
      [9, 'there is no such message'],
      [2, 'is a reply itself: name the root of its thread, 1'],
      [3, 'this message was deleted'],
    ] as const) {
      const body = { nonce: randomUUID(), body: 'reply', thread_id };
      const problem = await bob.api.refused(422, 'invalid', 'message_create', { path: { id }, body });
      expect(problem.errors).toEqual([{ field: 'thread_id', detail: why }]);
    }
    const socket = await connect(server, { token: bob.signed.access_token });
    const frame = { op: 'send', channel_id: id, body: 'reply' };
    expect(await socket.request({ ...frame, nonce: randomUUID(), thread_id: 2 })).toMatchObject({
      op: 'error',
      code: 'invalid',
      errors: [{ field: 'thread_id' }],
    });
    for (const bad of [0, -1, 1.5, '1', [1], {}, 2 ** 53])
      expect(await socket.request({ ...frame, nonce: randomUUID(), thread_id: bad })).toMatchObject({
        code: 'invalid',
      });
    expect(await socket.request({ ...frame, nonce: randomUUID(), thread_id: 1, in_channel: 1 })).toMatchObject({
      code: 'invalid',
      errors: [{ field: 'in_channel' }],
    });
    await eve.api.refused(403, 'not_member', 'message_create', {
      path: { id },
      body: { nonce: randomUUID(), body: 'reply', thread_id: 1 },
    });
    const body = { nonce: randomUUID(), body: 'reply', thread_id: 1, epoch: '0123456789abcdef' };
    await bob.api.refused(409, 'epoch_changed', 'message_create', { path: { id }, body });
    expect((await row(ann.api, id)).rev).toBe(before);
  });

  test('only a reply is in the channel, too', async () => {
    const id = await room();
    const body = { nonce: randomUUID(), body: 'x', in_channel: true };
    const problem = await bob.api.refused(422, 'invalid', 'message_create', { path: { id }, body });
    expect(problem.errors).toEqual([{ field: 'in_channel', detail: 'goes with a thread_id' }]);
    await bob.api.ok('message_create', { path: { id }, body: { ...body, in_channel: false } }, 201);
  });

  test('the nonce of a reply is of this reply in this thread', async () => {
    const id = await room();
    await ann.api.send(id, 'another root');
    const body = { nonce: randomUUID(), body: 'once', thread_id: 1 };
    const first = await bob.api.ok<Message>('message_create', { path: { id }, body }, 201);
    expect(await bob.api.ok<Message>('message_create', { path: { id }, body }, 200)).toEqual(first);
    for (const other of [{ thread_id: 2 }, { thread_id: undefined }, { in_channel: true }])
      await bob.api.refused(409, 'nonce_reused', 'message_create', { path: { id }, body: { ...body, ...other } });
    expect((await get(ann.api, id, 1)).thread?.count).toBe(1);
  });

  test('replies are edited, pinned and reacted to like any message, and deleted ones are not counted', async () => {
    const id = await room();
    const held = new Map([[1, await get(ann.api, id, 1)]]);
    const since = (await row(ann.api, id)).rev;
    const socket = await attach(server, { token: ann.signed.access_token }, id);
    for (const api of [bob.api, ann.api, bob.api]) await api.send(id, 'reply', { thread_id: 1 });
    await bob.api.ok('message_patch', { path: { id, message_id: 2 }, body: { body: 'edited' } });
    await ann.api.ok('reaction_put', { path: { id, message_id: 2, emoji: '👍' } }, 204);
    await ann.api.ok('pin_put', { path: { id, message_id: 2 } }, 204);
    expect(await get(ann.api, id, 2)).toMatchObject({ body: 'edited', thread_id: 1, thread_seq: 1, pinned: true });
    await bob.api.ok('message_delete', { path: { id, message_id: 4 } }, 204);
    expect((await get(ann.api, id, 1)).thread).toMatchObject({
      count: 2,
      last_id: 3,
      last_seq: 3,
      user_ids: [ann.user.id, bob.user.id],
    });
    expect(await get(ann.api, id, 4)).toMatchObject({ body: '', thread_id: 1, thread_seq: 3 });
    for (const message_id of [2, 3]) await ann.api.ok('message_delete', { path: { id, message_id } }, 204);
    expect((await get(ann.api, id, 1)).thread).toBeUndefined();
    const again = await bob.api.send(id, 'again', { thread_id: 1 });
    expect(again.thread_seq).toBe(4);
    await ann.api.ok('message_delete', { path: { id, message_id: 1 } }, 204);
    const root = await get(bob.api, id, 1);
    expect([root.body, root.thread?.count]).toEqual(['', 1]);
    const late = { nonce: randomUUID(), body: 'late', thread_id: 1 };
    await bob.api.refused(422, 'invalid', 'message_create', { path: { id }, body: late });

    // Live or read again, the events say the same of the root, and lead to what the database has.
    await socket.reach(id, root.changed_rev);
    const log = await bob.api.ok<ChangePage>('change_list', { path: { id }, query: { since_rev: since } });
    expect(log.items.map((e) => [e.rev, e.root])).toEqual(
      socket.events(id).flatMap((e) => (e.rev > since ? [[e.rev, e.root]] : [])),
    );
    for (const events of [log.items, [...log.items, ...log.items]]) {
      const mine = new Map(held);
      follow(mine, events);
      expect(mine.get(1)).toEqual(root);
      expect([...mine.values()]).toEqual((await page(ann.api, id, { threads: true })).items);
    }
    // The same, by a page that came in the middle: what is older changes nothing.
    const page_first = new Map([[1, root]]);
    follow(page_first, log.items);
    expect(page_first.get(1)).toEqual(root);
  });

  test('of what was before one came, the events of a thread say no word', async () => {
    const { id } = await ann.api.channel(`room-${++made}`, { history: 'joined' });
    await ann.api.send(id, 'before bob came');
    await ann.api.send(id, 'a reply of old', { thread_id: 1 });
    await bob.api.ok('channel_join', { path: { id } });
    const socket = await connect(server, { token: bob.signed.access_token });
    await ann.api.send(id, 'a new reply', { thread_id: 1 });
    await ann.api.ok('message_delete', { path: { id, message_id: 2 } }, 204);
    expect(await socket.nextEvent(id, 'message')).toMatchObject({ root: { message_id: 1, thread: { count: 2 } } });
    const gone = await socket.nextEvent(id, 'delete');
    expect(gone).toMatchObject({ message_id: 2, root: { message_id: 1, thread: { count: 1, last_id: 3 } } });
    expect(gone.message).toBeUndefined();
    expect(JSON.stringify(socket.frames)).not.toContain('before bob');
    const body = { nonce: randomUUID(), body: 'to what I cannot see', thread_id: 1 };
    const problem = await bob.api.refused(422, 'invalid', 'message_create', { path: { id }, body });
    expect(problem.errors).toEqual([{ field: 'thread_id', detail: 'there is no such message' }]);
    await bob.api.refused(404, 'not_found', 'thread_get', { path: { id, message_id: 1 } });
    await ann.api.send(id, 'for @bob', { thread_id: 1 }); // who follows what he may not read
    expect(places((await followed(bob.api)).items)).not.toContain(`${id}-1`);
    expect(places((await followed(ann.api)).items)).toContain(`${id}-1`);
  });

  test('a thread is read in pages, by id and by time', async () => {
    const id = await room();
    const sent: Message[] = [];
    for (let i = 1; i <= 7; i++) {
      if (i % 2) await ann.api.send(id, `main ${i}`);
      sent.push(await bob.api.send(id, `reply ${i}`, { thread_id: 1, ...(i === 7 ? { reply_to: 2 } : {}) }));
    }
    const of = (p: ThreadPage): [string, boolean, boolean] => [
      p.items.map((m) => m.thread_seq).join(' '),
      p.before,
      p.after,
    ];
    const at = (seq: number): number => sent[seq - 1]?.message_id ?? 0;
    const whole = await thread(ann.api, id);
    expect(whole.items).toEqual(sent);
    expect([whole.root, whole.before, whole.after]).toEqual([await get(ann.api, id, 1), false, false]);
    expect(whole.root.thread?.count).toBe(7);
    expect(whole.refs.map((m) => m.message_id)).toEqual([2]);
    expect(whole.users.map((u) => u.username).sort()).toEqual(['ann', 'bob']);
    expect(whole.rev).toBe((await row(ann.api, id)).rev);
    expect(of(await thread(ann.api, id, 1, { limit: 3 }))).toEqual(['5 6 7', true, false]);
    expect(of(await thread(ann.api, id, 1, { limit: 3, before: at(5) }))).toEqual(['2 3 4', true, true]);
    expect(of(await thread(ann.api, id, 1, { limit: 3, before: at(2) }))).toEqual(['1', false, true]);
    expect(of(await thread(ann.api, id, 1, { limit: 3, before: at(1) }))).toEqual(['', false, true]);
    expect(of(await thread(ann.api, id, 1, { limit: 3, before: at(7) + 100 }))).toEqual(['5 6 7', true, false]);
    expect(of(await thread(ann.api, id, 1, { limit: 3, after: 0 }))).toEqual(['1 2 3', false, true]);
    expect(of(await thread(ann.api, id, 1, { limit: 3, after: at(4) }))).toEqual(['5 6 7', true, false]);
    expect(of(await thread(ann.api, id, 1, { limit: 3, after: at(7) }))).toEqual(['', true, false]);
    expect(of(await thread(ann.api, id, 1, { limit: 3, around: at(4) }))).toEqual(['3 4 5', true, true]);
    // A message of the main flow stands between two replies.
    expect(of(await thread(ann.api, id, 1, { limit: 2, after: at(3) - 1 }))).toEqual(['3 4', true, true]);
    const time = sent[3]?.created_at ?? '';
    const first = sent.findIndex((m) => m.created_at >= time) + 1;
    expect(of(await thread(ann.api, id, 1, { limit: 1, after: time }))[0]).toBe(String(first));
    expect(of(await thread(ann.api, id, 1, { limit: 1, before: time }))[0]).toBe(first > 1 ? String(first - 1) : '');
    // Without replies it is empty, and deleted ones keep their place.
    await bob.api.ok('message_delete', { path: { id, message_id: at(3) } }, 204);
    expect((await thread(bob.api, id)).items.map((m) => m.body)[2]).toBe('');
    expect(await thread(bob.api, id, 2)).toMatchObject({ items: [], before: false, after: false });
    await ann.api.ok('reaction_put', { path: { id, message_id: 1, emoji: '👍' } }, 204);
    await ann.api.ok('reaction_put', { path: { id, message_id: at(6), emoji: '👍' } }, 204);
    expect((await thread(ann.api, id)).mine.map((r) => r.message_id)).toEqual([1, at(6)]);
    expect((await thread(bob.api, id)).mine).toEqual([]);
    const of_reply = await ann.api.refused(404, 'not_found', 'thread_get', { path: { id, message_id: at(2) } });
    expect(of_reply.detail).toBe('this message is a reply in the thread of 1');
    await ann.api.refused(404, 'not_found', 'thread_get', { path: { id, message_id: 999 } });
    await eve.api.refused(403, 'not_member', 'thread_get', { path: { id, message_id: 1 } });
    for (const query of [{ before: 'x' }, { before: 3, after: 3 }, { limit: 0 }, { limit: 101 }, { around: -1 }])
      await ann.api.refused(422, 'invalid', 'thread_get', { path: { id, message_id: 1 }, query });
    // A place in the main flow is none in a thread.
    for (const field of ['before', 'after', 'around'])
      for (const place of ['seq:2', 'seq:x']) {
        const ask = { path: { id, message_id: 1 }, query: { [field]: place } };
        expect((await ann.api.refused(422, 'invalid', 'thread_get', ask)).errors).toEqual([
          { field, detail: 'must be a message_id or a time: seq:N is of the main flow' },
        ]);
      }
  });

  test('who has written the root, replies or is mentioned follows the thread', async () => {
    const dan = await person(server.api(), `dan${++made}`);
    const id = await room();
    await dan.api.ok('channel_join', { path: { id } });
    const other = await room();
    await dan.api.ok('channel_join', { path: { id: other } });
    expect((await followed(dan.api)).items).toEqual([]);
    await bob.api.send(id, 'one', { thread_id: 1 });
    await bob.api.send(id, `two, @${dan.user.username}`, { thread_id: 1 });
    await bob.api.send(id, 'three', { thread_id: 1 });
    const mentioned = await followed(dan.api);
    expect(mentioned.items).toEqual([
      { root: await get(dan.api, id, 1), following: true, read_seq: 1, mention_count: 1, unread: 2 },
    ]);
    expect(mentioned.users.map((u) => u.username).sort()).toEqual(['ann', 'bob']);
    expect((await row(dan.api, id)).me?.mention_count).toBe(0);
    expect((await thread(dan.api, id)).me).toEqual({ following: true, read_seq: 1, mention_count: 1 });
    expect((await thread(bob.api, id)).me).toEqual({ following: true, read_seq: 1, mention_count: 0 });
    expect((await thread(ann.api, id)).me).toEqual({ following: true, read_seq: 0, mention_count: 0 });
    await dan.api.send(other, 'mine', { thread_id: 1 });
    expect(places((await followed(dan.api)).items)).toEqual([`${other}-1`, `${id}-1`]);
    expect(places((await followed(dan.api, { unread: true })).items)).toEqual([`${id}-1`]);
    expect(places((await followed(ann.api)).items).slice(0, 2)).toEqual([`${other}-1`, `${id}-1`]);
    const first = await followed(dan.api, { limit: 1 });
    const second = await followed(dan.api, { limit: 1, cursor: first.next as string });
    expect([first, second].map((p) => places(p.items))).toEqual([[`${other}-1`], [`${id}-1`]]);
    expect(second.next).toBeNull();
    // Only of channels that one is in, and that have a reply.
    await dan.api.ok('channel_leave', { path: { id } }, 204);
    expect(places((await followed(dan.api)).items)).toEqual([`${other}-1`]);
    await dan.api.ok('message_delete', { path: { id: other, message_id: 2 } }, 204);
    expect((await followed(dan.api)).items).toEqual([]);
    for (const query of [{ cursor: 'x' }, { cursor: '1-2' }, { cursor: '1-2-x' }, { limit: 101 }, { unread: 1 }])
      await dan.api.refused(422, 'invalid', 'thread_list', { query });
  });

  test('one’s own part of a thread is told to each device, once and in order, also to one that was away', async () => {
    const id = await room();
    const path = { id, message_id: 1 };
    const [one, two] = [
      await connect(server, { token: bob.signed.access_token }),
      await connect(server, { token: bob.signed.access_token }),
    ];
    const at = one.ready.user_rev;
    for (let i = 0; i < 3; i++) await ann.api.send(id, 'reply', { thread_id: 1 });
    expect(await own(bob.api, id)).toEqual({ following: false, read_seq: 0, mention_count: 0 });
    await mark(bob.api, id, 3); // of a thread that he does not follow
    expect(await own(bob.api, id)).toEqual({ following: false, read_seq: 0, mention_count: 0 });
    await bob.api.ok('thread_follow', { path }, 204);
    await bob.api.ok('thread_follow', { path }, 204);
    expect(await own(bob.api, id)).toEqual({ following: true, read_seq: 3, mention_count: 0 });
    await ann.api.send(id, 'to @bob', { thread_id: 1 });
    await ann.api.send(id, 'to @bob', { thread_id: 1 });
    expect(await own(bob.api, id)).toEqual({ following: true, read_seq: 3, mention_count: 2 });
    await mark(bob.api, id, 5);
    expect(await own(bob.api, id)).toEqual({ following: true, read_seq: 4, mention_count: 1 });
    await mark(bob.api, id, 2); // never back
    await mark(bob.api, id, 1);
    await mark(bob.api, id, 6);
    expect(await own(bob.api, id)).toEqual({ following: true, read_seq: 5, mention_count: 0 });
    await bob.api.ok('thread_unfollow', { path }, 204);
    await bob.api.ok('thread_unfollow', { path }, 204);
    expect(places((await followed(bob.api)).items)).not.toContain(`${id}-1`);
    await ann.api.send(id, 'nothing', { thread_id: 1 });
    expect((await own(bob.api, id)).following).toBe(false);
    await ann.api.send(id, '@bob, again', { thread_id: 1 });
    expect(await own(bob.api, id)).toEqual({ following: true, read_seq: 6, mention_count: 1 });
    const want = [
      { following: true, read_seq: 3 },
      { following: true, read_seq: 4 },
      { following: true, read_seq: 5 },
      { following: false, read_seq: 5 },
      { following: true, read_seq: 6 },
    ].map((m, i) => ({ op: 'thread', channel_id: id, thread_id: 1, ...m, user_rev: at + 1 + i }));
    for (const s of [one, two]) {
      // What was told by a list may have come after the next change: it is as of then, and told once.
      await s.until(() => (marks(s).at(-1)?.user_rev === at + want.length ? true : undefined), 'all of it');
      for (const f of marks(s)) expect(want).toContainEqual(f);
      const revs = marks(s).map((f) => f.user_rev as number);
      expect(revs).toEqual([...new Set(revs)].sort((a, b) => a - b));
    }
    const late = await connect(server, { token: bob.signed.access_token }, { user_rev: at, cursors: {} });
    await late.until(() => (marks(late).length ? true : undefined), 'what it has missed');
    expect(marks(late)).toEqual([want.at(-1)]);
  });

  test('one’s own part is of a root that one may read', async () => {
    const id = await room();
    await ann.api.send(id, 'reply', { thread_id: 1 });
    await ann.api.send(id, 'main');
    for (const call of ['thread_follow', 'thread_unfollow'] as const) {
      const of_reply = await bob.api.refused(404, 'not_found', call, { path: { id, message_id: 2 } });
      expect(of_reply.detail).toBe('this message is a reply in the thread of 1');
      await bob.api.refused(404, 'not_found', call, { path: { id, message_id: 9 } });
      await eve.api.refused(403, 'not_member', call, { path: { id, message_id: 1 } });
      const query = { epoch: '0123456789abcdef' };
      await bob.api.refused(409, 'epoch_changed', call, { path: { id, message_id: 1 }, query });
    }
    const path = { id, message_id: 1 };
    for (const message_id of [3, 9]) {
      const problem = await bob.api.refused(404, 'not_found', 'thread_read', { path, body: { message_id } });
      expect(problem.detail).toBe('there is no such message in this thread');
    }
    const other = { message_id: 2, epoch: '0123456789abcdef' };
    await bob.api.refused(409, 'epoch_changed', 'thread_read', { path, body: other });
    await bob.api.refused(404, 'not_found', 'thread_read', { path: { id, message_id: 2 }, body: { message_id: 2 } });
    for (const body of [{}, { message_id: 0 }, { message_id: '2' }, { message_id: 2, more: 1 }, { message_id: null }])
      await bob.api.refused(422, 'invalid', 'thread_read', { path, body });
    // Who has written the root can say before the first reply that they will not follow.
    await ann.api.ok('thread_unfollow', { path: { id, message_id: 3 } }, 204);
    await bob.api.ok('thread_unfollow', { path: { id, message_id: 3 } }, 204);
    await bob.api.send(id, 'reply', { thread_id: 3 });
    expect((await own(ann.api, id, 3)).following).toBe(false);
    expect((await own(bob.api, id, 3)).following).toBe(true);
  });

  test('whom one has blocked neither makes one follow a thread nor mentions one there', async () => {
    const dan = await person(server.api(), `dan${++made}`);
    const id = await room();
    await dan.api.ok('channel_join', { path: { id } });
    await dan.api.ok('block_put', { path: { id: bob.user.id } }, 204);
    const named = await bob.api.send(id, `one, @${dan.user.username}`, { thread_id: 1 });
    expect(named.mentions.user_ids).toEqual([dan.user.id]); // the block is not for him to see
    expect((await followed(dan.api)).items).toEqual([]);
    await ann.api.send(id, `two, @${dan.user.username}`, { thread_id: 1 });
    expect(await own(dan.api, id)).toEqual({ following: true, read_seq: 1, mention_count: 1 });
    await bob.api.send(id, `three, @${dan.user.username}`, { thread_id: 1 });
    expect((await followed(dan.api)).items[0]).toMatchObject({ mention_count: 1 });
    expect((await own(dan.api, id)).mention_count).toBe(1);
    await dan.api.ok('block_delete', { path: { id: bob.user.id } }, 204);
    expect((await own(dan.api, id)).mention_count).toBe(2); // behind the first
  });

  test('mentions in a thread do not count for the channel', async () => {
    const id = await room();
    await ann.api.send(id, '@bob', { thread_id: 1 });
    expect((await row(bob.api, id)).me?.mention_count).toBe(0);
    await ann.api.send(id, '@bob');
    expect((await row(bob.api, id)).me?.mention_count).toBe(1);
  });
});

describe.each(backends)('of many threads on $name', ({ start }) => {
  let server: Server;
  let ann: Person;
  let bob: Person;
  beforeAll(async () => {
    server = await start({ LINNET_THREADS_LISTED: '3' });
    ann = await person(server.api(), 'ann');
    bob = await person(server.api(), 'bob');
  });
  afterAll(() => server?.stop());

  test('those are listed where one’s own part changed last', async () => {
    const { id } = await ann.api.channel('room');
    await bob.api.ok('channel_join', { path: { id } });
    const roots: number[] = [];
    for (let i = 0; i < 5; i++) roots.push((await ann.api.send(id, 'root')).message_id);
    for (const thread_id of roots) await bob.api.send(id, 'reply', { thread_id });
    const listed = async (): Promise<number[]> => (await followed(ann.api)).items.map((f) => f.root.message_id);
    const newest = roots.slice(2).reverse();
    expect(await listed()).toEqual(newest);
    const pages: number[] = [];
    for (let cursor: string | null = '', n = 0; cursor !== null && n < 5; n++) {
      const some: List<Followed> = await followed(ann.api, { limit: 1, ...(cursor ? { cursor } : {}) });
      pages.push(...some.items.map((f) => f.root.message_id));
      cursor = some.next;
    }
    expect(pages).toEqual(newest);
    const [oldest, second] = roots as [number, number];
    const { items } = await thread(ann.api, id, oldest);
    await mark(ann.api, id, items[0]?.message_id as number, oldest);
    expect(await listed()).toEqual([newest[0], newest[1], oldest]);
    expect((await own(ann.api, id, second)).following).toBe(true); // as before
  });
});

describe('two backends', () => {
  let pods: Pair;
  beforeAll(async () => {
    pods = await pair({ LINNET_HEAD_CHECK_MS: '3000' });
  });
  afterAll(() => pods?.stop());

  test('cross from one backend to another, news or no news', async () => {
    const { here, there, redis } = pods;
    const ann = await person(here.api(), 'ann');
    const bob = await person(there.api(), 'bob');
    const { id } = await ann.api.channel('both');
    await bob.api.ok('channel_join', { path: { id } });
    await bob.api.send(id, 'root');
    const socket = await attach(there, { token: bob.signed.access_token }, id);
    const other = await attach(here, { token: bob.signed.access_token }, id);
    const reply = await ann.api.send(id, 'reply', { thread_id: 1 });
    for (const s of [socket, other]) {
      await s.reach(id, reply.rev);
      expect(s.events(id).at(-1)).toMatchObject({ rev: reply.rev, root: { message_id: 1, thread: { count: 1 } } });
      await s.until(() => (marks(s).some((f) => f.following && f.read_seq === 0) ? true : undefined), 'following');
    }
    await mark(bob.api, id, 2); // his api is there
    await other.until(() => (marks(other).some((f) => f.read_seq === 1) ? true : undefined), 'read');
    expect(await thread(bob.api, id)).toEqual({
      ...(await thread(ann.api, id)),
      me: { following: true, read_seq: 1, mention_count: 0 },
    });
    await redis.kill();
    const last = await ann.api.send(id, 'without news', { thread_id: 1 });
    await socket.reach(id, last.rev);
    expect(socket.events(id).at(-1)?.root?.thread).toMatchObject({ count: 2, last_id: 3 });
    await bob.api.ok('thread_unfollow', { path: { id, message_id: 1 } }, 204);
    await other.until(() => (marks(other).some((f) => !f.following) ? true : undefined), 'not following');
    settle();
  });
});
