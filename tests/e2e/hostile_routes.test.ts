// Every route of the table, as nobody, with tokens that are none, as a stranger, and with ids, queries and bodies that
// nobody honest would send: each gets its exact status and code, and never the server's fault. A route that is added has
// to be named here, with a request that would do.
import { createHmac, randomUUID } from 'node:crypto';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, type Api, password, person } from './lib/api.ts';
import { checkAnswer, document } from './lib/contract.ts';
import { type Route, routes } from './lib/routes.ts';
import { backends, type Server } from './lib/server.ts';
import type { Channel, Problem, Token } from './lib/types.ts';

type Fields = { [name: string]: unknown };
type Outcome = [number, string?];

// A body that each route would take, with all that it knows. Only its form counts: what comes first is refused.
const bodies: { [id: string]: Fields } = {
  auth_register: { username: 'newcomer', password, display_name: 'N', invite: 'x', setup_code: 'x', cookie: false },
  auth_login: { username: 'ann', password, cookie: false },
  auth_refresh: { refresh_token: 'none' },
  me_patch: { display_name: 'Ann', status: 'here', do_not_disturb: false },
  auth_password: { old_password: 'a wrong password', new_password: password },
  me_delete: { password: 'a wrong password', messages: 'keep' },
  auth_reset: { code: 'none', password },
  user_create: { username: 'made', display_name: 'Made', bot: false },
  user_patch: { role: 'member', username: 'renamed', deactivated: false },
  user_delete: { messages: 'keep' },
  setting_put: { value: { any: 'thing' } },
  token_create: { name: 'a token', scopes: ['read'], expires_at: '2099-01-01T00:00:00.000Z' },
  server_patch: { name: 'walked', registration: 'open' },
  channel_create: { name: 'walked', topic: 't', private: true, history: 'all' },
  channel_patch: {
    name: 'renamed',
    topic: 't',
    private: true,
    history: 'joined',
    slow_mode_s: 5,
    read_only: false,
    archived: false,
    default: false,
  },
  channel_me_patch: { level: 'all', muted_until: '2099-01-01T00:00:00.000Z', hidden: false },
  channel_read: { message_id: 1, epoch: '0123456789abcdef' },
  channel_unread: { message_id: 1, epoch: '0123456789abcdef' },
  member_put: { role: 'member', voice: false, muted_until: '2099-01-01T00:00:00.000Z' },
  ban_put: { until: '2099-01-01T00:00:00.000Z', reason: 'r' },
  dm_create: { user_ids: [1] },
  invite_create: {
    channel_id: 1,
    user_id: 1,
    max_uses: 1,
    expires_at: '2099-01-01T00:00:00.000Z',
    guest: false,
  },
  message_create: {
    nonce: randomUUID(),
    body: 'hello',
    kind: 'text',
    reply_to: 1,
    thread_id: 1,
    in_channel: false,
    attachments: [],
    epoch: '0123456789abcdef',
  },
  message_patch: { body: 'edited', if_rev: 1, epoch: '0123456789abcdef' },
  thread_read: { message_id: 1, epoch: '0123456789abcdef' },
  typing_create: { thread_id: 1 },
};

