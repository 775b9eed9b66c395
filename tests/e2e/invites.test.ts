// Invites: by link and by name, to channels and to the server, as members and as guests.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Api, password, type Person, person } from './lib/api.ts';
import type { Server } from './lib/server.ts';
import { attach, connect, type Frame, settle } from './lib/socket.ts';
import { type Place, places } from './lib/target.ts';
import type { Channel, Invite, List, Member, SignedIn } from './lib/types.ts';

const day = 24 * 3600 * 1000;
const life = (i: Invite): number => Date.parse(i.expires_at) - Date.parse(i.created_at);

describe.each(places)('invites on $name', ({ open }) => {
  let place: Place;
  let server: Server;
  let ann: Person; // the owner of the server
  let bob: Person;
  let eve: Person;
  let made = 0;

  beforeAll(async () => {
    place = await open();
    server = await place.start({ LINNET_REGISTRATION: 'open', LINNET_INVITES_PER_PERSON: '30' });
    ann = await person(server.api(), 'ann');
    bob = await person(server.api(), 'bob');
    eve = await person(server.api(), 'eve');
  });
  afterAll(async () => {
    const metrics = await server?.api().call('metrics');
    await server?.stop();
    await place?.remove();
    expect(metrics?.text).toMatch(/^linnet_http_requests_total\{status="5xx"\} 0$/m);
  });
  afterEach(settle);

  const somebody = (): Promise<Person> => person(server.api(), `p-${++made}`);
  const invite = (who: Person, body: object, status = 201): Promise<Invite> =>
    who.api.ok<Invite>('invite_create', { body }, status);
  const accept = (api: Api, code: string): Promise<Channel> =>
    api.ok<Channel>('invite_accept', { path: { code } }, 200);
  const mine = async (p: Person): Promise<string[]> =>
    (await p.api.ok<List<Invite>>('invite_list')).items.map((i) => i.code);
  const of = async (p: Person, channel_id: number): Promise<Invite[]> =>
    (await p.api.ok<List<Invite>>('invite_list', { query: { channel_id } })).items;
  const members = async (p: Person, id: number): Promise<number[]> =>
    (await p.api.ok<List<Member>>('member_list', { path: { id } })).items.map((m) => m.user_id);

  /** A new channel of ann's, with bob in it. */
  async function room(more = {}): Promise<number> {
    const { id } = await ann.api.channel(`room-${++made}`, more);
    await ann.api.ok('member_put', { path: { id, user_id: bob.user.id } }, 204);
    return id;
  }

  test('a link lasts a week, shows where to, and lets in', async () => {
    const id = await room({ private: true, topic: 'quiet' });
    const link = await invite(ann, { channel_id: id });
    expect([life(link), link.max_uses, link.uses, link.user_id, link.guest]).toEqual([7 * day, 25, 0, null, false]);
    expect(link.code).toMatch(/^[0-9a-hjkmnp-tv-z]{26}$/);
    const shown = await server.api().ok<Invite>('invite_get', { path: { code: link.code } }, 200);
    const { max_uses: _, uses: __, ...rest } = link;
    expect(shown).toEqual(rest);
    expect(shown.channel).toEqual({ id, kind: 'private', name: `room-${made}`, topic: 'quiet', member_count: 2 });
    expect(shown.inviter).toMatchObject({ id: ann.user.id, username: 'ann' });
    await server.api().refused(401, 'unauthenticated', 'invite_accept', { path: { code: link.code } });
    const socket = await attach(server, { token: ann.signed.access_token }, id);
    const channel = await accept(eve.api, link.code);
    expect([channel.id, channel.me?.role]).toEqual([id, 'member']);
    await socket.reach(id, channel.rev);
    expect(socket.events(id).at(-1)).toMatchObject({ type: 'member', change: 'join', user_id: eve.user.id });
    expect((await accept(eve.api, link.code)).rev).toBe(channel.rev); // a retry
    expect((await of(ann, id)).map((i) => [i.code, i.uses])).toEqual([[link.code, 1]]);
    expect(await of(bob, id)).toEqual([]); // not his
    await eve.api.ok('channel_leave', { path: { id } }, 204);
    await accept(eve.api, link.code);
    expect((await of(ann, id))[0]?.uses).toBe(2);
  });

  test('the last use is one person’s', async () => {
    const id = await room({ private: true });
    const link = await invite(ann, { channel_id: id, max_uses: 1 });
    const two = [await somebody(), await somebody()];
    const answers = await Promise.all(two.map((p) => p.api.call('invite_accept', { path: { code: link.code } })));
    expect(answers.map((a) => a.status).sort()).toEqual([200, 410]);
    const won = answers[0]?.status === 200 ? 0 : 1;
    expect(answers[1 - won]?.body).toMatchObject({ code: 'invite_used_up' });
    await accept((two[won] as Person).api, link.code); // a retry of the very last use
    await server.api().refused(410, 'invite_used_up', 'invite_get', { path: { code: link.code } });
    const body = { username: 'late', password, invite: link.code };
    await server.api().refused(410, 'invite_used_up', 'auth_register', { body });
    expect(await of(ann, id)).toEqual([]);
    expect(await members(ann, id)).toHaveLength(3);
  });

  test('ends when it should, when it is taken back, and with what made it', async () => {
    const id = await room();
    const old = await invite(bob, { channel_id: id });
    await place.sql(`UPDATE invites SET expires_at = created_at WHERE code = '${old.code}'`);
    for (const [api, call] of [
      [server.api(), 'invite_get'],
      [eve.api, 'invite_accept'],
    ] as [Api, string][])
      await api.refused(410, 'invite_expired', call, { path: { code: old.code } });
    const gone = async (code: string): Promise<void> => {
      await server.api().refused(404, 'not_found', 'invite_get', { path: { code } });
      const problem = await eve.api.refused(404, 'not_found', 'invite_accept', { path: { code } });
      expect(problem.detail).toBe('There is no such invite');
      const body = { username: 'nobody-comes', password, invite: code };
      expect((await server.api().refused(404, 'not_found', 'auth_register', { body })).detail).toBe(problem.detail);
    };
    const link = await invite(bob, { channel_id: id });
    await eve.api.refused(404, 'not_found', 'invite_delete', { path: { code: link.code } });
    await bob.api.ok('invite_delete', { path: { code: link.code } }, 204);
    await gone(link.code);
    await gone('0'.repeat(26));
    await gone('0'.repeat(26).replace('0', 'u'));
    const [kept, second] = [await invite(bob, { channel_id: id }), await invite(bob, { channel_id: id })];
    await ann.api.ok('invite_delete', { path: { code: second.code } }, 204); // an operator's
    await gone(second.code);
    await bob.api.ok('channel_leave', { path: { id } }, 204);
    await gone(kept.code); // who made it is not there any more
    await bob.api.ok('channel_join', { path: { id } });
    await accept(eve.api, kept.code);
    const audit = await place.sql(`SELECT actor_id, action FROM audit WHERE target = 'channel:${id}' ORDER BY id`);
    expect(audit.split('\n').filter((line) => line.includes('invite'))).toEqual([
      ...Array<string>(2).fill(`${bob.user.id}|invite.create`),
      `${bob.user.id}|invite.delete`,
      ...Array<string>(2).fill(`${bob.user.id}|invite.create`),
      `${ann.user.id}|invite.delete`,
    ]);
    expect(await place.sql(`SELECT count(*) FROM audit WHERE after LIKE '%${kept.code}%'`)).toBe('0');
  });

  test('by name is for one person, who joins or declines', async () => {
    const id = await room({ private: true });
    const [zoe, joe] = [await somebody(), await somebody()];
    await bob.api.refused(403, 'not_allowed', 'invite_create', { body: { channel_id: id } }); // a link
    const asked = await invite(bob, { channel_id: id, user_id: zoe.user.id });
    expect([asked.user_id, asked.max_uses]).toEqual([zoe.user.id, 1]);
    expect((await invite(bob, { channel_id: id, user_id: zoe.user.id }, 200)).code).toBe(asked.code);
    const list = await zoe.api.ok<List<Invite>>('invite_list');
    expect(list.items.map((i) => [i.code, i.channel?.id, i.inviter.id])).toEqual([[asked.code, id, bob.user.id]]);
    for (const call of ['invite_accept', 'invite_delete'])
      await joe.api.refused(404, 'not_found', call, { path: { code: asked.code } });
    await accept(zoe.api, asked.code);
    await accept(zoe.api, asked.code);
    expect(await mine(zoe)).toEqual([]);
    await bob.api.refused(409, 'conflict', 'invite_create', { body: { channel_id: id, user_id: zoe.user.id } });
    await zoe.api.ok('channel_leave', { path: { id } }, 204);
    await zoe.api.refused(410, 'invite_used_up', 'invite_accept', { path: { code: asked.code } });
    const no = await invite(bob, { channel_id: id, user_id: joe.user.id });
    await joe.api.ok('invite_delete', { path: { code: no.code } }, 204);
    expect(await mine(joe)).toEqual([]);
    await joe.api.refused(404, 'not_found', 'invite_accept', { path: { code: no.code } });
    await ann.api.refused(404, 'not_found', 'invite_create', { body: { channel_id: id, user_id: 999_999 } });
  });

  test('by name is told to that person’s devices, those that were away too', async () => {
    const id = await room();
    const zoe = await somebody();
    const here = await connect(server, { token: zoe.signed.access_token });
    const asked = await invite(bob, { channel_id: id, user_id: zoe.user.id });
    const { max_uses: _, uses: __, ...shown } = asked;
    const frame = await here.nextOp('invite');
    expect(frame).toEqual({ op: 'invite', user_rev: expect.any(Number), invite: shown });
    const away = await connect(server, { token: zoe.signed.access_token }, { user_rev: here.ready.user_rev });
    expect(await away.nextOp('invite')).toEqual(frame);
    await accept(zoe.api, asked.code);
    for (const socket of [here, away])
      await socket.next((f) => f.op === 'channel' && (f.channel as Channel).id === id, 'the channel');
  });

  test('an answer, or its taking back, is told to that person’s devices, those that were away too', async () => {
    const zoe = await somebody();
    const token = zoe.signed.access_token;
    const here = await connect(server, { token });
    const { user_rev } = here.ready;
    const take = (who: Person, code: string): Promise<undefined> =>
      who.api.ok('invite_delete', { path: { code } }, 204);
    const ends: ((code: string) => Promise<unknown>)[] = [
      (code) => accept(zoe.api, code),
      (code) => take(zoe, code),
      (code) => take(bob, code),
      (code) => take(ann, code), // an operator
    ];
    const over: Frame[] = [];
    for (const end of ends) {
      const { code } = await invite(bob, { channel_id: await room(), user_id: zoe.user.id });
      expect(await here.nextOp('invite')).toMatchObject({ invite: { code } });
      await end(code);
      over.push(await here.nextOp('invite'));
      expect(over.at(-1)).toEqual({ op: 'invite', user_rev: expect.any(Number), code });
    }
    const away = await connect(server, { token }, { user_rev });
    for (const frame of over) expect(await away.nextOp('invite')).toEqual(frame);
    expect(await mine(zoe)).toEqual([]);
    const head = (): Promise<string> => place.sql(`SELECT rev FROM user_heads WHERE user_id = ${zoe.user.id}`);
    const before = await head();
    await take(bob, over[0]?.code as string); // it was accepted: that is told
    expect(await head()).toBe(before);
    const fresh = await connect(server, { token });
    expect(fresh.ready.user_rev).toBe(Number(before));
    expect((await fresh.request({ op: 'ping' })).op).toBe('pong');
    expect(fresh.frames.filter((f) => f.op === 'invite')).toEqual([]);
  });

  test('who has blocked the inviter hears nothing, and the inviter sees no difference', async () => {
    const id = await room();
    const [zoe, joe] = [await somebody(), await somebody()];
    await place.sql(`INSERT INTO blocks (user_id, blocked_id, at) VALUES (${zoe.user.id}, ${bob.user.id}, 1)`);
    const head = (): Promise<string> => place.sql(`SELECT rev FROM user_heads WHERE user_id = ${zoe.user.id}`);
    const before = await head();
    const [hers, his] = [
      await invite(bob, { channel_id: id, user_id: zoe.user.id }),
      await invite(bob, { channel_id: id, user_id: joe.user.id }),
    ];
    expect({ ...hers, code: '', user_id: 0, created_at: '', expires_at: '' }).toEqual({
      ...his,
      code: '',
      user_id: 0,
      created_at: '',
      expires_at: '',
    });
    expect(await mine(zoe)).toEqual([]);
    expect(await head()).toBe(before);
    expect(await mine(joe)).toEqual([his.code]);
    expect((await of(bob, id)).map((i) => i.code).sort()).toEqual([hers.code, his.code].sort());
    await bob.api.ok('invite_delete', { path: { code: hers.code } }, 204);
    expect(await head()).toBe(before); // nor that it is over
  });

  test('a guest sees the channel that they were invited to, and no more', async () => {
    const id = await room();
    const link = await invite(ann, { channel_id: id, guest: true, max_uses: 2 });
    const api = server.api();
    const guest = await api.register(`guest-${++made}`, { invite: link.code });
    expect(guest.user.role).toBe('guest');
    const channels = await api.ok<List<Channel>>('channel_list');
    expect(channels.items.map((c) => [c.id, c.me?.role])).toEqual([[id, 'member']]);
    await api.refused(403, 'not_allowed', 'invite_create', { body: { channel_id: id } });
    await api.refused(403, 'not_allowed', 'invite_create', { body: {} });
    await api.refused(403, 'not_allowed', 'channel_browse');
    // What makes guests lets in those who have an account as what they are, and guests where they are asked to.
    await accept(eve.api, link.code);
    expect((await eve.api.ok<{ role: string }>('me_get')).role).toBe('member');
    const other = await room({ private: true });
    await accept(api, (await invite(ann, { channel_id: other })).code);
    expect((await api.ok<List<Channel>>('channel_list')).items.map((c) => c.id)).toEqual([id, other]);
  });

  test('a new account joins the default channels and its invite’s', async () => {
    const id = await room({ private: true });
    const link = await invite(ann, { channel_id: id });
    const api = server.api();
    await api.register(`new-${++made}`, { invite: link.code });
    const names = (await api.ok<List<Channel>>('channel_list')).items.map((c) => c.name);
    expect(names).toContain('general');
    expect((await api.ok<Channel>('channel_get', { path: { id } })).me?.role).toBe('member');
    expect(await api.ok<List<Invite>>('invite_list')).toEqual({ items: [], next: null });
    const body = { username: `new-${made}`, password, invite: link.code };
    await server.api().refused(409, 'name_taken', 'auth_register', { body }); // a retry takes nothing
    expect((await of(ann, id)).map((i) => i.uses)).toEqual([1]);
    expect(await place.sql(`SELECT count(*) FROM audit WHERE action = 'user.invited' AND after LIKE '%:${id},%'`)).toBe(
      '1',
    );
  });

  test('an account whose maker ended before it was in its channel is there after the next sign-in', async () => {
    const id = await room({ private: true });
    const link = await invite(ann, { channel_id: id });
    const api = server.api();
    const signed = await api.register(`half-${++made}`, { invite: link.code });
    // As it was just after the first commit: no channel was joined yet.
    const user = signed.user.id;
    await api.ok('channel_leave', { path: { id } }, 204);
    await place.sql(`UPDATE users SET changed_rev = 0 WHERE user_id = ${user}`);
    await place.sql(`UPDATE invites SET uses = 0 WHERE user_id = ${user}`);
    const body = { username: `half-${made}`, password, cookie: false };
    api.bearer = (await server.api().ok<SignedIn>('auth_login', { body })).access_token;
    expect((await api.ok<Channel>('channel_get', { path: { id } })).me?.role).toBe('member');
    expect((await of(ann, id)).map((i) => i.uses)).toEqual([1]); // of the link
  });

  test('and so it is once it has asked who it is, whatever it has changed of itself meanwhile', async () => {
    const id = await room({ private: true });
    const link = await invite(ann, { channel_id: id });
    const api = server.api();
    const { user } = await api.register(`half-${++made}`, { invite: link.code });
    await api.ok('channel_leave', { path: { id } }, 204);
    await place.sql(`UPDATE users SET changed_rev = 0 WHERE user_id = ${user.id}`);
    await place.sql(`UPDATE invites SET uses = 0 WHERE user_id = ${user.id}`);
    await place.sql(`UPDATE heads SET member_count = member_count - 1 WHERE channel_id IN
      (SELECT channel_id FROM members WHERE user_id = ${user.id} AND left_rev IS NULL)`);
    await place.sql(`DELETE FROM members WHERE user_id = ${user.id}`);
    await api.ok('me_patch', { body: { status: 'new here' } });
    await api.ok('me_get');
    expect((await api.ok<Channel>('channel_get', { path: { id } })).me?.role).toBe('member');
    expect((await of(ann, id)).map((i) => i.uses)).toEqual([1]);
  });

  test('to the server is for members; admins see all of them', async () => {
    const link = await invite(bob, {});
    expect(link.channel).toBeNull();
    await eve.api.ok('invite_accept', { path: { code: link.code } }, 204); // is here already
    expect((await of(bob, 0)).map((i) => i.uses)).toEqual([0]);
    expect((await of(ann, 0)).map((i) => i.code)).toContain(link.code);
    expect(await of(eve, 0)).toEqual([]);
    await eve.api.refused(403, 'not_allowed', 'invite_delete', { path: { code: link.code } });
    await ann.api.ok('invite_delete', { path: { code: link.code } }, 204);
  });

  test('is refused where nobody can be invited, or where it says what cannot be', async () => {
    const id = await room();
    const dm = await ann.api.ok<Channel>('dm_create', { body: { user_ids: [bob.user.id] } });
    await ann.api.refused(403, 'not_allowed', 'invite_create', { body: { channel_id: dm.id } });
    await eve.api.refused(403, 'not_member', 'invite_create', { body: { channel_id: id } });
    const hidden = await room({ private: true });
    await eve.api.refused(404, 'not_found', 'invite_create', { body: { channel_id: hidden } });
    await eve.api.refused(404, 'not_found', 'invite_list', { query: { channel_id: hidden } });
    await eve.api.refused(403, 'not_member', 'invite_list', { query: { channel_id: id } });
    const wrong: [string, object][] = [
      ['guest', { guest: true }],
      ['guest', { channel_id: id, user_id: eve.user.id, guest: true }],
      ['user_id', { user_id: eve.user.id }],
      ['max_uses', { channel_id: id, user_id: eve.user.id, max_uses: 2 }],
      ['max_uses', { max_uses: 0 }],
      ['max_uses', { max_uses: 10_001 }],
      ['expires_at', { expires_at: '2020-01-01T00:00:00.000Z' }],
      ['expires_at', { expires_at: new Date(Date.now() + 400 * day).toISOString() }],
      ['expires_at', { expires_at: 'tomorrow' }],
      ['channel_id', { channel_id: 0 }],
    ];
    for (const [field, body] of wrong) {
      const problem = await ann.api.refused(422, 'invalid', 'invite_create', { body });
      expect(problem.errors?.map((e) => e.field)).toEqual([field]);
    }
    const long = await invite(ann, { channel_id: id, expires_at: new Date(Date.now() + 365 * day).toISOString() });
    expect(life(long)).toBeGreaterThan(360 * day);
  });

  test('are listed newest first, a page at a time, and one person has so many', async () => {
    const id = await room();
    const zoe = await somebody();
    await zoe.api.ok('channel_join', { path: { id } });
    for (let i = 0; i < 30; i++) await invite(zoe, { channel_id: id });
    await zoe.api.refused(409, 'limit_reached', 'invite_create', { body: { channel_id: id } });
    const all: Invite[] = [];
    for (let cursor: string | null = '', n = 0; cursor !== null && n < 10; n++) {
      const query: { [name: string]: string | number } = { channel_id: id, limit: 7, ...(cursor ? { cursor } : {}) };
      const page: List<Invite> = await ann.api.ok<List<Invite>>('invite_list', { query });
      all.push(...page.items);
      cursor = page.next;
    }
    expect(new Set(all.map((i) => i.code)).size).toBe(30);
    const times = all.map((i) => i.created_at);
    expect([...times].sort().reverse()).toEqual(times);
    await zoe.api.ok('invite_delete', { path: { code: all[0]?.code ?? '' } }, 204);
    await invite(zoe, { channel_id: id });
  });
});

