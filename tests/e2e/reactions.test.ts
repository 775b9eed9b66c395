import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Api, type Person, person } from './lib/api.ts';
import { checkAnswer } from './lib/contract.ts';
import { backends, type Server, startEmbedded } from './lib/server.ts';
import { connect, settle } from './lib/socket.ts';
import { type Pair, pair } from './lib/stage.ts';
import type { ChangePage, Channel, List, Message, MessagePage, Problem, User } from './lib/types.ts';

type Givers = List<{ user_id: number; at: string }> & { users: User[] };

const react = (api: Api, id: number, message_id: number, emoji: string): Promise<undefined> =>
  api.ok('reaction_put', { path: { id, message_id, emoji } }, 204);
const unreact = (api: Api, id: number, message_id: number, emoji: string): Promise<undefined> =>
  api.ok('reaction_delete', { path: { id, message_id, emoji } }, 204);
const get = (api: Api, id: number, message_id: number): Promise<Message> =>
  api.ok<Message>('message_get', { path: { id, message_id } });
const page = (api: Api, id: number): Promise<MessagePage> => api.ok<MessagePage>('message_list', { path: { id } });
const rev = async (api: Api, id: number): Promise<number> =>
  (await api.ok<Channel>('channel_get', { path: { id } })).rev;

describe.each(backends)('reactions on $name', ({ start }) => {
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

  /** A new channel with ann and bob in it, and a message of ann's. */
  async function room(more = {}): Promise<number> {
    const { id } = await ann.api.channel(`room-${++made}`, more);
    await bob.api.ok('channel_join', { path: { id } });
    await ann.api.send(id, 'what do you think?');
    return id;
  }

  test('are seen by all, with the message, in pages, in the log and by name', async () => {
    const id = await room();
    const before = await rev(ann.api, id);
    await react(bob.api, id, 1, '👍');
    await react(ann.api, id, 1, '❤️'); // U+2764 U+FE0F
    await react(ann.api, id, 1, '👍');
    const reactions = [
      { emoji: '👍', count: 2, user_ids: [bob.user.id, ann.user.id] },
      { emoji: '❤', count: 1, user_ids: [ann.user.id] },
    ];
    const message = await get(bob.api, id, 1);
    expect(message).toMatchObject({ reactions, changed_rev: before + 3, body_rev: message.rev });
    expect(message.edited_at).toBeUndefined();
    const anns = await page(ann.api, id);
    expect(anns.items).toEqual([message]);
    expect(anns.mine).toEqual([
      { message_id: 1, emoji: '❤' },
      { message_id: 1, emoji: '👍' },
    ]);
    const bobs = await page(bob.api, id);
    expect(bobs.mine).toEqual([{ message_id: 1, emoji: '👍' }]);
    expect(bobs.users.map((u) => u.username).sort()).toEqual(['ann', 'bob']);
    expect(bobs.changes).not.toContainEqual(expect.objectContaining({ type: 'reaction' })); // no line of the channel
    const log = await bob.api.ok<ChangePage>('change_list', { path: { id }, query: { since_rev: before } });
    expect(log.items.map((e) => [e.rev, e.type, e.actor_id, e.emoji, e.count, e.user_ids, e.given])).toEqual([
      [before + 1, 'reaction', bob.user.id, '👍', 1, [bob.user.id], true],
      [before + 2, 'reaction', ann.user.id, '❤', 1, [ann.user.id], true],
      [before + 3, 'reaction', ann.user.id, '👍', 2, [bob.user.id, ann.user.id], true],
    ]);
    const path = { id, message_id: 1, emoji: '👍' };
    const first = await bob.api.ok<Givers>('reaction_list', { path, query: { limit: 1 } });
    expect([first.items.map((g) => g.user_id), first.users.map((u) => u.username)]).toEqual([[ann.user.id], ['ann']]);
    const second = await bob.api.ok<Givers>('reaction_list', {
      path,
      query: { limit: 1, cursor: first.next as string },
    });
    expect([second.items.map((g) => g.user_id), second.next]).toEqual([[bob.user.id], null]);
    expect((await bob.api.ok<Givers>('reaction_list', { path: { ...path, emoji: '🎉' } })).items).toEqual([]);
  });

  test('what changes nothing takes no rev; with and without U+FE0F is the same', async () => {
    const id = await room();
    await react(bob.api, id, 1, '❤');
    const after = await rev(ann.api, id);
    await react(bob.api, id, 1, '❤️');
    await unreact(bob.api, id, 1, '👍');
    await unreact(ann.api, id, 1, '❤');
    expect(await rev(ann.api, id)).toBe(after);
    await unreact(bob.api, id, 1, '❤️');
    expect(await get(ann.api, id, 1)).toMatchObject({ reactions: [], changed_rev: after + 1 });
    await unreact(bob.api, id, 1, '❤️');
    expect(await rev(ann.api, id)).toBe(after + 1);
  });

  test('reach the others at once, the same as the log says them later', async () => {
    const id = await room();
    const socket = await connect(server, { token: ann.signed.access_token });
    await react(bob.api, id, 1, '🎉');
    const event = await socket.nextEvent(id, 'reaction');
    expect(event).toEqual({
      op: 'event',
      channel_id: id,
      rev: await rev(ann.api, id),
      at: expect.any(String),
      type: 'reaction',
      actor_id: bob.user.id,
      message_id: 1,
      changed_rev: event.rev,
      emoji: '🎉',
      count: 1,
      user_ids: [bob.user.id],
      given: true,
    });
    await unreact(bob.api, id, 1, '🎉');
    expect(await socket.nextEvent(id, 'reaction')).toMatchObject({ count: 0, user_ids: [], given: false });
    const { items } = await bob.api.ok<ChangePage>('change_list', {
      path: { id },
      query: { since_rev: event.rev - 1 },
    });
    expect(items).toEqual(socket.events(id));
    // An edit tells the message whole.
    await react(bob.api, id, 1, '👀');
    await ann.api.ok('message_patch', { path: { id, message_id: 1 }, body: { body: 'and now?' } });
    const edit = await socket.nextEvent(id, 'edit');
    expect(edit.message?.reactions).toEqual([{ emoji: '👀', count: 1, user_ids: [bob.user.id] }]);
  });

  test('are not for everybody, nor for every message', async () => {
    const id = await room();
    const path = { id, message_id: 1, emoji: '👍' };
    await react(bob.api, id, 1, '👍');
    for (const call of ['reaction_put', 'reaction_delete', 'reaction_list']) {
      await eve.api.refused(403, 'not_member', call, { path });
      await ann.api.refused(404, 'not_found', call, { path: { ...path, message_id: 2 } });
      await ann.api.refused(404, 'not_found', call, { path: { ...path, id: 999_999 } });
    }
    for (const call of ['reaction_put', 'reaction_delete'])
      await bob.api.refused(409, 'epoch_changed', call, { path, query: { epoch: '0123456789abcdef' } });
    const { epoch } = await page(bob.api, id);
    await bob.api.ok('reaction_put', { path: { ...path, emoji: '🎉' }, query: { epoch } }, 204);
    await ann.api.ok('message_delete', { path: { id, message_id: 1 } }, 204);
    expect(await get(bob.api, id, 1)).toMatchObject({ reactions: [], body: '' });
    for (const call of ['reaction_put', 'reaction_delete', 'reaction_list'])
      await bob.api.refused(404, 'not_found', call, { path });
    expect((await page(bob.api, id)).mine).toEqual([]);
    await ann.api.ok('member_delete', { path: { id, user_id: bob.user.id } }, 204);
    await ann.api.send(id, 'without bob');
    await bob.api.refused(403, 'not_member', 'reaction_put', { path: { ...path, message_id: 2 } });
  });

  test('tell nothing of what was before one came, where that is nobody’s business', async () => {
    const { id } = await ann.api.channel(`room-${++made}`, { history: 'joined' });
    await ann.api.send(id, 'before bob came');
    await bob.api.ok('channel_join', { path: { id } });
    await ann.api.send(id, 'welcome');
    const socket = await connect(server, { token: bob.signed.access_token });
    await react(ann.api, id, 1, '👍');
    const event = await socket.nextEvent(id, 'reaction');
    expect(event).toMatchObject({ message_id: 1, changed_rev: event.rev, emoji: '👍', count: 1, given: true });
    expect(JSON.stringify([event, await page(bob.api, id)])).not.toContain('before bob');
    for (const call of ['reaction_put', 'reaction_delete', 'reaction_list'])
      await bob.api.refused(404, 'not_found', call, { path: { id, message_id: 1, emoji: '👍' } });
    await react(bob.api, id, 2, '👍');
    expect((await page(bob.api, id)).mine).toEqual([{ message_id: 2, emoji: '👍' }]);
    const { items } = await bob.api.ok<ChangePage>('change_list', {
      path: { id },
      query: { since_rev: event.rev - 1 },
    });
    expect(items[0]).toEqual(event);
  });

  test('of one person are limited', async () => {
    const id = await room();
    const limits = (await ann.api.ok<{ limits: { [name: string]: number } }>('server_get')).limits;
    expect([limits.reactions, limits.reaction_kinds]).toEqual([20, 64]);
    const some = Array.from({ length: 21 }, (_, i) => String.fromCodePoint(0x1f600 + i));
    for (const emoji of some.slice(0, 20)) await react(bob.api, id, 1, emoji);
    const path = { id, message_id: 1, emoji: some[20] as string };
    const problem = await bob.api.refused(409, 'limit_reached', 'reaction_put', { path });
    expect(problem.detail).toBe('at most 20 reactions of one person to a message');
    await react(ann.api, id, 1, some[20] as string);
    await unreact(bob.api, id, 1, some[0] as string);
    await react(bob.api, id, 1, some[20] as string);
  });

  test('of many at once count right, and a client that follows ends as the database is', async () => {
    const id = await room();
    const names = Array.from({ length: 8 }, (_, i) => `many-${made}-${i}`);
    const people = await Promise.all(names.map((name) => person(server.api(), name)));
    await Promise.all(people.map((p) => p.api.ok('channel_join', { path: { id } })));
    const start = await rev(ann.api, id);
    await Promise.all(
      people.map(async (p, i) => {
        for (const emoji of ['👍', '🎉', '👀']) await react(p.api, id, 1, emoji);
        if (i % 2) await unreact(p.api, id, 1, '🎉');
        await Promise.all([react(p.api, id, 1, '👍'), react(p.api, id, 1, '👍')]);
      }),
    );
    const { reactions, changed_rev } = await get(ann.api, id, 1);
    expect(Object.fromEntries(reactions.map((r) => [r.emoji, r.count]))).toEqual({ '👍': 8, '🎉': 4, '👀': 8 });
    expect(changed_rev).toBe(start + 28);
    const all = people.map((p) => p.user.id).sort((a, b) => a - b);
    const path = { id, message_id: 1, emoji: '👍' };
    expect((await ann.api.ok<Givers>('reaction_list', { path })).items.map((g) => g.user_id)).toEqual(all);
  });

  describe('what is no emoji', () => {
    let id: number;
    beforeAll(async () => {
      id = await room();
    });
    const put = async (raw: string, method = 'PUT'): Promise<[number, string | undefined, string[] | undefined]> => {
      const url = `${server.origin}/channels/${id}/messages/1/reactions/${raw}`;
      const headers = { authorization: `Bearer ${bob.signed.access_token}` };
      const response = await fetch(url, { method, headers });
      const text = await response.text();
      const call = { PUT: 'reaction_put', DELETE: 'reaction_delete', GET: 'reaction_list' }[method] as string;
      checkAnswer(call, response.status, response.headers.get('content-type'), text);
      const problem = (text ? JSON.parse(text) : {}) as Partial<Problem>;
      return [response.status, problem.code, problem.errors?.map((e) => e.field)];
    };
    const family = '👨‍👩‍👧‍👦';

    test.each([
      ['a skin tone', '👍🏽', '👍🏽'],
      ['a family', family, family],
      ['a kiss with two skin tones', '👩🏻‍❤️‍💋‍👨🏿', '👩🏻‍❤‍💋‍👨🏿'],
      ['a country', '🇩🇪', '🇩🇪'],
      ['a region', '🏴󠁧󠁢󠁷󠁬󠁳󠁿', '🏴󠁧󠁢󠁷󠁬󠁳󠁿'],
      ['a keycap', '1️⃣', '1⃣'],
      ['hash', '#️⃣', '#⃣'],
      ['a rainbow', '🏳️‍🌈', '🏳‍🌈'],
      ['a newer one', '\u{1fae9}', '\u{1fae9}'],
      ['copyright', '©️', '©'],
    ])('%s is one', async (_, given, kept) => {
      expect(await put(encodeURIComponent(given))).toEqual([204, undefined, undefined]);
      expect((await get(bob.api, id, 1)).reactions).toEqual([{ emoji: kept, count: 1, user_ids: [bob.user.id] }]);
      expect(await put(encodeURIComponent(kept), 'DELETE')).toEqual([204, undefined, undefined]);
    });

    test.each([
      ['a letter', 'a'],
      ['a digit', '1'],
      ['words', 'thumbs up'],
      ['a name', ':thumbsup:'],
      ['two', '👍👍'],
      ['three families', family.repeat(3)],
      ['U+FE0F alone', '\ufe0f'],
      ['a skin tone alone', '🏽'],
      ['half a flag', '🇩'],
      ['a flag and a half', '🇩🇪🇩'],
      ['a joiner at the end', '👍\u200d'],
      ['as a text', '❤\ufe0e'],
      ['an accent', '👍\u0301'],
      ['turned round', '\u202e👍'],
      ['a control', '👍\u0007'],
      ['a blank', ' '],
      ['ideographs', '中'],
      ['too long a family', `👨${'\u200d👨'.repeat(40)}`],
      ['many U+FE0F', `👍${'\ufe0f'.repeat(500)}`],
      ['JSON', '{"emoji":"👍"}'],
      ['SQL', "👍' OR 1=1 --"],
    ])('%s is none', async (_, emoji) => {
      for (const method of ['PUT', 'DELETE', 'GET'])
        expect(await put(encodeURIComponent(emoji), method)).toEqual([422, 'invalid', ['emoji']]);
    });

    test.each([
      ['a NUL', '%F0%9F%91%8D%00'],
      ['half a character', '%F0%9F%91'],
      ['surrogates', '%ED%A0%BD%ED%B1%8D'],
      ['a bad escape', '%F0%9F%91%8'],
      ['an encoded slash', '%F0%9F%91%8D%2F'],
    ])('%s is no path', async (_, raw) => {
      for (const method of ['PUT', 'DELETE', 'GET'])
        expect((await put(raw, method)).slice(0, 2)).toEqual([400, 'malformed']);
    });

    test('nothing, too much, and a body', async () => {
      expect((await put('')).slice(0, 2)).toEqual([404, 'not_found']);
      expect((await put('%F0%9F%91%8D'.repeat(800))).slice(0, 2)).toEqual([414, 'uri_too_long']);
      const url = `${server.origin}/channels/${id}/messages/1/reactions/%F0%9F%91%8D`;
      const headers = { authorization: `Bearer ${bob.signed.access_token}`, 'content-type': 'application/json' };
      const response = await fetch(url, { method: 'PUT', headers, body: '{"emoji":1}' }); // nobody reads it
      expect(response.status).toBe(204);
      expect((await get(bob.api, id, 1)).reactions).toHaveLength(1);
    });
  });
});