// What somebody signed in gets who is no member: of a public channel, of a private one (or a DM), of the server's log
// (all are members of that, and nobody writes it). Paths of other things than channels: of somebody else's.
const notMember: Outcome = [403, 'not_member'];
const unknown: Outcome = [404, 'not_found'];
const serverWrites: Outcome = [403, 'not_allowed'];
const adminsOnly: Outcome = [403, 'not_allowed'];
const stranger: { [id: string]: { public?: Outcome; hidden: Outcome; log?: Outcome } } = {
  session_delete: { hidden: unknown },
  token_delete: { hidden: unknown },
  user_get: { hidden: unknown },
  user_patch: { public: adminsOnly, hidden: adminsOnly },
  user_delete: { public: adminsOnly, hidden: adminsOnly },
  user_reset: { public: adminsOnly, hidden: adminsOnly },
  block_put: { hidden: unknown },
  block_delete: { hidden: unknown },
  channel_get: { public: [200], hidden: unknown, log: [200] },
  channel_patch: { public: notMember, hidden: unknown, log: serverWrites },
  channel_delete: { public: notMember, hidden: unknown, log: serverWrites },
  channel_join: { public: [200], hidden: unknown, log: serverWrites },
  channel_leave: { public: [204], hidden: unknown, log: serverWrites },
  channel_me_patch: { public: notMember, hidden: unknown, log: [200] },
  channel_read: { public: notMember, hidden: unknown, log: unknown },
  channel_unread: { public: notMember, hidden: unknown, log: unknown },
  member_list: { public: notMember, hidden: unknown, log: [200] },
  member_put: { public: notMember, hidden: unknown, log: serverWrites },
  member_delete: { public: notMember, hidden: unknown, log: serverWrites },
  ban_list: { public: notMember, hidden: unknown, log: serverWrites },
  ban_put: { public: notMember, hidden: unknown, log: serverWrites },
  ban_delete: { public: notMember, hidden: unknown, log: serverWrites },
  invite_accept: { hidden: unknown },
  invite_delete: { hidden: unknown },
  message_list: { public: notMember, hidden: unknown, log: [200] },
  message_create: { public: notMember, hidden: unknown, log: serverWrites },
  change_list: { public: notMember, hidden: unknown, log: [200] },
  message_get: { public: notMember, hidden: unknown, log: unknown },
  message_history: { public: notMember, hidden: unknown, log: unknown },
  message_patch: { public: notMember, hidden: unknown, log: serverWrites },
  message_delete: { public: notMember, hidden: unknown, log: serverWrites },
  pin_put: { public: notMember, hidden: unknown, log: serverWrites },
  pin_delete: { public: notMember, hidden: unknown, log: serverWrites },
  pin_list: { public: notMember, hidden: unknown, log: [200] },
  reaction_list: { public: notMember, hidden: unknown, log: unknown },
  reaction_put: { public: notMember, hidden: unknown, log: serverWrites },
  reaction_delete: { public: notMember, hidden: unknown, log: serverWrites },
  thread_get: { public: notMember, hidden: unknown, log: unknown },
  thread_follow: { public: notMember, hidden: unknown, log: unknown },
  thread_unfollow: { public: notMember, hidden: unknown, log: unknown },
  thread_read: { public: notMember, hidden: unknown, log: unknown },
  typing_create: { public: notMember, hidden: unknown, log: serverWrites },
};

// A body that is whole and would do if the rest were right: what one may not ask together is left out.
const together: { [id: string]: string[] } = {
  auth_register: ['username', 'password', 'cookie'],
  channel_patch: ['topic'],
  channel_read: ['message_id'],
  channel_unread: ['message_id'],
  invite_create: ['channel_id', 'max_uses', 'guest'],
  message_create: ['nonce', 'body'],
  message_patch: ['body'],
  thread_read: ['message_id'],
};
function fine(id: string): Fields {
  const all = bodies[id] ?? {};
  return Object.fromEntries(Object.entries(all).filter(([name]) => together[id]?.includes(name) ?? true));
}

const queries: { [id: string]: string } = { change_list: '?since_rev=0', search: '?q=hello' };
// A setting's key is no id, and nobody else's (settings.test.ts).
const hasId = (r: Route): boolean => r.path.includes('{') && !r.path.includes('{key}');
const takesBody = (r: Route): boolean => r.body !== 'none';
const at = (path: string, id: string, second = '1'): string =>
  path
    .replace(/\{(id|code)\}/, id)
    .replace(/\{\w+_id\}/, second)
    .replace('{key}', 'theme')
    .replace('{emoji}', '%F0%9F%91%8D');
const fill = (r: Route, id: string, second = '1'): string => at(r.path, id, second) + (queries[r.id] ?? '');

interface Sent {
  token?: string;
  body?: string | Buffer;
  type?: string;
}

