// What each fault cost: from the moment at which somebody wanted to send a message to the moment at which another person had it, and how long
// somebody heard nothing at all.
export interface Window {
  name: string;
  from: number;
  to: number;
}

export interface Cost {
  name: string;
  seconds: number;
  delivered: number;
  p50: number;
  p99: number;
  silence: number;
}

export const at = (sorted: number[], p: number): number =>
  sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * p))] ?? 0;

export class Latency {
  private readonly times: number[] = [];
  private readonly latencies: number[] = [];
  private readonly silences: { from: number; to: number }[] = [];
  private readonly heard = new Map<number, number>();

  delivery(person: number, due: number | undefined, now: number): void {
    const before = this.heard.get(person);
    if (before !== undefined && now - before > 500) this.silences.push({ from: before, to: now });
    this.heard.set(person, now);
    if (due === undefined) return;
    this.times.push(now);
    this.latencies.push(now - due);
  }

  /** It does not listen: its silence is its own. */
  leaves(person: number): void {
    this.heard.delete(person);
  }

  private cost(name: string, ms: number, within: (time: number) => boolean): Cost {
    const found = this.latencies.filter((_, i) => within(this.times[i] as number)).sort((a, b) => a - b);
    // A silence belongs to where it ends.
    const silence = Math.max(0, ...this.silences.filter((s) => within(s.to)).map((s) => s.to - s.from));
    return { name, seconds: ms / 1000, delivered: found.length, p50: at(found, 0.5), p99: at(found, 0.99), silence };
  }

  /** One row a kind of fault, after a row for the time without any. */
  costs(windows: Window[], from: number, to: number): Cost[] {
    const inside = (list: Window[]) => (t: number) => list.some((w) => t >= w.from && t < w.to);
    const length = (list: Window[]): number => list.reduce((sum, w) => sum + w.to - w.from, 0);
    const any = inside(windows);
    const rows = [this.cost('none', to - from - length(windows), (t) => t >= from && t < to && !any(t))];
    for (const name of new Set(windows.map((w) => w.name))) {
      const own = windows.filter((w) => w.name === name);
      rows.push(this.cost(name, length(own), inside(own)));
    }
    return rows;
  }
}

/** Two faults at once are a row of their own. */
export function latencyTable(costs: Cost[]): string[] {
  const width = Math.max(...costs.map((c) => c.name.length), 'fault'.length);
  const row = (name: string, ...cells: string[]): string =>
    `${name.padEnd(width)}  ${cells.map((cell, i) => cell.padStart([8, 12, 8, 8, 20][i] as number)).join('')}`;
  return [
    '',
    'what each fault cost, from when somebody wanted to send to each who had it:',
    row('fault', 'seconds', 'deliveries', 'p50 ms', 'p99 ms', 'longest silence ms'),
    ...costs.map((c) =>
      row(c.name, c.seconds.toFixed(1), String(c.delivered), ...[c.p50, c.p99, c.silence].map((n) => n.toFixed(0))),
    ),
  ];
}
