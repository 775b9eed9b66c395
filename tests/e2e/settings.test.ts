// What a person's clients keep for them: the same on every device, each change told once and in order, also to a device
// that was away, and by a bus that loses half of all news.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Api, type Person, person } from './lib/api.ts';
import { backends, type Server } from './lib/server.ts';
import { connect, type Frame, settle, type Socket } from './lib/socket.ts';
import { type Pair, pair } from './lib/stage.ts';
import type { List, Token } from './lib/types.ts';

interface Setting {
  key: string;
  value: unknown;
  user_rev: number;
}

const put = (api: Api, key: string, value: unknown): Promise<undefined> =>
  api.ok('setting_put', { path: { key }, body: { value } }, 204);
const drop = (api: Api, key: string): Promise<undefined> => api.ok('setting_delete', { path: { key } }, 204);
const list = async (api: Api): Promise<Setting[]> => (await api.ok<List<Setting>>('setting_list')).items;
const kept = async (api: Api): Promise<{ [key: string]: unknown }> =>
  Object.fromEntries((await list(api)).map((s) => [s.key, s.value]));
const settings = (s: Socket): Frame[] => s.frames.filter((f) => f.op === 'setting');
const inOrder = (s: Socket): void => {
  const revs = settings(s).map((f) => f.user_rev as number);
  expect(revs).toEqual([...new Set(revs)].sort((a, b) => a - b));
};
/** What a device has that applied what it was told. */
const told = (s: Socket): { [key: string]: unknown } => {
  const out: { [key: string]: unknown } = {};
  for (const f of settings(s)) {
    if ('value' in f) out[f.key as string] = f.value;
    else delete out[f.key as string];
  }
  return out;
};

