// Guests see their channels and the people in them, and nothing else.
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { type Answer, type Person, person } from './lib/api.ts';
import { attach, connect, settle } from './lib/socket.ts';
import { type Stage, stages } from './lib/stage.ts';
import type { Channel, List, MessagePage, User } from './lib/types.ts';

describe.each(stages)('guests on $name', ({ open }) => {
  let stage: Stage;
  let root: Person; // owns the server
  let ann: Person; // shares a channel with the guest
  let eve: Person; // shares none
  let gus: Person; // the guest
  let lounge: number;
  let other: number; // a public channel without the guest

  beforeAll(async () => {
    stage = await open();
    root = await person(stage.here.api(), 'root');
    ann = await person(stage.here.api(), 'ann');
    eve = await person(stage.there.api(), 'eve');
    gus = await person(stage.there.api(), 'gus');
    lounge = (await ann.api.channel('lounge')).id;
    other = (await eve.api.channel('elsewhere')).id;
    await gus.api.ok('channel_join', { path: { id: lounge } }, 200);
    const general = (await root.api.ok<List<Channel>>('channel_browse', { query: { q: 'general' } }))
      .items[0] as Channel;
    await gus.api.ok('channel_leave', { path: { id: general.id } }, 204);
    const id = gus.user.id;
    await stage.sql(`UPDATE users SET role = 0 WHERE user_id = ${id}`);
    await stage.sql(`DELETE FROM members WHERE channel_id = 0 AND user_id = ${id}`);
    await stage.sql('UPDATE heads SET member_count = member_count - 1 WHERE channel_id = 0');
  });
  afterEach(settle);
  afterAll(() => stage?.stop());

  test('they read, write and react where they are', async () => {
    const g = await attach(stage.there, { token: gus.signed.access_token }, lounge);
    const again = await connect(stage.there, { token: gus.signed.access_token });
    expect(again.ready.channels.map((c) => c.id)).toEqual([lounge]);
    const theirs = await ann.api.send(lounge, 'welcome');
    await g.reach(lounge, theirs.rev);
    const mine = await gus.api.send(lounge, 'thank you', { reply_to: theirs.message_id });
    await gus.api.ok('reaction_put', { path: { id: lounge, message_id: theirs.message_id, emoji: '👍' } });
    await gus.api.ok('message_patch', { path: { id: lounge, message_id: mine.message_id }, body: { body: 'thanks' } });
    const page = await gus.api.ok<MessagePage>('message_list', { path: { id: lounge } });
    expect(page.items.map((m) => m.body)).toEqual(['welcome', 'thanks']);
    expect((await gus.api.ok<List<Channel>>('channel_list')).items.map((c) => c.id)).toEqual([lounge]);
    await gus.api.refused(403, 'not_allowed', 'pin_put', { path: { id: lounge, message_id: theirs.message_id } });
    await gus.api.refused(403, 'not_allowed', 'channel_patch', { path: { id: lounge }, body: { topic: 'mine' } });
  });

  test('they neither browse, join nor make channels, and channel 0 is not there', async () => {
    await gus.api.refused(403, 'not_allowed', 'channel_browse');
    await gus.api.refused(403, 'not_allowed', 'channel_create', { body: { name: 'of-a-guest' } });
    for (const id of [other, 0, 987_654]) {
      for (const op of [
        'channel_get',
        'channel_join',
        'message_list',
        'member_list',
        'change_list',
        'pin_list',
        'ban_list',
      ])
        await gus.api.refused(404, 'not_found', op, {
          path: { id },
          ...(op === 'change_list' ? { query: { since_rev: 0 } } : {}),
        });
      const body = { nonce: 'a3c1b1b0-0000-4000-8000-000000000001', body: 'x' };
      await gus.api.refused(404, 'not_found', 'message_create', { path: { id }, body });
      await gus.api.refused(404, 'not_found', 'channel_delete', { path: { id } });
      await gus.api.refused(404, 'not_found', 'user_list', { query: { channel_id: id } });
    }
  });

  test('they know the people of their channels only', async () => {
    const names = async (query: object): Promise<string[]> =>
      (await gus.api.ok<List<User>>('user_list', { query: { ...query } })).items.map((u) => u.username);
    expect(await names({})).toEqual(['ann', 'gus']);
    expect(await names({ q: 'e' })).toEqual([]);
    expect(await names({ ids: `${eve.user.id},${ann.user.id},${root.user.id}` })).toEqual(['ann']);
    await gus.api.ok('user_get', { path: { id: ann.user.id } }, 200);
    for (const p of [eve, root]) await gus.api.refused(404, 'not_found', 'user_get', { path: { id: p.user.id } });
    const g = await attach(stage.there, { token: gus.signed.access_token }, lounge);
    const seen = await g.request({ op: 'watch', user_ids: [ann.user.id, eve.user.id, root.user.id] });
    expect(Object.keys(seen.states as object)).toEqual([String(ann.user.id)]);
  });

  test('their direct messages are with people of their channels', async () => {
    const refused = (ids: number[]): Promise<unknown> =>
      gus.api.refused(404, 'not_found', 'dm_create', { body: { user_ids: ids } });
    await refused([eve.user.id]);
    await refused([ann.user.id, eve.user.id]); // all of them
    await refused([987_654]); // the same as for nobody
    const made = await gus.api.ok<Channel>('dm_create', { body: { user_ids: [ann.user.id] } }, 201);
    await gus.api.send(made.id, 'between us');
    await gus.api.ok<Channel>('dm_create', { body: { user_ids: [] } }, 201); // notes to oneself
    // Who writes to a guest is somebody they know from then on.
    const from = await eve.api.ok<Channel>('dm_create', { body: { user_ids: [gus.user.id] } }, 201);
    await eve.api.send(from.id, 'hello');
    await gus.api.send(from.id, 'who are you?');
    await gus.api.ok('user_get', { path: { id: eve.user.id } }, 200);
  });

  test('whether somebody whom they do not know is there at all they cannot find out', async () => {
    const ivy = await person(stage.here.api(), 'ivy');
    const { id } = await ann.api.channel('with-a-guest');
    await ann.api.ok('member_put', { path: { id, user_id: gus.user.id } }, 204);
    await ann.api.ok('member_put', { path: { id, user_id: gus.user.id }, body: { role: 'op' } }, 204);
    const asked: [string, number, (user_id: number) => object][] = [
      ['user_get', 404, (user_id) => ({ path: { id: user_id } })],
      ['block_put', 404, (user_id) => ({ path: { id: user_id } })],
      ['block_delete', 404, (user_id) => ({ path: { id: user_id } })],
      ['dm_create', 404, (user_id) => ({ body: { user_ids: [user_id] } })],
      ['dm_create', 404, (user_id) => ({ body: { user_ids: [ann.user.id, user_id] } })],
      ['invite_create', 403, (user_id) => ({ body: { channel_id: id, user_id } })],
      ['member_put', 404, (user_id) => ({ path: { id, user_id } })],
      ['member_put', 404, (user_id) => ({ path: { id, user_id }, body: { role: 'op' } })],
      ['member_put', 404, (user_id) => ({ path: { id, user_id }, body: { muted_until: null } })],
      ['member_delete', 204, (user_id) => ({ path: { id, user_id } })],
      ['ban_put', 404, (user_id) => ({ path: { id, user_id } })],
      ['ban_delete', 404, (user_id) => ({ path: { id, user_id } })],
      ['user_patch', 403, (user_id) => ({ path: { id: user_id }, body: { role: 'guest' } })],
      ['user_delete', 403, (user_id) => ({ path: { id: user_id } })],
      ['user_reset', 403, (user_id) => ({ path: { id: user_id } })],
      ['user_list', 200, (user_id) => ({ query: { ids: String(user_id) } })],
      ['search', 200, (user_id) => ({ query: { q: 'hi', from: user_id } })],
    ];
    const same = async ([op, status, ask]: (typeof asked)[number]): Promise<void> => {
      const about = (user_id: number): Promise<Answer> => gus.api.call(op, ask(user_id));
      const [somebody, nobody] = await Promise.all([about(ivy.user.id), about(987_654)]);
      expect(somebody.status, `${op}: ${somebody.text}`).toBe(status);
      expect([somebody.status, somebody.text], op).toEqual([nobody.status, nobody.text]);
    };
    await Promise.all(asked.map(same));
    const socket = await connect(stage.there, { token: gus.signed.access_token });
    expect((await socket.request({ op: 'watch', user_ids: [ivy.user.id, 987_654] })).states).toEqual({});
  });

  test('whom they have met they may put out and let go of, also when that one has gone', async () => {
    const [pam, ron] = [await person(stage.here.api(), 'pam'), await person(stage.there.api(), 'ron')];
    const { id } = await ann.api.channel('met-once');
    await ann.api.ok('member_put', { path: { id, user_id: gus.user.id } }, 204);
    await ann.api.ok('member_put', { path: { id, user_id: gus.user.id }, body: { role: 'op' } }, 204);
    for (const p of [pam, ron]) await p.api.ok('channel_join', { path: { id } });
    await gus.api.ok('block_put', { path: { id: ron.user.id } }, 204);
    for (const p of [pam, ron]) {
      await p.api.ok('channel_leave', { path: { id } }, 204);
      await gus.api.refused(404, 'not_found', 'user_get', { path: { id: p.user.id } });
    }
    await gus.api.ok('ban_put', { path: { id, user_id: pam.user.id } }, 204);
    await gus.api.ok('ban_delete', { path: { id, user_id: pam.user.id } }, 204);
    await gus.api.ok('block_delete', { path: { id: ron.user.id } }, 204);
    await gus.api.refused(404, 'not_found', 'block_delete', { path: { id: ron.user.id } }); // ended, and nobody again
  });

  test('what was deleted is no channel in common', async () => {
    const { id } = await root.api.channel('short-lived');
    await root.api.ok('member_put', { path: { id, user_id: gus.user.id }, body: {} }, 204);
    await gus.api.ok('user_get', { path: { id: root.user.id } }, 200);
    await root.api.ok('channel_delete', { path: { id } }, 204);
    await gus.api.refused(404, 'not_found', 'user_get', { path: { id: root.user.id } });
    await gus.api.refused(404, 'not_found', 'dm_create', { body: { user_ids: [root.user.id] } });
  });

  test('who is made one watches no strangers any more, until they ask anew', async () => {
    const mia = await person(stage.there.api(), 'mia');
    for (const c of (await mia.api.ok<List<Channel>>('channel_list')).items)
      await mia.api.ok('channel_leave', { path: { id: c.id } }, 204);
    await mia.api.ok('channel_join', { path: { id: lounge } }, 200);
    const watched = async (): Promise<number> =>
      Number(/^linnet_presence_watches (\d+)$/m.exec((await stage.there.api().call('metrics')).text)?.[1]);
    while ((await watched()) > 0); // those of the tests before
    const m = await attach(stage.there, { token: mia.signed.access_token }, lounge);
    const ask = { op: 'watch', user_ids: [ann.user.id, eve.user.id] };
    expect((await m.request(ask)).states).toEqual({ [ann.user.id]: 'offline', [eve.user.id]: 'offline' });
    expect(await watched()).toBe(2);
    await root.api.ok('user_patch', { path: { id: mia.user.id }, body: { role: 'guest' } }, 200);
    await m.until(() => m.frames.find((f) => f.op === 'channel_gone' && f.channel_id === 0), 'channel 0 to be gone');
    while ((await watched()) > 0);
    expect((await m.request(ask)).states).toEqual({ [ann.user.id]: 'offline' });
    expect(await watched()).toBe(1);
  });
});
