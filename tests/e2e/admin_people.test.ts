// What admins do to other people's accounts, and people to each other: roles, names, deactivation, codes for a new password,
// bots, blocks. Who administers is on one server, everybody else on the other.
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Api, password, type Person, person } from './lib/api.ts';
import type { Server } from './lib/server.ts';
import { attach, connect, type Frame, settle, type Socket } from './lib/socket.ts';
import { type Pair, pair, type Stage, stages } from './lib/stage.ts';
import type { Channel, List, Me, SignedIn, Token, User } from './lib/types.ts';

interface Created {
  user: User;
  reset_code?: string;
  expires_at?: string;
  token?: string;
}
type Patch = { role?: string; username?: string; deactivated?: boolean };

const patch = (api: Api, id: number, body: Patch): Promise<User> =>
  api.ok<User>('user_patch', { path: { id }, body }, 200);

describe.each(stages)('people and admins on $name', ({ open }) => {
  let stage: Stage;
  let here: Server;
  let there: Server;
  let owner: Person; // here,
  let admin: Person; // like them; all others are there
  let made = 0;

  const newcomer = (server = there): Promise<Person> => person(server.api(), `person-${++made}`);
  const login = (username: string, secret = password): Promise<SignedIn> =>
    there.api().ok<SignedIn>('auth_login', { body: { username, password: secret, cookie: false } });
  const on = (p: Person, server = there): Promise<Socket> => connect(server, { token: p.signed.access_token });
  const both = (token: string): Promise<Socket[]> => Promise.all([here, there].map((s) => connect(s, { token })));
  /** Neither server answers a token any more. */
  const refused = async (code: string, ...tokens: string[]): Promise<void> => {
    for (const server of [here, there])
      for (const token of tokens) {
        const api = server.api();
        api.bearer = token;
        await api.refused(401, code, 'me_get');
      }
  };

  beforeAll(async () => {
    stage = await open();
    ({ here, there } = stage);
    owner = await person(here.api(), 'owner');
    admin = await newcomer(here);
    await patch(owner.api, admin.user.id, { role: 'admin' });
  });
  afterEach(settle);
  afterAll(() => stage?.stop());

  test('only admins change people, and only owners owners', async () => {
    const [bob, cid] = [await newcomer(), await newcomer()];
    const as = (api: Api, id: number, body: Patch): Promise<unknown> =>
      api.refused(403, 'not_allowed', 'user_patch', { path: { id }, body });
    await as(bob.api, cid.user.id, { role: 'admin' });
    await as(bob.api, bob.user.id, { role: 'admin' });
    await as(admin.api, bob.user.id, { role: 'owner' });
    await as(admin.api, owner.user.id, { role: 'member' });
    await as(admin.api, owner.user.id, { deactivated: true });
    await as(admin.api, owner.user.id, { username: 'dethroned' });
    expect(await patch(admin.api, bob.user.id, { role: 'admin' })).toMatchObject({ id: bob.user.id, role: 'admin' });
    expect(await patch(bob.api, cid.user.id, { role: 'guest' })).toMatchObject({ role: 'guest' });
    expect(await patch(admin.api, bob.user.id, { role: 'member' })).toMatchObject({ role: 'member' });
    await as(bob.api, cid.user.id, { role: 'member' });
    // Whoever may not is told nothing of who is there.
    for (const id of [cid.user.id, 987_654]) {
      await as(bob.api, id, { role: 'admin' });
      await bob.api.refused(403, 'not_allowed', 'user_delete', { path: { id } });
      await bob.api.refused(403, 'not_allowed', 'user_reset', { path: { id } });
    }
    await admin.api.refused(404, 'not_found', 'user_patch', { path: { id: 987_654 }, body: { role: 'member' } });
    await admin.api.refused(422, 'invalid', 'user_patch', { path: { id: bob.user.id }, body: {} });
    await admin.api.refused(422, 'invalid', 'user_patch', { path: { id: bob.user.id }, body: { role: 'king' } });
  });

  test('the last owner stays, also when two demote each other at once', async () => {
    const id = owner.user.id;
    await owner.api.refused(409, 'conflict', 'user_patch', { path: { id }, body: { role: 'admin' } });
    await owner.api.refused(409, 'conflict', 'user_patch', { path: { id }, body: { deactivated: true } });
    await owner.api.refused(409, 'conflict', 'me_delete', { body: { password } });
    const second = await newcomer();
    for (let i = 0; i < 3; i++) {
      await patch(owner.api, second.user.id, { role: 'owner' });
      const answers = await Promise.all([
        second.api.call('user_patch', { path: { id }, body: { role: 'member' } }),
        owner.api.call('user_patch', { path: { id: second.user.id }, body: { role: 'member' } }),
      ]);
      const owners = (await owner.api.ok<List<User>>('user_list')).items.filter((u) => u.role === 'owner');
      expect(owners.length, JSON.stringify(answers.map((a) => a.text))).toBe(1);
      if (owners[0]?.id === second.user.id) {
        await patch(second.api, id, { role: 'owner' });
        await patch(owner.api, second.user.id, { role: 'member' });
      }
    }
  });

  test('a name is never given twice, but to whom it was', async () => {
    const [bob, cid] = [await newcomer(), await newcomer()];
    const name = `renamed-${++made}`;
    expect(await patch(admin.api, bob.user.id, { username: name })).toMatchObject({ username: name });
    const taken = { path: { id: cid.user.id }, body: { username: bob.user.username } };
    await admin.api.refused(409, 'name_taken', 'user_patch', taken);
    await admin.api.refused(409, 'name_taken', 'user_patch', { ...taken, body: { username: name } });
    const body = { username: bob.user.username, password, cookie: false };
    await there.api().refused(409, 'name_taken', 'auth_register', { body });
    await there.api().refused(401, 'bad_credentials', 'auth_login', { body });
    await login(name);
    expect(await patch(admin.api, bob.user.id, { username: bob.user.username })).toMatchObject({
      username: bob.user.username,
    });
    await admin.api.refused(422, 'invalid', 'user_patch', { ...taken, body: { username: 'system' } });
  });

  test('who is deactivated is cut off, and comes back as before', async () => {
    const bob = await newcomer();
    const sockets = await both(bob.signed.access_token);
    await patch(admin.api, bob.user.id, { deactivated: true });
    await refused('unauthenticated', bob.signed.access_token);
    for (const s of sockets) expect((await s.over()).code).toBe(4003);
    await there.api().refused(401, 'bad_credentials', 'auth_login', {
      body: { username: bob.user.username, password, cookie: false },
    });
    expect(await patch(admin.api, bob.user.id, { deactivated: false })).toMatchObject({ deactivated: false });
    await bob.api.ok('me_get');
    await on(bob);
  });

  test('who becomes a guest leaves the server’s log, and enters it again', async () => {
    const bob = await newcomer();
    const s = await on(bob);
    expect(s.cursors.has(0)).toBe(true);
    await patch(admin.api, bob.user.id, { role: 'guest' });
    await s.next((f) => f.op === 'me' && (f.user as User).role === 'guest', 'me');
    await s.until(() => (s.cursors.has(0) ? undefined : true), 'the end of channel 0');
    await bob.api.refused(403, 'not_allowed', 'channel_create', { body: { name: `x-${++made}` } });
    await patch(admin.api, bob.user.id, { role: 'member' });
    await s.next((f) => f.op === 'channel' && (f.channel as Channel).id === 0, 'channel 0 again');
    await admin.api.ok('me_patch', { body: { status: `at ${++made}` } });
    await s.nextEvent(0, 'user');
  });

  test('a change is one rev of the server’s log, the same again none', async () => {
    const bob = await newcomer();
    const s = await on(admin);
    const before = s.cursors.get(0) as number;
    await patch(admin.api, bob.user.id, { role: 'admin' });
    await patch(admin.api, bob.user.id, { role: 'admin' });
    const name = `other-${++made}`;
    await patch(admin.api, bob.user.id, { username: name, role: 'member' });
    const events = [await s.nextEvent(0, 'user'), await s.nextEvent(0, 'user')];
    expect(events.map((e) => [e.rev, e.user?.role, e.user?.username])).toEqual([
      [before + 1, 'admin', bob.user.username],
      [before + 2, 'member', name],
    ]);
  });

  test('an account that is made gets a code, which sets a password once', async () => {
    const username = `made-${++made}`;
    const body = { username, display_name: 'Made' };
    await owner.api.refused(422, 'invalid', 'user_create', { body: { username: 'No Name' } });
    const { user, reset_code, expires_at } = await admin.api.ok<Created>('user_create', { body }, 201);
    expect(user).toMatchObject({ username, display_name: 'Made', role: 'member', bot: false });
    expect(Date.parse(expires_at as string) - Date.now()).toBeGreaterThan(23 * 3600_000);
    await admin.api.refused(409, 'name_taken', 'user_create', { body });
    const reset = { body: { code: reset_code, password: 'a new password of mine' } };
    expect(user.changed_rev).toBeGreaterThan(0); // everybody knows of it
    await patch(admin.api, user.id, { role: 'admin' }); // before it was ever used
    await there.api().refused(422, 'invalid', 'auth_reset', { body: { code: reset_code, password: 'short' } });
    await there.api().ok('auth_reset', reset, 204);
    for (const server of [here, there]) await server.api().refused(401, 'bad_credentials', 'auth_reset', reset);
    const signed = await login(username, 'a new password of mine');
    const api = there.api();
    api.bearer = signed.access_token;
    const names = (await api.ok<List<Channel>>('channel_list')).items.map((c) => c.name);
    expect(names).toContain('general');
  });

  test('a reset ends sessions, tokens and earlier codes; not an owner’s by an admin', async () => {
    const bob = await newcomer();
    const second = await login(bob.user.username);
    const { token } = await bob.api.ok<Token>('token_create', { body: { name: 't', scopes: ['read'] } }, 201);
    const tokens = [bob.signed.access_token, second.access_token, token];
    const sockets = (await Promise.all(tokens.map(both))).flat();
    const ask = { path: { id: bob.user.id } };
    await bob.api.refused(403, 'not_allowed', 'user_reset', ask);
    await admin.api.refused(403, 'not_allowed', 'user_reset', { path: { id: owner.user.id } });
    await admin.api.refused(404, 'not_found', 'user_reset', { path: { id: 987_654 } });
    const first = await admin.api.ok<Created>('user_reset', ask, 201);
    const { reset_code } = await admin.api.ok<Created>('user_reset', ask, 201);
    const use = (code: string | undefined): { body: object } => ({ body: { code, password: 'another password' } });
    for (const server of [here, there])
      await server.api().refused(401, 'bad_credentials', 'auth_reset', use(first.reset_code));
    for (const s of sockets) expect((await s.request({ op: 'ping' })).op).toBe('pong'); // a code alone ends nothing
    await there.api().ok('auth_reset', use(reset_code), 204);
    await refused('session_revoked', ...tokens);
    for (const s of sockets) expect((await s.over()).code).toBe(4003);
    for (const { refresh_token } of [bob.signed, second])
      for (const server of [here, there])
        await server.api().refused(401, 'session_revoked', 'auth_refresh', { body: { refresh_token } });
    for (const server of [here, there]) {
      await server.api().refused(401, 'bad_credentials', 'auth_reset', use(reset_code));
      await server.api().refused(401, 'bad_credentials', 'auth_login', {
        body: { username: bob.user.username, password, cookie: false },
      });
    }
    await login(bob.user.username, 'another password');
  });

  test('of two who come with one code at once one sets the password', async () => {
    const bob = await newcomer();
    const { reset_code: code } = await admin.api.ok<Created>('user_reset', { path: { id: bob.user.id } }, 201);
    const secrets = ['the first password', 'the second password'];
    const answers = await Promise.all(
      [here, there].map((server, i) => server.api().call('auth_reset', { body: { code, password: secrets[i] } })),
    );
    expect(answers.map((a) => a.status).sort()).toEqual([204, 401]);
    await login(bob.user.username, secrets[answers.findIndex((a) => a.status === 204)]);
  });

  test('a bot has a token that reads and writes, and no password', async () => {
    const username = `bot-${++made}`;
    const { user, token } = await admin.api.ok<Created>('user_create', { body: { username, bot: true } }, 201);
    expect(user).toMatchObject({ username, bot: true });
    const api = there.api();
    api.bearer = token as string;
    const general = (await api.ok<List<Channel>>('channel_list')).items.find((c) => c.name === 'general');
    await api.send(general?.id as number, 'beep');
    const me = await api.ok<Me>('me_get');
    expect(me.session).toMatchObject({ kind: 'token', scopes: ['read', 'write'] });
    await owner.api.refused(403, 'not_allowed', 'user_patch', { path: { id: user.id }, body: { role: 'owner' } });
  });

  test('a bot may be given other scopes, and a new token that ends the old one', async () => {
    const scopes = ['read', 'write', 'manage'];
    const body = { username: `bot-${++made}`, bot: true, scopes };
    const { user, token } = await admin.api.ok<Created>('user_create', { body }, 201);
    const api = there.api();
    api.bearer = token as string;
    const room = await api.channel(`room-${++made}`);
    const sockets = await both(token as string);
    const anew = await admin.api.ok<{ token: string }>('user_reset', { path: { id: user.id } }, 201);
    expect(Object.keys(anew)).toEqual(['token']);
    await refused('session_revoked', token as string);
    for (const s of sockets) expect((await s.over()).code).toBe(4003);
    api.bearer = anew.token;
    expect((await api.ok<Me>('me_get')).session).toMatchObject({ kind: 'token', scopes });
    await api.ok('channel_patch', { path: { id: room.id }, body: { topic: 'kept by a bot' } });
    await admin.api.refused(422, 'invalid', 'user_create', { body: { ...body, username: `b-${++made}`, scopes: [] } });
    await admin.api.refused(422, 'invalid', 'user_create', { body: { ...body, username: `b-${made}`, bot: false } });
  });

  test('a token that only writes neither changes a channel nor its people', async () => {
    const [ann, bob] = [await newcomer(), await newcomer()];
    const { id } = await ann.api.channel(`room-${++made}`);
    await bob.api.ok('channel_join', { path: { id } });
    const api = there.api();
    const use = async (...scopes: string[]): Promise<void> => {
      api.bearer = (await ann.api.ok<Token>('token_create', { body: { name: 't', scopes } }, 201)).token;
    };
    await use('read', 'write');
    const member = { path: { id, user_id: bob.user.id } };
    const refused = (op: string, ask: object): Promise<unknown> => api.refused(403, 'scope_missing', op, ask);
    await refused('channel_patch', { path: { id }, body: { topic: 'no' } });
    await refused('channel_delete', { path: { id } });
    await refused('member_put', { ...member, body: { voice: true } });
    await refused('member_delete', member);
    await refused('ban_put', { ...member, body: {} });
    await refused('ban_delete', member);
    await use('manage');
    await api.ok('channel_patch', { path: { id }, body: { topic: 'yes' } });
    await api.ok('member_delete', member, 204);
    await refused('message_create', { path: { id }, body: { nonce: randomUUID(), body: 'x' } });
  });

  test('a token needs the scope admin', async () => {
    const bob = await newcomer();
    const api = there.api();
    const use = async (scopes: string[]): Promise<void> => {
      const made = await owner.api.ok<Token>('token_create', { body: { name: 't', scopes } }, 201);
      api.bearer = made.token;
    };
    await use(['read', 'write', 'manage']);
    await api.refused(403, 'scope_missing', 'user_patch', { path: { id: bob.user.id }, body: { role: 'admin' } });
    await api.refused(403, 'scope_missing', 'user_create', { body: { username: `x-${++made}` } });
    await use(['admin']);
    await patch(api, bob.user.id, { role: 'admin' });
  });

  test('a block is private: told to one’s own devices, and felt', async () => {
    const [ann, bob] = [await newcomer(), await newcomer()];
    const [a, again, b] = [await on(ann), await on(ann, here), await on(bob, here)] as [Socket, Socket, Socket];
    const path = { id: bob.user.id };
    await ann.api.refused(403, 'not_allowed', 'block_put', { path: { id: ann.user.id } });
    await ann.api.refused(404, 'not_found', 'block_put', { path: { id: 987_654 } });
    await ann.api.ok('block_put', { path }, 204);
    await ann.api.ok('block_put', { path }, 204);
    for (const s of [a, again])
      expect(await s.next((f) => f.op === 'me', 'me')).toMatchObject({ blocked_ids: [bob.user.id] });
    await bob.api.refused(403, 'not_allowed', 'dm_create', { body: { user_ids: [ann.user.id] } });
    const room = await bob.api.channel(`room-${++made}`);
    await bob.api.refused(403, 'not_allowed', 'member_put', { path: { id: room.id, user_id: ann.user.id }, body: {} });
    await ann.api.ok('channel_join', { path: { id: room.id } });
    await a.next((f) => f.op === 'channel' && (f.channel as Channel).id === room.id, 'the room');
    const m = await bob.api.send(room.id, `hi @${ann.user.username}`);
    await a.reach(room.id, m.rev);
    expect((await ann.api.ok<Channel>('channel_get', { path: { id: room.id } })).me?.mention_count).toBe(0);
    const fresh = await on(ann, here);
    expect(fresh.frames.find((f) => f.op === 'ready')).toMatchObject({ blocked_ids: [bob.user.id] });
    expect((await b.request({ op: 'ping' })).op).toBe('pong');
    expect(b.frames.filter((f) => f.op === 'me')).toEqual([]);
    await ann.api.ok('block_delete', { path }, 204);
    await ann.api.ok('block_delete', { path }, 204);
    expect(await a.next((f) => f.op === 'me', 'me')).toMatchObject({ blocked_ids: [] });
    await bob.api.ok('dm_create', { body: { user_ids: [ann.user.id] } }, 201);
  });

  test('who is blocked sees no presence, whoever watched before', async () => {
    const [ann, bob, cid] = [await newcomer(), await newcomer(), await newcomer()];
    const [a, b, c] = [await on(ann), await on(bob), await on(cid)] as [Socket, Socket, Socket];
    const id = String(ann.user.id);
    const says =
      (state: string) =>
      (f: Frame): boolean =>
        f.op === 'presence' && (f.states as { [id: string]: string })[id] === state;
    for (const s of [b, c]) {
      s.say({ op: 'watch', user_ids: [ann.user.id] });
      await s.next(says('online'), 'online');
    }
    const room = await ann.api.channel(`room-${++made}`);
    for (const p of [bob, cid]) await p.api.ok('channel_join', { path: { id: room.id } });
    const online = async (p: Person): Promise<boolean> => {
      const query = { online: true };
      const list = await p.api.ok<{ items: { user_id: number }[] }>('member_list', { path: { id: room.id }, query });
      return list.items.some((m) => m.user_id === ann.user.id);
    };
    expect([await online(bob), await online(cid)]).toEqual([true, true]);
    await ann.api.ok('block_put', { path: { id: bob.user.id } }, 204);
    await b.next(says('offline'), 'offline to whom is blocked');
    expect([await online(bob), await online(cid)]).toEqual([false, true]);
    b.say({ op: 'watch', user_ids: [ann.user.id, cid.user.id] });
    await b.next(says('offline'), 'the whole set');
    expect(c.frames.some(says('offline'))).toBe(false);
    await ann.api.ok('block_delete', { path: { id: bob.user.id } }, 204);
    await b.next(says('online'), 'online again');
    expect((await a.request({ op: 'ping' })).op).toBe('pong');
  });

  test('who is blocked types to others only', async () => {
    const [ann, bob, cid] = [await newcomer(), await newcomer(), await newcomer()];
    const room = await ann.api.channel(`room-${++made}`);
    for (const p of [bob, cid]) await p.api.ok('channel_join', { path: { id: room.id } });
    const hears = (p: Person, server = there): Promise<Socket> =>
      attach(server, { token: p.signed.access_token }, room.id);
    const [a, b, c] = [await hears(ann), await hears(bob, here), await hears(cid)];
    await ann.api.ok('block_put', { path: { id: bob.user.id } }, 204);
    await a.next((f) => f.op === 'me', 'me');
    b.say({ op: 'typing', channel_id: room.id });
    expect(await c.next((f) => f.op === 'typing', 'typing')).toMatchObject({ user_id: bob.user.id });
    const m = await bob.api.send(room.id, 'done');
    for (const s of [a, c]) await s.reach(room.id, m.rev);
    expect(a.frames.some((f) => f.op === 'typing')).toBe(false);
    await ann.api.ok('typing_create', { path: { id: room.id } }, 204);
    expect(await b.next((f) => f.op === 'typing', 'typing of who has blocked')).toMatchObject({ user_id: ann.user.id });
  });
});

