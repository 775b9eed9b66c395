// What an operator sees when the database is away, stands still or is full, while nobody uses the server: /ready, the
// metrics and the log tell it, and tell when it is over.
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test, vi } from 'vitest';
import type { Api } from './lib/api.ts';
import { diskFull } from './lib/disk.ts';
import { Postgres } from './lib/postgres.ts';
import { type Server, startBackend, startEmbedded } from './lib/server.ts';

vi.setConfig({ testTimeout: 60_000 }); // a database stops and starts, and connections to it are given up in time

const env = { LINNET_PULSE_MS: '50', LINNET_ACCESS_LOG: 'false', LINNET_STATEMENT_TIMEOUT_MS: '300' };

async function ready(api: Api): Promise<unknown> {
  const { status, dependencies } = await api.ok<{ status: string; dependencies: { database: string } }>('ready');
  return [status, dependencies.database];
}

async function up(api: Api): Promise<{ [way: string]: string }> {
  const { text } = await api.call('metrics');
  return Object.fromEntries([...text.matchAll(/^linnet_db_up\{for="(\w+)"\} (\d)$/gm)].map((m) => [m[1], m[2] ?? '']));
}

/** The first line of this event for reading or writing. */
function told(server: Server, event: string, way: string): Promise<object> {
  return server.program.line((line) => {
    const entry = line.startsWith('{') ? (JSON.parse(line) as { event: string; for?: string }) : undefined;
    return entry?.event === event && entry.for === way ? entry : undefined;
  }, `${event} for ${way}`);
}

describe('PostgreSQL', () => {
  let pg: Postgres;
  let url: string;
  let server: Server;

  beforeAll(async () => {
    pg = await Postgres.start();
    url = await pg.database('outage');
  });
  beforeEach(async () => {
    server = await startBackend(url, env);
    expect([await ready(server.api()), await up(server.api())]).toEqual([['ok', 'ok'], { reading: '1', writing: '1' }]);
  });
  afterEach(() => server?.stop());
  afterAll(() => pg?.stop());

  const seen = async (): Promise<unknown> => {
    expect(await told(server, 'db.away', 'reading')).toMatchObject({ level: 'error' });
    return [await ready(server.api()), (await up(server.api())).reading];
  };

  test('is killed, and comes back', async () => {
    await pg.kill();
    expect(await seen()).toEqual([['degraded', 'degraded'], '0']);
    await pg.again();
    expect(await told(server, 'db.back', 'reading')).toMatchObject({ level: 'info', ms: expect.any(Number) });
  });

  test('stands still, and goes on', async () => {
    await pg.pause();
    try {
      expect(await seen()).toEqual([['degraded', 'degraded'], '0']);
    } finally {
      await pg.resume();
    }
    await told(server, 'db.back', 'reading');
  });
});

test('the disk under SQLite is full: reading goes on, and once there is room it is found without anybody writing', async () => {
  const disk = await diskFull();
  const server = await startEmbedded({ ...env, LINNET_APPEND_WAIT_MS: '300' }, disk.dir);
  const api = server.api();
  try {
    await api.register('ann');
    await disk.fill(server);
    const send = async (): Promise<number> => {
      const body = { nonce: randomUUID(), body: 'x'.repeat(8000) };
      return (await api.call('message_create', { path: { id: 1 }, body })).status;
    };
    while ((await send()) !== 503);
    await told(server, 'db.away', 'writing');
    expect([await ready(api), await up(api)]).toEqual([['degraded', 'degraded'], { reading: '1', writing: '0' }]);
    for (let i = 0; i < 5; i++) await send();
    const times = (event: string): number =>
      server.program.lines.filter((l) => l.includes(`"event":"${event}"`)).length;
    expect(times('db.statement_failed')).toBeLessThanOrEqual(times('db.away')); // why is said once an outage
    // Little messages find room before large ones do, and so does a look that writes little: it is one outage all the same.
    const little = async (): Promise<number> => {
      const body = { nonce: randomUUID(), body: 'x' };
      return (await api.call('message_create', { path: { id: 1 }, body })).status;
    };
    while ((await little()) !== 201) disk.ease(4096);
    expect([await ready(api), await up(api)]).toEqual([['degraded', 'degraded'], { reading: '1', writing: '0' }]);
    while ((await little()) === 201);
    expect([times('db.away'), times('db.back')]).toEqual([1, 0]);
    await disk.free(server);
    await told(server, 'db.back', 'writing');
    expect([await ready(api), await up(api)]).toEqual([['ok', 'ok'], { reading: '1', writing: '1' }]);
  } finally {
    await server.stop();
    await disk.remove();
  }
});
