// Searches on both databases: what is found, by whom, and at once; on two pods; and by whom it never may be.
import { afterAll, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Api, person, type Person } from './lib/api.ts';
import { backends, createDatabase, type Server, startBackend, startEmbedded } from './lib/server.ts';
import type { Channel, List, Message, User } from './lib/types.ts';

vi.setConfig({ testTimeout: 60_000 }); // what is indexed comes when its lane has the time

type Hits = List<{ message: Message; snippet: string[] }> & { users: User[] };
type Query = { [name: string]: number | string };

const search = (api: Api, q: string, more: Query = {}): Promise<Hits> =>
  api.ok<Hits>('search', { query: { ...(q ? { q } : {}), ...more } });
const bodies = async (api: Api, q: string, more: Query = {}): Promise<string[]> =>
  (await search(api, q, more)).items.map((i) => i.message.body);

/** Sends `WORD 1.` to `WORD N.`, all at once. */
const lines = (api: Api, id: number, n: number, word: string): Promise<Message[]> =>
  Promise.all(Array.from({ length: n }, (_, i) => api.send(id, `${word} ${i + 1}.`)));

/** The index has taken up all that it can: a look at the metric of whoever makes it. */
async function indexed(servers: Server[], least: number): Promise<void> {
  const total = async (name: string): Promise<number> => {
    let sum = 0;
    for (const server of servers) {
      const { text } = await server.api().call('metrics');
      sum += Number(new RegExp(`^${name} (\\d+)$`, 'm').exec(text)?.[1] ?? 0);
    }
    return sum;
  };
  while ((await total('linnet_search_indexed_total')) < least);
  while ((await total('linnet_search_waiting')) >= 64);
}