async function send(server: Server, r: Route, path: string, sent: Sent = {}): Promise<Answer> {
  const headers: { [name: string]: string } = {};
  if (sent.token) headers.authorization = `Bearer ${sent.token}`;
  if (sent.body !== undefined) headers['content-type'] = sent.type ?? 'application/json';
  const response = await fetch(server.origin + path, {
    method: r.method,
    headers,
    body: (sent.body ?? null) as string | null,
    redirect: 'manual',
  });
  const answer = { status: response.status, headers: response.headers, text: await response.text(), body: undefined };
  const type = response.headers.get('content-type');
  checkAnswer(r.id, answer.status, type, answer.text);
  return { ...answer, body: type?.includes('json') ? JSON.parse(answer.text) : undefined };
}

function refused(answer: Answer, status: number, code: string, what: string): Problem {
  const problem = answer.body as Problem | undefined;
  expect([answer.status, problem?.code], `${what}: ${answer.text}`).toEqual([status, code]);
  expect(problem?.type, what).toBe('about:blank');
  return problem as Problem;
}

/** Of the query parameters that the contract gives a row: those of this type. */
interface Parameter {
  name: string;
  in?: string;
  schema?: { type?: string; $ref?: string; maximum?: number };
}
function parameters(id: string): Parameter[] {
  const components = document.components as unknown as { parameters: { [name: string]: Parameter } };
  for (const path of Object.values(document.paths as unknown as { [path: string]: { [method: string]: unknown } }))
    for (const operation of Object.values(path) as {
      operationId?: string;
      parameters?: (Parameter & { $ref?: string })[];
    }[])
      if (operation.operationId === id)
        return (operation.parameters ?? [])
          .map((p) => (p.$ref ? (components.parameters[p.$ref.split('/').at(-1) ?? ''] ?? p) : p))
          .filter((p) => p.in === 'query');
  return [];
}

test('each route that needs them has its body and its strangers named here', () => {
  expect(routes.length).toBeGreaterThan(30);
  expect(Object.keys(bodies).sort()).toEqual(
    routes
      .filter(takesBody)
      .map((r) => r.id)
      .sort(),
  );
  const places = routes.filter((r) => r.auth === 'session' && hasId(r));
  expect(Object.keys(stranger).sort()).toEqual(places.map((r) => r.id).sort());
});

