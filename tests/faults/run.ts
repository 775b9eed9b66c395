// One run: a cluster, a crowd, a plan, and the verdict.
import type { Event } from '../e2e/lib/types.ts';
import { attack } from './attack.ts';
import type { Client, World } from './client.ts';
import { Crowd } from './crowd.ts';
import { Gaps, heal_most_ms, type Healing, type Listener } from './gaps.ts';
import { Judge } from './judge.ts';
import { at, Latency, type Window } from './latency.ts';
import { after_ms, disturbs, kindsOf, type Step } from './plan.ts';
import { Rig } from './rig.ts';
import type { Stream } from './stream.ts';

export interface RunOptions {
  seed: number;
  seconds: number;
  pods: number;
  clients: number;
  channels: number;
  rate: number;
  redis: boolean;
  steps: Step[];
  cut_after: number;
  kicks_per_second: number;
  /** of the people: come while it runs */
  late: number;
  /** else within the greater part of it */
  late_within_s?: number;
  /** ends at the first fault; and then it is one when a client that is connected is for so long behind another */
  first_behind_ms?: number;
  env: { [name: string]: string };
  /** what the pods run at the beginning; else the test build */
  binary?: string;
  /** of the pods: start when a step says so */
  spare?: number;
  say: (line: string) => void;
  /** before the first step; and after the verdict, while the cluster is still there */
  begun?: (rig: Rig) => Promise<void>;
  judged?: (rig: Rig, fault: (kind: string, text: string) => void) => Promise<void>;
}

export interface Fault {
  kind: string;
  text: string;
}

export interface Result {
  faults: Fault[];
  counts: { [name: string]: number };
  latency: Latency;
  healing: Healing | undefined;
  windows: Window[];
  /** of the checker itself, with what it does by its plan */
  lag_p99: number;
  from: number;
  to: number;
}

const pause = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));
const answers_ms = 40_000;
const settle_ms = 15_000;
const told_most = 30;

export class Run implements World {
  readonly faults: Fault[] = [];
  private readonly options: RunOptions;
  private rig!: Rig;
  private crowd!: Crowd;
  private readonly latency = new Latency();
  private readonly windows: Window[] = [];
  /** those in which a gap may be healed late */
  private readonly disturbed: Window[] = [];
  private readonly gaps = new Gaps((...gap) => this.listeners(...gap));
  private readonly dues = new Map<string, number>();
  private healing: Healing | undefined;
  private untold = 0;
  private over = false;
  private broken: () => void = () => {};
  private readonly first: Promise<void>;
  /** of each channel: the first that was told of each rev beyond the last one looked at, and when */
  private readonly heard = new Map<number, { rev: number; at: number }[]>();

  constructor(options: RunOptions) {
    this.options = options;
    this.first = new Promise((resolve) => (this.broken = resolve));
  }

  // ---- what clients say

  origin = (): string => this.rig.origin;

  socket({ direct }: Client): string {
    return direct === undefined ? this.rig.origin : `http://${this.rig.pods[direct]?.address}`;
  }

  pod(address: string): number {
    return this.rig.pods.findIndex((pod) => address.endsWith(pod.address));
  }

  private listeners(pod: number, channel_id: number, rev: number): Listener[] {
    const now = Date.now();
    return (this.crowd?.clients ?? []).flatMap((client): Listener[] => {
      const stream = client.streams.get(channel_id);
      if (client.pod !== pod || !client.ready || client.absent || !stream || stream.rev >= rev) return [];
      const segment = stream.last;
      const waits = (): boolean =>
        client.ready &&
        !client.absent &&
        client.ready_since <= now &&
        !stream.ended &&
        stream.last === segment &&
        stream.rev < rev;
      return [{ waits }];
    });
  }

  fault(kind: string, text: string): void {
    if (this.faults.length >= told_most) {
      this.untold++;
      return;
    }
    this.faults.push({ kind, text });
    this.options.say(`FAULT ${kind}: ${text}`);
    if (this.options.first_behind_ms) this.broken();
  }

  delivered(client: Client, stream: Stream, event: Event, now: number): void {
    this.hear(stream.channel_id, event.rev, now);
    if (client.absent) return; // it was on its way when the client stopped to read
    const since = Math.max(client.ready_since, client.listens_since);
    if (client.pod !== undefined) this.gaps.arrived(client.pod, stream.channel_id, event.rev, since, now);
    const nonce = event.type === 'message' ? event.message?.nonce : undefined;
    const due = nonce && client.listens_since <= now ? this.dues.get(nonce) : undefined;
    // What was due while it did not listen is late by its own doing.
    this.latency.delivery(client.person.id, due !== undefined && due >= client.listens_since ? due : undefined, now);
  }

