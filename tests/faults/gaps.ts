// How long a lost delivery is missed: from the moment at which its pod was shown that something is missing (by a later rev of the
// channel, from others or its own) to the moment at which the first of the people there who listened all the time had it.
//
// A machine that is busy is slow at everything, so each delay is measured against what answers to senders took in the same seconds:
// of a delay, so many times their median are the machine's.
import type { Watcher } from './redis.ts';
import type { Window } from './latency.ts';

/** Somebody on the pod who still lacks the rev; `waits`: has listened and not been reset since. */
export interface Listener {
  waits(): boolean;
}

interface Gap {
  pod: number;
  channel_id: number;
  rev: number;
  lost: number;
  shown?: number;
  healed?: number;
  listeners: Listener[];
}

export interface Healing {
  gaps: number;
  /** of them, those that are open */
  open: number;
  /** of what was measured, ms */
  p50: number;
  p99: number;
  /** of what is not the machine's, ms */
  own_p99: number;
}

const machine = 5;
const around_ms = 1000;
/** Fewer tell nothing of one in a hundred. */
const least = 10;
/** Where none is healed, these tell enough, also on a machine on which little is said. */
const least_open = 2;
/** A gap must be healed so soon. */
export const heal_most_ms = 1000;

const rank = (sorted: number[], p: number): number => sorted[Math.max(0, Math.ceil(sorted.length * p) - 1)] ?? 0;
const ascending = (list: number[]): number[] => list.sort((a, b) => a - b);

export class Gaps implements Watcher {
  private readonly all: Gap[] = [];
  private readonly open = new Map<string, Gap>();
  /** of a pod and channel: the open ones, and the highest rev that it was told of */
  private readonly missing = new Map<string, Set<Gap>>();
  private readonly known = new Map<string, number>();
  private readonly answers: { at: number; ms: number }[] = [];
  private readonly listeners: (pod: number, channel_id: number, rev: number) => Listener[];

  constructor(listeners: (pod: number, channel_id: number, rev: number) => Listener[]) {
    this.listeners = listeners;
  }

  told(pod: number, channel_id: number, rev: number): void {
    const key = `${pod} ${channel_id}`;
    this.known.set(key, Math.max(rev, this.known.get(key) ?? 0));
    for (const gap of this.missing.get(key) ?? []) if (gap.rev < rev) gap.shown ??= Date.now();
  }

  lost(pod: number, channel_id: number, rev: number): void {
    const listeners = this.listeners(pod, channel_id, rev);
    if (listeners.length === 0) return;
    const key = `${pod} ${channel_id}`;
    const gap: Gap = { pod, channel_id, rev, lost: Date.now(), listeners };
    if ((this.known.get(key) ?? 0) > rev) gap.shown = gap.lost;
    this.all.push(gap);
    this.open.set(`${key} ${rev}`, gap);
    const missing = this.missing.get(key) ?? new Set();
    this.missing.set(key, missing.add(gap));
  }

  /** Somebody on the pod got it who has listened since `since`. */
  arrived(pod: number, channel_id: number, rev: number, since: number, now: number): void {
    const gap = this.open.get(`${pod} ${channel_id} ${rev}`);
    if (!gap || since >= gap.lost) return;
    gap.healed = now;
    this.close(gap);
  }

  private close(gap: Gap): void {
    const key = `${gap.pod} ${gap.channel_id}`;
    this.open.delete(`${key} ${gap.rev}`);
    this.missing.get(key)?.delete(gap);
    gap.listeners = [];
  }

  /** A sender was answered after so long. */
  answered(at: number, ms: number): void {
    this.answers.push({ at, ms });
  }

  private usual(from: number, to: number): number {
    return rank(ascending(this.answers.filter((a) => a.at >= from && a.at <= to).map((a) => a.ms)), 0.5);
  }

  /** Outside of `disturbed`, in which a gap is healed late for another reason. One that nobody waits for any more is none. */
  judge(disturbed: Window[], now: number): Healing {
    for (const gap of this.open.values()) if (!gap.listeners.some((one) => one.waits())) this.close(gap);
    const measured: { delay: number; own: number }[] = [];
    let open = 0;
    for (const gap of this.all) {
      const to = gap.healed ?? now;
      if (gap.shown === undefined || gap.shown > to || (gap.healed === undefined && gap.listeners.length === 0))
        continue;
      if (disturbed.some((w) => gap.lost < w.to && to > w.from)) continue;
      if (gap.healed === undefined) open++;
      const delay = to - gap.shown;
      // Only where it matters: looking at the answers costs.
      const usual = delay < heal_most_ms ? 0 : this.usual(gap.lost - around_ms, to + around_ms);
      measured.push({ delay, own: delay - machine * usual });
    }
    const delays = ascending(measured.map((m) => m.delay));
    const own = ascending(measured.map((m) => m.own));
    return { gaps: delays.length, open, p50: rank(delays, 0.5), p99: rank(delays, 0.99), own_p99: rank(own, 0.99) };
  }

  static slow({ gaps, open, own_p99 }: Healing): boolean {
    return (gaps >= least || (gaps >= least_open && open === gaps)) && own_p99 >= heal_most_ms;
  }
}