describe.each(backends)('on $name', ({ start }) => {
  let server: Server;
  let ann: Api;
  let annToken = '';
  let eveToken = '';
  let open: Channel;
  let hidden: Channel;
  let dm: Channel;

  beforeAll(async () => {
    server = await start();
    const owner = await person(server.api(), 'ann');
    const bob = await person(server.api(), 'bob');
    const eve = await person(server.api(), 'eve');
    ann = owner.api;
    [annToken, eveToken] = [owner.signed.access_token, eve.signed.access_token];
    open = await ann.channel('open');
    hidden = await ann.channel('hidden', { private: true });
    dm = await ann.ok<Channel>('dm_create', { body: { user_ids: [bob.user.id] } }, 201);
    for (const channel of [open, hidden, dm]) await ann.send(channel.id, 'hello');
  });

  afterAll(async () => {
    const metrics = await server?.api().call('metrics');
    await server?.stop();
    expect(metrics?.text).toMatch(/^linnet_http_requests_total\{status="5xx"\} 0$/m);
    const levels = server.program.lines.map((line) => JSON.parse(line) as { level: string; event: string });
    expect(levels.filter((l) => l.level === 'error')).toEqual([]);
  });

  const signedIn = routes.filter((r) => r.auth === 'session');
  const withBody = (r: Route): Sent => (takesBody(r) ? { body: JSON.stringify(fine(r.id)) } : {});

  describe('nobody', () => {
    // A token of another server, one that has expired and one that is signed by nothing; an API token and a cookie that
    // are none.
    const jwt = (alg: string, exp: number, key: string): string => {
      const part = (v: object): string => Buffer.from(JSON.stringify(v)).toString('base64url');
      const text = `${part({ alg, typ: 'JWT' })}.${part({ sub: '1', sid: '01'.padEnd(26, 'A'), iat: exp - 900, exp })}`;
      return `${text}.${key ? createHmac('sha256', key).update(text).digest('base64url') : ''}`;
    };
    const tokens: [string, string][] = [
      ['no token', ''],
      ['a word', 'nonsense'],
      ['another key', jwt('HS256', 4e9, 'another key of thirty-two bytes or more')],
      ['no signature', jwt('none', 4e9, '')],
      ['an API token', `linnet_${'a'.repeat(43)}`],
    ];
    test.each(signedIn)('$id', async (r) => {
      for (const [what, token] of tokens) {
        const answer = await send(server, r, fill(r, String(open.id)), token ? { ...withBody(r), token } : withBody(r));
        const problem = refused(answer, 401, 'unauthenticated', what);
        expect(answer.headers.get('www-authenticate')).toBe('Bearer');
        if (token) expect(problem.detail).toMatch(/token/);
      }
    });
  });

  describe('API tokens', () => {
    const scopes = ['read', 'write', 'manage', 'admin'];
    let of: { [scope: string]: string } = {};
    beforeAll(async () => {
      for (const scope of scopes) {
        const made = await ann.ok<Token>('token_create', { body: { name: scope, scopes: [scope] } }, 201);
        of = { ...of, [scope]: made.token };
      }
    });
    test.each(signedIn)('$id has its scope', async (r) => {
      for (const scope of scopes) {
        if (scope === r.scope) continue;
        const answer = await send(server, r, fill(r, String(open.id)), { ...withBody(r), token: of[scope] ?? '' });
        const problem = refused(answer, 403, 'scope_missing', scope);
        expect(problem.detail).toBe(
          r.scope === 'own' ? 'API tokens cannot do this' : `The token needs the scope ${r.scope}`,
        );
      }
    });
  });

  describe('strangers', () => {
    test.each(signedIn.filter((r) => hasId(r)))('$id', async (r) => {
      const wanted = stranger[r.id];
      const cases: [string, string, Outcome | undefined][] = [
        ['public', String(open.id), wanted?.public],
        ['private', wanted?.public ? String(hidden.id) : '900719925474099', wanted?.hidden],
        ['DM', wanted?.public ? String(dm.id) : '01ARZ3NDEKTSV4RRFFQ69G5FAV', wanted?.hidden],
        ['log', '0', wanted?.log],
      ];
      for (const [what, id, outcome] of cases) {
        if (!outcome) continue;
        const [status, code] = outcome;
        const answer = await send(server, r, fill(r, id), { ...withBody(r), token: eveToken });
        if (code) refused(answer, status, code, what);
        else expect(answer.status, `${what}: ${answer.text}`).toBe(status);
      }
      if (r.id === 'channel_join')
        await send(server, { ...r, id: 'channel_leave' }, `/channels/${open.id}/leave`, { token: eveToken });
    });
  });

  describe('ids', () => {
    const none = [
      '-1',
      '01',
      '1e3',
      '1.5',
      'abc',
      '+1',
      '١',
      ' 1',
      '1 ',
      '9007199254740992',
      '9223372036854775808',
      '1'.repeat(300),
    ];
    const broken = ['%00', '%ff', '%2F', '1%2F2', '%zz', '%c0%af'];
    test.each(signedIn.filter((r) => hasId(r)))('$id', async (r) => {
      const sent = { ...withBody(r), token: annToken };
      const second = /\{\w+_id\}/.test(r.path);
      for (const id of none) {
        refused(await send(server, r, fill(r, encodeURIComponent(id)), sent), 404, 'not_found', id);
        if (second)
          refused(await send(server, r, fill(r, String(open.id), encodeURIComponent(id)), sent), 404, 'not_found', id);
      }
      for (const id of broken) {
        refused(await send(server, r, fill(r, id), sent), 400, 'malformed', id);
        if (second) refused(await send(server, r, fill(r, String(open.id), id), sent), 400, 'malformed', id);
      }
    });
  });

  describe('queries', () => {
    const asked = signedIn.flatMap((r) => parameters(r.id).map((p) => ({ id: r.id, r, p, name: p.name })));
    const whole = (p: Parameter): boolean => p.schema?.type === 'integer' || p.schema?.$ref?.endsWith('/Id') === true;
    const asking = (r: Route, name: string, value: string): string => {
      const others = name.startsWith('since_') ? '' : (queries[r.id] ?? '').replace('?', '&');
      return `${at(r.path, String(open.id))}?${name}=${value}${others}`;
    };

    test('there are some', () => expect(asked.length).toBeGreaterThan(15));

    test.each(asked)('$id: $name is badly escaped', async ({ r, name }) => {
      for (const value of ['%ff', '%00', '%zz', '%c0%af', '%ed%a0%80'])
        refused(await send(server, r, asking(r, name, value), { token: annToken }), 400, 'malformed', value);
    });

    test.each(asked.filter(({ p }) => whole(p)))('$id: $name is no number, or out of range', async ({ r, p, name }) => {
      const most = p.schema?.maximum ? [String(p.schema.maximum + 1)] : [];
      for (const value of ['', '-1', '01', '1e1', '1.5', '0x1', '%201', 'true', '9223372036854775808', ...most]) {
        const problem = refused(
          await send(server, r, asking(r, name, value), { token: annToken }),
          422,
          'invalid',
          value,
        );
        expect(
          problem.errors?.map((e) => e.field),
          value,
        ).toEqual([name]);
        expect(problem.errors?.[0]?.detail, value).toMatch(/^must be a whole number from \d+ to \d+$/);
      }
    });

    test.each(asked.filter(({ name }) => name === 'cursor'))('$id: a cursor of nobody', async ({ r, name }) => {
      for (const value of ['!', 'no%20cursor', '%27%3B--', 'x'.repeat(4000)]) {
        const problem = refused(
          await send(server, r, asking(r, name, value), { token: annToken }),
          422,
          'invalid',
          value,
        );
        expect(
          problem.errors?.map((e) => e.field),
          value,
        ).toEqual([name]);
      }
    });

    test.each(asked.filter(({ name }) => name === 'q'))('$id: odd words to look for', async ({ r, name }) => {
      for (const value of ['%25', '_', '%5C', '%27', '%22', '%E2%80%AE', '%F0%9F%90%A6', '*', 'x'.repeat(256)])
        expect((await send(server, r, asking(r, name, value), { token: annToken })).status, value).toBe(200);
      const problem = refused(
        await send(server, r, asking(r, name, 'x'.repeat(257)), { token: annToken }),
        422,
        'invalid',
        'long',
      );
      expect(problem.errors).toEqual([{ field: 'q', detail: 'is longer than 256 bytes' }]);
    });
  });

  describe('bodies', () => {
    const path = (r: Route): string => fill(r, String(open.id));
    const raw: [string, (id: string) => string | Buffer, number, string][] = [
      ['bytes that are no UTF-8', () => Buffer.from('{"a":"\xff"}', 'latin1'), 400, 'malformed'],
      ['a NUL', () => '{"a":"\\u0000"}', 400, 'malformed'],
      ['a key twice', () => '{"a":1,"a":1}', 400, 'malformed'],
      ['deep nesting', () => `{"a":${'['.repeat(20)}${']'.repeat(20)}}`, 400, 'malformed'],
      ['a number past 2^63', () => '{"a":9223372036854775808}', 400, 'malformed'],
      ['a list', () => '[]', 422, 'invalid'],
      ['null', () => 'null', 422, 'invalid'],
      ['too much', () => JSON.stringify({ a: 'x'.repeat(65_536) }), 413, 'too_large'],
    ];
    const taking = routes.filter(takesBody);

    test.each(taking)('$id: bytes', async (r) => {
      for (const [what, body, status, code] of raw)
        refused(await send(server, r, path(r), { body: body(r.id), token: annToken }), status, code, what);
      const sent = { body: JSON.stringify(fine(r.id)), token: annToken };
      for (const type of ['text/plain', 'multipart/form-data', 'application/json-patch+json', ''])
        refused(await send(server, r, path(r), { ...sent, type }), 415, 'unsupported_media', type);
    });

    test.each(taking)('$id: a field that is not known', async (r) => {
      for (const name of ['is_admin', '__proto__', 'x'.repeat(5000)]) {
        const body = JSON.stringify({ ...fine(r.id), [`${name}`]: 1 }).replace(/^\{\}$/, '{"__proto__":1}');
        if (!body.includes(name)) continue; // JavaScript itself took it for something else
        const problem = refused(await send(server, r, path(r), { body, token: annToken }), 422, 'invalid', name);
        expect(problem.errors).toEqual([{ field: name.slice(0, 64), detail: 'is not known' }]);
      }
    });

    const typed = taking.filter((r) => r.id !== 'setting_put'); // which takes any value
    const fields = typed.flatMap((r) => Object.keys(bodies[r.id] ?? {}).map((name) => ({ id: r.id, r, name })));
    const values = [1, -1, 1.5, true, 'x', [], {}, [[1]], [{}]];
    const kind = (v: unknown): string => (Array.isArray(v) ? 'array' : Number.isInteger(v) ? 'integer' : typeof v);
    test.each(fields)('$id: $name of another type', async ({ r, name }) => {
      const good = bodies[r.id]?.[name];
      for (const value of values) {
        if (kind(value) === kind(good) && kind(good) !== 'array') continue;
        if (kind(good) === 'array' && Array.isArray(value) && (value.length === 0 || r.id === 'message_create'))
          continue;
        const body = JSON.stringify({ ...fine(r.id), [name]: value });
        const what = `${name}=${JSON.stringify(value)}`;
        const problem = refused(await send(server, r, path(r), { body, token: annToken }), 422, 'invalid', what);
        expect(
          problem.errors?.map((e) => e.field),
          what,
        ).toEqual([name]);
      }
    });

    const ids = fields.filter(({ r, name }) => kind(bodies[r.id]?.[name]) === 'integer');
    test.each(ids)('$id: $name out of range', async ({ r, name }) => {
      for (const value of [-1, 2 ** 53, Number.MIN_SAFE_INTEGER]) {
        const body = JSON.stringify({ ...fine(r.id), [name]: value });
        const problem = refused(await send(server, r, path(r), { body, token: annToken }), 422, 'invalid', `${value}`);
        expect(problem.errors).toEqual([
          { field: name, detail: expect.stringMatching(/^must be between [01] and \d+$/) },
        ]);
      }
    });

    test.each(routes.filter((r) => r.body === 'none' && r.method !== 'GET'))(
      '$id: a body that nobody wants',
      async (r) => {
        const body = Buffer.alloc(70_000, 'x');
        refused(
          await send(server, r, fill(r, '900719925474099'), { body, token: annToken }),
          413,
          'too_large',
          'large',
        );
      },
    );
  });

  describe('methods', () => {
    const paths = [...new Set(routes.map((r) => r.path))];
    test.each(paths)('%s', async (template) => {
      const there = routes.filter((r) => r.path === template).map((r) => r.method);
      const allowed = new Set(['OPTIONS', ...there, ...(there.includes('GET') ? ['HEAD'] : [])]);
      const url = server.origin + at(template, '1');
      const headers = { authorization: `Bearer ${annToken}` };
      for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE']) {
        if (there.includes(method)) continue;
        const answer = await fetch(url, { method, headers });
        const problem = (await answer.json()) as Problem;
        expect([answer.status, problem.code], method).toEqual([405, 'method_not_allowed']);
        expect(new Set(answer.headers.get('allow')?.split(', '))).toEqual(allowed);
      }
      const options = await fetch(url, { method: 'OPTIONS' });
      expect(options.status).toBe(204);
      expect(new Set(options.headers.get('allow')?.split(', '))).toEqual(allowed);
      if (!there.includes('GET')) return;
      const [get, head] = [await fetch(url, { headers }), await fetch(url, { method: 'HEAD', headers })];
      expect(head.status).toBe(get.status);
      expect(await head.text()).toBe('');
      expect(head.headers.get('content-type')).toBe(get.headers.get('content-type'));
    });
  });
});