  online(client: Client, on: boolean): void {
    if (!on && client.absent) this.latency.leaves(client.person.id);
  }

  private hear(channel_id: number, rev: number, at: number): void {
    let list = this.heard.get(channel_id);
    if (!list) this.heard.set(channel_id, (list = []));
    if (rev > (list.at(-1)?.rev ?? 0)) list.push({ rev, at });
  }

  /** Who has listened all the time and still has not got what another has. */
  private watch(limit_ms: number): void {
    const before = Date.now() - limit_ms;
    const old = new Map<number, number>();
    for (const [id, list] of this.heard) {
      while (list.length > 1 && (list[1] as { at: number }).at < before) list.shift();
      if (list[0] && list[0].at < before) old.set(id, list[0].rev);
    }
    this.heals();
    for (const client of this.crowd.clients) {
      if (!client.ready || client.absent || client.ready_since > before) continue;
      for (const stream of client.streams.values())
        if (stream.rev < (old.get(stream.channel_id) ?? 0))
          this.fault(
            'behind',
            `${client.person.name} is at ${stream.rev} of channel ${stream.channel_id}; another got ${old.get(stream.channel_id)} over ${limit_ms} ms ago`,
          );
    }
  }

  /** What was lost on the way to a pod must be healed soon. */
  private heals(): Healing {
    const healing = this.gaps.judge(this.disturbed, Date.now());
    if (Gaps.slow(healing))
      this.fault(
        'slow',
        `of ${healing.gaps} gaps, one of a hundred is healed ${heal_most_ms} ms late or later: ${JSON.stringify(healing)}`,
      );
    return healing;
  }

  /** What is in the database twice, while it goes on. */
  private async doubles(): Promise<void> {
    const sql = 'SELECT channel_id, author_id, body FROM messages GROUP BY 1, 2, 3 HAVING count(*) > 1 LIMIT 1';
    while (!this.over) {
      for (const row of await this.rig.database.rows(sql).catch(() => []))
        if (!this.over) this.fault('double', `twice in the database: ${JSON.stringify(row)}`);
      await pause(500);
    }
  }

  // ---- the run

  async run(): Promise<Result> {
    const { say, seconds, steps } = this.options;
    const started = Date.now();
    this.rig = await Rig.start(this.options);
    try {
      await this.gather();
      say(`ready after ${((Date.now() - started) / 1000).toFixed(1)} s`);
      const from = Date.now();
      await this.options.begun?.(this.rig);
      this.crowd.start(this.options.late_within_s ?? seconds * 0.7);
      const scraping = setInterval(() => void this.rig.scrape(), 1000);
      const limit = this.options.first_behind_ms;
      const watching = limit ? setInterval(() => this.watch(limit), 200) : undefined;
      if (limit) void this.doubles();
      const whole = this.whole(from, seconds, steps);
      whole.catch(() => {}); // left alone when the first fault comes before
      const to = (await Promise.race([whole, this.first])) ?? Date.now();
      clearInterval(scraping);
      clearInterval(watching);
      return {
        faults: this.faults,
        counts: this.counts(),
        latency: this.latency,
        healing: this.healing,
        windows: this.windows,
        lag_p99: at(
          this.crowd.lags.sort((a, b) => a - b),
          0.99,
        ),
        from,
        to,
      };
    } finally {
      this.over = true;
      this.crowd?.close();
      await this.rig.stop();
    }
  }

  /** Says when it was over: what came later is nobody's. */
  private async whole(from: number, seconds: number, steps: Step[]): Promise<number> {
    await this.attacks(from, steps);
    await pause(Math.max(0, from + seconds * 1000 - Date.now()));
    this.crowd.stop();
    const to = Date.now();
    this.healing = this.heals();
    await this.settle();
    await this.rig.scrape();
    await this.judge();
    await this.options.judged?.(this.rig, (kind, text) => this.fault(kind, text));
    return to;
  }

  private async gather(): Promise<void> {
    const { clients } = this.options;
    this.crowd = new Crowd({ ...this.options, unthreaded: this.options.binary !== undefined }, this);
    this.crowd.outbox.answered = (at, ms) => this.gaps.answered(at, ms);
    if (this.rig.redis) this.rig.redis.watcher = this.gaps;
    this.crowd.outbox.queued = ({ nonce, due }) => this.dues.set(nonce, due);
    const { tokens, ids } = await this.rig.people(clients);
    await this.crowd.gather(tokens, ids);
    for (const client of this.crowd.early) client.connect();
    while (!this.crowd.early.every((c) => c.ready)) await pause(20);
  }

