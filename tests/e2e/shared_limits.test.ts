// Limits and the throttle of logins count together over two backends, and stay on when Redis dies in the middle.
import { randomUUID } from 'node:crypto';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { type Api, password, person } from './lib/api.ts';
import { Redis } from './lib/redis.ts';
import { createDatabase, type Server, startBackend } from './lib/server.ts';

const burst = 10;
const hour = 3_600_000;

let redis: Redis;
let here: Server;
let there: Server;

beforeAll(async () => {
  redis = await Redis.start();
  const url = await createDatabase();
  const env = {
    REDIS_URL: redis.url,
    LINNET_ACCESS_LOG: 'false',
    LINNET_RATE_MESSAGES: `1/h:${burst}`,
    LINNET_REDIS_WAIT_MS: '10000', // a busy machine is not to be taken for a Redis that does not answer
    LINNET_REDIS_AWAY_MS: '20000',
    LINNET_REDIS_TIMEOUT_MS: '30000',
  };
  here = await startBackend(url, env);
  there = await startBackend(url, env);
  await Promise.all([here, there].map((server) => away(server, 0)));
});
afterAll(async () => {
  await here?.stop();
  await there?.stop();
  await redis?.kill();
});

/** Until limits are shared, or not. */
async function away(server: Server, is: 0 | 1): Promise<void> {
  const now = async (): Promise<boolean> =>
    new RegExp(`^linnet_eph_away ${is}$`, 'm').test((await server.api().call('metrics')).text);
  while (!(await now())) await new Promise((again) => setTimeout(again, 10));
}

/** The status of a login with a wrong password: it waits for Redis, so all that was told before has been answered. */
const guess = async (server: Server, username: string): Promise<number> =>
  (await server.api().call('auth_login', { body: { username, password: 'a wrong one' } })).status;

test(
  'messages of one person count on both; without Redis each goes on from where they were',
  { timeout: 120_000 },
  async () => {
    const ann = await person(here.api(), 'ann');
    const { id } = await ann.api.channel('room');
    const other: Api = there.api();
    other.bearer = ann.signed.access_token;
    const send = async (api: Api): Promise<number> =>
      (await api.call('message_create', { path: { id }, body: { nonce: randomUUID(), body: 'x' } })).status;

    const given = async (): Promise<number> => {
      const spent = await redis.ask('HGET', `bucket:rate:messages:u:${ann.user.id}`, 'spent');
      return Math.round(Number(spent) / hour); // a little of a token comes back meanwhile
    };
    for (let i = 0; i < burst - 2; i++) expect(await send(ann.api)).toBe(201);
    while ((await given()) < burst - 2) await new Promise((again) => setTimeout(again, 10));
    expect(await send(other)).toBe(201); // nobody here has heard of the others yet
    await guess(there, 'nobody'); // now it has
    expect(await given()).toBe(burst - 1);
    expect(await send(other)).toBe(201);
    expect(await send(other)).toBe(429);
    await guess(there, 'nobody');
    expect(await given()).toBe(burst);

    await redis.kill();
    await Promise.all([here, there].map((server) => away(server, 1)));
    expect(await send(other)).toBe(429);
    expect(await send(ann.api)).toBe(201); // of the two that the other side gave out, this one was never told
    expect(await send(ann.api)).toBe(201);
    expect(await send(ann.api)).toBe(429);
    await redis.again();
    await Promise.all([here, there].map((server) => away(server, 0)));
    for (const api of [ann.api, other]) expect(await send(api)).toBe(429); // an empty Redis gives nobody a second share
  },
);

test('wrong passwords from one address count on both, also when Redis dies', { timeout: 120_000 }, async () => {
  await here.api().register('victim');
  await redis.ask('FLUSHALL');
  for (let i = 0; i < 9; i++) for (const server of [here, there]) expect(await guess(server, 'victim')).toBe(401);
  await redis.kill();
  await Promise.all([here, there].map((server) => away(server, 1)));
  // 18 of 20 are used up. Each knows of all but what the other counted after it.
  expect(await guess(there, 'victim')).toBe(401);
  expect(await guess(there, 'victim')).toBe(401);
  expect(await guess(there, 'victim')).toBe(429);
  const right = { body: { username: 'victim', password } };
  expect((await there.api().call('auth_login', right)).status).toBe(429);
});
