// Every route of the table, as nobody, as somebody who is not in the channel, as a guest, a member and an operator who are: the exact
// status and code of each. Each row has a public channel and people of its own. A route that is added has to be named here.
// (What strangers see of private channels, DMs and the server's log is in hostile_routes.test.ts.)
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Api, type Ask, password, type Person, person } from './lib/api.ts';
import { operation } from './lib/contract.ts';
import { routes } from './lib/routes.ts';
import { type Stage, stages } from './lib/stage.ts';
import type { Channel, Invite, List, Session, Token, User } from './lib/types.ts';

const roles = ['nobody', 'stranger', 'guest', 'member', 'operator'] as const;
type Role = (typeof roles)[number];

// The words of the table below.
const outcomes: { [word: string]: [number, string?] } = {
  '401': [401, 'unauthenticated'],
  outside: [403, 'not_member'],
  may_not: [403, 'not_allowed'],
  no_scope: [403, 'scope_missing'],
  unknown: [404, 'not_found'],
  bad_code: [401, 'bad_credentials'],
  invalid: [422, 'invalid'],
};

/** What a request of a row may name. */
interface Scene {
  room: number;
  me: Person | undefined; // nobody is none
  theirs: number; // a message of the owner's
  mine: number; // of one's own; of nobody and strangers: the owner's
  inside: User; // another member
  outside: User; // of the server, in no channel with anybody
  session: string; // of one's own
  token: string;
  invite: string; // the owner's, to the room
  n: number; // never twice
}
type Make = (s: Scene) => Ask;

interface Row {
  id: string;
  what: string;
  make: Make;
  wants: string[];
}
const rows: Row[] = [];
/** Outcomes in the order of `roles`; one for all but nobody: '*'. `id` may be followed by what is special. */
function row(name: string, make: Make, wants: string): void {
  const id = name.split(' ')[0] ?? '';
  const words = wants.trim().split(/\s+/);
  rows.push({ id, what: name, make, wants: words.length === 2 ? [words[0], ...Array(4).fill(words[1])] : words });
}

const none: Make = () => ({});
const room: Make = (s) => ({ path: { id: s.room } });
const theirs: Make = (s) => ({ path: { id: s.room, message_id: s.theirs } });
const mine: Make = (s) => ({ path: { id: s.room, message_id: s.mine } });
const emoji: Make = (s) => ({ path: { id: s.room, message_id: s.theirs, emoji: '🎉' } });
const inside: Make = (s) => ({ path: { id: s.room, user_id: s.inside.id } });
const outside: Make = (s) => ({ path: { id: s.room, user_id: s.outside.id } });
const withBody =
  (make: Make, body: unknown): Make =>
  (s) => ({ ...make(s), body });
const code: Make = (s) => ({ path: { code: s.invite } });
const say: Make = (s) => ({ ...room(s), body: { nonce: randomUUID(), body: 'hi' } });
const withQuery =
  (make: Make, query: Ask['query']): Make =>
  (s) => ({ ...make(s), ...(query ? { query } : {}) });

