// Live delivery while everything happens at once: many readers, changes of all kinds, cuts, and readers that do not read.
import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Api, type Person, person } from './lib/api.ts';
import { Device, Stream } from './lib/device.ts';
import { judgeSeen, logOf, messagesOf } from './lib/judge.ts';
import { backends, type Server } from './lib/server.ts';
import { moment } from './lib/signal.ts';
import { Target } from './lib/target.ts';
import type { Channel, ChangePage, Event, Message } from './lib/types.ts';

const pick = <T>(list: T[]): T => list[Math.floor(Math.random() * list.length)] as T;

describe.each(backends)('live on $name', { timeout: 180_000 }, ({ start }) => {
  let server: Server;
  const target = new Target();
  const people: Person[] = [];
  let made = 0;

  beforeAll(async () => {
    server = await start({
      LINNET_ACCESS_LOG: 'false',
      LINNET_MESSAGE_BODY: '48K',
      LINNET_RING_EVENTS: '32', // some are replayed from the ring, some from the database,
      LINNET_REPLAY_CHANNEL: '60', // some are reset
      ASAN_OPTIONS: `${process.env.ASAN_OPTIONS ?? ''}:quarantine_size_mb=1`, // freed memory counts as free
      LINNET_SEARCH_INDEX_MS: '600000', // what it takes is not the readers'
      // Who stops reading does so for as long as the others take to get on.
      LINNET_HEARTBEAT_MS: '600000',
      LINNET_WRITE_STALL_S: '600',
    });
    target.put(server);
    people.push(await person(server.api(), 'p0'));
    const names = Array.from({ length: 9 }, (_, i) => `p${i + 1}`);
    people.push(...(await Promise.all(names.map((name) => person(server.api(), name)))));
  });
  afterAll(async () => {
    target.end();
    await server?.stop();
  });

  const owner = (): Api => (people[0] as Person).api;

  /** A channel that everybody is in. */
  async function room(): Promise<number> {
    const { id } = await owner().channel(`room-${++made}`);
    await Promise.all(people.slice(1).map((p) => p.api.ok('channel_join', { path: { id } })));
    return id;
  }

  async function counter(name: string): Promise<number> {
    const { text } = await server.api().call('metrics');
    return Number(new RegExp(`^${name} (\\S+)$`, 'm').exec(text)?.[1]);
  }

  /** Sends, reacts, edits and deletes, one after the other, `n` times. */
  async function chatter(p: Person, channels: number[], n: number): Promise<void> {
    const mine: Message[] = [];
    for (let i = 0; i < n; i++) {
      const dice = mine.length ? Math.random() : 0;
      if (dice < 0.6) {
        mine.push(await p.api.send(pick(channels), `${p.user.username} ${i} ${'x'.repeat(Math.random() * 400)}`));
      } else {
        const { channel_id: id, message_id } = pick(mine);
        const path = { id, message_id };
        if (dice < 0.72) {
          const emoji = pick(['👍', '🎉', '❤️']);
          const to = { id, message_id: 1 + Math.floor(Math.random() * message_id) }; // somebody's
          await p.api.call(Math.random() < 0.7 ? 'reaction_put' : 'reaction_delete', { path: { ...to, emoji } });
        } else if (dice < 0.88)
          await p.api.call('message_patch', { path, body: { body: `edit ${i}` } }); // 409 once deleted
        else await p.api.call('message_delete', { path });
      }
    }
  }

  async function judge(devices: Device[], channels: number[]): Promise<void> {
    for (const id of channels) {
      const log = await logOf(owner(), id);
      const messages = await messagesOf(owner(), id);
      for (const device of devices) {
        await device.reach(id, log.length);
        judgeSeen(device, id, log, messages);
      }
    }
  }

  test('fifty readers, ten writers, cuts: each sees each rev once and in order, and ends as the database is', async () => {
    const channels: number[] = [];
    for (let i = 0; i < 5; i++) channels.push(await room());
    const devices = people.flatMap((p) => Array.from({ length: 5 }, (_, i) => new Device(target, p, { plain: i > 1 })));
    try {
      await Promise.all(devices.map((d) => d.greeted()));
      let over = false;
      const cutter = async (): Promise<void> => {
        while (!over) {
          const device = pick(devices);
          device.cut();
          await moment(15);
        }
      };
      const sleeper = devices[7] as Device; // far behind when it comes back
      sleeper.leave();
      const cutting = cutter();
      await Promise.all(people.map((p) => chatter(p, channels, 60)));
      // However quick that was: some came back and were told what they had missed.
      const hellos = (): number => devices.reduce((n, d) => n + d.hellos, 0);
      while (hellos() <= devices.length + 20 || (await counter('linnet_hub_replayed_total')) === 0)
        await chatter(pick(people), channels, 5);
      over = true;
      await cutting;
      sleeper.comeBack();
      await judge(devices, channels);
      const resets = channels.reduce((n, id) => n + sleeper.stream(id).resets, 0);
      expect(resets).toBeGreaterThan(0);
    } finally {
      await Promise.all(devices.map((d) => d.close()));
    }
  });

  test('a reader that stops reading delays nobody, costs little, and has everything once it reads again', async () => {
    const id = await room();
    const [slow, ...others] = people.slice(0, 3).map((p) => new Device(target, p, { plain: true })) as [
      Device,
      ...Device[],
    ];
    try {
      await Promise.all([slow, ...others].map((d) => d.greeted()));
      const resident = (): number =>
        Number(/VmRSS:\s+(\d+) kB/.exec(readFileSync(`/proc/${server.program.child.pid}/status`, 'utf8'))?.[1]);
      const body = 'x'.repeat(40_000);
      const burst = async (n: number): Promise<number> => {
        const sent = await Promise.all(Array.from({ length: n }, (_, i) => pick(people).api.send(id, `${i} ${body}`)));
        return Math.max(...sent.map((m) => m.rev));
      };
      let rev = 0;
      for (let i = 0; i < 15; i++) {
        rev = await burst(20); // fills what the database and the ring keep, whoever reads
        for (const device of [slow, ...others]) await device.reach(id, rev);
      }
      const parked = await counter('linnet_hub_parked_total');
      slow.ws?.pause();
      while ((await counter('linnet_hub_parked_total')) === parked) {
        rev = await burst(20);
        for (const device of others) await device.reach(id, rev); // while the slow one is stuck
      }
      const before = resident();
      const stuck = slow.stream(id).rev;
      for (let i = 0; i < 30; i++) rev = await burst(20); // 24 MB
      for (const device of others) await device.reach(id, rev);
      expect(slow.stream(id).rev).toBe(stuck);
      expect(resident() - before).toBeLessThan(22_000);
      slow.ws?.resume();
      await judge([slow, ...others], [id]);
      expect(slow.closes).toEqual([]);
      expect(slow.stream(id).resets).toBe(1);
    } finally {
      await Promise.all([slow, ...others].map((d) => d.close()));
    }
  });

  test('much at once closes nobody who reads', async () => {
    const id = await room();
    const devices = people.slice(0, 4).map((p, i) => new Device(target, p, { plain: i % 2 === 0 }));
    try {
      await Promise.all(devices.map((d) => d.greeted()));
      const body = 'x'.repeat(40_000);
      for (let round = 0; round < 2; round++)
        // 6 MB in few commits
        await Promise.all(Array.from({ length: 150 }, (_, i) => pick(people).api.send(id, `${round} ${i} ${body}`)));
      await judge(devices, [id]);
      expect(devices.flatMap((d) => d.closes)).toEqual([]);
    } finally {
      await Promise.all(devices.map((d) => d.close()));
    }
  });

  test('who knows only a message_id catches up whole over HTTP, while others go on', async () => {
    const id = await room();
    const api = owner();
    const early: Message[] = [];
    for (let i = 0; i < 20; i++) early.push(await pick(people).api.send(id, `early ${i}`));
    const known = early[9] as Message;
    const have = new Stream(known.rev);
    have.load(early.slice(0, 10));
    let over = false;
    const talk = people.slice(1).map(async (p) => {
      while (!over) await chatter(p, [id], 5);
    });
    for (const m of early.slice(0, 5)) {
      const author = people.find((p) => p.user.id === m.author_id) as Person;
      await author.api.ok('message_patch', { path: { id, message_id: m.message_id }, body: { body: 'edited since' } });
    }
    await api.ok('message_delete', { path: { id, message_id: (early[7] as Message).message_id } });
    // Attach first: what comes meanwhile is live; then everything up to there.
    const device = new Device(target, people[0] as Person);
    try {
      await device.greeted();
      const begin = device.stream(id).rev;
      let rev = 0;
      const seen: Event[] = [];
      let query: { [name: string]: number } = { since_message_id: known.message_id, limit: 30 };
      for (let more = true; more;) {
        const page: ChangePage = await api.ok<ChangePage>('change_list', { path: { id }, query });
        seen.push(...page.items);
        rev = seen.at(-1)?.rev ?? page.rev;
        query = { since_rev: rev, limit: 30 };
        more = page.after && rev < begin;
      }
      expect(seen.map((e) => e.rev)).toEqual(seen.map((_, i) => known.rev + 1 + i));
      for (const event of seen) have.apply(event);
      over = true;
      await Promise.all(talk);
      const head = (await api.ok<Channel>('channel_get', { path: { id } })).rev;
      await device.reach(id, head);
      for (const { events } of device.stream(id).segments) for (const event of events) have.apply(event);
      expect(rev).toBeGreaterThanOrEqual(begin);
      expect(have.messages).toEqual(await messagesOf(api, id));
    } finally {
      over = true;
      await device.close();
    }
  });
});
