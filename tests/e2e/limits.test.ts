import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { afterEach, describe, expect, test } from 'vitest';
import { type Api, password, type Person, person } from './lib/api.ts';
import { Raw } from './lib/raw.ts';
import { type Server, startEmbedded } from './lib/server.ts';
import { connect, dial, settle } from './lib/socket.ts';
import type { Channel, Token } from './lib/types.ts';

let server: Server;

afterEach(async () => {
  try {
    settle();
  } finally {
    await server?.stop();
  }
});

/** Asks until it is refused; how often it was not. */
async function until429(api: Api, id: string, ask: () => object, most: number): Promise<number> {
  for (let n = 0; n < most; n++) {
    const answer = await api.call(id, ask());
    if (answer.status !== 429) continue;
    expect(Number(answer.headers.get('retry-after'))).toBeGreaterThanOrEqual(1);
    expect(answer.body).toMatchObject({ code: 'rate_limited' });
    return n;
  }
  return most;
}

describe('rates', () => {
  test('messages of one person; another is not held up', async () => {
    server = await startEmbedded({ LINNET_RATE_MESSAGES: '1/m:5' });
    const ann = await person(server.api(), 'ann');
    const bob = await person(server.api(), 'bob');
    const { id } = await ann.api.channel('room');
    await bob.api.ok('channel_join', { path: { id } });
    const ask = (): object => ({ path: { id }, body: { nonce: randomUUID(), body: 'x' } });
    expect(await until429(ann.api, 'message_create', ask, 10)).toBe(5);
    await bob.api.send(id, 'me not');
    const socket = await connect(server, { token: ann.signed.access_token });
    const refused = await socket.request({ op: 'send', channel_id: id, nonce: randomUUID(), body: 'x' });
    expect([refused.op, refused.code]).toEqual(['error', 'rate_limited']);
    expect(refused.retry_after).toBeGreaterThanOrEqual(1);
  });

  test('requests of one person', async () => {
    server = await startEmbedded({ LINNET_RATE_REQUESTS: '1/m:20' });
    const ann = await person(server.api(), 'ann');
    const served = await until429(ann.api, 'me_get', () => ({}), 30);
    expect(served).toBeGreaterThan(10);
    expect(served).toBeLessThanOrEqual(20);
  });

  test.each(['version', 'openapi', 'server_get'])('a made-up cookie is no way around the rate of %s', async (id) => {
    server = await startEmbedded({ LINNET_RATE_REQUESTS: '1/h:10' });
    const api = server.api();
    const ask = (): object => ({ headers: { cookie: `linnet_session=${randomUUID()}` } });
    // Those whose end finds nothing left make the address wait from the next on, on each reactor.
    const served = await until429(api, id, ask, 40);
    expect(served).toBeGreaterThanOrEqual(10);
    expect(served).toBeLessThanOrEqual(12);
    await api.ok('health', ask());
  });

  test('all tokens of a person share one bucket, each at its first use too', async () => {
    server = await startEmbedded({ LINNET_RATE_MESSAGES: '1/h:5' });
    const ann = await person(server.api(), 'ann');
    const { id } = await ann.api.channel('room');
    const statuses: number[] = [];
    for (let i = 0; i < 8; i++) {
      const bot = server.api();
      const made = { name: 'bot', scopes: ['write'] };
      bot.bearer = (await ann.api.ok<Token>('token_create', { body: made }, 201)).token;
      const answer = await bot.call('message_create', { path: { id }, body: { nonce: randomUUID(), body: 'x' } });
      statuses.push(answer.status);
    }
    expect(statuses).toEqual([201, 201, 201, 201, 201, 429, 429, 429]);
  });

  test('logins and registrations of one address', async () => {
    server = await startEmbedded({ LINNET_RATE_LOGIN: '1/m:3', LINNET_RATE_REGISTER: '1/m:2' });
    let n = 0;
    const register = (): object => ({ body: { username: `name-${n++}`, password, cookie: false } });
    expect(await until429(server.api(), 'auth_register', register, 5)).toBe(2);
    const login = (): object => ({ body: { username: 'name-0', password: 'a wrong one' } });
    expect(await until429(server.api(), 'auth_login', login, 6)).toBe(3);
  });

  test('news of who is typing, of one person', async () => {
    server = await startEmbedded({ LINNET_RATE_TYPING: '1/h:2' });
    const ann = await person(server.api(), 'ann');
    const { id } = await ann.api.channel('room');
    expect(await until429(ann.api, 'typing_create', () => ({ path: { id } }), 5)).toBe(2);
  });

  test('new direct messages of one person; those that are there can be opened', async () => {
    server = await startEmbedded({ LINNET_RATE_DMS: '1/h:3' });
    const [ann, bob] = [await person(server.api(), 'ann'), await person(server.api(), 'bob')];
    const others: number[] = [];
    for (let i = 0; i < 5; i++) others.push((await person(server.api(), `p-${i}`)).user.id);
    const dm = (who: Person, ids: number[], status: number): Promise<Channel> =>
      who.api.ok<Channel>('dm_create', { body: { user_ids: ids } }, status);
    const first = await dm(ann, [bob.user.id], 201);
    for (let i = 0; i < 5; i++) expect((await dm(ann, [bob.user.id], 200)).id).toBe(first.id);
    const ask = (): object => ({ body: { user_ids: [bob.user.id, others.pop()] } });
    expect(await until429(ann.api, 'dm_create', ask, 5)).toBe(2);
    await ann.api.refused(429, 'rate_limited', 'dm_create', { body: { user_ids: [] } }); // notes to herself, too
    expect((await dm(ann, [bob.user.id], 200)).id).toBe(first.id);
    await dm(bob, [], 201);
    expect((await dm(bob, [ann.user.id], 200)).id).toBe(first.id);
  });

  test('what one person tells everybody, and does to the lists of others', async () => {
    server = await startEmbedded({ LINNET_RATE_PROFILE: '1/h:3', LINNET_RATE_PEOPLE: '1/h:4' });
    const [ann, bob] = [await person(server.api(), 'ann'), await person(server.api(), 'bob')];
    let n = 0;
    expect(await until429(ann.api, 'me_patch', () => ({ body: { display_name: `Ann ${++n}` } }), 5)).toBe(3);
    const { id } = await ann.api.channel('room');
    const member = { path: { id, user_id: bob.user.id } };
    await ann.api.ok('block_put', { path: { id: bob.user.id } }, 204);
    await ann.api.ok('block_delete', { path: { id: bob.user.id } }, 204);
    await ann.api.ok('member_put', { ...member, body: {} });
    await ann.api.ok('member_delete', member, 204);
    for (const [op, ask] of [
      ['block_put', { path: { id: bob.user.id } }],
      ['member_put', { ...member, body: {} }],
      ['ban_put', { ...member, body: {} }],
      ['channel_leave', { path: { id } }],
      ['invite_create', { body: {} }],
    ] as [string, object][])
      await ann.api.refused(429, 'rate_limited', op, ask);
    await ann.api.send(id, 'this goes on');
    await bob.api.ok('channel_join', { path: { id } });
  });

  test('wrong passwords from one address, whatever the rate', async () => {
    server = await startEmbedded();
    await server.api().register('victim');
    const login = (): object => ({ body: { username: 'victim', password: 'a wrong one' } });
    expect(await until429(server.api(), 'auth_login', login, 30)).toBe(20);
  });
});

