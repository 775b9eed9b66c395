// Pages of messages at their edges: by id, by seq and by time, both ways, and so that pages which touch have everything once.
// Each is read through the other server than what it has was written through, directly after the answer to that.
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Api, type Person, person } from './lib/api.ts';
import { type Stage, stages } from './lib/stage.ts';
import type { ChangePage, Message, MessagePage } from './lib/types.ts';

type Query = { [name: string]: number | string | boolean };

describe.each(stages)('pages on $name', ({ open }) => {
  let stage: Stage;
  let ann: Person; // writes here,
  let reader: Api; // reads there
  let bob: Person; // there
  let made = 0;

  beforeAll(async () => {
    stage = await open();
    ann = await person(stage.here.api(), 'ann');
    bob = await person(stage.there.api(), 'bob');
    reader = stage.there.api();
    reader.bearer = ann.signed.access_token;
  });
  afterAll(() => stage?.stop());

  const page = (id: number, query: Query = {}, api = reader): Promise<MessagePage> =>
    api.ok<MessagePage>('message_list', { path: { id }, query });
  const ids = (p: MessagePage): number[] => p.items.map((m) => m.message_id);
  const room = async (more = {}): Promise<number> => (await ann.api.channel(`room-${++made}`, more)).id;
  async function filled(n: number): Promise<{ id: number; sent: Message[] }> {
    const id = await room();
    const sent: Message[] = [];
    for (let i = 1; i <= n; i++) sent.push(await ann.api.send(id, `m ${i}`));
    return { id, sent };
  }

  test('of an empty channel', async () => {
    const id = await room();
    for (const query of [
      {},
      { before: 1 },
      { before: 99 },
      { after: 0 },
      { after: 99 },
      { around: 1 },
      { before: 'seq:1' },
    ]) {
      const p = await page(id, query);
      expect([ids(p), p.before, p.after, p.refs, p.mine], JSON.stringify(query)).toEqual([[], false, false, [], []]);
      expect(p.changes.map((c) => c.type)).toEqual(['channel']); // it was made
      expect(p.users.map((u) => u.id)).toEqual([ann.user.id]);
    }
  });

  test('by id, both ways and beyond', async () => {
    const { id } = await filled(5);
    const cases: [Query, number[], boolean, boolean][] = [
      [{}, [1, 2, 3, 4, 5], false, false],
      [{ limit: 2 }, [4, 5], true, false],
      [{ limit: 1 }, [5], true, false],
      [{ before: 4, limit: 2 }, [2, 3], true, true],
      [{ before: 3, limit: 2 }, [1, 2], false, true],
      [{ before: 1 }, [], false, true],
      [{ before: 99, limit: 2 }, [4, 5], true, false],
      [{ before: 6 }, [1, 2, 3, 4, 5], false, false],
      [{ after: 0, limit: 2 }, [1, 2], false, true],
      [{ after: 2, limit: 2 }, [3, 4], true, true],
      [{ after: 3, limit: 2 }, [4, 5], true, false],
      [{ after: 5 }, [], true, false],
      [{ after: 99 }, [], true, false],
      [{ around: 3, limit: 1 }, [3], true, true],
      [{ around: 3, limit: 2 }, [2, 3], true, true],
      [{ around: 3, limit: 3 }, [2, 3, 4], true, true],
      [{ around: 1, limit: 4 }, [1, 2], false, true],
      [{ around: 5, limit: 2 }, [4, 5], true, false],
      [{ around: 99, limit: 4 }, [4, 5], true, false],
      [{ around: 99, limit: 1 }, [], true, false],
      [{ before: 'seq:4', limit: 2 }, [2, 3], true, true],
      [{ after: 'seq:3' }, [4, 5], true, false],
      [{ after: 'seq:99' }, [], true, false],
      [{ around: 'seq:2', limit: 3 }, [1, 2, 3], false, true],
    ];
    for (const [query, wanted, before, after] of cases) {
      const p = await page(id, query);
      expect([ids(p), p.before, p.after], JSON.stringify(query)).toEqual([wanted, before, after]);
    }
    for (const limit of [0, 101, -1, 'x'])
      await reader.refused(422, 'invalid', 'message_list', { path: { id }, query: { limit } });
    for (const before of ['seq:', 'seq:0', 'seq:x', 'seq:-1', 'yesterday', '0'])
      await reader.refused(422, 'invalid', 'message_list', { path: { id }, query: { before } });
    await reader.refused(422, 'invalid', 'message_list', { path: { id }, query: { before: 2, after: 'seq:1' } });
  });

  test('by time: before all, after all, and from a moment that several may share', async () => {
    const { id, sent } = await filled(4);
    const at = (i: number): string => (sent[i] as Message).created_at;
    const from = (time: string): number[] => sent.filter((m) => m.created_at >= time).map((m) => m.message_id);
    const upto = (time: string): number[] => sent.filter((m) => m.created_at < time).map((m) => m.message_id);
    for (const time of [at(0), at(1), at(3), '2001-01-01T00:00:00.000Z', '2099-01-01T00:00:00.000Z']) {
      expect(ids(await page(id, { after: time })), `after ${time}`).toEqual(from(time));
      expect(ids(await page(id, { before: time })), `before ${time}`).toEqual(upto(time));
      const first = from(time)[0];
      const around = await page(id, { around: time, limit: 2 });
      expect(ids(around), `around ${time}`).toEqual([upto(time).at(-1), first].filter((i) => i !== undefined));
    }
    // A time zone is a time as any other.
    const local = at(1).replace('Z', '+00:00');
    expect(ids(await page(id, { after: local }))).toEqual(from(at(1)));
  });

  test('that touch have each message and each line once', async () => {
    const id = await room();
    const topics: string[] = [];
    for (let i = 1; i <= 7; i++) {
      topics.push(`topic ${i}`);
      await ann.api.ok('channel_patch', { path: { id }, body: { topic: `topic ${i}` } });
      await ann.api.send(id, `m ${i}`);
    }
    topics.push('the last');
    await ann.api.ok('channel_patch', { path: { id }, body: { topic: 'the last' } });
    const lines = (pages: MessagePage[]): (string | undefined)[] =>
      pages
        .flatMap((p) => p.changes)
        .filter((c) => c.type === 'topic')
        .map((c) => c.topic);
    for (const limit of [1, 2, 3, 7, 8]) {
      const down: MessagePage[] = [];
      for (let p = await page(id, { limit }); ; p = await page(id, { limit, before: p.items[0]?.message_id ?? 1 })) {
        down.unshift(p);
        if (!p.before) break;
      }
      expect(down.flatMap(ids), `down by ${limit}`).toEqual([1, 2, 3, 4, 5, 6, 7]);
      expect(lines(down), `down by ${limit}`).toEqual(topics);
      const up: MessagePage[] = [];
      for (
        let p = await page(id, { limit, after: 0 });
        ;
        p = await page(id, { limit, after: p.items.at(-1)?.message_id ?? 0 })
      ) {
        up.push(p);
        if (!p.after) break;
      }
      expect(up.flatMap(ids), `up by ${limit}`).toEqual([1, 2, 3, 4, 5, 6, 7]);
      expect(lines(up), `up by ${limit}`).toEqual(topics);
    }
    // What came since the last message that one has.
    expect(lines([await page(id, { after: 7 })])).toEqual(['the last']);
    expect(lines([await page(id, { before: 1 })])).toEqual([]);
  });

  test('have each change of the other server as soon as it is answered', async () => {
    const id = await room();
    await bob.api.ok('channel_join', { path: { id } });
    const annThere = reader;
    const bobHere = stage.here.api();
    bobHere.bearer = bob.signed.access_token;
    let { rev } = await page(id);
    /** The newest page and the log, as both have them through the server that did not write. */
    async function seen(writer: 'here' | 'there', type: string): Promise<{ last: MessagePage; mine: MessagePage }> {
      const [a, b] = writer === 'here' ? [annThere, bob.api] : [ann.api, bobHere];
      const [last, mine] = [await page(id, { limit: 1 }, a), await page(id, { limit: 1 }, b)];
      const log = await a.ok<ChangePage>('change_list', { path: { id }, query: { since_rev: rev } });
      rev++;
      expect(log.items.map((e) => [e.rev, e.type])).toEqual([[rev, type]]);
      expect([last.rev, mine.rev, log.rev]).toEqual([rev, rev, rev]);
      expect(last.items).toEqual(mine.items);
      return { last, mine };
    }
    for (let i = 1; i <= 4; i++) {
      const [writer, api, other] =
        i % 2 ? (['here', ann.api, bobHere] as const) : (['there', annThere, bob.api] as const);
      const sent = await api.send(id, `m ${i}`, i > 1 ? { reply_to: i - 1 } : {});
      expect(sent).toMatchObject({ message_id: i, seq: i, rev: rev + 1 });
      const { last } = await seen(writer, 'message');
      expect(last.items).toEqual([sent]);
      expect(last.refs.map((m) => [m.message_id, m.body])).toEqual(i > 1 ? [[i - 1, `edit ${i - 1}`]] : []);
      const path = { id, message_id: i };
      const edited = await api.ok<Message>('message_patch', { path, body: { body: `edit ${i}` } }, 200);
      expect((await seen(writer, 'edit')).last.items).toEqual([edited]);
      await other.ok('reaction_put', { path: { ...path, emoji: '🎉' } }, 204);
      const { last: anns, mine } = await seen(writer, 'reaction');
      expect(anns.items[0]?.reactions).toEqual([{ emoji: '🎉', count: 1, user_ids: [bob.user.id] }]);
      const given = [i - 1, i].filter((of) => of > 0); // of the quoted one, too
      expect(anns.mine).toEqual([]);
      expect(mine.mine).toEqual(given.map((of) => ({ message_id: of, emoji: '🎉' })));
      expect(anns.users.map((u) => u.id)).toEqual([ann.user.id, bob.user.id]);
      await api.ok('channel_patch', { path: { id }, body: { topic: `topic ${i}` } }, 200);
      const topic = (await seen(writer, 'topic')).last.changes.at(-1);
      expect(topic).toMatchObject({ type: 'topic', rev, actor_id: ann.user.id, topic: `topic ${i}` });
    }
    await ann.api.ok('message_delete', { path: { id, message_id: 4 } }, 204);
    const [gone] = (await seen('here', 'delete')).last.items;
    expect(gone).toMatchObject({ message_id: 4, body: '', changed_rev: rev, reactions: [] });
    expect(gone?.deleted_at).toBeDefined();
  });

  test('by more than one client may know: replies in threads count only where they are asked for', async () => {
    const { id } = await filled(2);
    for (const body of ['r 1', 'r 2']) await ann.api.send(id, body, { thread_id: 1 }); // 3, 4
    await ann.api.send(id, 'm 5'); // seq 3
    await ann.api.send(id, 'r 3', { thread_id: 1 }); // 6
    const cases: [Query, number[], boolean, boolean][] = [
      [{ after: 2 }, [5], true, false],
      [{ after: 5 }, [], true, false],
      [{ before: 6 }, [1, 2, 5], false, false], // what is behind is in a thread
      [{ before: 5, limit: 1 }, [2], true, true],
      [{ around: 'seq:3', limit: 2 }, [2, 5], true, false],
      [{ after: 'seq:2' }, [5], true, false],
      [{ after: 2, threads: true }, [3, 4, 5, 6], true, false],
      [{ before: 6, threads: true, limit: 2 }, [4, 5], true, true],
      [{ before: 'seq:3', threads: true, limit: 2 }, [3, 4], true, true],
    ];
    for (const [query, wanted, before, after] of cases) {
      const p = await page(id, query);
      expect([ids(p), p.before, p.after], JSON.stringify(query)).toEqual([wanted, before, after]);
    }
  });

  test('name all people, and quotes one level deep, as far as one may read them', async () => {
    const id = await room({ history: 'joined' });
    await ann.api.send(id, 'before bob came'); // 1
    await bob.api.ok('channel_join', { path: { id } });
    await ann.api.send(id, 'quoted'); // 2
    await ann.api.send(id, 'quotes it', { reply_to: 2 }); // 3
    await ann.api.send(id, 'quotes that', { reply_to: 3 }); // 4
    await ann.api.send(id, 'quotes what bob never saw', { reply_to: 1 }); // 5
    await bob.api.ok('reaction_put', { path: { id, message_id: 3, emoji: '🎉' } }, 204);
    await ann.api.ok('message_delete', { path: { id, message_id: 2 } }, 204);
    const last = await page(id, { limit: 2 }, bob.api);
    expect(last.refs.map((m) => [m.message_id, m.body])).toEqual([[3, 'quotes it']]); // not 1, and not 2 behind 3
    expect(last.users.map((u) => u.id)).toEqual([ann.user.id, bob.user.id]); // bob by a reaction
    expect(last.mine).toEqual([{ message_id: 3, emoji: '🎉' }]);
    const whole = await page(id, {}, bob.api);
    expect([ids(whole), whole.before]).toEqual([[2, 3, 4, 5], false]);
    expect(whole.refs.map((m) => [m.message_id, m.body, m.deleted_at !== undefined])).toEqual([
      [2, '', true], // a tombstone
      [3, 'quotes it', false],
    ]);
    expect(ids(await page(id, { before: 2 }, bob.api))).toEqual([]);
    expect((await page(id, { before: 2 }, bob.api)).after).toBe(true);
    expect(ids(await page(id, { around: 1, limit: 3 }, bob.api))).toEqual([2, 3]);
    expect((await page(id)).refs.map((m) => m.message_id)).toEqual([1, 2, 3]);
  });
});
