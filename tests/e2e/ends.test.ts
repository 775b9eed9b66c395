// The end of a channel: its last event, for everybody, and nothing after it.
import { randomUUID } from 'node:crypto';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Person, person } from './lib/api.ts';
import { attach, connect, type Frame, settle, type Socket } from './lib/socket.ts';
import { type Stage, stages } from './lib/stage.ts';
import type { Channel, List } from './lib/types.ts';

describe.each(stages)('deleted channels on $name', ({ open }) => {
  let stage: Stage;
  let root: Person; // owns the server
  let ann: Person; // owns the channels
  let bob: Person;
  let made = 0;

  beforeAll(async () => {
    // Two seconds: enough to look at what is still there, and to see it go.
    stage = await open({ LINNET_DELETED_KEPT_S: '2', LINNET_PURGE_MS: '100' });
    root = await person(stage.here.api(), 'root');
    ann = await person(stage.here.api(), 'ann');
    bob = await person(stage.there.api(), 'bob');
  });
  afterEach(settle);
  afterAll(() => stage?.stop());

  const room = async (...others: Person[]): Promise<number> => {
    const { id } = await ann.api.channel(`end-${++made}`);
    for (const p of others) await p.api.ok('channel_join', { path: { id } }, 200);
    return id;
  };
  const remove = (id: number, by = ann): Promise<undefined> => by.api.ok('channel_delete', { path: { id } }, 204);
  /** What comes next is live. */
  const on = async (p: Person, ...ids: number[]): Promise<Socket> => {
    const socket = await attach(p === bob ? stage.there : stage.here, { token: p.signed.access_token }, ...ids);
    for (let i = 0; i < ids.length; i++) await socket.nextOp('synced');
    return socket;
  };
  const gone =
    (id: number) =>
    (f: Frame): boolean =>
      f.op === 'channel_gone' && f.channel_id === id;

  test('every session gets it as the last event, and nothing is left to ask for', async () => {
    const id = await room(bob, root);
    const sockets = [await on(ann, id), await on(bob, id), await on(bob, id), await on(root, id)];
    const sent = await bob.api.send(id, 'last words');
    await remove(id);
    for (const socket of sockets) {
      const event = await socket.nextEvent(id, 'deleted');
      expect(event).toMatchObject({ rev: sent.rev + 1, actor_id: ann.user.id });
      await socket.next(gone(id), 'its end');
      expect(socket.events(id).at(-1)?.rev).toBe(sent.rev + 1);
    }
    const path = { id, message_id: sent.message_id, user_id: ann.user.id, emoji: '👍' };
    const body = { nonce: randomUUID(), body: 'too late' };
    const asks: [string, object][] = [
      ['channel_get', {}],
      ['channel_patch', { body: { topic: 'x' } }],
      ['channel_delete', {}],
      ['channel_join', {}],
      ['channel_leave', {}],
      ['channel_me_patch', { body: { hidden: true } }],
      ['channel_read', { body: { message_id: 1 } }],
      ['channel_unread', { body: { message_id: 1 } }],
      ['member_list', {}],
      ['member_put', { body: {} }],
      ['member_delete', {}],
      ['ban_list', {}],
      ['ban_put', {}],
      ['ban_delete', {}],
      ['message_list', {}],
      ['message_create', { body }],
      ['message_create', { body: { nonce: sent.nonce, body: 'last words' } }],
      ['change_list', { query: { since_rev: 0 } }],
      ['message_get', {}],
      ['message_patch', { body: { body: 'y' } }],
      ['message_delete', {}],
      ['reaction_list', {}],
      ['reaction_put', {}],
      ['reaction_delete', {}],
      ['pin_put', {}],
      ['pin_delete', {}],
      ['pin_list', {}],
      ['typing_create', {}],
    ];
    for (const p of [ann, bob, root])
      for (const [op, ask] of asks) await p.api.refused(404, 'not_found', op, { path, ...ask });
    await bob.api.refused(404, 'not_found', 'user_list', { query: { channel_id: id } });
    const b = sockets[1] as Socket;
    expect(await b.request({ op: 'send', channel_id: id, ...body })).toMatchObject({ op: 'error', code: 'not_found' });
    for (const p of [ann, bob])
      for (const op of ['channel_list', 'channel_browse'])
        expect((await p.api.ok<List<Channel>>(op, { query: { limit: 100 } })).items.map((c) => c.id)).not.toContain(id);
    // The name is free, the id is not given again.
    expect((await bob.api.channel(`end-${made}`)).id).not.toBe(id);
    const target = `channel:${id}`;
    expect(await stage.sql(`SELECT count(*) FROM audit WHERE action = 'channel.delete' AND target = '${target}'`)).toBe(
      '1',
    );
  });

  test('who was away finds it gone, with a cursor or without', async () => {
    const [id, other] = [await room(bob), await room(bob)];
    const b = await on(bob, id, other);
    const hello = { cursors: { [id]: b.cursors.get(id) as number }, user_rev: 0 };
    await b.close();
    await remove(id);
    const back = await connect(stage.there, { token: bob.signed.access_token }, hello);
    expect(back.ready.gone).toContain(id);
    const rows = back.ready.channels.map((c) => c.id);
    expect(rows).toContain(other);
    expect(rows).not.toContain(id);
    const sent = await ann.api.send(other, 'goes on');
    await back.reach(other, sent.rev);
    expect(back.events(id)).toEqual([]);
  });

  test('owners and admins in it delete; a default channel and a direct message stay', async () => {
    const id = await room(bob);
    await bob.api.refused(403, 'not_allowed', 'channel_delete', { path: { id } });
    await ann.api.ok('member_put', { path: { id, user_id: bob.user.id }, body: { role: 'op' } }, 204);
    const refusal = await bob.api.refused(403, 'not_allowed', 'channel_delete', { path: { id } });
    expect(refusal.detail).toBe('only an owner deletes a channel');
    await root.api.refused(403, 'not_member', 'channel_delete', { path: { id } });
    const secret = await ann.api.channel(`end-secret-${made}`, { private: true });
    await bob.api.refused(404, 'not_found', 'channel_delete', { path: { id: secret.id } });
    await root.api.ok('channel_join', { path: { id: secret.id } }, 200); // which is audited
    await remove(secret.id, root);
    await ann.api.refused(404, 'not_found', 'channel_get', { path: { id: secret.id } });
    await root.api.ok('channel_join', { path: { id } }, 200);
    await remove(id, root);
    const general = (await root.api.ok<List<Channel>>('channel_browse', { query: { q: 'general' } }))
      .items[0] as Channel;
    expect(general.default).toBe(true);
    await root.api.refused(409, 'conflict', 'channel_delete', { path: { id: general.id } });
    const dm = await bob.api.ok<Channel>('dm_create', { body: { user_ids: [ann.user.id] } });
    for (const p of [ann, bob]) await p.api.refused(403, 'not_allowed', 'channel_delete', { path: { id: dm.id } });
    for (const bad of ['x', '-1', '0'])
      expect([403, 404]).toContain((await bob.api.call('channel_delete', { path: { id: bad } })).status);
  });

  test('its rows go when they were kept long enough, and nobody else’s', async () => {
    const [id, other] = [await room(bob), await room(bob)];
    for (const channel of [id, other])
      for (let i = 0; i < 20; i++) {
        const { message_id } = await ann.api.send(channel, `hello @bob ${i}`);
        if (i % 5) continue;
        const path = { id: channel, message_id };
        await bob.api.ok('reaction_put', { path: { ...path, emoji: '👍' } });
        await ann.api.ok('message_patch', { path, body: { body: `edited @bob ${i}` } });
      }
    const tables = ['messages', 'changes', 'mentions', 'reactions', 'message_edits', 'members'];
    const count = async (channel: number): Promise<number[]> => {
      const rows: number[] = [];
      for (const table of tables)
        rows.push(Number(await stage.sql(`SELECT count(*) FROM ${table} WHERE channel_id = ${channel}`)));
      return rows;
    };
    const kept = await count(other);
    await remove(id);
    for (let rows = await count(id); ; rows = await count(id)) {
      if (rows.every((n, i) => n === (tables[i] === 'changes' ? 1 : 0))) break;
    }
    expect(await count(other)).toEqual(kept);
    expect(await stage.sql(`SELECT kind FROM changes WHERE channel_id = ${id}`)).toBe('deleted');
    expect(await stage.sql(`SELECT count(*) FROM heads WHERE channel_id = ${id}`)).toBe('1');
    for (let left = '1'; left !== '0';) left = await stage.sql('SELECT count(*) FROM ended_channels');
    await ann.api.refused(404, 'not_found', 'channel_get', { path: { id } });
    const back = await connect(stage.there, { token: bob.signed.access_token }, { cursors: { [id]: 3 } });
    expect(back.ready.gone).toContain(id);
  }, 60_000); // the database is asked from outside, by processes
});

describe('a deleted channel without news', () => {
  let stage: Stage;
  beforeAll(async () => {
    const two = stages.find((s) => s.name === 'two pods');
    stage = (await two?.open({ LINNET_HEAD_CHECK_MS: '1000', LINNET_REDIS_AWAY_MS: '700' })) as Stage;
  });
  afterEach(settle);
  afterAll(() => stage?.stop());

  test('the head check finds it where Redis is dead', async () => {
    const ann = await person(stage.here.api(), 'ann');
    const bob = await person(stage.there.api(), 'bob');
    const { id } = await ann.api.channel('fading');
    await bob.api.ok('channel_join', { path: { id } }, 200);
    const b = await attach(stage.there, { token: bob.signed.access_token }, id);
    await stage.redis?.kill();
    await ann.api.ok('channel_delete', { path: { id } }, 204);
    const event = await b.nextEvent(id, 'deleted');
    await b.next((f) => f.op === 'channel_gone' && f.channel_id === id, 'its end');
    expect(b.events(id).at(-1)?.rev).toBe(event.rev);
  });
});