describe.each(backends)('search on $name', ({ start }) => {
  let server: Server;
  let ann: Person;
  let bob: Person;
  let eve: Person;
  let made = 0;

  beforeAll(async () => {
    server = await start({ LINNET_SEARCH_INDEX_MS: '50', LINNET_SEARCH_MS: '10000' });
    ann = await person(server.api(), 'ann');
    bob = await person(server.api(), 'bob');
    eve = await person(server.api(), 'eve');
  });
  afterAll(() => server?.stop());

  const room = async (more = {}, ...others: Person[]): Promise<number> => {
    const { id } = await ann.api.channel(`room-${++made}`, more);
    for (const p of others) await p.api.ok('channel_join', { path: { id } });
    return id;
  };

  test('finds words, parts of words and scripts without spaces, at once', async () => {
    const id = await room();
    for (const body of ['The quick brown fox', '東京タワーへ行く', 'un café crème', 'สวัสดีครับ', 'សួស្តី', 'ABBA'])
      await ann.api.send(id, body);
    const find = (q: string): Promise<string[]> => bodies(ann.api, q, { channel_id: id });
    expect(await find('QUICK fox')).toEqual(['The quick brown fox']);
    expect(await find('ow')).toEqual(['The quick brown fox']);
    expect(await find('x')).toEqual(['The quick brown fox']);
    expect(await find('京')).toEqual(['東京タワーへ行く']);
    expect(await find('京タ')).toEqual(['東京タワーへ行く']);
    expect(await find('ﾀﾜｰ')).toEqual(['東京タワーへ行く']);
    expect(await find('CAFE creme')).toEqual(['un café crème']);
    expect(await find('วัส')).toEqual(['สวัสดีครับ']);
    expect(await find('សួ')).toEqual(['សួស្តី']);
    expect(await find('"brown fox"')).toEqual(['The quick brown fox']);
    expect(await find('"fox brown"')).toEqual([]);
    expect(await find('fox café')).toEqual([]);
    expect(await find('nothing like it')).toEqual([]);
  });

  test('says where it matches, and who wrote it', async () => {
    const id = await room({}, bob);
    await bob.api.send(id, 'a Café and a cafe');
    const hits = await search(ann.api, 'cafe', { channel_id: id });
    expect(hits.items[0]?.snippet).toEqual(['a ', 'Café', ' and a ', 'cafe', '']);
    expect(hits.users.map((u) => u.username)).toEqual(['bob']);
    expect(hits.next).toBeNull();
  });

  test('filters by person, channel, time and what a message has, in the query and beside it', async () => {
    const [one, two] = [await room({}, bob), await room({}, bob)];
    await ann.api.send(one, 'filtered by ann');
    await bob.api.send(one, 'filtered by bob https://example.org');
    await bob.api.send(two, 'filtered by bob too');
    const find = (q: string, more: Query = {}): Promise<string[]> => bodies(ann.api, q, more);
    expect((await find('filtered')).length).toBe(3);
    expect(await find('filtered from:ann')).toEqual(['filtered by ann']);
    expect(await find('filtered from:@Bob in:#Room-' + (made - 1))).toEqual(['filtered by bob https://example.org']);
    expect(await find('filtered', { from: bob.user.id, channel_id: two })).toEqual(['filtered by bob too']);
    expect(await find('filtered from:ann', { from: 'bob' })).toEqual([]);
    expect(await find('filtered has:link')).toEqual(['filtered by bob https://example.org']);
    expect(await find('', { from: 'ann', channel_id: one })).toEqual(['filtered by ann']);
    expect(await find('filtered has:file')).toEqual([]);
    expect(await find('filtered from:nobody')).toEqual([]);
    expect(await find('filtered in:nowhere')).toEqual([]);
    expect(await find('filtered before:2020-01-01')).toEqual([]);
    expect((await find('filtered after:2020-01-01', { before: '2100-01-01' })).length).toBe(3);
    expect(await find('filtered', { after: '2100-01-01T00:00:00Z' })).toEqual([]);
  });

  test('pages from the newest on, whatever is sent meanwhile', async () => {
    const id = await room();
    for (let i = 0; i < 12; i++) await ann.api.send(id, `paged ${i}`);
    const seen: string[] = [];
    let next: string | null = '';
    for (let pages = 0; next !== null && pages < 20; pages++) {
      const page: Hits = await search(ann.api, 'paged', {
        channel_id: id,
        limit: 5,
        ...(next ? { cursor: next } : {}),
      });
      seen.push(...page.items.map((i) => i.message.body));
      next = page.next;
      await ann.api.send(id, `paged later ${pages}`);
    }
    expect(seen).toEqual(Array.from({ length: 12 }, (_, i) => `paged ${11 - i}`));
  });

  test('never finds what was erased, nor what an edit took away; finds the edit, indexed or not', async () => {
    const id = await room();
    await ann.api.send(id, 'password swordfish');
    await lines(ann.api, id, 68, 'line');
    await ann.api.send(id, 'password swordfish');
    await indexed([server], 64);
    const find = (q: string): Promise<string[]> => bodies(ann.api, q, { channel_id: id });
    expect((await find('swordfish')).length).toBe(2);
    // one that the index has, and one that it cannot have yet
    for (const message_id of [1, 70]) {
      await ann.api.ok('message_patch', { path: { id, message_id }, body: { body: `herring ${message_id}` } });
      expect(await find(`herring ${message_id}`)).toEqual([`herring ${message_id}`]);
    }
    expect(await find('swordfish')).toEqual([]);
    for (const message_id of [1, 70]) await ann.api.ok('message_delete', { path: { id, message_id } }, 204);
    expect(await find('herring')).toEqual([]);
    expect(await find('"line 67."')).toEqual(['line 67.']);
  });

  test('shows nobody what they may not read', async () => {
    const open = await room({}, bob);
    const hidden = await room({ private: true });
    const clipped = await room({ history: 'joined' });
    const dm = await ann.api.ok<Channel>('dm_create', { body: { user_ids: [bob.user.id] } });
    for (const id of [open, hidden, clipped, dm.id]) await ann.api.send(id, 'the treasure');
    const count = async (p: Person, more: Query = {}): Promise<number> =>
      (await bodies(p.api, 'treasure', more)).length;
    expect([await count(ann), await count(bob), await count(eve)]).toEqual([4, 2, 0]);
    await eve.api.refused(403, 'not_member', 'search', { query: { q: 'treasure', channel_id: open } });
    for (const channel_id of [hidden, dm.id, 999999])
      await eve.api.refused(404, 'not_found', 'search', { query: { q: 'treasure', channel_id } });
    // joined later: from there on
    await eve.api.ok('channel_join', { path: { id: clipped } });
    expect(await count(eve)).toBe(0);
    await ann.api.send(clipped, 'another treasure');
    expect(await bodies(eve.api, 'treasure')).toEqual(['another treasure']);
    // left, and kicked
    await eve.api.ok('channel_leave', { path: { id: clipped } });
    expect(await count(eve)).toBe(0);
    await ann.api.ok('member_delete', { path: { id: open, user_id: bob.user.id } }, 204);
    expect(await count(bob)).toBe(1);
    await bob.api.refused(403, 'not_member', 'search', { query: { q: 'treasure', channel_id: open } });
  });

  test('refuses what it cannot understand, field by field', async () => {
    const wrong = async (query: Query, field: string): Promise<void> => {
      const problem = await ann.api.refused(422, 'invalid', 'search', { query });
      expect(
        problem.errors?.map((e) => e.field),
        JSON.stringify(query),
      ).toEqual([field]);
    };
    for (const q of [
      '',
      ' ',
      '""',
      'from:',
      'has:milk',
      'before:soon',
      'after:2026-02-30',
      'in:general',
      'x'.repeat(257),
    ])
      await wrong({ q }, 'q');
    await wrong({ q: Array(17).fill('word').join(' ') }, 'q');
    await wrong({ channel_id: 1 }, 'q');
    await wrong({ q: 'x', before: 'soon' }, 'before');
    await wrong({ q: 'x', after: '' }, 'after');
    await wrong({ q: 'x', has: 'milk' }, 'has');
    await wrong({ q: 'x', from: '' }, 'from');
    await wrong({ q: 'x', channel_id: 0 }, 'channel_id');
    await wrong({ q: 'x', limit: 101 }, 'limit');
    await wrong({ q: 'x', cursor: '1-2' }, 'cursor');
    await wrong({ q: 'x', what: 1 }, 'what');
  });

  test('takes hostile words for words', async () => {
    const id = await room();
    await ann.api.send(id, `100% of '; DROP TABLE messages; -- "x" \\ NEAR(a b) *`);
    const find = (q: string): Promise<string[]> => bodies(ann.api, q, { channel_id: id });
    for (const q of ['%', "'; drop table", '--', '\\', 'near(a', '*', '100%'])
      expect((await find(q)).length, q).toBe(1);
    for (const q of ['_', '*x', 'a OR b', '\u0001', '🏴'.repeat(40)]) expect(await find(q), q).toEqual([]);
    await ann.api.send(id, `z${'\u0301'.repeat(500)}`);
    expect((await find('z')).length).toBe(1);
  });
});