test('take from the rate of messages', async () => {
  const server = await startEmbedded({ LINNET_RATE_MESSAGES: '1/m:3' });
  try {
    const ann = await person(server.api(), 'ann');
    const { id } = await ann.api.channel('room');
    await ann.api.send(id, 'one');
    await react(ann.api, id, 1, '👍');
    await unreact(ann.api, id, 1, '👍');
    const answer = await ann.api.call('reaction_put', { path: { id, message_id: 1, emoji: '👍' } });
    expect([answer.status, (answer.body as Problem).code]).toEqual([429, 'rate_limited']);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
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

  test('cross from one backend to another, through Redis and without it', async () => {
    const { here, there, redis } = pods;
    const ann = await person(here.api(), 'ann');
    const bob = await person(there.api(), 'bob');
    const { id } = await ann.api.channel('both');
    await bob.api.ok('channel_join', { path: { id } });
    await ann.api.send(id, 'one');
    const socket = await connect(there, { token: bob.signed.access_token });
    await react(ann.api, id, 1, '👍');
    expect(await socket.nextEvent(id, 'reaction')).toMatchObject({ count: 1, user_ids: [ann.user.id] });
    await Promise.all([react(bob.api, id, 1, '👍'), unreact(ann.api, id, 1, '👍'), react(ann.api, id, 1, '🎉')]);
    await socket.reach(id, await rev(ann.api, id));
    await redis.kill();
    await unreact(ann.api, id, 1, '🎉');
    await socket.reach(id, await rev(ann.api, id));
    const events = socket.events(id).filter((e) => e.type === 'reaction');
    expect(events).toHaveLength(5);
    expect(events.at(-1)).toMatchObject({ emoji: '🎉', count: 0, given: false });
    expect(await get(bob.api, id, 1)).toEqual(await get(ann.api, id, 1));
    expect((await get(bob.api, id, 1)).reactions).toEqual([{ emoji: '👍', count: 1, user_ids: [bob.user.id] }]);
    settle();
  });
});
