// What was acknowledged stays, and streams go on, across kills and restarts of the server.
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { afterEach, beforeEach, describe, expect, test, vi } from 'vitest';
import { type Person, person } from './lib/api.ts';
import { createDatabase, type Server, startBackend, startEmbedded } from './lib/server.ts';
import { connect, settle } from './lib/socket.ts';
import type { ChangePage, Message, MessagePage } from './lib/types.ts';

vi.setConfig({ testTimeout: 60_000 }); // servers are killed and started

interface Store {
  start(env?: { [name: string]: string }): Promise<Server>;
  remove(): Promise<void>;
}

const stores: { name: string; make(): Promise<Store> }[] = [
  {
    name: 'SQLite',
    async make() {
      const dir = await mkdtemp(`${tmpdir()}/linnet-e2e-`);
      return {
        start: (env) => startEmbedded(env, dir),
        remove: () => rm(dir, { recursive: true, force: true }),
      };
    },
  },
  {
    name: 'PostgreSQL',
    async make() {
      const url = await createDatabase();
      return { start: (env) => startBackend(url, env), remove: async () => {} };
    },
  },
];

describe.each(stores)('durability on $name', ({ make }) => {
  let store: Store;
  let server: Server;

  beforeEach(async () => {
    store = await make();
    server = await store.start();
  });
  afterEach(async () => {
    try {
      settle();
      await server.stop();
    } finally {
      await store.remove();
    }
  });

  const moved = (who: Person): Person => {
    const api = server.api();
    if (who.api.bearer) api.bearer = who.api.bearer;
    return { ...who, api };
  };

  test('killed in the middle of many sends, it keeps every acknowledged one, once', async () => {
    let ann = await person(server.api(), 'ann');
    const { id } = await ann.api.channel('room');
    const bodies = Array.from({ length: 400 }, (_, i) => ({ nonce: randomUUID(), body: `m ${i}` }));
    const acked = new Map<string, Message>();
    const sends = bodies.map(async (body) => {
      const m = await ann.api.ok<Message>('message_create', { path: { id }, body }, 201);
      acked.set(body.nonce, m);
      if (acked.size === 100) await server.kill();
    });
    await Promise.allSettled(sends);
    expect(acked.size).toBeGreaterThanOrEqual(100);
    server = await store.start();
    ann = moved(ann);
    // The client's outbox: everything again, under its nonce.
    const again = async (body: { nonce: string; body: string }): Promise<void> => {
      const m = (await ann.api.call('message_create', { path: { id }, body })).body as Message;
      const before = acked.get(body.nonce);
      if (before) expect(m).toEqual(before);
    };
    while (bodies.length) await Promise.all(bodies.splice(0, 40).map(again)); // one by one, each waits for a commit of its own
    const seen: Message[] = [];
    for (let more = true; more;) {
      const page: MessagePage = await ann.api.ok<MessagePage>('message_list', {
        path: { id },
        query: { after: seen.at(-1)?.message_id ?? '2001-01-01T00:00:00.000Z', limit: 100 },
      });
      seen.push(...page.items);
      more = page.after;
    }
    expect(seen.map((m) => m.message_id)).toEqual(Array.from({ length: 400 }, (_, i) => i + 1));
    expect(new Set(seen.map((m) => m.nonce)).size).toBe(400);
  });

  test('a socket that comes back after a restart misses nothing', async () => {
    let ann = await person(server.api(), 'ann');
    const { id } = await ann.api.channel('room');
    const token = ann.signed.access_token;
    const first = await connect(server, { token });
    const before = await ann.api.send(id, 'before');
    await first.reach(id, before.rev);
    const { epoch, user_rev } = first.ready;
    await server.kill();
    await first.over();
    server = await store.start();
    ann = moved(ann);
    const missed = await ann.api.send(id, 'while away');
    const again = await connect(server, { token }, { cursors: { [id]: before.rev }, epoch, user_rev });
    await again.reach(id, missed.rev);
    expect(again.events(id).map((e) => e.message?.body)).toEqual(['while away']);
    const { items } = await ann.api.ok<ChangePage>('change_list', { path: { id }, query: { since_rev: 0, epoch } });
    expect(items.map((e) => e.rev)).toEqual(items.map((_, i) => i + 1));
  });

  test('asked to end, it says so to its sockets, answers what it took, and ends well', async () => {
    const ann = await person(server.api(), 'ann');
    const { id } = await ann.api.channel('room');
    await server.stop();
    server = await store.start({ LINNET_DRAIN_ACCEPT_S: '0', LINNET_DRAIN_S: '1' });
    const api = moved(ann).api;
    const socket = await connect(server, { token: ann.signed.access_token });
    const sends = Array.from({ length: 50 }, () =>
      api.call('message_create', { path: { id }, body: { nonce: randomUUID(), body: 'x' } }),
    );
    await Promise.race(sends);
    const end = server.program.stop();
    const drained = socket.next((f) => f.op === 'drain', 'drain');
    const answers = await Promise.allSettled(sends);
    await drained;
    expect((await socket.over()).code).toBe(1001);
    await end;
    const acked = answers.filter((a) => a.status === 'fulfilled' && a.value.status === 201).length;
    for (const a of answers) if (a.status === 'fulfilled') expect([201, 503]).toContain(a.value.status);
    expect(acked).toBeGreaterThan(0);
    server = await store.start();
    const { rev } = await moved(ann).api.ok<MessagePage>('message_list', { path: { id } });
    expect(rev).toBeGreaterThanOrEqual(acked);
  });
});