describe('two pods', () => {
  const env = {
    LINNET_SEARCH_INDEX_MS: '50',
    LINNET_SEARCH_LEASE_MS: '1000',
    LINNET_SEARCH_MS: '10000',
    LINNET_RATE_SEARCH: '1/h:100',
  };
  let pods: [Server, Server];
  let ann: Person;
  let there: Api;

  beforeAll(async () => {
    const url = await createDatabase();
    pods = [await startBackend(url, env), await startBackend(url, env)];
    ann = await person(pods[0].api(), 'ann');
    there = pods[1].api();
    there.bearer = ann.signed.access_token;
  });
  afterAll(async () => {
    for (const pod of pods ?? []) await pod.kill();
  });

  test('share the index: one makes it, and the other goes on when that one dies', async () => {
    const { id } = await ann.api.channel('general-2');
    await lines(ann.api, id, 64, 'shared');
    await indexed(pods, 64);
    expect(await bodies(there, '"shared 17."')).toEqual(['shared 17.']);
    const segments = async (server: Server): Promise<number> =>
      Number(/^linnet_search_segments_total (\d+)$/m.exec((await server.api().call('metrics')).text)?.[1]);
    const counts = [await segments(pods[0]), await segments(pods[1])] as [number, number];
    expect(counts[0] + counts[1]).toBe(1); // none was made twice
    const [maker, other, left] = counts[0] ? [pods[0], pods[1], there] : [pods[1], pods[0], ann.api];
    await maker.kill();
    await lines(left, id, 64, 'left');
    expect(await bodies(left, '"left 40."')).toEqual(['left 40.']); // indexed or not
    await indexed([other], 64);
    expect(await bodies(left, '"shared 17."')).toEqual(['shared 17.']);
    expect(await bodies(left, '"left 40."')).toEqual(['left 40.']);
  });
});

test('one person is held to one rate', async () => {
  const server = await startEmbedded({ LINNET_RATE_SEARCH: '1/h:3' });
  try {
    const ann = await person(server.api(), 'ann');
    for (let i = 0; i < 3; i++) await search(ann.api, 'x');
    const answer = await ann.api.call('search', { query: { q: 'x' } });
    expect(answer.status).toBe(429);
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
    await ann.api.ok('channel_list'); // other requests have their own
  } finally {
    await server.stop();
  }
});
