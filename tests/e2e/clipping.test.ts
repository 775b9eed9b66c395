// A channel whose history becomes `joined`: what was before a present membership reaches nobody any more, by no way.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Person, person } from './lib/api.ts';
import { attach, connect, type Frame, settle, type Socket } from './lib/socket.ts';
import { type Stage, stages } from './lib/stage.ts';
import type { Channel, Message, MessagePage } from './lib/types.ts';

const secret = 'the secret of old';

describe.each(stages)('clipping on $name', ({ open }) => {
  let stage: Stage;
  let ann: Person; // was there from the start
  let bob: Person; // came in between
  let made = 0;

  beforeAll(async () => {
    stage = await open();
    ann = await person(stage.here.api(), 'ann');
    bob = await person(stage.there.api(), 'bob');
  });
  afterEach(settle);
  afterAll(() => stage?.stop());

  interface Room {
    id: number;
    old: Message; // before bob came
    late: Message; // after
  }
  const room = async (): Promise<Room> => {
    const { id } = await ann.api.channel(`clip-${++made}`);
    const old = await ann.api.send(id, secret);
    await bob.api.ok('channel_join', { path: { id } }, 200);
    return { id, old, late: await ann.api.send(id, 'for all') };
  };
  const clip = (id: number): Promise<Channel> =>
    ann.api.ok<Channel>('channel_patch', { path: { id }, body: { history: 'joined' } }, 200);
  /** What comes next is live. */
  const on = async (p: Person, ...ids: number[]): Promise<Socket> => {
    const socket = await attach(p === bob ? stage.there : stage.here, { token: p.signed.access_token }, ...ids);
    for (let i = 0; i < ids.length; i++) await socket.nextOp('synced');
    return socket;
  };
  const saying = (frames: Frame[]): Frame[] => frames.filter((f) => JSON.stringify(f).includes(secret));

  test('who was there from the start reads on, who came later from their coming', async () => {
    const { id, old, late } = await room();
    const list = (p: Person): Promise<MessagePage> => p.api.ok<MessagePage>('message_list', { path: { id } });
    expect((await list(bob)).items).toHaveLength(2);
    await clip(id);
    expect((await list(ann)).items.map((m) => m.message_id)).toEqual([old.message_id, late.message_id]);
    expect((await list(bob)).items.map((m) => m.message_id)).toEqual([late.message_id]);
    expect((await bob.api.ok<Channel>('channel_get', { path: { id } })).me?.first_id).toBe(late.message_id);
    const cat = await person(stage.there.api(), `cat${made}`);
    await cat.api.ok('channel_join', { path: { id } }, 200);
    expect((await list(cat)).items).toEqual([]);
    await bob.api.ok('channel_leave', { path: { id } }, 204); // of an earlier membership nothing is left
    await bob.api.ok('channel_join', { path: { id } }, 200);
    expect((await list(bob)).items).toEqual([]);
  });

  test('nothing that happens to an old message shows it', async () => {
    const { id, old, late } = await room();
    await ann.api.ok('message_patch', { path: { id, message_id: old.message_id }, body: { body: `${secret}, first` } });
    const b = await on(bob, id);
    b.frames.length = 0; // what was open until now
    await clip(id);
    const path = { id, message_id: old.message_id };
    await ann.api.ok('message_patch', { path, body: { body: `${secret}, edited` } });
    await ann.api.ok('reaction_put', { path: { ...path, emoji: '👍' } });
    await ann.api.ok('pin_put', { path });
    const quoting = await ann.api.send(id, 'as I said', { reply_to: old.message_id });
    await b.reach(id, quoting.rev);
    expect(saying(b.frames)).toEqual([]);
    expect(b.events(id).map((e) => [e.type, e.message?.body])).toEqual([
      ['channel', undefined],
      ['edit', undefined],
      ['reaction', undefined],
      ['pin', undefined],
      ['message', 'as I said'],
    ]);
    const page = await bob.api.ok<MessagePage>('message_list', { path: { id } });
    expect(page.items.map((m) => m.message_id)).toEqual([late.message_id, quoting.message_id]);
    expect(page.refs).toEqual([]);
    const asks: [string, object][] = [
      ['message_list', { path: { id }, query: { before: 2 } }],
      ['message_list', { path: { id }, query: { around: 1 } }],
      ['message_list', { path: { id }, query: { after: 1, limit: 100 } }],
      ['pin_list', { path: { id } }],
      ['change_list', { path: { id }, query: { since_rev: quoting.rev - 5 } }],
      ['change_list', { path: { id }, query: { since_rev: 0 } }],
      ['message_get', { path }],
      ['reaction_list', { path: { ...path, emoji: '👍' } }],
    ];
    for (const [op, ask] of asks) expect((await bob.api.call(op, ask)).text, op).not.toContain(secret);
    await bob.api.refused(404, 'not_found', 'message_get', { path });
    await bob.api.refused(404, 'not_found', 'reaction_list', { path: { ...path, emoji: '👍' } });
    await bob.api.refused(404, 'not_found', 'reaction_put', { path: { ...path, emoji: '🎉' } });
    await bob.api.refused(404, 'not_found', 'message_delete', { path });
    await bob.api.refused(410, 'reset', 'change_list', { path: { id }, query: { since_rev: 0 } });
    const body = { nonce: crypto.randomUUID(), body: 'quoting', reply_to: old.message_id };
    await bob.api.refused(422, 'invalid', 'message_create', { path: { id }, body });
    expect((await ann.api.ok<Message>('message_get', { path })).body).toBe(`${secret}, edited`);
  });

  test('who comes back with an old cursor is shown nothing of it, by ring or by database', async () => {
    const { id, old } = await room();
    const b = await on(bob, id);
    const joined = (await bob.api.ok<Channel>('channel_get', { path: { id } })).rev;
    await ann.api.ok('message_patch', { path: { id, message_id: old.message_id }, body: { body: `${secret}, again` } });
    await b.reach(id, joined + 1); // was open then
    const row = await clip(id);
    await b.reach(id, row.rev);
    await b.close();
    const token = bob.signed.access_token;
    // From within the membership: the edit is replayed, without its text.
    const back = await connect(stage.there, { token }, { cursors: { [id]: joined } });
    await back.next((f) => f.op === 'synced' && f.channel_id === id, 'the replay');
    expect(back.events(id).map((e) => e.type)).toEqual(['edit', 'channel']);
    expect(saying(back.frames)).toEqual([]);
    // From before it: a reset.
    const far = await connect(stage.there, { token }, { cursors: { [id]: 1 } });
    expect(await far.next((f) => f.op === 'reset' && f.channel_id === id, 'a reset')).toMatchObject({ rev: row.rev });
    expect(saying(far.frames)).toEqual([]);
  });
});