describe('counts', () => {
  test('sockets of one person', async () => {
    server = await startEmbedded({ LINNET_CONNECTIONS_PER_PERSON: '3' });
    const ann = await person(server.api(), 'ann');
    const token = ann.signed.access_token;
    const open = [];
    for (let i = 0; i < 3; i++) open.push(await connect(server, { token }));
    const fourth = await dial(server, { token });
    expect((await fourth.over()).code).toBe(4009);
    await open[0]?.close();
    await connect(server, { token });
  });

  test('connections of the process and of one address: the metrics and the log tell of those refused', async () => {
    /** A connection that stays, by which the others are counted. */
    async function counting(): Promise<(name: string) => Promise<string | undefined>> {
      const raw = await Raw.open(server.port);
      let asked = 0;
      return async (name) => {
        raw.write('GET /metrics HTTP/1.1\r\nHost: localhost\r\nAccept-Encoding: identity\r\n\r\n');
        const answer = (await raw.answers(++asked))[asked - 1];
        return new RegExp(`^${name} (\\d+)$`, 'm').exec(answer?.body ?? '')?.[1];
      };
    }
    server = await startEmbedded({ LINNET_CONNECTIONS: '10', LINNET_HEADER_TIMEOUT_S: '60' });
    let count = await counting();
    const many = await Promise.all(Array.from({ length: 9 }, () => Raw.open(server.port)));
    while ((await count('linnet_conn_open')) !== '10'); // each has been taken: by either loop, in any order
    const one = await Raw.open(server.port);
    expect(await one.closed()).toEqual([]);
    expect(await server.program.log('conn.limit_reached')).toMatchObject({ level: 'error', most: 10 });
    expect(await count('linnet_conn_refused_total')).toBe('1');
    for (const raw of many) raw.end();
    await server.stop();
    server = await startEmbedded({ LINNET_CONNECTIONS_PER_ADDRESS: '2', LINNET_HEADER_TIMEOUT_S: '60' });
    count = await counting();
    const second = await Raw.open(server.port);
    while ((await count('linnet_conn_open')) !== '2');
    expect(await (await Raw.open(server.port)).closed()).toEqual([]);
    expect(await count('linnet_conn_refused_total')).toBe('1');
    second.end();
  });

  test('sessions and tokens of one person', async () => {
    server = await startEmbedded({ LINNET_SESSIONS_PER_PERSON: '2', LINNET_TOKENS_PER_PERSON: '2' });
    const ann = await person(server.api(), 'ann');
    const body = { name: 'bot', scopes: ['read'] };
    for (let i = 0; i < 2; i++) await ann.api.ok('token_create', { body }, 201);
    await ann.api.refused(409, 'limit_reached', 'token_create', { body });
    const login = { body: { username: 'ann', password, cookie: false } };
    await server.api().ok('auth_login', login, 200);
    await ann.api.ok('me_get', {}, 200);
    await server.api().ok('auth_login', login, 200);
    await ann.api.refused(401, 'session_revoked', 'me_get'); // the one longest unused
  });

  test('channels of one person', async () => {
    server = await startEmbedded({ LINNET_CHANNELS_PER_PERSON: '3' });
    const ann = await person(server.api(), 'ann'); // is in #general
    await ann.api.channel('one');
    await ann.api.channel('two');
    await ann.api.refused(409, 'limit_reached', 'channel_create', { body: { name: 'three' } });
  });

  test('a socket without a hello is closed in time', async () => {
    server = await startEmbedded({ LINNET_HELLO_TIMEOUT_S: '1' });
    const ann = await person(server.api(), 'ann');
    const socket = await dial(server, { token: ann.signed.access_token });
    expect((await socket.over()).code).toBe(4002);
  });

  test('a silent socket is pinged, then closed when it stays silent', { timeout: 60_000 }, async () => {
    // A client that is kept from answering for two heartbeats is silent, too. The first begins when a hello's time is over.
    server = await startEmbedded({ LINNET_HEARTBEAT_MS: '1000', LINNET_HELLO_TIMEOUT_S: '3' });
    const ann = await person(server.api(), 'ann');
    const alive = await connect(server, { token: ann.signed.access_token });
    const dead = await connect(server, { token: ann.signed.access_token });
    dead.ws.pause(); // reads and answers nothing
    const open = async (): Promise<string | undefined> =>
      /^linnet_ws_open (\d+)$/m.exec((await server.api().call('metrics')).text)?.[1];
    while ((await open()) !== '1') await once(alive.ws, 'ping'); // which of the two was closed the end of this tells
    for (let i = 0; i < 4; i++) await once(alive.ws, 'ping');
    expect(await open()).toBe('1');
  });
});
