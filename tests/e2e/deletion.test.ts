// Accounts that go: the row is emptied, the name stays taken, memberships end, messages stay or become tombstones one by one,
// also when the process that was at it is killed.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Api, password, type Person, person } from './lib/api.ts';
import { backends, createDatabase, type Server, startBackend } from './lib/server.ts';
import { connect, settle, type Socket } from './lib/socket.ts';
import type { Channel, List, Member, Message, MessagePage, Token, User } from './lib/types.ts';

const page = (api: Api, id: number, limit = 100): Promise<MessagePage> =>
  api.ok<MessagePage>('message_list', { path: { id }, query: { limit } });

describe.each(backends)('deletion on $name', ({ start }) => {
  let server: Server;
  let owner: Person;
  let made = 0;
  const newcomer = (): Promise<Person> => person(server.api(), `person-${++made}`);
  const on = (p: Person): Promise<Socket> => connect(server, { token: p.signed.access_token });

  beforeAll(async () => {
    server = await start({ LINNET_DELETIONS_MS: '50' });
    owner = await person(server.api(), 'owner');
  });
  afterEach(settle);
  afterAll(() => server?.stop());

  test('one’s own, with the password; messages stay', async () => {
    const bob = await newcomer();
    const room = await owner.api.channel(`room-${++made}`);
    await bob.api.ok('channel_join', { path: { id: room.id } });
    const dm = await bob.api.ok<Channel>('dm_create', { body: { user_ids: [owner.user.id] } }, 201);
    await bob.api.send(dm.id, 'between us');
    const said = await bob.api.send(room.id, 'it was me');
    await bob.api.ok('me_patch', { body: { display_name: 'Bob', status: 'here' } });
    await bob.api.ok('setting_put', { path: { key: 'k' }, body: { value: 1 } }, 204);
    const { token } = await bob.api.ok<Token>('token_create', { body: { name: 't', scopes: ['read'] } }, 201);
    const [o, b] = [await on(owner), await on(bob)] as [Socket, Socket];
    await bob.api.refused(401, 'bad_credentials', 'me_delete', { body: { password: 'a wrong password' } });
    await bob.api.refused(422, 'invalid', 'me_delete', { body: {} });
    await bob.api.refused(422, 'invalid', 'me_delete', { body: { password, messages: 'burn' } });
    await bob.api.ok('me_delete', { body: { password } }, 204);
    expect((await b.over()).code).toBe(4003);
    await bob.api.refused(401, 'unauthenticated', 'me_get');
    const api = server.api();
    api.bearer = token;
    await api.refused(401, 'unauthenticated', 'me_get');
    const event = await o.nextEvent(0, 'user');
    const gone = {
      id: bob.user.id,
      username: `deleted-${bob.user.id}`,
      display_name: null,
      status: null,
      deleted: true,
      role: 'member',
    };
    expect(event.user).toMatchObject(gone);
    // Two streams: which of them is told first is not said.
    const left = (): object | undefined => o.events(room.id).find((e) => e.type === 'member');
    expect(await o.until(left, 'the leave')).toMatchObject({ change: 'leave', user_id: bob.user.id });
    const { items } = await owner.api.ok<List<Member>>('member_list', { path: { id: room.id } });
    expect(items.map((m) => m.user_id)).toEqual([owner.user.id]);
    const { items: messages, users } = await page(owner.api, room.id);
    expect(messages.find((m) => m.message_id === said.message_id)).toMatchObject({ body: 'it was me' });
    expect(users.find((u: User) => u.id === bob.user.id)).toMatchObject(gone);
    expect((await page(owner.api, dm.id)).items).toMatchObject([{ body: 'between us' }]);
    const again = { username: bob.user.username, password, cookie: false };
    await server.api().refused(409, 'name_taken', 'auth_register', { body: again });
    await server.api().refused(401, 'bad_credentials', 'auth_login', { body: again });
    const path = { id: bob.user.id };
    await owner.api.refused(404, 'not_found', 'user_patch', { path, body: { role: 'member' } });
    await owner.api.refused(404, 'not_found', 'user_delete', { path });
    await owner.api.refused(404, 'not_found', 'user_reset', { path });
  });

  test('by an admin, with all messages, wherever they are, each by a rev', async () => {
    const bob = await newcomer();
    const rooms: Channel[] = [];
    for (let i = 0; i < 3; i++) rooms.push(await owner.api.channel(`room-${++made}`));
    const sent: Message[] = [];
    for (const { id } of rooms) {
      await bob.api.ok('channel_join', { path: { id } });
      sent.push(...(await Promise.all(Array.from({ length: 40 }, (_, i) => bob.api.send(id, `m ${i}`)))));
      await owner.api.send(id, 'of another');
    }
    const [first, second] = rooms as [Channel, Channel, Channel];
    await bob.api.ok('channel_leave', { path: { id: first.id } }, 204); // it counts there too
    await bob.api.ok('message_delete', { path: { id: second.id, message_id: 2 } }, 204);
    const o = await on(owner);
    const before = new Map(rooms.map((r) => [r.id, o.cursors.get(r.id) as number]));
    await owner.api.refused(422, 'invalid', 'user_delete', { path: { id: bob.user.id }, body: { messages: 1 } });
    await owner.api.ok('user_delete', { path: { id: bob.user.id }, body: { messages: 'delete' } }, 204);
    // 40 tombstones, one of which was one before in the second; and a leave where bob still was.
    const most = (id: number): number =>
      (before.get(id) as number) + 40 + (id === first.id ? 0 : 1) - (id === second.id ? 1 : 0);
    for (const { id } of rooms) await o.reach(id, most(id));
    for (const { id } of rooms) {
      const { items } = await page(owner.api, id);
      const [his, others] = [items.filter((m) => m.author_id === bob.user.id), items.filter((m) => m.body !== '')];
      expect(his.every((m) => m.deleted_at && m.body === '')).toBe(true);
      expect(others.map((m) => m.body)).toEqual(['of another']);
      expect(o.cursors.get(id)).toBe(most(id));
    }
    expect(sent.length).toBe(120);
  });

  test('not by who may not', async () => {
    const [bob, cid] = [await newcomer(), await newcomer()];
    await bob.api.refused(403, 'not_allowed', 'user_delete', { path: { id: cid.user.id } });
    await owner.api.refused(403, 'not_allowed', 'user_delete', { path: { id: owner.user.id } });
    await owner.api.ok('user_patch', { path: { id: cid.user.id }, body: { role: 'admin' } });
    await cid.api.refused(403, 'not_allowed', 'user_delete', { path: { id: owner.user.id } });
    await owner.api.refused(404, 'not_found', 'user_delete', { path: { id: 987_654 } });
  });
});

