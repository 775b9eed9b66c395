// Accounts that go: the row is emptied, the name stays taken, memberships end, messages stay or become tombstones one by one,
// also when the process that was at it is killed. Who deletes is on one server, who goes and who looks on the other.
import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { afterAll, afterEach, beforeAll, describe, expect, test, vi } from 'vitest';
import { type Api, password, type Person, person } from './lib/api.ts';
import { createDatabase, type Server, startBackend } from './lib/server.ts';
import { attach, connect, type EventFrame, settle, type Socket } from './lib/socket.ts';
import { type Stage, stages } from './lib/stage.ts';
import type { Channel, List, Member, MessagePage, Token, User } from './lib/types.ts';

vi.setConfig({ testTimeout: 60_000 }); // hundreds of changes, one after the other

const page = (api: Api, id: number, limit = 100): Promise<MessagePage> =>
  api.ok<MessagePage>('message_list', { path: { id }, query: { limit } });

describe.each(stages)('deletion on $name', ({ open }) => {
  let stage: Stage;
  let owner: Person; // here
  let made = 0;
  const newcomer = (): Promise<Person> => person(stage.there.api(), `person-${++made}`);
  /** One on each server. */
  const socketsOf = (token: string): Promise<Socket[]> =>
    Promise.all([stage.here, stage.there].map((server) => connect(server, { token })));
  const both = (p: Person): Promise<Socket[]> => socketsOf(p.signed.access_token);

  beforeAll(async () => {
    stage = await open({ LINNET_DELETIONS_MS: '50' });
    owner = await person(stage.here.api(), 'owner');
  });
  afterEach(settle);
  afterAll(() => stage?.stop());

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
    const [watching, going] = [await both(owner), [...(await both(bob)), ...(await socketsOf(token))]];
    await bob.api.refused(401, 'bad_credentials', 'me_delete', { body: { password: 'a wrong password' } });
    await bob.api.refused(422, 'invalid', 'me_delete', { body: {} });
    await bob.api.refused(422, 'invalid', 'me_delete', { body: { password, messages: 'burn' } });
    await bob.api.ok('me_delete', { body: { password } }, 204);
    for (const server of [stage.here, stage.there])
      for (const bearer of [bob.signed.access_token, token]) {
        const api = server.api();
        api.bearer = bearer;
        await api.refused(401, 'unauthenticated', 'me_get');
      }
    for (const socket of going) expect((await socket.over()).code).toBe(4003);
    const gone = {
      id: bob.user.id,
      username: `deleted-${bob.user.id}`,
      display_name: null,
      status: null,
      deleted: true,
      role: 'member',
    };
    for (const socket of watching) {
      // In any order: it leaves by whichever server comes to it first.
      const of = (id: number, type: string): Promise<EventFrame> =>
        socket.until(() => socket.events(id).find((e) => e.type === type), `${type} in channel ${id}`);
      expect((await of(0, 'user')).user).toMatchObject(gone);
      expect(await of(room.id, 'member')).toMatchObject({ change: 'leave', user_id: bob.user.id });
    }
    const { items } = await owner.api.ok<List<Member>>('member_list', { path: { id: room.id } });
    expect(items.map((m) => m.user_id)).toEqual([owner.user.id]);
    const { items: messages, users } = await page(owner.api, room.id);
    expect(messages.find((m) => m.message_id === said.message_id)).toMatchObject({ body: 'it was me' });
    expect(users.find((u: User) => u.id === bob.user.id)).toMatchObject(gone);
    expect((await page(owner.api, dm.id)).items).toMatchObject([{ body: 'between us' }]);
    const again = { username: bob.user.username, password, cookie: false };
    for (const server of [stage.here, stage.there]) {
      await server.api().refused(409, 'name_taken', 'auth_register', { body: again });
      await server.api().refused(401, 'bad_credentials', 'auth_login', { body: again });
    }
    const path = { id: bob.user.id };
    await owner.api.refused(404, 'not_found', 'user_patch', { path, body: { role: 'member' } });
    await owner.api.refused(404, 'not_found', 'user_delete', { path });
    await owner.api.refused(404, 'not_found', 'user_reset', { path });
  });

  test('by an admin, with all messages, wherever they are, each by a rev that every server tells', async () => {
    const bob = await newcomer();
    const rooms: Channel[] = [];
    for (let i = 0; i < 3; i++) rooms.push(await owner.api.channel(`room-${++made}`));
    const ids = Array.from({ length: 40 }, (_, i) => i + 1);
    for (const { id } of rooms) {
      await bob.api.ok('channel_join', { path: { id } });
      await Promise.all(ids.map((i) => bob.api.send(id, `m ${i}`)));
      await owner.api.send(id, 'of another');
    }
    const [first, second, third] = rooms.map((r) => r.id) as [number, number, number];
    await bob.api.ok('channel_leave', { path: { id: first } }, 204); // it counts there too
    await bob.api.ok('message_delete', { path: { id: second, message_id: 2 } }, 204);
    const reply = await bob.api.send(third, 'in a thread', { thread_id: 1 });
    const theirs = new Map([
      [first, ids],
      [second, ids.filter((i) => i !== 2)],
      [third, [...ids, reply.message_id]],
    ]);
    const going = await both(bob);
    const watching: Socket[] = [];
    for (const server of [stage.here, stage.there])
      watching.push(await attach(server, { token: owner.signed.access_token }, first, second, third));
    const before = new Map([...theirs.keys()].map((id) => [id, watching[0]?.cursors.get(id) as number]));
    await owner.api.refused(422, 'invalid', 'user_delete', { path: { id: bob.user.id }, body: { messages: 1 } });
    await owner.api.ok('user_delete', { path: { id: bob.user.id }, body: { messages: 'delete' } }, 204);
    for (const socket of going) expect((await socket.over()).code).toBe(4003);
    for (const [id, messages] of theirs) {
      // A tombstone for each that was none, and then a leave where he still was.
      const from = before.get(id) as number;
      const most = from + messages.length + (id === first ? 0 : 1);
      const events: EventFrame[][] = [];
      for (const socket of watching) {
        await socket.reach(id, most);
        events.push(socket.events(id).filter((e) => e.rev > from));
      }
      const [one, other] = events as [EventFrame[], EventFrame[]];
      expect(other).toEqual(one);
      const deleted = one.filter((e) => e.type === 'delete');
      expect(new Set(deleted.map((e) => e.message_id))).toEqual(new Set(messages));
      expect(deleted.map((e) => e.rev)).toEqual(messages.map((_, i) => from + 1 + i));
      for (const e of deleted)
        expect(e.message).toMatchObject({ author_id: bob.user.id, body: '', changed_rev: e.rev });
      expect(one.slice(deleted.length).map((e) => [e.type, e.change, e.user_id])).toEqual(
        id === first ? [] : [['member', 'leave', bob.user.id]],
      );
      const { items, rev } = await page(owner.api, id);
      expect(rev).toBe(most);
      const [his, others] = [items.filter((m) => m.author_id === bob.user.id), items.filter((m) => m.body !== '')];
      expect(his.map((m) => m.message_id)).toEqual(ids);
      expect(his.every((m) => m.deleted_at && m.body === '')).toBe(true);
      expect(others.map((m) => m.body)).toEqual(['of another']);
    }
    expect(await stage.sql(`SELECT count(*) FROM messages WHERE author_id = ${bob.user.id} AND body <> ''`)).toBe('0');
  });

  test('not by who may not', async () => {
    const [bob, cid] = [await newcomer(), await newcomer()];
    const sockets = await both(bob);
    await bob.api.refused(403, 'not_allowed', 'user_delete', { path: { id: cid.user.id } });
    await owner.api.refused(403, 'not_allowed', 'user_delete', { path: { id: owner.user.id } });
    await owner.api.ok('user_patch', { path: { id: cid.user.id }, body: { role: 'admin' } });
    await cid.api.refused(403, 'not_allowed', 'user_delete', { path: { id: owner.user.id } });
    await owner.api.refused(404, 'not_found', 'user_delete', { path: { id: 987_654 } });
    for (const socket of sockets) expect((await socket.request({ op: 'ping' })).op).toBe('pong');
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
