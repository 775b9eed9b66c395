// The schedule of a run, made from its seed alone.
import { Random } from './random.ts';

/** pods and clients are numbers; the run takes them modulo what it has */
export interface Step {
  /** after what came before is whole again */
  pause_ms: number;
  kind: string;
  for_ms: number;
  pods: number[];
  clients: number[];
}

export interface Kind {
  /** least and most of its duration */
  ms: [number, number];
  /** of all clients: so many are taken */
  clients?: number;
  needs_redis?: boolean;
  /** one pod, or each after the other */
  pods?: 'one' | 'all';
  /** what it takes besides, about, a pod */
  costs_ms?: number;
}

export const kinds: { [name: string]: Kind } = {
  cut: { ms: [0, 0], clients: 0.3 },
  away: { ms: [6000, 8000], clients: 0.08 },
  stall: { ms: [5000, 7000], clients: 0.05 },
  pod_kill: { ms: [300, 1500], pods: 'one', costs_ms: 500 },
  pods_drain: { ms: [0, 0], pods: 'all', costs_ms: 4000 },
  postgres_kill: { ms: [200, 1200], costs_ms: 1000 },
  postgres_pause: { ms: [1000, 3000] },
  redis_kill: { ms: [1000, 3000], needs_redis: true },
  redis_pause: { ms: [1000, 3000], needs_redis: true },
  redis_drop: { ms: [6000, 8000], needs_redis: true },
};

/** Time after a fault in which it may still be felt. */
export const after_ms = 2000;

/** Every kind comes before any comes again; what would not be over in time is left out. */
export function plan(seed: number, seconds: number, names: string[], n_pods: number, n_clients: number): Step[] {
  const random = new Random(seed, 'plan');
  const steps: Step[] = [];
  let deck: string[] = [];
  for (let at_ms = 0; ;) {
    if (deck.length === 0) deck = random.shuffle([...names]);
    const name = deck.pop() as string;
    const kind = kinds[name] as Kind;
    const first = random.below(n_pods);
    const step: Step = {
      pause_ms: Math.round(after_ms + random.between(500, 2000)),
      kind: name,
      for_ms: Math.round(random.between(...kind.ms)),
      pods: Array.from({ length: kind.pods === 'all' ? n_pods : 1 }, (_, i) => (first + i) % n_pods),
      clients: random
        .shuffle(Array.from({ length: n_clients }, (_, i) => i))
        .slice(0, Math.ceil(n_clients * (kind.clients ?? 0))),
    };
    at_ms += step.pause_ms + step.for_ms + (kind.costs_ms ?? 0) * step.pods.length;
    if (at_ms > seconds * 1000) return steps;
    steps.push(step);
  }
}

export function planText(steps: Step[]): string[] {
  return steps.map((s) => {
    const pods = kinds[s.kind]?.pods ? ` pods ${s.pods.join(' ')}` : '';
    const clients = s.clients.length ? ` ${s.clients.length} clients` : '';
    return `  + ${(s.pause_ms / 1000).toFixed(1)} s  ${s.kind}${s.for_ms ? ` for ${(s.for_ms / 1000).toFixed(1)} s` : ''}${pods}${clients}`;
  });
}
