// Chance that a seed repeats. Each part of a run has a stream of its own, so that one that draws more often than another time
// does not move the others.
export class Random {
  private state: number;

  constructor(seed: number, part = '') {
    let h = seed ^ 0x9e3779b9;
    for (const c of part) h = Math.imul(h ^ c.charCodeAt(0), 0x01000193);
    this.state = h >>> 0;
  }

  /** In [0, 1): mulberry32. */
  next(): number {
    this.state = (this.state + 0x6d2b79f5) >>> 0;
    let t = this.state;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  }

  below(n: number): number {
    return Math.floor(this.next() * n);
  }

  between(least: number, most: number): number {
    return least + this.next() * (most - least);
  }

  chance(p: number): boolean {
    return this.next() < p;
  }

  pick<T>(from: readonly T[]): T {
    if (from.length === 0) throw new Error('nothing to pick from');
    return from[this.below(from.length)] as T;
  }

  /** The pause before the next of things that come by themselves, so many a second. */
  pause_ms(per_second: number): number {
    return (-Math.log(1 - this.next()) / per_second) * 1000;
  }

  shuffle<T>(list: T[]): T[] {
    for (let i = list.length - 1; i > 0; i--) {
      const k = this.below(i + 1);
      [list[i], list[k]] = [list[k] as T, list[i] as T];
    }
    return list;
  }

  /** As a client makes them: a UUID. */
  uuid(): string {
    const hex = (n: number): string => Array.from({ length: n }, () => this.below(16).toString(16)).join('');
    return `${hex(8)}-${hex(4)}-4${hex(3)}-${'89ab'[this.below(4)]}${hex(3)}-${hex(12)}`;
  }
}
