import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { Api, password, person } from './lib/api.ts';
import { backends, type Server } from './lib/server.ts';
import type { Channel, List, Me, SignedIn, Token } from './lib/types.ts';

function cookieOf(headers: Headers): string {
  const [line = ''] = headers.getSetCookie();
  return line.split(';')[0] ?? '';
}

describe.each(backends)('accounts on $name', ({ start }) => {
  let server: Server;
  let owner: Api;

  beforeAll(async () => {
    server = await start();
    owner = server.api();
  });
  afterAll(() => server?.stop());

  test('the first account owns the server, later ones are members, all are in #general', async () => {
    const before = await server.api().ok<{ setup: boolean }>('server_get');
    expect(before.setup).toBe(true);
    expect((await owner.register('first')).user.role).toBe('owner');
    const second = await person(server.api(), 'second');
    expect(second.user.role).toBe('member');
    const { items } = await second.api.ok<List<Channel>>('channel_list');
    expect(items.map((c) => [c.name, c.default])).toEqual([['general', true]]);
    const after = await server.api().ok<{ setup: boolean }>('server_get');
    expect(after.setup).toBe(false);
  });

  test('registering sets a cookie that scripts cannot read, and the cookie signs in', async () => {
    const api = server.api();
    const body = { username: 'cookies', password };
    const answer = await api.call('auth_register', { body });
    expect(answer.status).toBe(201);
    expect((answer.body as SignedIn).refresh_token).toBeUndefined();
    const [line = ''] = answer.headers.getSetCookie();
    const parts = line.split(';').map((p) => p.trim().toLowerCase());
    expect(parts[0]).toMatch(/^linnet_session=\S{40,}$/);
    expect(parts).toEqual(expect.arrayContaining(['httponly', 'samesite=lax', 'path=/']));
    expect(parts).not.toContain('secure'); // plain HTTP
    api.cookie = cookieOf(answer.headers);
    const me = await api.ok<Me>('me_get');
    expect([me.username, me.session.kind]).toEqual(['cookies', 'cookie']);
    await api.ok('auth_logout', {}, 204);
    await api.call('me_get').then((a) => expect(a.status).toBe(401));
  });

  test('a client without cookies gets a refresh token and no cookie', async () => {
    const answer = await server.api().call('auth_register', { body: { username: 'tokens', password, cookie: false } });
    expect(answer.headers.getSetCookie()).toEqual([]);
    const signed = answer.body as SignedIn;
    expect(signed.refresh_token).toMatch(/\S{40,}/);
    expect(signed.expires_in).toBe(900);
    const api = server.api();
    api.bearer = signed.access_token;
    expect((await api.ok<Me>('me_get')).session.kind).toBe('client');
  });

  test('a name is lowered, and taken in any case', async () => {
    const signed = await server.api().register('MixedCase');
    expect(signed.user.username).toBe('mixedcase');
    const body = { username: 'mixedCASE', password };
    await server.api().refused(409, 'name_taken', 'auth_register', { body });
  });

  test.each(['a', '1abc', 'with space', 'x'.repeat(33), 'ünï', 'dot.ted', '', 'here', 'channel', 'all', 'everyone'])(
    'the name %j is not valid',
    async (username) => {
      const problem = await server.api().refused(422, 'invalid', 'auth_register', { body: { username, password } });
      expect(problem.errors?.map((e) => e.field)).toEqual(['username']);
    },
  );

  test.each(['system', 'admin', 'linnet', 'deleted', 'deleted-7', 'nickserv', 'SERV'])(
    'the name %j is reserved',
    async (username) => {
      await server.api().refused(422, 'invalid', 'auth_register', { body: { username, password } });
    },
  );

  test.each([
    ['nine bytes', '123456789'],
    ['257 bytes', 'x'.repeat(257)],
  ])('a password of %s is not valid', async (_, bad) => {
    const body = { username: 'passwords', password: bad };
    const problem = await server.api().refused(422, 'invalid', 'auth_register', { body });
    expect(problem.errors?.map((e) => e.field)).toEqual(['password']);
  });

  test('every fault of a body is named at once, unknown fields too', async () => {
    const body = { username: 7, password: 'short', nickname: 'x' };
    const problem = await server.api().refused(422, 'invalid', 'auth_register', { body });
    expect(new Set(problem.errors?.map((e) => e.field))).toEqual(new Set(['username', 'password', 'nickname']));
  });

  test('two who register one name at once make one account', async () => {
    const body = { username: 'racer', password, cookie: false };
    const answers = await Promise.all([1, 2, 3].map(() => server.api().call('auth_register', { body })));
    expect(answers.map((a) => a.status).sort()).toEqual([201, 409, 409]);
  });

  test('a wrong name answers exactly what a wrong password does', async () => {
    await server.api().register('victim');
    const answers = await Promise.all(
      [
        { username: 'victim', password: 'a wrong password' },
        { username: 'nobody-here', password: 'a wrong password' },
      ].map((body) => server.api().call('auth_login', { body })),
    );
    expect(answers.map((a) => a.status)).toEqual([401, 401]);
    expect(answers[0]?.body).toEqual(answers[1]?.body);
    expect(answers[0]?.body).toMatchObject({ code: 'bad_credentials' });
  });

  test('login as JSON and as the OAuth2 form', async () => {
    await server.api().register('logger');
    const json = await server.api().call('auth_login', { body: { username: 'LOGGER', password } });
    expect(json.status).toBe(200);
    expect(cookieOf(json.headers)).toMatch(/^linnet_session=/);
    const form = await server
      .api()
      .call('auth_login', { form: { grant_type: 'password', username: 'logger', password } });
    expect(form.status).toBe(200);
    expect(form.headers.getSetCookie()).toEqual([]);
    expect((form.body as SignedIn).refresh_token).toMatch(/\S{40,}/);
  });

  test('a refresh token that never was is refused', async () => {
    expect((await server.api().call('auth_refresh', { body: { refresh_token: 'x'.repeat(43) } })).status).toBe(401);
    await server.api().refused(422, 'invalid', 'auth_refresh', { body: {} });
  });

  test('an access token that was tampered with is refused', async () => {
    const { api, signed } = await person(server.api(), 'forger');
    const [head = '', claims = '', mac = ''] = signed.access_token.split('.');
    const none = Buffer.from('{"alg":"none","typ":"JWT"}').toString('base64url');
    const flipped = (mac[0] === 'A' ? 'B' : 'A') + mac.slice(1);
    for (const bad of [
      `${none}.${claims}.`,
      `${none}.${claims}.${mac}`,
      `${head}.${claims}.${flipped}`,
      `${head}.${claims}`,
      'x',
      '..',
    ]) {
      api.bearer = bad;
      await api.refused(401, 'unauthenticated', 'me_get');
    }
  });

  test('a profile is changed and emptied again', async () => {
    const { api } = await person(server.api(), 'profile');
    const named = await api.ok<Me>('me_patch', { body: { display_name: 'Pro File' } }, 200);
    expect(named.display_name).toBe('Pro File');
    expect((await api.ok<Me>('me_get')).display_name).toBe('Pro File');
    const bare = await api.ok<Me>('me_patch', { body: { display_name: null } }, 200);
    expect(bare.display_name).toBeNull();
    for (const bad of ['x'.repeat(65), 'a\nb', 'a\u0007b', 7])
      await api.refused(422, 'invalid', 'me_patch', { body: { display_name: bad } });
    await api.refused(422, 'invalid', 'me_patch', { body: { username: 'other' } });
  });

  test('a status and do not disturb are parts of the profile, each by itself', async () => {
    const { api, user } = await person(server.api(), 'statuses');
    const other = await person(server.api(), 'sees-them');
    expect(await api.ok<Me>('me_get')).toMatchObject({ status: null, do_not_disturb: false });
    const away = await api.ok<Me>('me_patch', { body: { status: ' at the lake ', do_not_disturb: true } }, 200);
    expect(away).toMatchObject({ status: 'at the lake', do_not_disturb: true, display_name: null });
    const seen = await other.api.ok<Me>('user_get', { path: { id: user.id } });
    expect(seen).toMatchObject({ status: 'at the lake', do_not_disturb: true, changed_rev: away.changed_rev });
    const same = await api.ok<Me>('me_patch', { body: { status: 'at the lake', do_not_disturb: true } }, 200);
    expect(same.changed_rev).toBe(away.changed_rev);
    expect(await api.ok<Me>('me_patch', { body: { do_not_disturb: false } }, 200)).toMatchObject({
      status: 'at the lake',
      do_not_disturb: false,
    });
    expect((await api.ok<Me>('me_patch', { body: { status: null } }, 200)).status).toBeNull();
    for (const bad of ['', ' ', 'x'.repeat(101), 'a\nb', 'a\u202eb', 7, false, ['x']])
      await api.refused(422, 'invalid', 'me_patch', { body: { status: bad } });
    for (const bad of ['true', 1, [true]])
      await api.refused(422, 'invalid', 'me_patch', { body: { do_not_disturb: bad } });
  });

  test('API tokens do what their scopes say, until they are revoked', async () => {
    const { api } = await person(server.api(), 'automator');
    const token = await api.ok<Token>('token_create', { body: { name: 'reader', scopes: ['read'] } }, 201);
    expect(token.token).toMatch(/^linnet_/);
    const bot = server.api();
    bot.bearer = token.token;
    const me = await bot.ok<Me>('me_get', {}, 200);
    expect(me.session).toMatchObject({ kind: 'token', scopes: ['read'], expires_at: null });
    await bot.ok<List<Channel>>('channel_list', {}, 200);
    await bot.refused(403, 'scope_missing', 'channel_create', { body: { name: 'no' } });
    for (const id of ['token_list', 'session_list', 'auth_logout']) await bot.refused(403, 'scope_missing', id);
    const list = await api.ok<List<Token>>('token_list', {}, 200);
    expect(list.items.map((t) => [t.id, t.name])).toEqual([[token.id, 'reader']]);
    expect(JSON.stringify(list)).not.toContain(token.token);
    await api.ok('token_delete', { path: { id: token.id } }, 204);
    expect((await bot.call('me_get')).status).toBe(401);
    await api.refused(404, 'not_found', 'token_delete', { path: { id: token.id } });
  });

  test('a token that only sends is noted as used', async () => {
    const { api } = await person(server.api(), 'poster');
    const { id } = await api.channel('posters');
    const token = await api.ok<Token>('token_create', { body: { name: 'poster', scopes: ['write'] } }, 201);
    const used = async (): Promise<(string | null)[]> =>
      (await api.ok<List<Token>>('token_list', {}, 200)).items.map((t) => t.last_used_at);
    expect(await used()).toEqual([null]);
    const bot = server.api();
    bot.bearer = token.token;
    await bot.send(id, 'at work');
    while ((await used())[0] === null); // it is noted behind the answer
    expect(await used()).toEqual([expect.any(String)]);
  });

  test('a token needs a name and known scopes, and none that its maker lacks', async () => {
    const { api } = await person(server.api(), 'wisher');
    for (const body of [
      { name: '', scopes: ['read'] },
      { name: 'x', scopes: [] },
      { name: 'x', scopes: ['root'] },
      { name: 'x' },
    ])
      await api.refused(422, 'invalid', 'token_create', { body });
    const past = { name: 'x', scopes: ['read'], expires_at: '2001-01-01T00:00:00.000Z' };
    await api.refused(422, 'invalid', 'token_create', { body: past });
  });

  test('writing by cookie needs an Origin of ours', async () => {
    const api = server.api();
    const answer = await api.call('auth_register', { body: { username: 'baker', password } });
    api.cookie = cookieOf(answer.headers);
    const body = { name: 'cookies-only' };
    await api.refused(403, 'bad_origin', 'channel_create', { body, headers: { origin: 'https://evil.example' } });
    await api.refused(403, 'bad_origin', 'channel_create', { body, headers: { origin: 'null' } });
    await api.ok('channel_create', { body }, 201);
    const { cookie } = api;
    const bare = new Api(server.origin);
    await bare.refused(403, 'bad_origin', 'channel_create', { body: { name: 'no-origin' }, headers: { cookie } });
    await bare.ok<Me>('me_get', { headers: { cookie } }, 200);
  });

  test('register and login are refused to foreign origins as well', async () => {
    const headers = { origin: 'https://evil.example' };
    await server
      .api()
      .refused(403, 'bad_origin', 'auth_register', { body: { username: 'foreign', password }, headers });
    await server.api().refused(403, 'bad_origin', 'auth_login', { body: { username: 'first', password }, headers });
  });

  test('paths answer under /api too', async () => {
    const api = server.api('/api');
    await api.register('prefixed');
    expect((await api.ok<Me>('me_get')).username).toBe('prefixed');
  });

  test('without a session everything of a person is 401', async () => {
    for (const id of ['me_get', 'channel_list', 'session_list', 'token_list', 'user_list', 'auth_logout'])
      await server.api().refused(401, 'unauthenticated', id);
  });
});