describe('two processes', () => {
  let url: string;
  let first: Server;
  let second: Server | undefined;
  let owner: Person;
  let bob: Person;
  const sql = async (text: string): Promise<string> =>
    (await promisify(execFile)('psql', ['-X', '-q', '-A', '-t', '-d', url, '-c', text])).stdout.trim();

  beforeAll(async () => {
    url = await createDatabase();
    first = await startBackend(url, { LINNET_DELETIONS_MS: '60000' });
    owner = await person(first.api(), 'owner');
    bob = await person(first.api(), 'bob');
  });
  afterEach(settle);
  afterAll(() => second?.stop());

  test('what one that was killed has left to be done, another does', async () => {
    const { id } = await bob.api.channel('room');
    await owner.api.ok('channel_join', { path: { id } });
    for (let i = 0; i < 5; i++) await bob.api.send(id, `m ${i}`);
    await bob.api.ok('me_delete', { body: { password, messages: 'delete' } }, 204);
    await first.kill();
    const audit = `SELECT action, actor_id, before, after FROM audit WHERE target = 'user:${bob.user.id}' ORDER BY id`;
    expect(await sql(audit)).toBe(`user.delete|${bob.user.id}|{"deleted":false}|{"deleted":true,"messages":true}`);
    // As if it had been at it, and its minute were over.
    await sql(`UPDATE deletions SET taken_until = 1 WHERE user_id = ${bob.user.id}`);
    second = await startBackend(url, { LINNET_DELETIONS_MS: '50' });
    const api = second.api();
    api.bearer = owner.signed.access_token;
    const s = await connect(second, { token: owner.signed.access_token }, { cursors: { [id]: 1 } });
    const left = (): true | undefined =>
      s.events(id).some((e) => e.change === 'leave' && e.user_id === bob.user.id) || undefined;
    await s.until(left, 'the leave');
    const { items } = await page(api, id);
    expect(items.filter((m) => m.author_id === bob.user.id).every((m) => m.deleted_at)).toBe(true);
  });
});