// ---- operations                  nobody   stranger guest    member   operator
row('health', none, '               200      200');
row('ready', none, '                200      200');
row('metrics', none, '              200      200');
row('version', none, '              200      200');
row('openapi', none, '              200      200');
row('docs', none, '                 200      200');
row('docs_file', () => ({ path: { name: 'page.css' } }), '200 200');
// ---- auth
const newcomer: Make = (s) => ({ body: { username: `new-${s.n}`, password, cookie: false } });
const login: Make = (s) => ({ body: { username: s.inside.username, password, cookie: false } });
row('auth_register', newcomer, '    201      201');
row('auth_login', login, '          200      200');
row('auth_refresh', (s) => ({ body: { refresh_token: s.me?.signed.refresh_token ?? 'none' } }), '401 200');
row('auth_logout', none, '          401      204');
row('me_get', none, '               401      200');
row('me_patch', () => ({ body: { display_name: 'Me' } }), '401 200');
row('auth_password', () => ({ body: { old_password: password, new_password: `${password} 2` } }), '401 204');
row('session_list', none, '         401      200');
row('session_delete_others', none, '401      204');
row('session_delete', (s) => ({ path: { id: s.session } }), '401 204');
row('setting_list', none, '         401      200');
row('setting_put', () => ({ path: { key: 'theme' }, body: { value: 'dark' } }), '401 204');
row('setting_delete', () => ({ path: { key: 'theme' } }), '401 204');
row('token_list', none, '           401      200');
row('token_create', () => ({ body: { name: 'a token', scopes: ['read'] } }), '401 201');
row('token_delete', (s) => ({ path: { id: s.token } }), '401 204');
// ---- people                      nobody   stranger guest    member   operator
row('user_list', none, '            401      200');
row('user_get', (s) => ({ path: { id: s.inside.id } }), '401 200');
row('user_get of a stranger', (s) => ({ path: { id: s.outside.id } }), '401 200 unknown 200 200');
const somebody: Make = (s) => ({ path: { id: s.inside.id } });
row('me_delete', () => ({ body: { password } }), '401 204');
row('auth_reset', () => ({ body: { code: 'none', password } }), 'bad_code bad_code');
row('user_create', (s) => ({ body: { username: `made-${s.n}` } }), '401 may_not');
row('user_patch', withBody(somebody, { role: 'member' }), '401 may_not');
row('user_delete', somebody, '       401      may_not');
row('user_reset', somebody, '        401      may_not');
row('block_put', somebody, '         401      204');
row('block_delete', somebody, '      401      204');
// ---- server
row('server_get', none, '           200      200');
row('server_patch', () => ({ body: { name: 'New' } }), '401 may_not');
// ---- channels                    nobody   stranger guest    member   operator
row('channel_list', none, '         401      200');
row('channel_create', (s) => ({ body: { name: `made-${s.n}` } }), '401 201 may_not 201 201');
row('channel_browse', none, '       401      200      may_not  200      200');
row('channel_get', room, '          401      200      200      200      200');
row('channel_patch topic', withBody(room, { topic: 'new' }), '401 outside may_not may_not 200');
row('channel_patch name', (s) => ({ ...room(s), body: { name: `name-${s.n}` } }), '401 outside may_not may_not 200');
row('channel_patch settings', withBody(room, { read_only: true, slow_mode_s: 5 }), '401 outside may_not may_not 200');
row('channel_patch default', withBody(room, { default: true }), '401 outside may_not may_not may_not');
row('channel_delete', room, '       401      outside  may_not  may_not  may_not');
row('channel_join', room, '         401      200      200      200      200');
row('channel_leave', room, '        401      204      204      204      204');
row('channel_me_patch', withBody(room, { level: 'all' }), '401 outside 200 200 200');
row('channel_read', withBody(room, { message_id: 1 }), '401 outside 204 204 204');
row('channel_unread', withBody(room, { message_id: 1 }), '401 outside 204 204 204');
row('member_list', room, '          401      outside  200      200      200');
row('member_put add', outside, '    401      outside  may_not  may_not  204');
row('member_put role', withBody(inside, { role: 'op' }), '401 outside may_not may_not 204');
row('member_put voice', withBody(inside, { voice: true }), '401 outside may_not may_not 204');
row('member_put silence', withBody(inside, { muted_until: '2090-01-01T00:00:00Z' }), '401 outside may_not may_not 204');
row('member_delete', inside, '      401      outside  may_not  may_not  204');
row('ban_list', room, '             401      outside  may_not  may_not  200');
row('ban_put', inside, '            401      outside  may_not  may_not  204');
row('ban_put of a stranger', outside, '401   outside  may_not  may_not  204');
row('ban_delete', inside, '         401      outside  may_not  may_not  204');
row('dm_create', (s) => ({ body: { user_ids: [s.inside.id] } }), '401 201 201 201 201');
row('dm_create stranger', (s) => ({ body: { user_ids: [s.outside.id] } }), '401 201 unknown 201 201');
// ---- invites                     nobody   stranger guest    member   operator
row('invite_list', none, '          401      200');
row('invite_list of a channel', (s) => ({ query: { channel_id: s.room } }), '401 outside 200 200 200');
row('invite_create', (s) => ({ body: { channel_id: s.room } }), '401 outside may_not 201 201');
row('invite_create server', () => ({ body: {} }), '401 201 may_not 201 201');
row(
  'invite_create by name',
  (s) => ({ body: { channel_id: s.room, user_id: s.outside.id } }),
  '401 outside may_not 201 201',
);
row('invite_get', code, '           200      200');
row('invite_accept', code, '        401      200      200      200      200');
row('invite_delete', code, '        401      unknown  may_not  may_not  204');
// ---- search
row('search', withQuery(none, { q: 'hi' }), '401 200');
row('search of a room', (s) => ({ query: { q: 'hi', channel_id: s.room } }), '401 outside 200 200 200');
// ---- messages                    nobody   stranger guest    member   operator
row('message_list', room, '         401      outside  200      200      200');
row('message_create', say, '401 outside 201 201 201');
row('change_list', withQuery(room, { since_rev: 0 }), '401 outside 200 200 200');
row('message_get', theirs, '        401      outside  200      200      200');
row('message_history', theirs, '    401      outside  may_not  may_not  200');
row('message_history own', mine, '  401      outside  200      200      200');
row('mention_list', none, '         401      200');
row('message_patch', withBody(mine, { body: 'edited' }), '401 outside 200 200 200');
row("message_patch another's", withBody(theirs, { body: 'edited' }), '401 outside may_not may_not may_not');
row('message_delete', mine, '       401      outside  204      204      204');
row("message_delete another's", theirs, '401  outside  may_not  may_not  204');
row('reaction_list', emoji, '       401      outside  200      200      200');
row('reaction_put', emoji, '        401      outside  204      204      204');
row('reaction_delete', emoji, '     401      outside  204      204      204');
row('pin_put', theirs, '            401      outside  may_not  may_not  204');
row('pin_delete', theirs, '         401      outside  may_not  may_not  204');
row('pin_list', room, '             401      outside  200      200      200');
row('thread_get', theirs, '         401      outside  200      200      200');
row('thread_follow', theirs, '      401      outside  204      204      204');
row('thread_unfollow', theirs, '    401      outside  204      204      204');
row('thread_read', (s) => ({ ...theirs(s), body: { message_id: s.theirs } }), '401 outside 204 204 204');
row('thread_list', none, '          401      200');
row('typing_create', room, '        401      outside  204      204      204');

