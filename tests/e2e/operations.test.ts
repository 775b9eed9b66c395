import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { person } from './lib/api.ts';
import { document, operation, operationIds } from './lib/contract.ts';
import { backends, type Server } from './lib/server.ts';

describe.each(backends)('operations on $name', ({ start }) => {
  let server: Server;

  beforeAll(async () => {
    server = await start();
  });
  afterAll(() => server?.stop());

  test('alive, ready, and which version', async () => {
    const api = server.api();
    expect(await api.ok('health')).toEqual({ status: 'ok' });
    expect(await api.ok('ready')).toMatchObject({ status: 'ok' });
    expect(await api.ok('version')).toMatchObject({ name: 'linnet' });
  });

  test('a server without people asks to be set up', async () => {
    expect(await server.api().ok('server_get')).toMatchObject({ setup: true, registration: 'open' });
  });

  test('the page for people names paths that are there, under /api', async () => {
    const page = await (await fetch(`${server.origin}/`)).text();
    const paths = [...page.matchAll(/(?:href=|HOST)(\/[^\s<>"]+)/g)].map((m) => m[1] ?? '');
    expect(paths.length).toBeGreaterThanOrEqual(6);
    for (const path of paths) {
      expect(path).toMatch(/^\/api\//);
      expect((await fetch(server.origin + path, { method: 'OPTIONS' })).status, path).toBe(204);
    }
    expect(page).toContain('setup_code');
  });

  test('a query parameter that is none is refused by its name; probes may add what they like', async () => {
    const problem = await server.api().refused(401, 'unauthenticated', 'channel_list', { query: { limi: 1 } });
    expect(problem.errors).toBeUndefined();
    const ann = await person(server.api(), 'ann');
    const query = { befor: 5, limit: 3, after: 1 };
    const { errors } = await ann.api.refused(422, 'invalid', 'message_list', { path: { id: 1 }, query });
    expect(errors).toEqual([{ field: 'befor', detail: 'is no parameter of this' }]);
    await ann.api.refused(422, 'invalid', 'channel_create', { query: { name: 'x' }, body: { name: 'x' } });
    for (const id of ['health', 'ready', 'metrics', 'version', 'openapi'])
      await server.api().ok(id, { query: { probe: 1 } }, 200);
  });

  test('the document that is served is the one that was written', async () => {
    expect(await server.api().ok<object>('openapi')).toEqual(document);
  });

  test('metrics are in the text format, each with help and type', async () => {
    const { text } = await server.api().call('metrics');
    const names = new Set(
      [...text.matchAll(/^([a-z_]+?)(?:_bucket|_sum|_count)?(?:\{[^}]*\})? \S+$/gm)].map((m) => m[1]),
    );
    expect(names.size).toBeGreaterThan(10);
    for (const name of names) {
      expect(text).toMatch(new RegExp(`^# HELP ${name} `, 'm'));
      expect(text).toMatch(new RegExp(`^# TYPE ${name} (counter|gauge|histogram|summary)$`, 'm'));
    }
    expect(text).toMatch(/^linnet_http_requests_total\{status="2xx"\} [1-9]/m);
  });
});

describe('the contract', () => {
  const source = (path: string): string => readFileSync(new URL(`../../${path}`, import.meta.url), 'utf8');

  test('names exactly the routes of the table, with their scopes', () => {
    const rows = [
      ...source('src/edge/routes.def').matchAll(/^R\w*\(\s*(\w+),\s*"([^"]+)",\s*(\w+),\s*(\w+),\s*(\w+)/gm),
    ];
    const table = new Map(rows.map(([, method, path, id]) => [id ?? '', `${method} ${path}`]));
    const written = new Map(operationIds().map((id) => [id, `${operation(id).method} ${operation(id).path}`]));
    expect(Object.fromEntries(table)).toEqual(Object.fromEntries(written));
    const scopes = Object.fromEntries(rows.filter((r) => r[4] === 'session').map((r) => [r[3], r[5]]));
    const writtenScopes = Object.fromEntries(operationIds().map((id) => [id, operation(id).scope]));
    expect(writtenScopes).toMatchObject(scopes);
  });

  test('names exactly the query parameters that the rows take', () => {
    const rows = [...source('src/edge/routes.def').matchAll(/^R_QUERY\(\w+, "[^"]+", (\w+),.*"([^"]+)"\)$/gm)];
    const table = Object.fromEntries(rows.map(([, id, names]) => [id, names?.split(' ').sort()]));
    const written = operationIds().map((id) => [id, operation(id).query.sort()] as const);
    expect(table).toEqual(Object.fromEntries(written.filter(([, names]) => names.length)));
  });

  test('names exactly the codes that go out', () => {
    const [wire = ''] = source('src/base/errors.def').split('/* Below:');
    const codes = [...wire.matchAll(/^E\(\w+, "(\w+)"/gm)].map((m) => m[1]);
    const schemas = (document.components as { schemas: { ProblemCode: { enum: string[] } } }).schemas;
    expect([...schemas.ProblemCode.enum].sort()).toEqual(codes.sort());
  });
});