describe('people and admins on two pods without Redis', () => {
  let pods: Pair;
  let here: Server;
  let there: Server;
  let owner: Person;

  beforeAll(async () => {
    pods = await pair({ LINNET_HEAD_CHECK_MS: '3000' });
    ({ here, there } = pods);
    owner = await person(here.api(), 'owner');
    await pods.redis.kill();
  });
  afterEach(settle);
  afterAll(async () => {
    await pods?.stop();
  });

  test('blocks and codes are felt on the other', async () => {
    const [ann, bob] = [await person(there.api(), 'ann'), await person(there.api(), 'bob')];
    const a = await connect(there, { token: ann.signed.access_token });
    const annHere = here.api();
    annHere.bearer = ann.signed.access_token;
    await annHere.ok('block_put', { path: { id: bob.user.id } }, 204);
    expect(await a.next((f) => f.op === 'me', 'me')).toMatchObject({ blocked_ids: [bob.user.id] });
    const { reset_code: code } = await owner.api.ok<Created>('user_reset', { path: { id: ann.user.id } }, 201);
    await here.api().ok('auth_reset', { body: { code, password: 'another password' } }, 204);
    expect((await a.over()).code).toBe(4003);
    await ann.api.refused(401, 'session_revoked', 'me_get');
  });

  test('roles are felt on the other', async () => {
    const bob = await person(there.api(), 'cid');
    const b = await connect(there, { token: bob.signed.access_token });
    await patch(owner.api, bob.user.id, { role: 'guest' });
    await b.until(() => (b.cursors.has(0) ? undefined : true), 'the end of channel 0');
    await patch(owner.api, bob.user.id, { deactivated: true });
    expect((await b.over()).code).toBe(4003);
    await bob.api.refused(401, 'unauthenticated', 'me_get');
  });
});