test('where an invite is needed it makes the account, and closed is closed', async () => {
  const place = await (places[0] as (typeof places)[0]).open();
  let server = await place.start({ LINNET_REGISTRATION: 'invite', LINNET_SETUP_CODE: 'open sesame' });
  try {
    const first = { username: 'ann', password, cookie: false, setup_code: 'open sesame' };
    const none = { ...first, invite: '0'.repeat(26) };
    await server.api().refused(404, 'not_found', 'auth_register', { body: none });
    const ann = server.api();
    ann.bearer = (await ann.ok<SignedIn>('auth_register', { body: first }, 201)).access_token;
    const problem = await server
      .api()
      .refused(403, 'registration_closed', 'auth_register', { body: { username: 'bob', password } });
    expect(problem.detail).toBe('An invite is needed here');
    const link = await ann.ok<Invite>('invite_create', { body: { max_uses: 2 } }, 201);
    const bob = await server.api().register('bob', { invite: link.code });
    expect(bob.user.role).toBe('member');
    await server.stop();
    server = await place.start({ LINNET_REGISTRATION: 'closed' });
    const body = { username: 'eve', password, invite: link.code };
    await server.api().refused(403, 'registration_closed', 'auth_register', { body });
  } finally {
    await server.stop();
    await place.remove();
  }
});
