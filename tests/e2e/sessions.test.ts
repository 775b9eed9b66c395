// Sessions: which a person has, and that one which ends is over at once, for requests and sockets on every server.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Api, password } from './lib/api.ts';
import type { Server } from './lib/server.ts';
import { connect, settle, type Socket } from './lib/socket.ts';
import { type Stage, stages } from './lib/stage.ts';
import type { List, Session, SignedIn, Token } from './lib/types.ts';

describe.each(stages)('sessions on $name', ({ open }) => {
  let stage: Stage;
  let here: Server;
  let there: Server;
  let made = 0;

  beforeAll(async () => {
    stage = await open({ TRUSTED_PROXIES: '127.0.0.1' }); // so that clients have addresses
    ({ here, there } = stage);
  });
  afterEach(settle);
  afterAll(() => stage?.stop());

  const as = (server: Server, token: string): Api => {
    const api = server.api();
    api.bearer = token;
    return api;
  };
  const login = (server: Server, username: string, headers = {}): Promise<SignedIn> =>
    server.api().ok<SignedIn>('auth_login', { body: { username, password, cookie: false }, headers }, 200);
  /** A browser. */
  const browse = async (server: Server, username: string, headers = {}): Promise<string> => {
    const answer = await server.api().call('auth_login', { body: { username, password }, headers });
    return answer.headers.getSetCookie()[0]?.split(';')[0] ?? '';
  };
  /** Signed in here: a name, a session's tokens, and clients of it. */
  const newcomer = async (headers = {}): Promise<{ username: string; signed: SignedIn; api: Api }> => {
    const username = `person-${++made}`;
    const body = { username, password, cookie: false };
    const signed = await here.api().ok<SignedIn>('auth_register', { body, headers }, 201);
    return { username, signed, api: as(here, signed.access_token) };
  };
  const refresh = (server: Server, refresh_token: string | undefined): Promise<SignedIn> =>
    server.api().ok<SignedIn>('auth_refresh', { body: { refresh_token } }, 200);
  const list = async (api: Api): Promise<Session[]> => (await api.ok<List<Session>>('session_list', {}, 200)).items;
  const idOf = (signed: SignedIn): string => signed.refresh_token?.split('.')[0] ?? '';

  /** A socket on each server. */
  const both = (token: string): Promise<Socket[]> => Promise.all([here, there].map((s) => connect(s, { token })));
  const cut = async (sockets: Socket[]): Promise<void> => {
    for (const socket of sockets) expect((await socket.over()).code).toBe(4003);
  };
  const open_still = async (sockets: Socket[]): Promise<void> => {
    for (const socket of sockets) expect((await socket.request({ op: 'ping' })).op).toBe('pong');
  };
  /** Nothing is answered for it any more, on either server. */
  async function ended(token: string): Promise<void> {
    for (const server of [here, there]) await as(server, token).refused(401, 'session_revoked', 'me_get');
  }
  async function refreshes_no_more(refresh_token: string | undefined): Promise<void> {
    for (const server of [here, there])
      await server.api().refused(401, 'session_revoked', 'auth_refresh', { body: { refresh_token } });
  }

  test('are listed with kind, device and address, the newest first, wherever they were made', async () => {
    const { username, signed, api } = await newcomer({ 'user-agent': 'Finch/1.0 (desktop)' });
    const phone = await login(there, username, {
      'user-agent': 'Finch/1.0 (phone)',
      'x-forwarded-for': '203.0.113.7',
    });
    const headers = { 'user-agent': 'Browser/7', 'x-forwarded-for': '2001:db8:0::7' };
    expect(await browse(there, username, headers)).toMatch(/^linnet_session=/);
    const want = (current: number): unknown[] =>
      [
        ['cookie', 'Browser/7', '2001:db8::7'],
        ['client', 'Finch/1.0 (phone)', '203.0.113.7'],
        ['client', 'Finch/1.0 (desktop)', '127.0.0.1'],
      ].map((row, i) => [...row, i === current]);
    const shown = (items: Session[]): unknown[] => items.map((s) => [s.kind, s.user_agent, s.address, s.current]);
    expect(shown(await list(api))).toEqual(want(2));
    const items = await list(as(here, phone.access_token));
    expect(shown(items)).toEqual(want(1));
    expect(items.map((s) => s.id).slice(1)).toEqual([idOf(phone), idOf(signed)]);
    // A page of one, the next of the other.
    const paged: Session[] = [];
    for (let cursor: string | null = '', i = 0; cursor !== null; i++) {
      const query = { limit: 1, ...(cursor ? { cursor } : {}) };
      const part: List<Session> = await as(i % 2 ? here : there, phone.access_token).ok('session_list', { query });
      expect(part.items.length).toBe(1);
      paged.push(...part.items);
      cursor = part.next;
    }
    expect(paged).toEqual(items);
  });

  test('are ended one by one', async () => {
    const { username, signed, api } = await newcomer();
    const [other, kept] = [await login(there, username), await login(there, username)];
    const [cutting, staying] = [await both(other.access_token), await both(kept.access_token)];
    await api.ok('session_delete', { path: { id: idOf(other) } }, 204);
    await ended(other.access_token);
    await cut(cutting);
    await refreshes_no_more(other.refresh_token);
    await open_still(staying);
    const left = [idOf(kept), idOf(signed)];
    for (const server of [here, there])
      expect((await list(as(server, kept.access_token))).map((s) => s.id)).toEqual(left);
    for (const id of [idOf(other), '01ARZ3NDEKTSV4RRFFQ69G5FAV', 'x'])
      await as(there, kept.access_token).refused(404, 'not_found', 'session_delete', { path: { id } });
    // One's own, too.
    await as(there, kept.access_token).ok('session_delete', { path: { id: idOf(kept) } }, 204);
    await ended(kept.access_token);
    await cut(staying);
    await api.ok('me_get', {}, 200);
  });

  test('that are somebody else’s are as good as none', async () => {
    const [mine, theirs] = [await newcomer(), await newcomer()];
    const sockets = await both(theirs.signed.access_token);
    for (const server of [here, there])
      await as(server, mine.signed.access_token).refused(404, 'not_found', 'session_delete', {
        path: { id: idOf(theirs.signed) },
      });
    await theirs.api.ok('me_get', {}, 200);
    await open_still(sockets);
  });

  test('are ended all but the one that asks, browsers too; API tokens stay', async () => {
    const { username, signed, api } = await newcomer();
    const others = [await login(here, username), await login(there, username)];
    const cookie = await browse(there, username);
    const token = await api.ok<Token>('token_create', { body: { name: 't', scopes: ['read'] } }, 201);
    const gone = (await Promise.all(others.map((o) => both(o.access_token)))).flat();
    for (const server of [here, there]) gone.push(await connect(server, { cookie, origin: server.origin }));
    const kept = [...(await both(signed.access_token)), ...(await both(token.token))];
    await as(there, signed.access_token).ok('session_delete_others', {}, 204);
    for (const { access_token, refresh_token } of others) {
      await ended(access_token);
      await refreshes_no_more(refresh_token);
    }
    for (const server of [here, there]) {
      const browser = server.api();
      browser.cookie = cookie;
      await browser.refused(401, 'session_revoked', 'me_get');
      await as(server, token.token).ok('me_get', {}, 200);
    }
    await cut(gone);
    await open_still(kept);
    expect((await list(api)).map((s) => [s.id, s.current])).toEqual([[idOf(signed), true]]);
    await api.ok('session_delete_others', {}, 204); // there is none
  });

  test('are over after a logout, with both their tokens', async () => {
    const { signed } = await newcomer();
    const sockets = await both(signed.access_token);
    await as(there, signed.access_token).ok('auth_logout', {}, 204);
    await ended(signed.access_token);
    await refreshes_no_more(signed.refresh_token);
    await cut(sockets);
  });

  test('other than one’s own end with a password change; tokens stay', async () => {
    const { username, signed, api } = await newcomer();
    const other = await login(there, username);
    const token = await api.ok<Token>('token_create', { body: { name: 'bot', scopes: ['read'] } }, 201);
    const [gone, kept] = [await both(other.access_token), await both(signed.access_token)];
    kept.push(...(await both(token.token)));
    const fresh = 'an entirely new password';
    const change = (old_password: string, new_password: string): object => ({ body: { old_password, new_password } });
    await api.refused(401, 'bad_credentials', 'auth_password', change('not the old one', fresh));
    await api.refused(422, 'invalid', 'auth_password', change(password, 'short'));
    await open_still([...gone, ...kept]);
    await api.ok('auth_password', change(password, fresh), 204);
    await ended(other.access_token);
    await refreshes_no_more(other.refresh_token);
    await cut(gone);
    await open_still(kept);
    for (const server of [here, there]) {
      await as(server, signed.access_token).ok('me_get', {}, 200);
      await as(server, token.token).ok('me_get', {}, 200);
      await server.api().refused(401, 'bad_credentials', 'auth_login', { body: { username, password } });
      await server.api().ok('auth_login', { body: { username, password: fresh } }, 200);
    }
    await as(there, signed.access_token).refused(401, 'bad_credentials', 'auth_password', change(password, fresh));
    await refresh(there, signed.refresh_token);
  });

  test('go on by refresh tokens, of which a rotated one answers the same successor on either server', async () => {
    const { signed, username } = await newcomer();
    const second = await refresh(there, signed.refresh_token);
    expect(second.refresh_token).not.toBe(signed.refresh_token);
    // The answer had been lost.
    expect((await refresh(here, signed.refresh_token)).refresh_token).toBe(second.refresh_token);
    const third = await refresh(here, second.refresh_token);
    expect(third.refresh_token).not.toBe(second.refresh_token);
    expect((await refresh(there, second.refresh_token)).refresh_token).toBe(third.refresh_token);
    for (const server of [here, there])
      expect(await as(server, third.access_token).ok('me_get')).toMatchObject({
        username,
        session: { id: idOf(signed), kind: 'client' },
      });
  });

  test('that are refreshed on both servers at once have one successor', async () => {
    const { signed } = await newcomer();
    const all = await Promise.all([here, there, here, there].map((server) => refresh(server, signed.refresh_token)));
    expect(new Set(all.map((s) => s.refresh_token)).size).toBe(1);
    expect(all[0]?.refresh_token).not.toBe(signed.refresh_token);
  });

  test('end when a refresh token is used again whose successor was used long ago', async () => {
    const { username, signed } = await newcomer();
    const other = await login(here, username);
    const second = await refresh(there, signed.refresh_token);
    const third = await refresh(here, second.refresh_token);
    const [sockets, kept] = [await both(third.access_token), await both(other.access_token)];
    // Within the minute it may be a lost answer.
    expect((await refresh(there, signed.refresh_token)).refresh_token).toBe(second.refresh_token);
    await stage.sql(`UPDATE sessions SET refresh_times = '1000,2000' WHERE session_id = '${idOf(signed)}'`);
    // However late, while the successor was not used.
    expect((await refresh(there, second.refresh_token)).refresh_token).toBe(third.refresh_token);
    await there
      .api()
      .refused(401, 'session_revoked', 'auth_refresh', { body: { refresh_token: signed.refresh_token } });
    for (const { access_token, refresh_token } of [signed, second, third]) {
      await ended(access_token);
      await refreshes_no_more(refresh_token);
    }
    await cut(sockets);
    await open_still(kept); // a family of its own
    await refresh(there, other.refresh_token);
  });
});