test('each route has its rows here', () => {
  const walked = routes.map((r) => r.id).filter((id) => !['socket_open', 'front_page'].includes(id));
  expect([...new Set(rows.map((r) => r.id))].sort()).toEqual([...walked].sort());
});

describe.each(stages)('on $name', ({ open }) => {
  let place: Stage;
  let owner: Api;
  let apart: User;
  let made = 0;

  beforeAll(async () => {
    place = await open();
    owner = (await person(place.here.api(), 'owner')).api;
    apart = (await person(place.there.api(), 'apart')).user;
    const general = (await owner.ok<List<Channel>>('channel_list')).items.find((c) => c.name === 'general');
    if (general) await owner.ok('channel_leave', { path: { id: general.id } }, 204).catch(() => {});
  });
  afterAll(async () => {
    const metrics = await place?.there.api().call('metrics');
    await place?.stop();
    expect(metrics?.text).toMatch(/^linnet_http_requests_total\{status="5xx"\} 0$/m);
  });

  async function come(room: number, role: Role): Promise<Person | undefined> {
    if (role === 'nobody') return undefined;
    const one = await person(place.there.api(), `${role}-${++made}`);
    if (role === 'stranger') return one;
    await one.api.ok('channel_join', { path: { id: room } });
    const path = { id: room, user_id: one.user.id };
    if (role === 'operator') await owner.ok('member_put', { path, body: { role: 'op' } }, 204);
    if (role === 'guest') {
      for (const { id } of (await one.api.ok<List<Channel>>('channel_list')).items)
        if (id !== room) await one.api.ok('channel_leave', { path: { id } }, 204);
      await owner.ok('user_patch', { path: { id: one.user.id }, body: { role: 'guest' } }, 200);
    }
    return one;
  }

  /** A session and a token that are there to be ended. */
  async function keep(one: Person): Promise<{ session: string; token: string }> {
    const token = await one.api.ok<Token>('token_create', { body: { name: 't', scopes: ['read'] } }, 201);
    const body = { username: one.user.username, password, cookie: false };
    await place.there.api().ok('auth_login', { body });
    const all = await one.api.ok<List<Session & { current: boolean }>>('session_list');
    return { session: all.items.find((s) => !s.current)?.id ?? '', token: token.id };
  }

  test.each(rows)('$what', async ({ id, make, wants, what }) => {
    const { id: room } = await owner.channel(`room-${++made}`);
    const other = await person(place.there.api(), `other-${++made}`);
    await other.api.ok('channel_join', { path: { id: room } });
    const { message_id: theirs } = await owner.send(room, 'hello');
    await owner.ok('reaction_put', { path: { id: room, message_id: theirs, emoji: '🎉' } });
    const invited = id.startsWith('invite_');
    const invite = invited ? await owner.ok<Invite>('invite_create', { body: { channel_id: room } }, 201) : undefined;
    const came = new Map<Role, Person | undefined>();
    for (const role of roles) came.set(role, await come(room, role));
    for (const [i, role] of roles.entries()) {
      const me = came.get(role);
      const speaks = me && role !== 'stranger';
      const scene: Scene = {
        room,
        me,
        theirs,
        mine: speaks ? (await me.api.send(room, `of ${role}`)).message_id : theirs,
        inside: other.user,
        outside: apart,
        session: 'x',
        token: 'x',
        invite: invite?.code ?? 'x',
        n: ++made,
        ...(me && ['session_delete', 'token_delete'].includes(id) ? await keep(me) : {}),
      };
      const api = me?.api ?? place.there.api();
      const [status, code] = outcomes[wants[i] ?? ''] ?? [Number(wants[i])];
      const ask = make(scene);
      for (const name of operation(id).path.match(/\{(\w+)\}/g) ?? [])
        expect(ask.path?.[name.slice(1, -1)], `${what} names ${name}`).toBeDefined();
      if (code) await api.refused(status, code, id, ask);
      else expect((await api.call(id, ask)).status, `${what} as ${role}`).toBe(status);
    }
  });
});