describe.each(backends)('settings on $name', ({ start }) => {
  let server: Server;
  let ann: Person;
  let bob: Person;

  beforeAll(async () => {
    server = await start({ LINNET_SETTINGS_PER_PERSON: '5' });
    ann = await person(server.api(), 'ann');
    bob = await person(server.api(), 'bob');
  });
  afterEach(settle);
  afterEach(async () => {
    for (const p of [ann, bob]) for (const s of await list(p.api)) await drop(p.api, s.key);
  });
  afterAll(() => server?.stop());
  const on = (p: Person): Promise<Socket> => connect(server, { token: p.signed.access_token });

  test('any JSON is kept as it is, by key', async () => {
    const values: { [key: string]: unknown } = {
      '0': null,
      a: [1, 2.5, -3, 'ü\u2028"\\', true, null, { x: [] }],
      'b.c_d-e': '',
      flag: false,
      [`k${'x'.repeat(63)}`]: { '': {} },
    };
    for (const [key, value] of Object.entries(values)) await put(ann.api, key, value);
    expect(await kept(ann.api)).toEqual(values);
    expect((await list(ann.api)).map((s) => s.key)).toEqual(Object.keys(values).sort());
    expect(await list(bob.api)).toEqual([]);
    await put(ann.api, 'a', 'another');
    await drop(ann.api, '0');
    await drop(ann.api, 'never-there');
    expect(await kept(ann.api)).toMatchObject({ a: 'another', flag: false });
    expect((await list(ann.api)).length).toBe(4);
  });

  test('a list is read in pages', async () => {
    for (let i = 0; i < 5; i++) await put(ann.api, `k${i}`, i);
    const seen: string[] = [];
    for (let next: string | null = ''; next !== null;) {
      const page: List<Setting> = await ann.api.ok('setting_list', {
        query: next ? { limit: 2, cursor: next } : { limit: 2 },
      });
      seen.push(...page.items.map((s) => s.key));
      next = page.next;
    }
    expect(seen).toEqual(['k0', 'k1', 'k2', 'k3', 'k4']);
  });

  test('keys, sizes and numbers have limits', async () => {
    for (const key of ['A', '.a', '-a', '_a', 'a b', 'ä', `k${'x'.repeat(64)}`]) {
      const problem = await ann.api.refused(422, 'invalid', 'setting_put', { path: { key }, body: { value: 1 } });
      expect(problem.errors?.map((e) => e.field)).toEqual(['key']);
      await ann.api.refused(422, 'invalid', 'setting_delete', { path: { key } });
    }
    await put(ann.api, 'large', 'x'.repeat(8190));
    for (const value of ['x'.repeat(8191), Array(4096).fill(1), 'ü'.repeat(4096)]) {
      const problem = await ann.api.refused(422, 'invalid', 'setting_put', { path: { key: 'l' }, body: { value } });
      expect(problem.errors).toEqual([{ field: 'value', detail: 'is longer than 8192 bytes' }]);
    }
    await ann.api.refused(422, 'invalid', 'setting_put', { path: { key: 'k' }, body: {} });
    await ann.api.refused(422, 'invalid', 'setting_put', { path: { key: 'k' }, body: { value: 1, more: 1 } });
    for (let i = 0; i < 4; i++) await put(ann.api, `k${i}`, i);
    await ann.api.refused(409, 'limit_reached', 'setting_put', { path: { key: 'k4' }, body: { value: 1 } });
    await put(ann.api, 'k3', 'what is there may be changed');
    await drop(ann.api, 'k3');
    await put(ann.api, 'k4', 1);
    await put(bob.api, 'k0', 'of another');
    expect((await list(ann.api)).length).toBe(5);
  });

  test('an API token has no settings', async () => {
    const { token } = await ann.api.ok<Token>(
      'token_create',
      { body: { name: 't', scopes: ['read', 'write', 'manage', 'admin'] } },
      201,
    );
    const api = server.api();
    api.bearer = token;
    await api.refused(403, 'scope_missing', 'setting_list');
    await api.refused(403, 'scope_missing', 'setting_put', { path: { key: 'k' }, body: { value: 1 } });
    await api.refused(403, 'scope_missing', 'setting_delete', { path: { key: 'k' } });
  });

  test('each device is told once, in order, and nobody else', async () => {
    const [one, two, other] = [await on(ann), await on(ann), await on(bob)] as [Socket, Socket, Socket];
    await put(ann.api, 'k', 1);
    await put(ann.api, 'k', 1); // it is so already: no rev
    await put(ann.api, 'k', { large: 'x'.repeat(8000) });
    await drop(ann.api, 'k');
    await drop(ann.api, 'k');
    await put(ann.api, 'end', true);
    for (const s of [one, two]) {
      await s.next((f) => f.op === 'setting' && f.key === 'end', 'the last');
      expect(settings(s).map((f) => [f.key, f.value])).toEqual([
        ['k', 1],
        ['k', { large: 'x'.repeat(8000) }],
        ['k', undefined],
        ['end', true],
      ]);
      inOrder(s);
      const first = settings(s)[0]?.user_rev as number;
      expect(settings(s).map((f) => f.user_rev)).toEqual([first, first + 1, first + 2, first + 3]);
    }
    expect((await list(ann.api))[0]?.user_rev).toBe(settings(one).at(-1)?.user_rev);
    expect((await other.request({ op: 'ping' })).op).toBe('pong');
    expect(settings(other)).toEqual([]);
  });

  test('who comes back is told what it missed; who knows nothing asks', async () => {
    const first = await on(ann);
    await put(ann.api, 'a', 1);
    const { user_rev } = await first.next((f) => f.op === 'setting', 'a setting');
    first.ws.close();
    await put(ann.api, 'b', 2);
    await ann.api.channel(`missed-${Date.now()}`);
    await drop(ann.api, 'a');
    const back = await connect(server, { token: ann.signed.access_token }, { user_rev: user_rev as number });
    await back.next((f) => f.op === 'setting' && f.key === 'a', 'the last that was missed');
    expect(settings(back).map((f) => [f.key, f.value])).toEqual([
      ['b', 2],
      ['a', undefined],
    ]);
    const [ready] = back.frames.filter((f) => f.op === 'ready');
    expect(ready).not.toHaveProperty('whole');
    expect(ready?.user_rev).toBeLessThan(settings(back)[0]?.user_rev as number);
    const fresh = await on(ann);
    expect(fresh.frames.find((f) => f.op === 'ready')).toMatchObject({ whole: true });
    expect((await fresh.request({ op: 'ping' })).op).toBe('pong');
    expect(settings(fresh)).toEqual([]);
  });

  test('one’s own profile is told as `me`', async () => {
    const s = await on(ann);
    await ann.api.ok('me_patch', { body: { display_name: 'Ann the First' } });
    const me = await s.next((f) => f.op === 'me', 'me');
    expect(me).toMatchObject({ user: { id: ann.user.id, display_name: 'Ann the First' }, blocked_ids: [] });
  });
});

describe('settings on two pods', () => {
  let pods: Pair;
  let here: Server;
  let there: Server;
  let apis: [Api, Api];
  const sockets: Socket[] = [];

  beforeAll(async () => {
    pods = await pair({ LINNET_HEAD_CHECK_MS: '3000' });
    ({ here, there } = pods);
    const ann = await person(here.api(), 'ann');
    for (const server of [here, there, there]) sockets.push(await connect(server, { token: ann.signed.access_token }));
    apis = [here.api(), there.api()];
    for (const api of apis) api.bearer = ann.signed.access_token;
  });
  afterAll(async () => {
    await settle();
    await pods?.stop();
  });

  /** Several at once on either pod: commits and news in any order. Then one that is the last, and everybody has them. */
  async function change(round: string, n: number): Promise<void> {
    const one = (i: number): Promise<undefined> => {
      const [api, key] = [apis[i % 2] as Api, `k${i % 5}`];
      return i % 3 ? put(api, key, `${round} ${i}`) : drop(api, key);
    };
    await Promise.all(Array.from({ length: n }, (_, i) => one(i)));
    await put(apis[0], round, true);
    const all = await kept(apis[1]);
    for (const s of sockets) {
      await s.next((f) => f.op === 'setting' && f.key === round, 'the last');
      expect(told(s)).toEqual(all);
      inOrder(s);
    }
  }

  test('devices on both are told', () => change('together', 20));

  test('devices on both are told when Redis has lost everything', async () => {
    await pods.redis.kill();
    await change('alone', 12);
  });
});