  private async attacks(from: number, steps: Step[]): Promise<void> {
    for (const step of steps) {
      await pause(step.pause_ms);
      const name = kindsOf(step).sort().join(' + ');
      const window = { name, from: Date.now(), to: Number.POSITIVE_INFINITY };
      this.windows.push(window);
      if (kindsOf(step).some(disturbs)) this.disturbed.push(window);
      await attack(this.rig, this.crowd, step);
      window.to = Date.now() + after_ms;
      this.options.say(
        `${((window.from - from) / 1000).toFixed(1).padStart(6)} s  ${name}: ${((Date.now() - window.from) / 1000).toFixed(1)} s`,
      );
    }
  }

  /** Everything is whole: everybody must be answered, connected, and at the head. */
  private async settle(): Promise<void> {
    if (!(await this.crowd.outbox.finish(answers_ms)))
      this.fault('answer', `not everything was answered within ${answers_ms} ms of peace`);
    const heads = await Judge.read(this.rig.database, () => {});
    const behind = (): string | undefined => {
      for (const client of this.crowd.clients) {
        if (!client.ready) return `${client.person.name} is not connected`;
        for (const stream of client.streams.values())
          if (stream.rev < heads.head(stream.channel_id))
            return `${client.person.name} is at ${stream.rev} of ${heads.head(stream.channel_id)} in channel ${stream.channel_id}`;
        if (client.reading.size) return `${client.person.name} still reads`;
      }
      return undefined;
    };
    const from = Date.now();
    while (behind() && Date.now() - from < settle_ms) await pause(50);
    const who = behind();
    if (who) this.fault('behind', `${settle_ms} ms after the last answer ${who}`);
    this.options.say(`settled after ${((Date.now() - from) / 1000).toFixed(1)} s`);
  }

  private async judge(): Promise<void> {
    const fault = (kind: string, text: string): void => this.fault(kind, text);
    const judge = await Judge.read(this.rig.database, fault);
    // Between versions the schema may be the older one's still.
    const lines = (await this.rig.check()).filter(
      (line) => !this.options.binary || !line.includes('of an older version'),
    );
    for (const line of lines) this.fault('check', line);
    judge.sent(this.crowd.outbox.sent);
    judge.deeds(this.crowd.outbox.deeds, this.crowd.outbox.sent);
    judge.reacted(this.crowd.outbox.deeds);
    judge.shows_reactions = !this.options.binary;
    for (const client of this.crowd.clients)
      for (const stream of [...client.past, ...client.streams.values()]) judge.stream(stream);
    for (const text of this.rig.faults()) this.fault('crash', text);
    for (const text of this.rig.errors()) this.fault('error', text);
    if (this.untold) this.faults.push({ kind: 'more', text: `${this.untold} more` });
  }

  private counts(): { [name: string]: number } {
    const { outbox, clients } = this.crowd;
    const sum = (of: (c: Client) => number): number => clients.reduce((n, c) => n + of(c), 0);
    return {
      sent: outbox.sent.length,
      acknowledged: outbox.stats.acknowledged,
      refused: outbox.sent.filter((one) => one.refused).length,
      unanswered: outbox.stats.lost,
      replies: outbox.sent.filter((one) => one.message && one.more.thread_id).length,
      edits: outbox.deeds.filter((d) => d.kind === 'edit' && d.done).length,
      deletions: outbox.deeds.filter((d) => d.kind === 'delete' && d.done).length,
      reactions: outbox.deeds.filter((d) => d.kind === 'react' && d.done).length,
      kicks: outbox.deeds.filter((d) => d.kind === 'kick' && d.done).length,
      bans: outbox.deeds.filter((d) => d.kind === 'ban' && d.done).length,
      refused_deeds: outbox.deeds.filter((d) => (d.kind === 'barred' || d.kind === 'hushed') && d.refused).length,
      received: sum((c) =>
        [...c.past, ...c.streams.values()].reduce((n, s) => n + s.segments.reduce((m, g) => m + g.events.length, 0), 0),
      ),
      connections: sum((c) => c.stats.hellos),
      delivered: this.rig.count('linnet_hub_delivered_total'),
      healed: this.rig.count('linnet_hub_healed_total'),
      replayed: this.rig.count('linnet_hub_replayed_total'),
      resets: this.rig.count('linnet_hub_resets_total'),
      parked: this.rig.count('linnet_hub_parked_total'),
      reattached: sum((c) => c.stats.reattached),
      settled: this.rig.count('linnet_append_unknown_total'),
      dropped: this.rig.redis?.dropped ?? 0,
    };
  }
}
