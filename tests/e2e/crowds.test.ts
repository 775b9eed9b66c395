// The largest that there may be: a person in 2,000 channels, and a channel of 100,000 people. Rows are put there by SQL.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { person, type Person } from './lib/api.ts';
import type { Server } from './lib/server.ts';
import { attach, connect, dial, type Frame, settle } from './lib/socket.ts';
import { type Place, places } from './lib/target.ts';
import type { Channel, List, Member } from './lib/types.ts';

const most = 2000;
const first = 1001;
const numbers = (n: number): string =>
  `WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < ${n - 1})`;

describe.each(places)('crowds on $name', ({ open }) => {
  let place: Place;
  let server: Server;
  let ann: Person;
  let bob: Person;

  beforeAll(async () => {
    place = await open();
    server = await place.start({ LINNET_ACCESS_LOG: 'false' });
    ann = await person(server.api(), 'ann');
    bob = await person(server.api(), 'bob');
  });
  afterEach(settle);
  afterAll(async () => {
    await server?.stop();
    await place?.remove();
  });

  test('a person in as many channels as there may be', async () => {
    const mine = most - 1; // and #general
    const id = ann.user.id;
    await place.sql(`INSERT INTO heads (channel_id, kind, rev, rev_at, member_count)
      ${numbers(mine)} SELECT ${first} + i, 1, 1, 1, 1 FROM n`);
    await place.sql(`INSERT INTO channels (channel_id, name, name_key, created_at, created_by)
      ${numbers(mine)} SELECT ${first} + i, 'c' || i, 'c' || i, 1, ${id} FROM n`);
    await place.sql(`INSERT INTO changes (channel_id, rev, kind, at, actor_id, data)
      ${numbers(mine)} SELECT ${first} + i, 1, 'channel', 1, ${id}, '"created":true,"kind":"private"' FROM n`);
    await place.sql(`INSERT INTO members (channel_id, user_id, role, joined_rev, joined_at, user_rev)
      ${numbers(mine)} SELECT ${first} + i, ${id}, 2, 1, 1, 1 FROM n`);
    await place.sql(`UPDATE counters SET value = ${first + most} WHERE name = 'channel_id'`);

    const listed: number[] = [];
    for (let cursor: string | null | undefined; cursor !== null;) {
      const page: List<Channel> = await ann.api.ok('channel_list', {
        query: { limit: 100, ...(cursor ? { cursor } : {}) },
      });
      listed.push(...page.items.map((c) => c.id));
      cursor = page.next;
    }
    expect(listed.length).toBe(most);
    expect(new Set(listed).size).toBe(most);

    const socket = await connect(server, { token: ann.signed.access_token });
    expect(socket.ready.channels.length).toBe(most + 1); // the server's log
    expect(socket.frames.filter((f) => f.op === 'ready').length).toBeGreaterThan(5);
    const last = first + mine - 1;
    await ann.api.send(last, 'to the last');
    await socket.reach(last, 2);

    const room = await bob.api.channel('bobs');
    const refused = (api: Person['api'], call: string, ask: object): Promise<unknown> =>
      api.refused(409, 'limit_reached', call, ask);
    await refused(ann.api, 'channel_create', { body: { name: 'another' } });
    await refused(ann.api, 'channel_join', { path: { id: room.id } });
    await refused(bob.api, 'member_put', { path: { id: room.id, user_id: id } });

    // Back, with a cursor for each, in parts; something was missed in one of them.
    const ready = socket.ready;
    const cursors = ready.channels.map((c): [string, number] => [String(c.id), c.rev]);
    await socket.close();
    const back = await dial(server, { token: ann.signed.access_token });
    await back.opened();
    for (const [at, rev] of cursors) back.cursors.set(Number(at), rev);
    for (let i = 0; i < cursors.length; i += 1000)
      back.say({
        op: 'hello',
        epoch: ready.epoch,
        user_rev: ready.user_rev,
        cursors: Object.fromEntries(cursors.slice(i, i + 1000)),
        ...(i + 1000 < cursors.length ? { more: true } : {}),
      });
    const synced = (): Frame[] => back.frames.filter((f) => f.op === 'synced');
    await back.until(() => (synced().length === most + 1 ? true : undefined), 'all to be synced');
    expect(back.events(last)).toMatchObject([{ type: 'message', rev: 2 }]);

    await ann.api.ok('channel_leave', { path: { id: last } }, 204);
    await ann.api.ok('dm_create', { body: { user_ids: [bob.user.id] } }, 201);
  }, 60_000); // thousands of rows and frames

  test('a channel of 100,000', async () => {
    const { id } = await bob.api.channel('crowd');
    const n = 100_000;
    await place.sql(`INSERT INTO users (user_id, username, display_name, display_key, role, created_at)
      ${numbers(n)} SELECT 1000000 + i, 'u' || i, 'Person ' || i, 'person ' || i, 1, 1 FROM n`);
    await place.sql(`INSERT INTO members (channel_id, user_id, joined_rev, joined_at)
      ${numbers(n)} SELECT ${id}, 1000000 + i, 1, 1 FROM n`);
    await place.sql(`UPDATE heads SET member_count = member_count + ${n} WHERE channel_id = ${id}`);
    const bobs = await attach(server, { token: bob.signed.access_token }, id);
    const eve = await person(server.api(), `eve`);
    const joined = await eve.api.ok<Channel>('channel_join', { path: { id } });
    expect(joined).toMatchObject({ large: true, member_count: n + 2, rev: 3 });
    await bobs.reach(id, 3);
    await eve.api.ok('channel_leave', { path: { id } }, 204);
    await eve.api.ok<Channel>('channel_join', { path: { id } });
    expect((await bob.api.ok<Channel>('channel_get', { path: { id } })).rev).toBe(3);

    const members = (query: { [name: string]: string | number | boolean }): Promise<List<Member>> =>
      bob.api.ok<List<Member>>('member_list', { path: { id }, query });
    const page = await members({ limit: 100 });
    expect(page.items.length).toBe(100);
    const next = await members({ limit: 100, cursor: page.next ?? '' });
    expect(next.items[0]?.user_id).toBeGreaterThan(page.items[99]?.user_id ?? Infinity);
    const few = await members({ q: 'U9999', limit: 6 });
    expect(few.items.map((m) => m.user_id)).toEqual([1009999, ...[0, 1, 2, 3, 4].map((i) => 1099990 + i)]);
    const rest = await members({ q: 'u9999', limit: 6, cursor: few.next ?? '' });
    expect(rest.items.map((m) => m.user_id)).toEqual([5, 6, 7, 8, 9].map((i) => 1099990 + i));
    expect(rest.next).toBeNull();
    expect((await members({ q: 'person 31415' })).items.map((m) => m.user_id)).toEqual([1031415]);
    expect((await members({ q: 'nobody' })).items).toEqual([]);
    bobs.say({ op: 'typing', channel_id: id });
    const online = async (): Promise<List<Member>> => {
      for (;;) {
        const there = await members({ online: true });
        if (there.items.length) return there;
      }
    };
    expect((await online()).items.map((m) => m.user_id)).toEqual([bob.user.id]);
    const sent = await eve.api.send(id, '@channel @bob @u77777 hello');
    expect(sent.mentions).toEqual({ user_ids: [bob.user.id, 1077777], all: false });
    await bobs.reach(id, 4);
  }, 60_000);
});
